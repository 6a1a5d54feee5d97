"""Directional preference alignment."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from ..binding import bind
from ..recipe import Recipe
from ..scoring.directions import directed
from ..scoring.model import model_score
from ._families import Online
from .raft import raft


def dpa(*, names: tuple[str, ...] = ("helpfulness", "verbosity"), **common: Unpack[Online]) -> Recipe:
    """Imitate of k answers the one that goes furthest in the direction of rewards that the prompt says.

    The prompts say it by `with_direction`; `directions` gives some to draw from. `reward` gives a number for each of
    the `names`, in units of their own deviations: by default the model `reward`, which has a channel for each.
    """
    given = common.get("reward")
    common["reward"] = bind(
        directed,
        reward=given or bind(model_score, model="reward"),
        names=names,
        **({} if given else {"model": "reward"}),
    )
    return replace(
        raft(**common),
        name="dpa",
        paper="Wang et al. 2024, arXiv 2402.18571, its rejection-sampling fine-tuning, in every step",
        summary="imitates of k own answers the one that is best in the direction of rewards its prompt says",
    )
