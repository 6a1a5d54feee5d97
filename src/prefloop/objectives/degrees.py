"""Objectives on how much of its key content a response lacks."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import cross_entropy


def degree_told(degree_logits: Float[Tensor, "P K D"], degree: Int[Tensor, "P K"]) -> Float[Tensor, "P"]:
    """Tell from the policy's own hidden state to which degree key content was taken out of an answer.

        loss = mean over the responses k with a degree of -log softmax(degree_logits_k)[degree_k]

    The auxiliary loss of self-supervised preference optimisation (Li et al. 2024, arXiv 2409.17791), in the form of a
    linear classifier on the last hidden state and a plain cross-entropy; it is added, weighted, to a loss on pairs. In
    nats; log D where every degree is taken to be as likely, 0 for a prompt of which no response has a degree.

    >>> import torch
    >>> logits = torch.tensor([[[0.0, 0.0], [5.0, -5.0], [3.0, 3.0]]])
    >>> degree_told(logits, torch.tensor([[0, -1, 1]]))
    tensor([0.6931])
    """
    terms = cross_entropy(degree_logits.transpose(1, 2), degree, reduction="none", ignore_index=-1)
    return terms.sum(1) / (degree >= 0).sum(1).clamp(min=1)
