"""A reward model from thumbs of which one kind is rare."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.thumbs import balanced_p_love as objective
from ..recipe import Recipe
from ._families import Fitted, fitted


def p_love_balanced(**common: Unpack[Fitted]) -> Recipe:
    """Fit the probability that an answer is liked; all thumbs up count as much as all thumbs down."""
    return fitted(
        name="p-love-balanced",
        paper="Han et al. 2025, arXiv 2505.14946, with class weights of our own",
        summary="a classifier of what people like, where likes or dislikes are rare",
        objective=bind(objective),
        **common,
    )
