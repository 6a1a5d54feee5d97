"""What a vote over answers gains or loses, and saves, where those of a low value are given up early."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from ..errors import DataError
from ..statistics import Interval, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Voting:
    """How often the vote of all answers is right, and that of those that are left; the tokens of all, and the saved."""

    every: Interval
    left: Interval
    tokens: int
    saved: int


def drawn_until_low(
    values: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"], *, lowest: float, skip: int = 5
) -> tuple[Bool[Tensor, "P K"], Int[Tensor, "P K"]]:
    """Which answers never fall below `lowest`, and how many tokens of each are drawn until it does: else all of them.

    The first `skip` tokens are not asked about. The token after which an answer is found too low has been drawn.

    >>> values = torch.tensor([[[0.1, 0.9, 0.9, 0.0], [0.9, 0.2, 0.9, 0.9]]])
    >>> drawn_until_low(values, torch.tensor([[[1, 1, 1, 0], [1, 1, 1, 1]]]), lowest=0.5, skip=1)
    (tensor([[ True, False]]), tensor([[3, 2]]))
    """
    there = mask.bool()
    count = there.cumsum(-1)
    low = there & (values < lowest) & (count > skip)
    first = low.int().argmax(-1, keepdim=True)
    kept = ~low.any(-1)
    return kept, torch.where(kept, there.sum(-1), count.gather(-1, first).squeeze(-1))


def voting(
    values: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    said: Sequence[Sequence[str | None]],
    right: Sequence[str],
    *,
    lowest: float,
    skip: int = 5,
) -> Voting:
    """Measure, on answers that were drawn to their end, what it would have been to give up those that fall too low.

    `values` are those of each answer after every token, such as `scoring.goals.token_values`; `said` is what each
    answer comes down to, `None` where that is nothing, and `right` what it should be. What was said most often wins, of
    equals what was said first. Where every answer to a prompt falls below `lowest`, none is given up.

    So goal-conditioned reward models are measured (Nath et al. 2024, arXiv 2407.13887), in the form of their published
    code, which skips the first 5 tokens as noisy. There a right answer wins every tie, and the token that an answer is
    found too low after counts as saved.

    Raises:
        DataError: values, answers and what is right do not belong together.
    """
    if (
        values.shape != mask.shape
        or [len(row) for row in said] != [mask.shape[1]] * len(mask)
        or len(right) != len(said)
    ):
        raise DataError(
            f"there are values {tuple(values.shape)}, a mask {tuple(mask.shape)}, and {sum(map(len, said))} answers to "
            f"{len(said)} prompts with {len(right)} right ones: give a value for every token of every answer, one "
            "answer in words for each, and one that is right for each prompt."
        )
    kept, drawn = drawn_until_low(values, mask, lowest=lowest, skip=skip)
    lengths = mask.bool().sum(-1)
    none_left = ~kept.any(-1, keepdim=True)
    kept, drawn = kept | none_left, torch.where(none_left, lengths, drawn)
    before, after = torch.ones_like(kept).tolist(), kept.tolist()
    won = [
        sum(_most(row, some) == answer for row, some, answer in zip(said, chosen, right, strict=True))
        for chosen in (before, after)
    ]
    every, left = (wilson(n, len(right)) for n in won)
    return Voting(every=every, left=left, tokens=int(lengths.sum()), saved=int((lengths - drawn).sum()))


def _most(said: Sequence[str | None], chosen: Sequence[bool]) -> str | None:
    """What was said most often among the chosen, of equals the first."""
    votes = Counter(s for s, here in zip(said, chosen, strict=True) if here and s is not None)
    return votes.most_common(1)[0][0] if votes else None
