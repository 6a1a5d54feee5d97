"""Objectives on pairs, the preferred response at index 0, that know more of a pair than its order."""

from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from ..errors import above_zero
from ..ops import lead, tmean, tsum, wmean


def dpop(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.3,
    lam: float = 50.0,
) -> Float[Tensor, "P"]:
    """DPO-Positive: a preferred response that has become less likely than it was counts against the gap.

        rho_i = sum_t (logp_it - ref_logp_it)
        loss  = -log sigmoid(beta (rho_0 - rho_1 - lam max(0, -rho_0)))

    Pal et al. 2024 (arXiv 2402.13228), equation 3. `dpo` is content where both responses fall and the second falls
    faster; here that costs `lam` times the fall. As long as the preferred response is not below the reference, this is
    `dpo`.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> dpop(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0, lam=1.0)
    tensor([0.6931])
    """
    ratio = tsum(logp - ref_logp, mask)
    return -logsigmoid(beta * (lead(ratio) - lam * (-ratio[:, 0]).relu()))


def r_dpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
    alpha: float = 0.01,
) -> Float[Tensor, "P"]:
    """DPO for a reward from which every token is deducted: length-regularised DPO.

        h_i  = beta sum_t (logp_it - ref_logp_it)
        loss = -log sigmoid(h_0 - h_1 + alpha (|y_0| - |y_1|))

    Park et al. 2024 (arXiv 2403.19159). |y| counts the tokens that the model chose. Where people choose by Bradley-
    Terry with reward r, the optimum is pi_ref exp((r - alpha |y|) / beta) / Z: a longer answer that was preferred has
    its length to thank for a part of it. `alpha` is in units of the reward for each token.

    >>> import torch
    >>> logp, mask = torch.tensor([[[-0.5, -0.5], [-2.0, 0.0]]]), torch.tensor([[[1, 1], [1, 0]]])
    >>> r_dpo(logp, torch.zeros_like(logp), mask, beta=1.0, alpha=1.0)
    tensor([0.1269])
    """
    length = mask.sum(-1).to(logp)
    return -logsigmoid(lead(beta * tsum(logp - ref_logp, mask) + alpha * length))


def odpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    label: Float[Tensor, "P 2"],
    *,
    beta: float = 0.1,
    alpha: float = 1.0,
) -> Float[Tensor, "P"]:
    """DPO with an offset: the gap has to be the wider, the further the ratings lie apart.

        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        loss = -log sigmoid(gap - alpha log(label_0 - label_1))

    Amini et al. 2024 (arXiv 2402.10571), the offset a logarithm of the difference in rating. The sigmoid is then the
    probability that one response beats the other by more than the offset, when each is worth its implicit reward plus
    Gumbel noise. `label` is a rating of each response; a pair whose first is not rated higher teaches nothing.

    >>> import torch
    >>> logp, label = torch.tensor([[[-1.0], [-2.0]]]), torch.tensor([[5.0, 4.0]])
    >>> odpo(logp, torch.zeros_like(logp), torch.ones_like(logp), label, beta=1.0)
    tensor([0.3133])
    """
    offset = alpha * lead(label).relu().log()
    return -logsigmoid(beta * lead(tsum(logp - ref_logp, mask)) - offset)


def modpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    reward: Float[Tensor, "P 2"],
    *,
    beta: float = 0.1,
    share: float = 0.5,
) -> Float[Tensor, "P"]:
    """DPO for a weighted sum of what the pairs were judged by and another, given reward.

        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        loss = -log sigmoid( (gap - (1 - share) (reward_0 - reward_1)) / share )

    MODPO (Zhou et al. 2023, arXiv 2310.03708), with the other objectives' weighted rewards in one `reward`. `share`, in
    (0, 1], is the weight of what people judged by: if they choose by Bradley-Terry with reward r, the optimum is
    pi_ref exp((share r + (1 - share) reward) / beta) / Z. At 1 it is `dpo`.

    Raises:
        RecipeError: `share` is not above 0.

    >>> import torch
    >>> logp, reward = torch.tensor([[[-1.0], [-2.0]]]), torch.tensor([[2.0, 0.0]])
    >>> modpo(logp, torch.zeros_like(logp), torch.ones_like(logp), reward, beta=1.0)
    tensor([0.6931])
    """
    above_zero("modpo", share=share)
    gap = beta * lead(tsum(logp - ref_logp, mask))
    return -logsigmoid((gap - (1 - share) * lead(reward)) / share)


