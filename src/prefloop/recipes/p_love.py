"""A reward model from thumbs."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.thumbs import p_love as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def p_love(*, liked: float = 1.0, disliked: float = 1.0, **common: Unpack[Fitted]) -> Recipe:
    """Fit the probability that an answer is liked; a thumb up counts `liked` and one down `disliked`."""
    return fitted(
        name="p-love",
        paper="Han et al. 2025, arXiv 2505.14946, with class weights of our own",
        summary="a classifier of what people like, from thumbs",
        objective=bind(objective, liked=liked, disliked=disliked),
        **common,
    )
