"""Proximal policy optimisation with a pretraining mix."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..objectives.imitation import nll
from ..recipe import Mix, Recipe, Term
from ._families import Online
from .ppo import ppo


def ppo_ptx(*, beta: float | Dial = 0.05, ptx: float | Dial = 1.0, mixed: int = 8, **common: Unpack[Online]) -> Recipe:
    """PPO that also imitates texts people wrote, so that it does not forget them while it pleases the reward.

    `ptx` is the weight of their log-likelihood, a mean over tokens where the paper takes a sum over texts, and `mixed`
    how many of them a step takes; `data` says where they are.
    """
    return replace(
        ppo(beta=beta, **common),
        name="ppo-ptx",
        paper="Ouyang et al. 2022, arXiv 2203.02155, equation 2",
        summary="clipped policy gradient with a learned critic, and imitation of given answers beside it",
        mix=Mix(term=Term(objective=bind(nll), weight=ptx), batch=mixed),
    )
