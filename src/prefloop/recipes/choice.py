"""A reward model from choices among K answers."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.rewards import kway_choice
from ..recipe import Recipe
from ._families import Fitted, fitted


def choice(**common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to which of K answers people chose; a pair is the case K = 2."""
    return fitted(
        name="choice",
        paper="Ziegler et al. 2019, arXiv 1909.08593, equation 1",
        summary="a reward model from choices among K answers, pairs included",
        objective=bind(kway_choice),
        **common,
    )
