"""Objectives that imitate: make given tokens likelier."""

from jaxtyping import Float, Num
from torch import Tensor

from ..ops import tmean, tsum


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


def nll_of_best(logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of the preferred response, which is at index 0, as a whole.

        loss = -sum_t logp_0t

    What keeps the preferred answer likely beside a loss that only compares: CPO (Xu et al. 2024, arXiv 2401.08417) and
    RPO (Liu et al. 2024, arXiv 2405.16436) add it to a loss on pairs. A long answer weighs more than a short one.

    >>> import torch
    >>> nll_of_best(torch.tensor([[[-1.5, -0.5], [-9.0, -9.0]]]), torch.ones(1, 2, 2))
    tensor([2.])
    """
    return -tsum(logp, mask)[:, 0]


def nll_of_best_per_token(logp: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P"]:
    """Negative log-likelihood of the preferred response, which is at index 0, for each of its tokens.

        loss = -mean_t logp_0t

    The first term of ORPO (Hong et al. 2024, arXiv 2403.07691, equation 6), for which every answer weighs the same,
    whatever its length.

    >>> import torch
    >>> nll_of_best_per_token(torch.tensor([[[-1.5, -0.5], [-9.0, -9.0]]]), torch.ones(1, 2, 2))
    tensor([1.])
    """
    return -tmean(logp, mask)[:, 0]
