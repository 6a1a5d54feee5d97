"""Penalties per token: distance to the reference model, and want of entropy.

Each KL estimator is used by its value (as a metric, over samples of the policy) and by its gradient (as a loss term).
The two do not go together: a good estimate of the KL can have the gradient of something else, or none. With pi the
policy, the tokens drawn from pi itself, and everything at one state (one prefix):

    name     its mean is               the mean of its gradient is that of
    kl_k1    KL(pi || ref)             nothing: it is zero
    kl_k2    near KL(pi || ref)        KL(pi || ref), the reverse KL
    kl_k3    KL(pi || ref)             KL(ref || pi), the forward KL

As a loss none of them reaches back to the choice of the state: earlier tokens are not blamed for later divergence.
`kl_k2_whole`, whose only state is the prompt, and `shaping.kl_in_reward` do that. On samples of an older policy the
means above no longer hold.
"""

from jaxtyping import Float, Num
from torch import Tensor

from ..ops import tsum


def kl_k1(logp: Float[Tensor, "P K T"], ref_logp: Float[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """The log-ratio: unbiased for KL(pi || ref), useless as a loss.

        k1 = logp - ref_logp

    Schulman, "Approximating KL divergence" (note, 2020), estimator k1; single terms may be negative.

    Gradient as a loss on samples of the policy: grad k1 = grad logp, whose mean is zero. The term only adds noise (the
    mistake mended in NVIDIA-NeMo/RL pull request 2506). Use it as a metric, or inside the reward.

    >>> import torch
    >>> kl_k1(torch.tensor([[[-1.0]]]), torch.tensor([[[-1.5]]]))
    tensor([[[0.5000]]])
    """
    return logp - ref_logp


def kl_k2(logp: Float[Tensor, "P K T"], ref_logp: Float[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """Half the squared log-ratio: biased for the KL, right as a loss.

        k2 = 1/2 (logp - ref_logp)^2

    Schulman, "Approximating KL divergence" (note, 2020), estimator k2; equal to KL(pi || ref) to second order.

    Gradient as a loss on samples of the policy: grad k2 = (logp - ref_logp) grad logp, whose mean at a state is the
    gradient of the reverse KL(pi || ref) there. The one of the three to take for a KL penalty in the loss.

    >>> import torch
    >>> kl_k2(torch.tensor([[[-1.0]]]), torch.tensor([[[-1.5]]]))
    tensor([[[0.1250]]])
    """
    return 0.5 * (logp - ref_logp).square()


def kl_k3(logp: Float[Tensor, "P K T"], ref_logp: Float[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """The log-ratio with a control variate: unbiased for KL(pi || ref) and never negative; as a loss another KL.

        k3 = exp(ref_logp - logp) - 1 - (ref_logp - logp)

    Schulman, "Approximating KL divergence" (note, 2020), estimator k3; the KL term of GRPO (arXiv 2402.03300,
    equation 4).

    Gradient as a loss on samples of the policy: grad k3 = (1 - exp(ref_logp - logp)) grad logp, whose mean at a state
    is the gradient of the forward KL(ref || pi) there, not of the KL it estimates. The weight is unbounded where the
    reference finds a token far likelier than the policy does.

    >>> import torch
    >>> kl_k3(torch.tensor([[[-1.0]]]), torch.tensor([[[-1.5]]]))
    tensor([[[0.1065]]])
    """
    log_ratio = ref_logp - logp
    return log_ratio.expm1() - log_ratio


def kl_k2_whole(
    logp: Float[Tensor, "P K T"], ref_logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]
) -> Float[Tensor, "P K"]:
    """Half the squared log-ratio of the whole response: `kl_k2` with the response as one choice.

        k2 = 1/2 (sum_t (logp_t - ref_logp_t))^2

    Schulman, "Approximating KL divergence" (note, 2020), estimator k2, of the sequence.

    Gradient as a loss on samples of the policy: grad k2 = log(pi / ref) grad log pi of the whole response. Its mean is
    the gradient of the reverse KL(pi || ref) of whole responses, where early tokens are blamed for what they lead to:
    the same as `shaping.kl_in_reward` gives a policy gradient without a baseline. It varies more than `kl_k2`, most
    where responses are long.

    >>> import torch
    >>> logp, ref_logp = torch.tensor([[[-1.0, -1.0]]]), torch.tensor([[[-1.5, -1.5]]])
    >>> kl_k2_whole(logp, ref_logp, torch.ones(1, 1, 2))
    tensor([[0.5000]])
    """
    return 0.5 * tsum(logp - ref_logp, mask).square()


def entropy(entropy: Float[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """The entropy bonus, as something to minimise.

        loss_t = -entropy_t

    The bonus S of Schulman et al. 2017 (arXiv 1707.06347), equation 9, after Williams and Peng 1991. `entropy` is that
    of the whole next-token distribution, so the gradient is exact at each state.

    >>> import torch
    >>> entropy(torch.tensor([[[0.7]]]))
    tensor([[[-0.7000]]])
    """
    return -entropy
