"""Policy gradient paid by a model that corrects answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Model, Recipe
from ..scoring.seq2seq import correction_reward
from ._families import Online
from .prm_rl import prm_rl


def seq2seq_rm(
    *,
    right: float = 1.0,
    wrong: float = 1.0,
    beta: float | Dial = 0.05,
    lam: float = 0.95,
    passes: int = 1,
    minibatches: int = 1,
    **common: Unpack[Online],
) -> Recipe:
    """PPO paid for every token that the model `corrector` would leave as it is, and charged for what it would not.

    The corrector is a language model with the policy's tokenizer, fitted by `sft` to `correction_pairs`. `right` is
    what a response is paid that stays as it is, `wrong` what one costs of which nothing stays. The corrector is shown
    the whole response, in the paper too, so that what it pays a token may depend on later ones; a token is credited
    with what comes at it and after it, and not with that.
    """
    plain = prm_rl(beta=beta, lam=lam, passes=passes, minibatches=minibatches, **common)
    paid = bind(correction_reward, model="corrector", right=right, wrong=wrong)
    return replace(
        plain,
        name="seq2seq-rm",
        paper="Zhou et al. 2024, arXiv 2409.00162, with a scale of token rewards of our own, over the length",
        summary="PPO paid for the tokens that a model which corrects answers leaves as they are",
        models={
            **{role: model for role, model in plain.models.items() if role != "prm"},
            "corrector": Model(source="corrector"),
        },
        score={"token_reward": common.get("reward") or paid},
    )