def mm_dpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    reward: Float[Tensor, "P 2"],
    *,
    beta: float = 0.1,
    weight: float = 0.5,
    steepness: float = 0.5,
) -> Float[Tensor, "P"]:
    """DPO that learns more from pairs which a reward model finds far apart: dynamic reward scaling.

        scale = 1 + weight (1 - exp(-steepness (reward_0 - reward_1)))
        gap   = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        loss  = -log sigmoid(scale gap)

    MM-RLHF (Zhang et al. 2025, arXiv 2502.10391). beta grows with the margin from 1 to 1 + `weight` times its value,
    and falls below it, without bound, where the reward model finds the preferred response the worse one.

    >>> import torch
    >>> logp, reward = torch.tensor([[[-1.0], [-2.0]]]), torch.tensor([[9.0, 0.0]])
    >>> mm_dpo(logp, torch.zeros_like(logp), torch.ones_like(logp), reward, beta=1.0, weight=1.0, steepness=9.0)
    tensor([0.1269])
    """
    scale = 1 + weight * (1 - (-steepness * lead(reward)).exp())
    return -logsigmoid(scale * beta * lead(tsum(logp - ref_logp, mask)))


def wpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """DPO in which a pair counts as much as the policy would say it: weighted preference optimisation.

        w_i  = exp(mean_t logp_it)                       with no gradient
        gap  = beta (sum_t (logp_0t - ref_logp_0t) - sum_t (logp_1t - ref_logp_1t))
        loss = -w_0 w_1 log sigmoid(gap)

    Zhou et al. 2024 (arXiv 2406.11827), equation 2, with the weights as they are: the paper goes on to divide each
    token's probability by the mean probability of a token drawn in its place, which takes the whole distribution.
    Answers of another model thus count for less, as if the policy's own had been asked about.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> wpo(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0)
    tensor([0.0156])
    """
    weight = tmean(logp.detach(), mask).exp()
    return -weight[:, 0] * weight[:, 1] * logsigmoid(beta * lead(tsum(logp - ref_logp, mask)))


def dense_dpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    token_weight: Float[Tensor, "P 2 T"],
    *,
    beta: float = 0.5,
) -> Float[Tensor, "P"]:
    """DPO in which some tokens count more than others, and an answer no more for being long.

        h_i  = beta sum_t w_it (logp_it - ref_logp_it) / sum_t w_it
        loss = -log sigmoid(h_0 - h_1)

    Dense direct preference optimisation of RLHF-V (Yu et al. 2023, arXiv 2312.00849), w being `token_weight`: that of
    the segments which people corrected is their gamma, and `corrected` finds them. `beta` is in units of the mean
    log-ratio of a token, so that it is not the `beta` of `dpo`, which sums.

    >>> import torch
    >>> logp, weight = torch.tensor([[[-1.0, -1.0], [-1.0, -2.0]]]), torch.tensor([[[1.0, 3.0], [1.0, 3.0]]])
    >>> dense_dpo(logp, torch.zeros_like(logp), torch.ones_like(logp), weight, beta=4.0)
    tensor([0.0486])
    """
    return -logsigmoid(beta * lead(wmean(logp - ref_logp, token_weight, mask)))


