"""Policy gradient paid by a process reward model."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Model, Recipe
from ..scoring.spans import LINES, span_score
from ..shaping import total_reward
from ..shaping.kl import kl_in_tokens
from ._families import Online
from .ppo import ppo


def prm_rl(
    *,
    ends: str = LINES,
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO paid at the end of every step by the model `prm`, which comes from outside; no other token is paid.

    `ends` says where a step ends, as a regular expression: by default with its line. What is left after the last match
    is the last step. The model has a `token_score` head and the policy's tokenizer; its number is paid as it is.
    """
    plain = ppo(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common)
    _, *credit = plain.derive
    return replace(
        plain,
        name="prm-rl",
        paper="step rewards as in Uesato et al. 2022, arXiv 2211.14275, from a process reward model, with PPO",
        summary="PPO paid at the end of every step by a process reward model",
        models={
            **{role: model for role, model in plain.models.items() if role != "reward"},
            "prm": Model(source="prm", head="token_score"),
        },
        score={"token_reward": common.get("reward") or bind(span_score, model="prm", ends=ends)},
        derive=(bind(total_reward), bind(kl_in_tokens, beta=beta), *credit),
    )
