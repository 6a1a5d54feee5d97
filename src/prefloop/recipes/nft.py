"""Negative-aware fine-tuning."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.singles import nft as objective
from ..recipe import Recipe, Term
from ._families import Online, online


def nft(*, bar: float = 0.5, eps: float = 1.0, minibatches: int = 4, **common: Unpack[Online]) -> Recipe:
    """Learn from answers that are right or wrong: right is what is paid more than `bar`."""
    return online(
        name="nft",
        paper="Chen et al. 2025, arXiv 2505.18116, section 3",
        summary="imitates its right answers, and learns from the wrong ones through what they imply",
        objective=(Term(objective=bind(objective, bar=bar, eps=eps)),),
        minibatches=minibatches,
        **common,
    )
