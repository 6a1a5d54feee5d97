"""Objectives on lists: K responses to a prompt that are ranked, graded or paid."""

import torch
from jaxtyping import Bool, Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import present, tmean, tsum


def plackett_luce(
    logp: Float[Tensor, "P K T"], ref_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"], *, beta: float = 0.1
) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a ranking, best first, by the implicit rewards.

        h_i  = beta sum_t (logp_it - ref_logp_it)
        loss = -sum_k log( exp(h_k) / sum_{i >= k} exp(h_i) )        over the responses that are there

    Rafailov et al. 2023 (arXiv 2305.18290), appendix A.3: the form of DPO for the model of Plackett and Luce, in which
    the best is chosen first, then the best of what is left. With K = 2 it is `dpo`, and it has the same optimum.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0], [-2.0]]])
    >>> plackett_luce(logp, torch.zeros_like(logp), torch.ones_like(logp), beta=1.0)
    tensor([1.2446])
    """
    there, h = present(mask), beta * tsum(logp - ref_logp, mask)
    place = torch.arange(h.shape[1], device=h.device)
    later = (place > place.unsqueeze(1)) & _both(there)
    return _passed_over(h, h.unsqueeze(1), later).sum(1)


def listmle(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """Negative log-likelihood of the order that people's grades give, in any order of the responses.

        h_i  = beta sum_t (logp_it - ref_logp_it)
        loss = -sum_k log( exp(h_k) / sum_{label_i <= label_k} exp(h_i) )        over the responses that are there

    ListMLE (Xia et al. 2008) on the scores of LiPO (Liu et al. 2024, arXiv 2402.01878). Without equal grades it is
    `plackett_luce` of the sorted responses. Of several equals each is held against all of them: Breslow's way with
    ties, of which the paper does not speak.

    >>> import torch
    >>> logp = torch.tensor([[[-2.0], [-1.0], [-2.0]]])
    >>> listmle(logp, torch.zeros_like(logp), torch.ones_like(logp), torch.tensor([[1.0, 2.0, 0.0]]), beta=1.0)
    tensor([1.2446])
    """
    h = beta * tsum(logp - ref_logp, mask)
    other = ~torch.eye(h.shape[1], dtype=torch.bool, device=h.device)
    return _passed_over(h, h.unsqueeze(1), (_gaps(label) >= 0) & other & _both(present(mask))).sum(1)


def lipo_lambda(
    logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """Listwise preference optimisation: every pair of a graded list, weighted by what their order is worth.

        h_i      = beta sum_t (logp_it - ref_logp_it)
        Delta_ij = |2^label_i - 2^label_j| |1 / log(1 + rank_i) - 1 / log(1 + rank_j)|
        loss     = -sum_{label_i > label_j} Delta_ij log sigmoid(h_i - h_j)

    LiPO-lambda (Liu et al. 2024, arXiv 2402.01878), its lambda loss. rank_i counts from 1 in the order of h, the best
    first and of equals the first; no gradient passes through it. The pair that would move the discounted gain most
    weighs most. With K = 2, graded 1 and 0, it is `dpo` times 1 / log 2 - 1 / log 3.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> lipo_lambda(logp, torch.zeros_like(logp), torch.ones_like(logp), torch.tensor([[1.0, 0.0]]), beta=1.0)
    tensor([0.1668])
    """
    there, h = present(mask), beta * tsum(logp - ref_logp, mask)
    # The order of the order is the rank, from 0; sorted stably, so that a policy at its start has ranks to learn from.
    order = h.masked_fill(~there, -torch.inf).argsort(dim=1, descending=True, stable=True)
    discount = (order.argsort(dim=1).to(h) + 2).log().reciprocal()
    worth = _gaps(label.exp2()).abs() * _gaps(discount).abs()
    return -torch.where(_above(label) & _both(there), worth * logsigmoid(_gaps(h)), 0.0).sum((1, 2))


def pro(
    logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    *,
    imitation: float = 0.05,
) -> Float[Tensor, "P"]:
    """Preference ranking optimisation: each response against all that are worse, without a reference.

        p_i  = mean_t logp_it
        g_ki = label_k - label_i,   g_k = max_i g_ki                              i over the worse: label_i < label_k
        loss = -sum_k log( exp(g_k p_k) / (exp(g_k p_k) + sum_i exp(g_ki p_i)) ) - imitation p_best

    Song et al. 2023 (arXiv 2306.17492), the form with temperatures 1 / g, so that an answer much worse weighs more. A
    response with none worse has no term. Equal grades, whose temperature would be infinite, are not held against each
    other. `imitation` is the weight of the likelihood of the best (of equals their mean), here per token as well.

    >>> import torch
    >>> logp = torch.tensor([[[-1.0], [-2.0]]])
    >>> pro(logp, torch.ones_like(logp), torch.tensor([[1.0, 0.0]]), imitation=0.5)
    tensor([0.8133])
    """
    p, gap = tmean(logp, mask), _gaps(label)
    worse = _above(label) & _both(present(mask))
    widest = torch.where(worse, gap, 0.0).amax(2)
    return _passed_over(widest * p, gap * p.unsqueeze(1), worse).sum(1) - imitation * _of_best(p, label, mask)


def rrhf(logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"], label: Float[Tensor, "P K"]) -> Float[Tensor, "P"]:
    """Rank responses to align: no worse response likelier than a better one, and imitate the best.

        p_i  = mean_t logp_it
        loss = sum_{label_i > label_j} max(0, p_j - p_i) - sum_t logp_best,t

    Yuan et al. 2023 (arXiv 2304.05302), its ranking loss and fine-tuning loss with equal weight: a hinge without margin
    on likelihoods per token, and the sum over the tokens of the best (of equals their mean). Without a reference.

    >>> import torch
    >>> logp = torch.tensor([[[-2.0], [-1.5]]])
    >>> rrhf(logp, torch.ones_like(logp), torch.tensor([[1.0, 0.0]]))
    tensor([2.5000])
    """
    out_of_order = -_gaps(tmean(logp, mask)).clamp(max=0.0)
    hinge = torch.where(_above(label) & _both(present(mask)), out_of_order, 0.0).sum((1, 2))
    return hinge - _of_best(tsum(logp, mask), label, mask)


def brain(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    ref_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    reward: Float[Tensor, "P K"],
    *,
    beta: float = 0.1,
) -> Float[Tensor, "P"]:
    """Bayesian reward-conditioned amortised inference: match the optimum on the responses that were drawn.

        alpha = softmax_i( reward_i / beta + sum_t (ref_logp_it - old_logp_it) )
        gamma = softmax_i( sum_t (logp_it - old_logp_it) )
        loss  = -sum_i alpha_i log gamma_i

    Pandey et al. 2024 (arXiv 2402.02479): self-normalised importance weights of the posterior pi_ref exp(r / beta) / Z
    and of the policy, on responses of the old policy. The gradient is their -sum_i (alpha_i - gamma_i) grad log pi_i,
    in which gamma is the baseline: `steerlm2` with another posterior. Missing responses leave both sums.

    >>> import torch
    >>> logp, reward = torch.zeros(1, 2, 1), torch.tensor([[1.0, 0.0]])
    >>> brain(logp, logp, logp, torch.ones_like(logp), reward)
    tensor([0.6931])
    """
    return steerlm2(logp, old_logp, mask, reward / beta, tsum(ref_logp, mask))


def steerlm2(
    logp: Float[Tensor, "P K T"],
    old_logp: Float[Tensor, "P K T"],
    mask: Num[Tensor, "P K T"],
    reward: Float[Tensor, "P K"],
    prior: Float[Tensor, "P K"],
) -> Float[Tensor, "P"]:
    """SteerLM 2.0: match the posterior of the responses, given attributes, on those that were drawn.

        w    = softmax_i( reward_i + prior_i - sum_t old_logp_it )
        b    = softmax_i( sum_t (logp_it - old_logp_it) )
        loss = -sum_i w_i log b_i

    Wang et al. 2024 (arXiv 2406.08673), whose target is P(y | a, x) proportional to P(a | x, y) P(y | x): `reward` is
    log P(a | x, y) of the attributes a that the prompt asks for, `prior` is log P(y | x) after the prompt without them,
    and the old policy is the Q' that the responses were drawn from. The gradient is their -sum_i (w_i - b_i) grad log
    pi_i, of KL(P || pi) with self-normalised weights and a baseline that keeps it still where pi is P already. With few
    responses the weights are biased, to where they are all alike. Missing responses leave both sums.

    >>> import torch
    >>> logp = torch.full((1, 2, 1), 0.5).log()
    >>> steerlm2(logp, logp, torch.ones_like(logp), torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, -1.0]]))
    tensor([0.6931])
    """
    missing = ~present(mask)
    target = (reward + prior - tsum(old_logp, mask)).masked_fill(missing, -torch.inf).softmax(1)
    log_own = tsum(logp - old_logp, mask).masked_fill(missing, -torch.inf).log_softmax(1)
    return -torch.where(missing, 0.0, target * log_own).sum(1)


def _passed_over(
    own: Float[Tensor, "P K"], others: Float[Tensor, "P #K K"], against: Bool[Tensor, "P K K"]
) -> Float[Tensor, "P K"]:
    """What it costs each response k to be chosen among itself and those it stands `against`; 0 where there are none.

    -log( exp(own_k) / (exp(own_k) + sum_i exp(others_ki)) )
    """
    rivals = others.expand(against.shape).masked_fill(~against, -torch.inf)
    return torch.cat([own.unsqueeze(2), rivals], 2).logsumexp(2) - own


def _of_best(x: Float[Tensor, "P K"], label: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P"]:
    """What `x` is for the response graded best, of equals their mean."""
    grade = label.masked_fill(~present(mask), -torch.inf)
    best = (grade == grade.amax(1, keepdim=True)).long()
    return tmean(x.unsqueeze(1), best.unsqueeze(1)).squeeze(1)


def _gaps(x: Float[Tensor, "P K"]) -> Float[Tensor, "P K K"]:
    """x_k - x_i at k, i."""
    return x.unsqueeze(2) - x.unsqueeze(1)


def _above(label: Float[Tensor, "P K"]) -> Bool[Tensor, "P K K"]:
    """Whether k is graded above i."""
    return _gaps(label) > 0


def _both(there: Bool[Tensor, "P K"]) -> Bool[Tensor, "P K K"]:
    """Whether both k and i are there."""
    return there.unsqueeze(2) & there.unsqueeze(1)
