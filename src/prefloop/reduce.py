"""The one place that divides.

Objectives return unreduced terms, one per prompt (P), per response (P K) or per token (P K T). `weights` gives the
factor of each term, with denominators counted over the whole batch before it is cut into micro-batches, so that the
loss is a plain sum

    loss = sum_i weights_i * terms_i

and neither micro-batching, packing nor data parallelism can change it.
"""

from typing import Literal

import torch
from jaxtyping import Float, Num
from torch import Tensor

from .errors import RecipeError
from .ops import present

Per = Literal["token", "response", "prompt", "constant"]

_AXES: tuple[Per, ...] = ("prompt", "response", "token")


def weights(
    shape: torch.Size,
    mask: Num[Tensor, "P K T"],
    *,
    per: Per | None = None,
    constant: float | None = None,
    importance: Float[Tensor, "P"] | None = None,
) -> Float[Tensor, "..."]:
    """The factor of every term of an objective whose value has this `shape`.

    per:
        "token"     sum over tokens / number of chosen tokens in the batch (the default for P K T terms)
        "response"  mean over each response's tokens, then over the responses (the default for P K terms)
        "prompt"    mean over a response's tokens, then a prompt's responses, then the prompts (the default for P)
        "constant"  sum / (number of responses x `constant`), as in Dr. GRPO (arXiv 2503.20783, section 3.2)

    Missing responses and prompts without any response weigh nothing and are not counted. `importance` multiplies the
    terms of each prompt and does not change the denominator.

    Raises:
        RecipeError: terms that are already averaged, or a `per` that does not fit them.

    >>> mask = torch.tensor([[[1, 1, 1], [1, 0, 0]]])
    >>> weights(mask.shape, mask, per="token")
    tensor([[[0.2500, 0.2500, 0.2500],
             [0.2500, 0.0000, 0.0000]]])
    >>> weights(mask.shape, mask, per="response")
    tensor([[[0.1667, 0.1667, 0.1667],
             [0.5000, 0.0000, 0.0000]]])
    """
    level = len(shape)
    if not 1 <= level <= len(_AXES):
        raise RecipeError(
            f"an objective returned a tensor with {level} axes. It returns one term per prompt (P), response (P K) or "
            "token (P K T): leave out the mean, the sum over the batch is taken here."
        )
    dtype = torch.get_default_dtype()
    there = present(mask)
    counted = [x.to(dtype) for x in (there.any(-1), there, mask.bool())][:level]
    per = per or _AXES[level - 1]
    if per == "constant":
        if constant is None or constant <= 0:
            raise RecipeError('`per="constant"` needs a positive `constant`: the length every response is divided by.')
        factor = counted[-1] / (_count(there) * constant)
    elif per in _AXES[:level]:
        coarse, *finer = counted[_AXES.index(per) :]
        factor = coarse / _count(coarse)
        for part in finer:
            factor = part * (factor / part.sum(-1).clamp(min=1)).unsqueeze(-1)
    else:
        known = ", ".join(map(repr, (*_AXES[:level], "constant")))
        raise RecipeError(f"terms of {level} axes cannot be averaged per {per!r}: for them `per` is one of {known}.")
    if importance is not None:
        factor = factor * importance.to(dtype).view(-1, *[1] * (level - 1))
    return factor


def _count(x: Tensor) -> Tensor:
    return x.sum().clamp(min=1)
