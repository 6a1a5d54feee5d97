"""Objectives of reward models that learn from what people said of the parts of an answer: steps, sentences, spans."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from ..binding import learns_from


@learns_from("parts")
def parts_told(
    token_score: Float[Tensor, "P K T"], token_label: Float[Tensor, "P K T"], *, neutral: float = 1.0
) -> Float[Tensor, "P K"]:
    """Binary cross-entropy at the end of every part that was judged, summed over the parts of an answer.

        loss = - sum_t [ y_t log sigmoid(token_score_t) + (1 - y_t) log(1 - sigmoid(token_score_t)) ]
        y_t  = token_label_t, and `neutral` where that is 1/2        t over the ends of judged parts

    The process reward model of Lightman et al. 2023 (arXiv 2305.20050), as a yes-or-no head at the end of each step in
    place of their predicted word, and the models of relevance and factuality of fine-grained RLHF (Wu et al. 2023,
    arXiv 2306.01693). A label is 1 where the part is right and 0 where it is not; people may also call a step neutral,
    1/2. With `neutral` 1 that counts as right, with 0 as wrong. Every judged part weighs the same, however long the
    answer.

    >>> import torch
    >>> label = torch.tensor([[[torch.nan, 1.0, 0.0]]])
    >>> parts_told(torch.zeros(1, 1, 3), label)
    tensor([[1.3863]])
    """
    right = torch.where(token_label == 0.5, neutral, token_label.nan_to_num())
    losses = binary_cross_entropy_with_logits(token_score, right, reduction="none")
    return torch.where(token_label.isnan(), 0.0, losses).sum(-1)
