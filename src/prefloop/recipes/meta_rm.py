"""A reward model that learns from a step ahead, where it tells newer answers apart better."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..objectives.rewards import bradley_terry
from ..objectives.spread import told_apart
from ..recipe import Ascent, Decoding, Draws, Model, Recipe, Term
from ._families import LONGEST, Fitted, fitted


def meta_rm(
    *,
    shifted: str = "shifted",
    draws: int = 4,
    ahead: float | Dial = 1e-3,
    max_tokens: int = LONGEST,
    **common: Unpack[Fitted],
) -> Recipe:
    """Fit a reward model to pairs, with each gradient taken a step ahead towards telling the `draws` further apart.

    `shifted` is where the model comes from that draws them: the policy as it is now, whose answers are no longer those
    that were judged. It answers the prompts of the pairs. `ahead` is the rate of that step, which has to be tried: too
    small, it changes nothing.
    """
    recipe = fitted(
        name="meta-rm",
        paper="Dou et al. 2024, arXiv 2405.00438; Wang et al. 2024, arXiv 2401.06080, drawn for the judged prompts",
        summary="a reward model from pairs, learnt a step ahead towards telling a newer policy's answers apart",
        objective=bind(bradley_terry),
        beside={"shifted": Model(source=shifted)},
        draws=Draws(by="shifted", k=draws, decoding=Decoding(max_tokens=max_tokens)),
        **common,
    )
    pairs = Term(objective=bind(bradley_terry), first=2)
    climbed = Ascent(term=Term(objective=bind(told_apart)), rate=ahead)
    return replace(recipe, objective=(pairs,), ascent=climbed)
