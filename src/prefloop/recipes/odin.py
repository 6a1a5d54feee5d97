"""A reward model whose quality is kept apart from length."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..objectives.lengths import channels_apart, length_correlation, summed_bradley_terry
from ..recipe import Recipe, Term
from ._families import Fitted, fitted


def odin(*, length: float | Dial = 1.0, apart: float | Dial = 1.0, **common: Unpack[Fitted]) -> Recipe:
    """Fit two heads to pairs, of which one takes what length explains and the other, the quality, what it does not.

    `length` weighs the correlations with length, `apart` how alike the two heads look. The quality alone pays a policy:
    `weighted_channels` with the weights (1, 0).
    """
    common.setdefault("batch", 32)
    return fitted(
        name="odin",
        paper="Chen et al. 2024, arXiv 2402.07319, the heads not normalised",
        summary="a reward model whose quality is kept apart from length",
        objective=bind(summed_bradley_terry),
        further=(
            Term(objective=bind(length_correlation), weight=length),
            Term(objective=bind(channels_apart), weight=apart),
        ),
        channels=("quality", "length"),
        **common,
    )
