"""Objectives that imitate: make given tokens likelier."""

from jaxtyping import Float
from torch import Tensor


def nll(logp: Float[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """Negative log-likelihood of each token.

        loss_t = -logp_t

    The language-modelling loss of supervised fine-tuning (Ouyang et al. 2022, arXiv 2203.02155, section 3.5). With one
    answer to a prompt it is plain imitation; on the answers that a selection kept it is RAFT (Dong et al. 2023, arXiv
    2304.06767, algorithm 1) and expert iteration; as a second term beside a policy objective it is the pretraining mix
    of PPO-ptx (arXiv 2203.02155, equation 2).

    >>> import torch
    >>> nll(torch.tensor([[[-1.5, -0.5]]]))
    tensor([[[1.5000, 0.5000]]])
    """
    return -logp
