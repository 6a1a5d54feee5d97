"""Attribute-conditioned alignment by posterior matching."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..objectives.lists import steerlm2 as objective
from ..recipe import Model, Recipe, Term
from ..scoring.model import model_score
from ..scoring.steering import attribute_likelihood, prior
from ._families import Online, online
from .helpsteer2 import ATTRIBUTES


def steerlm2(*, names: tuple[str, ...] = ATTRIBUTES, spread: float = 0.5, **common: Unpack[Online]) -> Recipe:
    """Answer prompts that ask for attributes as the posterior does: P(y | a, x), in proportion to P(a | x, y) P(y | x).

    The prompts ask by `with_attributes`, and the policy has best learnt to hear them by `sft` on `conditioned` data.
    `reward` predicts the attributes `names`, one number for each: by default the model `reward`, as `helpsteer2` fits
    it. `spread` is how far off it is, in the unit of the ratings. `plain` is the model whose answers are told nothing:
    the policy as it is at the start unless it is set. The policy draws its own answers anew in every step, where the
    paper draws once in each of a few rounds.
    """
    given = common.get("reward")
    common["reward"] = bind(
        attribute_likelihood,
        reward=given or bind(model_score, model="reward"),
        names=names,
        spread=spread,
        **({} if given else {"model": "reward"}),
    )
    made = online(
        name="steerlm2",
        paper="Wang et al. 2024, arXiv 2406.08673, SteerLM 2.0, with a Gaussian attribute model",
        summary="answers with the attributes its prompt asks for, by weights that match their posterior",
        models={"plain": Model(source="policy")},
        objective=(Term(objective=bind(objective)),),
        **common,
    )
    return replace(made, score={**made.score, "prior": bind(prior, model="plain")})
