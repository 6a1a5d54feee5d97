"""Variational preference learning: a policy that is told whom it answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..dials import Dial
from ..recipe import Recipe
from ..scoring.personal import personal_score
from ._families import Online
from .rloo import rloo


def vpl_policy(*, people: str = "runs/people", beta: float | Dial = 0.05, **common: Unpack[Online]) -> Recipe:
    """Answer everybody by what they reward: the prompt tells the latent vector z of a person, who pays for the answers.

        maximise  E[ scaled(y, z) - beta log(pi(y | x, z) / pi_ref(y | x, z)) ]        over prompts x and people z

    `for_people` tells prompts of the people that are known, and `with_person` tells a prompt of somebody new, whose z
    `PersonalReward.read` takes from a few of their judgements. `people` is the folder of the personal reward, and the
    model `reward` the one whose hidden states it reads; neither is asked where another `reward` is given. The policies
    of the paper are of control tasks and learnt offline; this is the objective of `rloo` in their place, and no
    equation of theirs was seen.
    """
    common["reward"] = common.get("reward") or bind(personal_score, model="reward", folder=people)
    return replace(
        rloo(beta=beta, **common),
        name="vpl-policy",
        paper="Poddar et al. 2024, arXiv 2408.10075, its policies told z and its scaled rewards, learnt by RLOO",
        summary="answers each person by what they reward, told in the prompt by a latent vector",
    )
