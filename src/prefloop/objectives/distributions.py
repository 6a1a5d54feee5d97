"""How far the policy's next-token distribution is from another: functions of `compare`, over the whole vocabulary.

They see the logits of some places at a time (... V) and give one number for each, so that no more than those are ever
held. What is given is differentiated through `logits`; frozen models' logits are constants.
"""

from jaxtyping import Float
from torch import Tensor

from ..binding import gives
from ..errors import above_zero


@gives("token_kl")
def kl_from_reference(logits: Float[Tensor, "... V"], ref_logits: Float[Tensor, "... V"]) -> Float[Tensor, "..."]:
    """The divergence of the policy from the reference, weighed by the reference.

        token_kl = sum_v ref_v (log ref_v - log pi_v)

    The sequential KL divergence of Zeng et al. 2024 (arXiv 2404.11999), definition 4.2, is its sum over a response.
    In nats.

    >>> import torch
    >>> kl_from_reference(torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 1.0986]]))
    tensor([0.1308])
    """
    return _kl(ref_logits.log_softmax(-1), logits.log_softmax(-1))


@gives("token_kl")
def kl_to_mixed(
    logits: Float[Tensor, "... V"],
    dpo_logits: Float[Tensor, "... V"],
    ref_logits: Float[Tensor, "... V"],
    *,
    beta: float = 0.05,
    dpo_beta: float = 0.1,
) -> Float[Tensor, "..."]:
    """The divergence of the policy to a teacher between the reference and a DPO model, or beyond it.

        teacher  = softmax(ref_logits + (dpo_beta / beta) (dpo_logits - ref_logits))
        token_kl = beta sum_v pi_v (log pi_v - log teacher_v)

    Zhang et al. 2025 (arXiv 2503.02832), theorem 1: in every place the policy that maximises the DPO model's implicit
    reward of the next token, dpo_beta log(dpo_v / ref_v), less `beta` times its KL to the reference. What later tokens
    will be paid is left out, so that over whole answers this is the optimum of RLHF only where `beta` is `dpo_beta`.

    Raises:
        RecipeError: `beta` is not above 0.

    >>> import torch
    >>> kl_to_mixed(torch.zeros(1, 2), torch.tensor([[0.0, 0.5493]]), torch.zeros(1, 2), beta=1.0, dpo_beta=2.0)
    tensor([0.1438])
    """
    above_zero("kl_to_mixed", beta=beta)
    teacher = ref_logits + dpo_beta / beta * (dpo_logits - ref_logits)
    return beta * _kl(logits.log_softmax(-1), teacher.log_softmax(-1))


@gives("token_kl")
def kl_to_extrapolated(
    logits: Float[Tensor, "... V"],
    dpo_logits: Float[Tensor, "... V"],
    reverse_logits: Float[Tensor, "... V"],
    *,
    beta: float = 0.1,
    scale: float = 10.0,
    least: float = 1e-3,
) -> Float[Tensor, "..."]:
    """The divergence of the policy to a teacher beyond the DPO model, the further the more two models differ there.

        w        = scale sum_v |dpo_v - reverse_v| + least
        teacher  = softmax(dpo_logits + w (dpo_logits - reverse_logits))
        token_kl = (beta / w) sum_v pi_v (log pi_v - log teacher_v)

    AlignDistil (Zhang et al. 2025, arXiv 2503.02832) as in the authors' code, where the reverse model was trained by
    DPO with all labels turned round, and the sum in w is twice the total variation distance. Where the two agree, the
    teacher is the DPO model, and `least` keeps the weight from being infinite.

    Raises:
        RecipeError: `least` is not above 0.

    >>> import torch
    >>> kl_to_extrapolated(torch.zeros(1, 2), torch.tensor([[0.0, 0.5493]]), torch.zeros(1, 2), scale=3.7321)
    tensor([0.0144])
    """
    above_zero("kl_to_extrapolated", least=least)
    weight = scale * (dpo_logits.softmax(-1) - reverse_logits.softmax(-1)).abs().sum(-1) + least
    teacher = dpo_logits + weight.unsqueeze(-1) * (dpo_logits - reverse_logits)
    return beta / weight * _kl(logits.log_softmax(-1), teacher.log_softmax(-1))


def _kl(p: Float[Tensor, "... V"], q: Float[Tensor, "... V"]) -> Float[Tensor, "..."]:
    """KL(p || q) of two distributions, from their log-probabilities."""
    return (p.exp() * (p - q)).sum(-1)
