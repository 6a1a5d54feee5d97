"""A reward model from pairs with ties."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.ties import davidson as objective
from ..recipe import Model, Recipe
from ._families import Fitted, fitted


def davidson(**common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to which of two answers people preferred, or to neither; how often equals tie is learnt."""
    return fitted(
        name="davidson",
        paper="Davidson 1970",
        summary="a reward model from pairs with ties, likeliest between equals",
        objective=bind(objective),
        beside={"ties": Model(head="numbers", channels=("log nu",), train=True)},
        **common,
    )
