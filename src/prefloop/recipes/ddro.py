"""Direct document relevance optimisation: DPO on the ids of documents."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def ddro(*, beta: float = 0.4, **common: Unpack[Direct]) -> Recipe:
    """Rank documents by the ids that a model writes for a query: the id of a relevant one before that of another.

    The loss is `dpo`, and nothing else; what is its own is the data and where it starts. A prompt is a query, an answer
    the id of a document as text, and `model` one that `sft` has taught to write ids: it is the reference too. The paper
    has an encoder-decoder, reads ids by beam search among those that exist, and takes negatives from BM25; here the
    model is a decoder, and neither the search nor the negatives are part of this.
    """
    return direct(
        name="ddro",
        paper="Mekonnen et al. 2025, arXiv 2504.05181",
        summary="ranks documents by the ids a model writes for a query: DPO on relevant and other ids",
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
