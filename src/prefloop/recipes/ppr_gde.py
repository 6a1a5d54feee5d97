"""Pairwise preference reward and group-based diversity enhancement."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import group_win_rate
from ..credit import grpo as group_standard
from ..dials import Dial
from ..objectives.penalties import kl_k3
from ..objectives.policy import ppo_clip
from ..recipe import Recipe, Term
from ..shaping.siblings import diverse_win
from ._families import REFERENCE, Online, online


def ppr_gde(*, beta: float | Dial = 0.05, weight: float = 0.1, **common: Unpack[Online]) -> Recipe:
    """GRPO paid by how often an answer beats the others to its prompt, and by how little its tokens are theirs."""
    return online(
        name="ppr-gde",
        paper="Cao et al. 2026, arXiv 2605.18191, in the form with a reward for wins and diversity of tokens",
        summary="compares answers to one prompt by their wins over each other, and pays for variety",
        models=REFERENCE,
        derive=(bind(group_win_rate), bind(diverse_win, weight=weight), bind(group_standard)),
        objective=(
            Term(objective=bind(ppo_clip), per="response"),
            Term(objective=bind(kl_k3), weight=beta, per="response"),
        ),
        **common,
    )
