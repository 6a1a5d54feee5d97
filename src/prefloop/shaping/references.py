"""Rewards held against those of reference answers to the same prompt."""

from jaxtyping import Float, Num
from torch import Tensor

from ..binding import gives
from ..errors import RecipeError
from ..ops import present


@gives("baseline", "mask")
def drawn_baseline(
    reward: Float[Tensor, "P K"], calibrated: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]
) -> tuple[Float[Tensor, "P M"], Num[Tensor, "P K T"]]:
    """What the answers are paid that `draws` of a recipe adds, and a mask without them.

        baseline_m = reward of the m-th response that is calibrated
        mask_t     = mask_t [the response is not calibrated]

    Nothing is learnt from the added answers, and none of them counts as a sibling: for what comes after, they are
    missing. Rewards of several channels are made one before.

    Raises:
        RecipeError: some prompt has none of them, or another number than the others.

    >>> import torch
    >>> reward, calibrated = torch.tensor([[1.0, 3.0, 0.5]]), torch.tensor([[0.0, 0.0, 1.0]])
    >>> baseline, mask = drawn_baseline(reward, calibrated, torch.ones(1, 3, 2, dtype=torch.long))
    >>> baseline.tolist(), mask.tolist()
    ([[0.5]], [[[1, 1], [1, 1], [0, 0]]])
    """
    drawn = calibrated.bool() & present(mask)
    counts = set(drawn.sum(-1).tolist())
    if len(counts) != 1 or 0 in counts:
        raise RecipeError(
            f"the prompts of a batch have {' or '.join(map(str, sorted(counts)))} answers drawn beside their own, and "
            "`drawn_baseline` takes as many for each, one at least: set `draws`, and no selection that drops them."
        )
    return reward[drawn].reshape(len(reward), -1), mask.masked_fill(calibrated.bool().unsqueeze(-1), 0)


@gives("reward")
def contrastive(reward: Float[Tensor, "P K"], baseline: Float[Tensor, "P *M"]) -> Float[Tensor, "P K"]:
    """The reward minus the mean reward of reference answers to the same prompt.

        reward_i = reward_i - 1/M sum_m baseline_m

    Shen et al. 2024 (arXiv 2403.07708), whose reference answers are drawn once, from the policy as it is before it is
    trained. What a prompt adds to the rewards of all its answers falls out. The best policy stays the same.

    >>> import torch
    >>> contrastive(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.5, 1.5]]))
    tensor([[0., 2.]])
    """
    return reward - _beside(baseline).mean(-1)


@gives("reward")
def par(reward: Float[Tensor, "P K"], baseline: Float[Tensor, "P *M"]) -> Float[Tensor, "P K"]:
    """The probability that a response is preferred to reference answers, by Bradley-Terry on their rewards.

        reward_i = 1/M sum_m sigmoid(reward_i - baseline_m)

    Preference as reward (Fu et al. 2025, arXiv 2502.18770), who find one reference answer to be enough; with one it is
    also the calibrated reward of CGPO (Xu et al. 2024, arXiv 2409.20370). Between 0 and 1, so that a reward model that
    can be fooled pays little for it; and what a prompt adds to the rewards of all its answers falls out.

    >>> import torch
    >>> par(torch.tensor([[1.0, 3.0]]), torch.tensor([1.0]))
    tensor([[0.5000, 0.8808]])
    """
    return (reward.unsqueeze(-1) - _beside(baseline)).sigmoid().mean(-1)


@gives("reward")
def best_of_n_ratio(
    reward: Float[Tensor, "P K"], baseline: Float[Tensor, "P *M"], *, n: int = 4
) -> Float[Tensor, "P K"]:
    """How much likelier a response is as the best of n reference answers than as a single one, as a logarithm.

        at_most_i = (1 + number of baseline_m <= reward_i) / (1 + M)
        below_i   = number of baseline_m < reward_i / (1 + M)
        reward_i  = log( sum_j at_most_i^(n-j) below_i^(j-1) )        j from 1 to n

    BOND (Sessa et al. 2024, arXiv 2407.14622), theorem 1: the best of n answers of pi_ref has the distribution
    pi_ref exp(reward), where `at_most` and `below` are the shares of answers of pi_ref that are paid at most as much,
    and less. Here they are counted among M drawn ones and the response itself, so that the logarithm is finite. With
    the KL priced at 1 its optimum is the best of n. The paper takes (n - 1) log at_most, which differs where answers
    are paid alike.

    Raises:
        RecipeError: `n` is below 1.

    >>> import torch
    >>> best_of_n_ratio(torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, 1.0, 1.0]]), n=2)
    tensor([[-0.6931,  0.5596]])
    """
    if n < 1:
        raise RecipeError(f"`n` of `best_of_n_ratio` is {n}: it is 1 or more.")
    paid, others = reward.unsqueeze(-1), _beside(baseline)
    count = others.shape[-1] + 1
    at_most = ((others <= paid).sum(-1) + 1).to(reward) / count
    below = (others < paid).sum(-1).to(reward) / count
    total = sum((at_most ** (n - j) * below ** (j - 1) for j in range(1, n + 1)), start=reward.new_zeros(()))
    return total.log()


def _beside(baseline: Float[Tensor, "P *M"]) -> Float[Tensor, "P 1 N"]:
    """The rewards of all reference answers to a prompt, to be held beside those of its responses."""
    return baseline.reshape(len(baseline), 1, -1)
