"""Several rewards of one response made one: the members of an ensemble, or aspects that are judged apart.

They take `reward` with an axis for the channels, P K D, and give it without; `weighted_spans` does so for
`token_reward`, P K T D.
"""

from jaxtyping import Float, Num
from torch import Tensor

from ..binding import gives
from ..errors import RecipeError
from ..ops import present


@gives("reward")
def mean_channel(reward: Float[Tensor, "P K D"]) -> Float[Tensor, "P K"]:
    """The mean of the channels.

        reward = 1/D sum_d reward_d

    The first of three ways to use an ensemble in Coste et al. 2023 (arXiv 2310.02743). It averages the errors that the
    members make apart, and keeps those they share.

    >>> import torch
    >>> mean_channel(torch.tensor([[[1.0, 3.0]]]))
    tensor([[2.]])
    """
    return reward.mean(-1)


@gives("reward")
def worst_channel(reward: Float[Tensor, "P K D"]) -> Float[Tensor, "P K"]:
    """The lowest of the channels.

        reward = min_d reward_d

    Worst-case optimisation of Coste et al. 2023 (arXiv 2310.02743): to be paid, an answer has to please every member.

    >>> import torch
    >>> worst_channel(torch.tensor([[[1.0, 3.0]]]))
    tensor([[1.]])
    """
    return reward.amin(-1)


@gives("reward")
def worst_group(reward: Float[Tensor, "P K D"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """The channel that is lowest on average: the reward of the group of people that is worst off with these answers.

        reward = reward_u        u = argmin_d mean reward_d, over all answers of the batch

    The step of MaxMin-RLHF (Chakraborty et al. 2024, arXiv 2402.08925) towards max_pi min_u E[r_u]: all the weight is
    on the group that the policy serves worst now, the first of equals. The price of the KL is the same for every group,
    and does not change which that is. Unlike `worst_channel`, which looks at one answer, it lets an answer serve one
    group and another answer another. The groups' rewards have to have one unit and one zero.

    >>> import torch
    >>> worst_group(torch.tensor([[[5.0, 1.0], [0.0, 2.0]]]), torch.ones(1, 2, 1))
    tensor([[1., 2.]])
    """
    return reward[..., reward[present(mask)].mean(0).argmin()]


@gives("reward")
def uncertainty_weighted(reward: Float[Tensor, "P K D"], *, lam: float = 0.1) -> Float[Tensor, "P K"]:
    """The mean of the channels minus a price on how much they disagree, as a variance.

        reward = mean_d reward_d - lam mean_d (reward_d - mean reward)^2

    Uncertainty-weighted optimisation of Coste et al. 2023 (arXiv 2310.02743). The unit of `lam` is one over that of the
    reward; `lower_bound` takes the deviation instead, and a number without a unit.

    >>> import torch
    >>> uncertainty_weighted(torch.tensor([[[1.0, 3.0]]]), lam=0.5)
    tensor([[1.5000]])
    """
    return reward.mean(-1) - lam * reward.var(-1, correction=0)


@gives("reward")
def lower_bound(reward: Float[Tensor, "P K D"], *, deviations: float = 1.0) -> Float[Tensor, "P K"]:
    """The mean of the channels minus some of their standard deviations.

        reward = mean_d reward_d - deviations std_d reward_d

    The lower confidence bound of Zhang et al. 2024 (arXiv 2401.16635). The deviation is the population's.

    >>> import torch
    >>> lower_bound(torch.tensor([[[1.0, 3.0]]]), deviations=0.5)
    tensor([[1.5000]])
    """
    return reward.mean(-1) - deviations * reward.std(-1, correction=0)


@gives("reward")
def reward_robust(reward: Float[Tensor, "P K D"], *, nominal: float = 0.5) -> Float[Tensor, "P K"]:
    """A mixture of what the channels say on average and of the worst that one of them says.

        reward = nominal mean_d reward_d + (1 - nominal) min_d reward_d

    In the form of reward-robust RLHF (Yan et al. 2024, arXiv 2409.15360), whose uncertainty set is here that of the
    channels, and whose nominal reward is here their mean. At 1 it is `mean_channel`, at 0 `worst_channel`.

    >>> import torch
    >>> reward_robust(torch.tensor([[[1.0, 3.0]]]), nominal=0.25)
    tensor([[1.2500]])
    """
    return nominal * mean_channel(reward) + (1 - nominal) * worst_channel(reward)


@gives("reward")
def gaussian_robust(reward: Float[Tensor, "P K D"], *, nominal: float = 0.5) -> Float[Tensor, "P K"]:
    """A mixture of what the surest of several Gaussian heads says and of the worst that one of them says.

        reward = nominal m_h + (1 - nominal) min_i m_i        h the head with the lowest deviation of this answer

    Reward-robust RLHF (Yan et al. 2024, arXiv 2409.15360) on heads that each give a mean m and the logarithm of a
    deviation, two channels a head, as `gaussian_comparison` fits them. In the form with the surest head as the nominal
    one; `reward_robust` takes the mean of all.

    >>> import torch
    >>> gaussian_robust(torch.tensor([[[3.0, -1.0, 1.0, 0.0]]]), nominal=0.25)
    tensor([[1.5000]])
    """
    mean, log_deviation = reward[..., 0::2], reward[..., 1::2]
    surest = log_deviation.argmin(-1, keepdim=True)
    return nominal * mean.gather(-1, surest).squeeze(-1) + (1 - nominal) * mean.amin(-1)


@gives("reward")
def weighted_channels(reward: Float[Tensor, "P K D"], *, weights: tuple[float, ...]) -> Float[Tensor, "P K"]:
    """The channels, each times its weight, summed.

        reward = sum_d weights_d reward_d

    The plain scalarisation of several aims, as the weights of Wu et al. 2023 (arXiv 2306.01693) for relevance,
    factuality and completeness.

    Raises:
        RecipeError: there are not as many weights as channels.

    >>> import torch
    >>> weighted_channels(torch.tensor([[[1.0, 3.0]]]), weights=(1.0, 0.5))
    tensor([[2.5000]])
    """
    return _weighted(reward, weights, "weighted_channels")


@gives("token_reward")
def weighted_spans(token_reward: Float[Tensor, "P K T D"], *, weights: tuple[float, ...]) -> Float[Tensor, "P K T"]:
    """The channels of what each token is paid, each times its weight, summed.

        token_reward_t = sum_d weights_d token_reward_td

    Fine-grained RLHF (Wu et al. 2023, arXiv 2306.01693), without its price for the KL: reward model d pays where its
    own spans end (`scoring.spans`), and `weights` are theirs of the reward models.

    Raises:
        RecipeError: there are not as many weights as channels.

    >>> import torch
    >>> weighted_spans(torch.tensor([[[[1.0, 0.0], [0.0, 3.0]]]]), weights=(1.0, 0.5))
    tensor([[[1.0000, 1.5000]]])
    """
    return _weighted(token_reward, weights, "weighted_spans")


def _weighted(paid: Float[Tensor, "... D"], weights: tuple[float, ...], name: str) -> Float[Tensor, "..."]:
    *_, channels = paid.shape
    if len(weights) != channels:
        raise RecipeError(
            f"`{name}` has {len(weights)} weights, and the reward has {channels} channels: give one for each, in their "
            "order."
        )
    return paid @ paid.new_tensor(weights)