def constrained_dpo(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    *,
    beta: float = 2.5,
    gamma: float = 0.5,
    tau: float = 2.0,
    alpha: float = 1.0,
) -> Float[Tensor, "P"]:
    """DPO that wants the preferred response ahead, where the reference may hold the other one too dear.

        d     = mean_t logp_0t - mean_t logp_1t          d_ref = mean_t ref_logp_0t - mean_t ref_logp_1t
        goal  = d_ref + softplus(tau (gamma - d_ref)) / (tau alpha)
        loss  = -log sigmoid(beta (d - goal))

    Constrained preference optimisation (Yang et al. 2026, arXiv 2605.20834) as the authors' released code has it,
    with log-probabilities averaged over tokens. The goal of `dpo` is d_ref: where the reference prefers the other
    response by far, its loss falls although the policy prefers it still. Here the goal is above `gamma` (with `alpha`
    at most 1), and near d_ref, as in DPO, where the reference is well ahead of `gamma`. `tau` is how sharply the one
    turns into the other; `alpha` divides what is added. `beta` is in units of the mean log-probability of a token.

    >>> import torch
    >>> logp, ref_logp = torch.tensor([[[-2.0], [-1.0]]]), torch.tensor([[[-4.0], [-1.0]]])
    >>> dpo = constrained_dpo(logp, ref_logp, torch.ones_like(logp), beta=1.0, gamma=-9.0)
    >>> dpo, constrained_dpo(logp, ref_logp, torch.ones_like(logp), beta=1.0, gamma=0.0)
    (tensor([0.1269]), tensor([1.3142]))
    """
    d, d_ref = lead(tmean(logp, mask)), lead(tmean(ref_logp, mask))
    goal = d_ref + softplus(tau * (gamma - d_ref)) / (tau * alpha)
    return -logsigmoid(beta * (d - goal))


def token_agreement(
    logp: Float[Tensor, "P 2 T"],
    ref_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    token_reward: Float[Tensor, "P 2 T"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """How far the implicit rewards of the tokens go with what each token is paid: token-level reward regularisation.

        h_it = beta (logp_it - ref_logp_it)                     implicit reward of a token
        w    = sigmoid(sum_t h_1t - sum_t h_0t)                 with no gradient
        loss = -w (sum_t token_reward_0t h_0t + sum_t token_reward_1t h_1t)

    In the form of T-REG (Zhou et al. 2024, arXiv 2412.02685), which adds it to `dpo` and leaves out `ref_logp`, on
    which no gradient depends. Tokens that are paid become likelier in both responses, those that are fined less likely.
    w is how much the gradient of `dpo` weighs the pair, so that the two fade together; `beta` is that of `dpo` beside
    it. Of itself the term has no end: too much of it, and the fined tokens vanish.

    >>> import torch
    >>> logp, paid = torch.tensor([[[-1.0, -1.0], [-1.0, -1.0]]]), torch.tensor([[[0.5, 0.25], [-0.25, 0.0]]])
    >>> token_agreement(logp, torch.zeros_like(logp), torch.ones_like(logp), paid, beta=1.0)
    tensor([0.2500])
    """
    implicit = beta * (logp - ref_logp)
    weight = (-lead(tsum(implicit, mask))).sigmoid().detach()
    return -weight * tsum(token_reward * implicit, mask).sum(1)


def rebel(
    logp: Float[Tensor, "P 2 T"],
    old_logp: Float[Tensor, "P 2 T"],
    mask: Num[Tensor, "P 2 T"],
    reward: Float[Tensor, "P 2"],
    *,
    eta: float = 1.0,
) -> Float[Tensor, "P"]:
    """Regression to relative rewards: the change of two log-probabilities says what the two responses are paid.

        loss = ( (1/eta) sum_t (logp_0t - old_logp_0t) - (1/eta) sum_t (logp_1t - old_logp_1t)
                 - (reward_0 - reward_1) )^2

    REBEL (Gao et al. 2024, arXiv 2404.16767), algorithm 1, which takes this step again and again from the policy it
    has reached. One exact step from pi_old ends at pi_old exp(eta reward) / Z. Which response comes first is
    indifferent.

    >>> import torch
    >>> logp, reward = torch.tensor([[[-1.0], [-2.0]]]), torch.tensor([[3.0, 0.0]])
    >>> rebel(logp, torch.zeros_like(logp), torch.ones_like(logp), reward)
    tensor([4.])
    """
    return lead(tsum(logp - old_logp, mask) / eta - reward).square()
