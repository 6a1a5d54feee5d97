"""A loss on pairs, with the policy told how much of what an answer says was taken out."""

from __future__ import annotations

from typing import Unpack

from ..binding import Bound, bind
from ..dials import Dial
from ..objectives.degrees import degree_told
from ..objectives.pairs import dpo
from ..recipe import Recipe, Term
from ._families import Direct, direct


def spo_degree(
    *,
    beta: float = 0.1,
    loss: Bound | None = None,
    weight: float | Dial = 0.1,
    degrees: int = 4,
    head: float = 20.0,
    **common: Unpack[Direct],
) -> Recipe:
    """Learn from pairs, and to tell to which of some degrees key phrases were taken out of the preferred answer.

    `loss` is the loss on pairs, DPO at `beta` unless another is given, and `weight` that of the cross-entropy added to
    it. Key phrases are found by RAKE, in English (`prefloop.feedback.key_content`). The paper lessens a model's output,
    here it is the preferred answer of the data; the defaults of `weight`, `degrees` and `head` are not the paper's.
    """
    return direct(
        name="spo-degree",
        paper="Li et al. 2024, arXiv 2409.17791, in the form of a linear head that reads the data's preferred answers",
        summary="learns from pairs, and how much of what it says an answer lacks",
        degrees=degrees,
        head=head,
        objective=(
            Term(objective=loss or bind(dpo, beta=beta), first=2),
            Term(objective=bind(degree_told), weight=weight),
        ),
        **common,
    )
