"""Explainable dense rewards."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Recipe
from ..scoring.attributions import Way, attributed
from ..shaping.kl import kl_in_tokens
from ..shaping.spread import spread_reward
from ._families import Online
from .ppo import ppo


def dense_reward(
    *,
    by: tuple[Way, ...] = ("gain", "shapley_so_far"),
    weights: tuple[float, ...] = (0.4, 0.4),
    samples: int = 4,
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO whose reward is spread over the tokens that earned it, by attributions of the model `reward`.

    `by` are the ways of attribution, `weights` what each counts; what is left of 1 is paid at the last token, and so is
    what the attributions miss of the reward. Ways that do not look ahead change how fast it learns and not what; the
    paper's own look at the whole answer, which biases credit by tokens. `samples` is the number of orders of Shapley
    values. The paper searches for the weights around whole runs. The model `reward` has the policy's tokenizer, and
    reads as many parts of an answer as `attributed` says.
    """
    plain = ppo(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common)
    _, *credit = plain.derive
    return replace(
        plain,
        name="dense-reward",
        paper="Koo et al. 2025, arXiv 2504.16272, with attributions that do not look ahead",
        summary="PPO whose reward is spread over the tokens that earned it",
        score={**plain.score, "token_reward": bind(attributed, model="reward", by=by, samples=samples)},
        derive=(bind(spread_reward, weights=weights), bind(kl_in_tokens, beta=beta), *credit),
    )
