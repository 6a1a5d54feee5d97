"""Objectives on single responses, each of them judged by itself."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..binding import among_siblings
from ..ops import present, tmean, tsum


def kto(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    reference_point: Float[Tensor, "P"],
    *,
    beta: float = 0.1,
    desirable: float = 1.0,
    undesirable: float = 1.0,
) -> Float[Tensor, "P K"]:
    """Kahneman-Tversky optimisation: the value people put on a gain or a loss against what they are used to.

        r_i    = sum_t (logp_it - ref_logp_it)
        v_i    = lambda_D sigmoid(beta (r_i - z_0))     where people liked it, label > 0
                 lambda_U sigmoid(beta (z_0 - r_i))     where they did not
        loss_i = lambda_y - v_i

    Ethayarajh et al. 2024 (arXiv 2402.01306), equations 7 and 8: lambda_D is `desirable`, lambda_U `undesirable`, and
    lambda_y the one of the two that goes with the label. z_0 is `reference_point`, which `mismatched_kl` estimates; no
    gradient passes through it. Where one label is rarer than the other the paper raises its weight, so that liked
    answers weigh in all 1 to 3/2 times what disliked ones do.

    >>> import torch
    >>> logp = torch.tensor([[[1.0], [1.0]]])
    >>> mask, label = torch.ones_like(logp), torch.tensor([[1.0, 0.0]])
    >>> kto(logp, torch.zeros_like(logp), mask, label, torch.tensor([0.5]), beta=2.0)
    tensor([[0.2689, 0.7311]])
    """
    gain = beta * (tsum(logp - ref_logp, mask) - reference_point.detach().unsqueeze(-1))
    return torch.where(label > 0, desirable * (-gain).sigmoid(), undesirable * gain.sigmoid())


def bco(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    reference_point: Float[Tensor, "P"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P K"]:
    """Binary classifier optimisation: tell what people liked from what they did not by the implicit reward.

        r_i    = beta (sum_t (logp_it - ref_logp_it) - z)
        loss_i = -log sigmoid( r_i)     where people liked it, label > 0
                 -log sigmoid(-r_i)     where they did not

    Jung et al. 2024 (arXiv 2404.04656), the loss of its reward shift: beta z is their delta, `reference_point` is z, in
    units of the log-ratio, and `midpoint` gives it; no gradient passes through it. Without underlying distribution
    matching: both labels are taken to come from the same prompts. With z = 0 the sum over a pair is above `dpo`.

    >>> import torch
    >>> logp = torch.tensor([[[1.0], [1.0]]])
    >>> mask, label = torch.ones_like(logp), torch.tensor([[1.0, 0.0]])
    >>> bco(logp, torch.zeros_like(logp), mask, label, torch.tensor([0.5]), beta=2.0)
    tensor([[0.3133, 1.3133]])
    """
    gain = beta * (tsum(logp - ref_logp, mask) - reference_point.detach().unsqueeze(1))
    return -logsigmoid(torch.where(label > 0, gain, -gain))


def pmpo(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    *,
    accepted: float = 0.5,
    rejected: float = 0.5,
    beta: float = 0.5,
) -> Float[Tensor, "P K"]:
    """Preference optimisation as probabilistic inference: make what was accepted likelier, what was not less likely.

        loss_i = -accepted sum_t logp_it + beta KL_i     where it was accepted, label > 0
                 +rejected sum_t logp_it + beta KL_i     where it was not
        KL_i   = sum_t (ref_logp_it - logp_it)

    Abdolmaleki et al. 2024 (arXiv 2410.04166): `accepted` is their alpha and `rejected` 1 - alpha. Each term is
    switched off by 0, and data of one kind suffice. KL_i is an estimate of KL(ref || pi) when answers are drawn from
    the reference; the mean over all answers stands in place of one over each kind. Those answers, accepted with
    probability p, have the optimum

        pi(y) proportional to pi_ref(y) (accepted p(y) - rejected (1 - p(y)) + beta)

    where this is positive for every answer. An answer for which it is not is pushed to probability 0 without end: with
    rejected answers alone, as soon as `beta` is below `rejected` times the largest 1 - p, and always when it is 0.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-1.0]]])
    >>> pmpo(logp, torch.full_like(logp, -2.0), torch.ones_like(logp), torch.tensor([[1.0, 0.0]]))
    tensor([[ 0., -1.]])
    """
    total = tsum(logp, mask)
    return torch.where(label > 0, -accepted * total, rejected * total) + beta * tsum(ref_logp - logp, mask)


def unlikelihood(
    logp: Float[Tensor, "P K T"], label: Float[Tensor, "P K"], *, alpha: float = 1.0, eps: float = 1e-5
) -> Float[Tensor, "P K T"]:
    """Imitate what people liked and make every token of the rest unlikely.

        loss_t = -logp_t                         where people liked the response, label > 0
                 -alpha log(1 - exp(logp_t))     where they did not

    Welleck et al. 2019 (arXiv 1908.04319), the unlikelihood of negative candidates; here they are the tokens of
    responses that people disliked, in place of tokens that repeat earlier ones. Unlike a negative `nll` it is bounded
    below. `eps` is the least 1 - exp(logp_t) that is told from 0: a token that is certain gets no gradient.

    >>> import torch
    >>> unlikelihood(torch.tensor([[[0.25], [0.25]]]).log(), torch.tensor([[1.0, 0.0]]))
    tensor([[[1.3863],
             [0.2877]]])
    """
    other = (-logp.expm1()).clamp(min=eps).log()
    return torch.where((label > 0).unsqueeze(2), -logp, -alpha * other)


@among_siblings
def nft(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    reward: Float[Tensor, "P K"],
    *,
    bar: float = 0.5,
    eps: float = 1.0,
) -> Float[Tensor, "P K T"]:
    """Negative-aware fine-tuning: imitate right answers, and through the policy they imply, learn from wrong ones.

        R_t    = exp(logp_t - old_logp_t)
        q      = share of the responses to the prompt that are right, reward > bar
        w      = sqrt((1 - q) / q), 0 where all or none are right
        loss_t = -w log R_t                                   of a right response
                 -w log max(eps, (1 - q R_t) / (1 - q))       of a wrong one, the gradient passing through the max

    Chen et al. 2025 (arXiv 2505.18116), section 3, with one ratio per token. The old policy is the mixture q pi_right
    + (1 - q) pi_wrong; pi takes the place of pi_right, and what is left over is the policy of wrong answers. `eps`
    bounds what a wrong token weighs: at most w q R_t / ((1 - q) eps). On samples of the current policy the gradient is
    that of `reinforce` with the advantage of `grpo` (population deviation), for every `eps` up to 1.

    >>> import torch
    >>> old_logp = torch.full((1, 2, 1), 0.5).log()
    >>> logp = torch.tensor([[[0.6], [0.4]]]).log()
    >>> nft(logp, old_logp, torch.ones_like(logp), torch.tensor([[1.0, 0.0]]))
    tensor([[[-0.1823],
             [-0.1823]]])
    """
    right = reward > bar
    rate = tmean(right.to(logp).unsqueeze(1), present(mask).long().unsqueeze(1)).unsqueeze(2)
    telling = (rate > 0) & (rate < 1)
    rate = torch.where(telling, rate, 0.5)  # any: it says nothing, and must not divide by 0
    weight = torch.where(telling, ((1 - rate) / rate).sqrt(), 0.0)
    log_ratio = torch.where(mask.bool(), logp - old_logp, 0.0)
    wrong = (1 - rate * log_ratio.exp()) / (1 - rate)
    held = wrong + (wrong.clamp(min=eps) - wrong).detach()
    return -weight * torch.where(right.unsqueeze(2), log_ratio, held.log())


def sppo(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    win_rate: Float[Tensor, "P K"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P K"]:
    """Self-play preference optimisation: each response likelier by how often it beats the policy that drew it.

        loss_i = ( sum_t (logp_it - old_logp_it) - (win_rate_i - 1/2) / beta )^2

    Wu et al. 2024 (arXiv 2405.00675), equation 4.7, with eta = 1 / beta: log Z is replaced by eta / 2. The soft form:
    `win_rate` is a probability, which `group_win_rate` estimates. Its minimum is a step of multiplicative weights, pi
    proportional to pi_old exp(win_rate / beta), and the average over many of them nears the von Neumann winner, the
    policy that no other beats more often than not.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-1.0]]])
    >>> sppo(logp, torch.full_like(logp, -2.0), torch.ones_like(logp), torch.tensor([[1.0, 0.5]]), beta=0.5)
    tensor([[0., 1.]])
    """
    return (tsum(logp - old_logp, mask) - (win_rate - 0.5) / beta).square()


def sppo_hard(
    logp: Float[Tensor, "P 2 T"], ref_logp: Float[Tensor, "P 2 T"], mask: Num[Tensor, "P 2 T"], *, beta: float = 0.1
) -> Float[Tensor, "P"]:
    """Self-play preference optimisation on pairs: the preferred response always wins, the other always loses.

        h_i  = sum_t (logp_it - ref_logp_it)
        loss = (h_0 - 1 / (2 beta))^2 + (h_1 + 1 / (2 beta))^2

    Wu et al. 2024 (arXiv 2405.00675), equation 4.7 with win rates of 1 and 0; the opponent is the reference. Both
    log-ratios have a target of their own, where `dpo` and `ipo` see only their difference.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> sppo_hard(logp, torch.full_like(logp, -2.0), torch.ones_like(logp), beta=0.5)
    tensor([1.])
    """
    won = logp.new_tensor([1.0, 0.0]).expand(len(logp), 2)
    return sppo(logp, ref_logp, mask, won, beta=beta).sum(1)
