"""An objective around another: any loss on pairs, made doubly robust."""

import torch
from jaxtyping import Float, Num
from torch import Tensor

from ..binding import Bound
from ..errors import RecipeError
from ..ops import lead, present


def doubly_robust(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    reward: Float[Tensor, "P K"],
    *,
    loss: Bound,
) -> Float[Tensor, "P"]:
    """A loss on pairs, with what a reward makes of them taken off and put back as its mean over draws.

        g(i, j)    = sigmoid(reward_i - reward_j)                       the estimate that i is preferred to j
        mean(i, j) = g(i, j) l(i, j) + g(j, i) l(j, i)                  l(i, j) the wrapped loss, i preferred to j
        loss       = l(0, 1) - mean(0, 1) + (mean over 2 <= i < j of mean(i, j))

    VRPO (Ye et al. 2025, arXiv 2504.03784): responses 0 and 1 are a judged pair, the preferred one first, and all
    others are draws of the reference. In the mean this is the plain loss on pairs of the reference, if the judged pairs
    are such draws, whatever the reward says; or if the reward is right, whatever pairs were judged. Every two draws
    count: with a right reward two, as in the released code, leave the variance of the plain loss as it is, and more
    lower it. Of a prompt with fewer than two draws that are there, the last term is 0.

    `loss` takes any of the tensors above, as pairs: `bind(dpo, beta=0.1)`.

    Raises:
        RecipeError: there are fewer than two draws, or the loss reads what a draw does not have.

    >>> import torch
    >>> from prefloop.binding import bind
    >>> from prefloop.objectives.pairs import dpo
    >>> logp, zeros = torch.tensor([[[-1.0], [-2.0], [-1.0], [-1.0]]]), torch.zeros(1, 4, 1)
    >>> doubly_robust(logp, zeros, zeros + 1, zeros[..., 0], loss=bind(dpo, beta=1.0))
    tensor([0.1931])
    """
    return _around(loss, {"logp": logp, "ref_logp": ref_logp, "mask": mask, "reward": reward}, "doubly_robust")


def doubly_robust_reward(
    score: Float[Tensor, "P K"],
    mask: Num[Tensor, "P K T"],
    reward: Float[Tensor, "P K"],
    *,
    loss: Bound,
) -> Float[Tensor, "P"]:
    """`doubly_robust` for reward models: the wrapped loss reads the score of the model that is trained.

        loss = l(0, 1) - mean(0, 1) + (mean over 2 <= i < j of mean(i, j))

    with g, l and the means of `doubly_robust`. VRPO (Ye et al. 2025, arXiv 2504.03784) speaks of any loss on pairs;
    this is its form for a reward that is learnt beside another, `reward`, which is there already. The plain loss is the
    mean of this one under the same conditions.

    Raises:
        RecipeError: there are fewer than two draws, or the loss reads what a draw does not have.

    >>> import torch
    >>> from prefloop.binding import bind
    >>> from prefloop.objectives.rewards import bradley_terry
    >>> score, zeros = torch.tensor([[1.0, 0.0, 1.0, 1.0]]), torch.zeros(1, 4, 1)
    >>> doubly_robust_reward(score, zeros + 1, zeros[..., 0], loss=bind(bradley_terry))
    tensor([0.1931])
    """
    return _around(loss, {"score": score, "mask": mask, "reward": reward}, "doubly_robust_reward")


def _around(loss: Bound, tensors: dict[str, Tensor], name: str) -> Tensor:
    """The loss on the judged pairs, with what a reward makes of them taken off and put back as its mean over draws."""
    mask = tensors["mask"]
    _must_serve(loss, tensors, name)
    if mask.shape[1] < 4:
        raise RecipeError(
            f"`{name}` was given {mask.shape[1]} responses to a prompt: it takes a judged pair and at least two "
            'draws of the reference, draws=Draws(by="ref", k=4).'
        )

    def expected(pairs: Tensor) -> Tensor:
        """The mean loss of pairs at these places (N 2), over which of the two is preferred (P N)."""
        forth, back = ({n: x[:, places].flatten(0, 1) for n, x in tensors.items()} for places in (pairs, pairs.flip(1)))
        first = lead(forth["reward"]).sigmoid()
        mean: Tensor = first * loss(forth) + (1 - first) * loss(back)
        return mean.view(len(mask), len(pairs))

    judged = torch.tensor([[0, 1]])
    draws = torch.combinations(torch.arange(2, mask.shape[1]))
    there = present(mask)[:, draws].all(2)
    among = torch.where(there, expected(draws), 0.0).sum(1) / there.sum(1).clamp(min=1)
    plain: Tensor = loss({n: x[:, :2] for n, x in tensors.items()})
    return plain - expected(judged).squeeze(1) + among


def _must_serve(loss: Bound, tensors: dict[str, Tensor], name: str) -> None:
    lacking = [name for name in loss.inputs if name not in tensors]
    if lacking:
        raise RecipeError(
            f"`{loss.name}` reads {', '.join(f'`{n}`' for n in lacking)}, which draws of the reference do not have: "
            f"`{name}` wraps losses on pairs that read no more than {', '.join(f'`{n}`' for n in tensors)}."
        )
