"""Proximal policy optimisation with two critics and a KL price that watches reward and entropy."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..dials import Dial, GatedKL
from ..recipe import Critics, Recipe
from ._families import Online
from .ppo import ppo

GATED = GatedKL()
"""The KL price unless a recipe says otherwise."""


def safe_entropy(
    *,
    beta: float | Dial = GATED,
    softness: float = 0.3,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO whose value is the soft minimum of two critics, its KL free up to a threshold that moves (`dials.GatedKL`).

    SAFE in the form of its summaries: the two critics, the gate on the entropy and the threshold. Both critics learn
    through their soft minimum. The phase detector and the preview of a step are left out; the clipped squared error
    of the critic and the advantages by GAE are PPO's.
    """
    plain = ppo(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common)
    critic = replace(plain.models["critic"], critics=Critics(softness=softness))
    return replace(
        plain,
        name="safe-entropy",
        paper="SAFE, Maity 2026, arXiv 2602.04651, in the form of its summaries, on PPO, arXiv 1707.06347",
        summary="PPO with two critics, read pessimistically, and a KL price that watches reward and entropy",
        models={**plain.models, "critic": critic},
    )
