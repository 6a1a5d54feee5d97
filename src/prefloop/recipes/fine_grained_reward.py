"""A reward model of one kind of error, for fine-grained RLHF."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.parts import parts_told
from ..recipe import Recipe
from ._families import Fitted, fitted


def fine_grained_reward(**common: Unpack[Fitted]) -> Recipe:
    """Fit a model to which sentences, or parts of them, are free of the errors that people marked.

    One model for one kind of error: `Data(about=...)` says which marks count, and `ends` where its parts end. Three of
    them pay a policy in `fine-grained-rlhf`.
    """
    return fitted(
        name="fine-grained-reward",
        paper="Wu et al. 2023, arXiv 2306.01693, the models of relevance and factuality",
        summary="a reward model of sentences or parts of them, from errors that people marked",
        objective=bind(parts_told),
        reads="token_score",
        **common,
    )
