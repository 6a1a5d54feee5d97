"""Fine-grained RLHF."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Model, Recipe
from ..scoring.spans import CLAUSES, SENTENCES, WHOLE, span_score
from ..shaping.channels import weighted_spans
from ._families import Online
from .prm_rl import prm_rl

ROLES = ("relevance", "factuality", "completeness")


def fine_grained_rlhf(
    *,
    ends: tuple[str, str, str] = (CLAUSES, SENTENCES, WHOLE),
    weights: tuple[float, float, float] = (1.0, 1.0, 1.0),
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO paid by three models, each where its own parts of an answer end: sub-sentences, sentences, the whole.

    `ends` says where the parts end that `relevance`, `factuality` and `completeness` judge, as regular expressions, and
    `weights` what each model counts. They come from outside, have a `token_score` head and the policy's tokenizer.
    """
    plain = prm_rl(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common)
    judges = {role: Model(source=role, head="token_score") for role in ROLES}
    return replace(
        plain,
        name="fine-grained-rlhf",
        paper="Wu et al. 2023, arXiv 2306.01693, one `token_score` head for each of its reward models",
        summary="PPO paid by several models, each at the end of its own sub-sentences, sentences or whole answers",
        models={**{role: model for role, model in plain.models.items() if role != "prm"}, **judges},
        score={"token_reward": common.get("reward") or bind(span_score, model=ROLES, ends=ends)},
        derive=(bind(weighted_spans, weights=weights), *plain.derive),
    )
