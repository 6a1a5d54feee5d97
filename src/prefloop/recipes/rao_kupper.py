"""A reward model from pairs with ties, by a threshold."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.ties import rao_kupper as objective
from ..recipe import Model, Recipe
from ._families import Fitted, fitted


def rao_kupper(**common: Unpack[Fitted]) -> Recipe:
    """Fit a reward model to preferences and ties; below which difference people see none is learnt."""
    return fitted(
        name="rao-kupper",
        paper="Rao and Kupper 1967",
        summary="a reward model from pairs with ties, by a threshold below which people see no difference",
        objective=bind(objective),
        beside={"ties": Model(head="numbers", channels=("threshold",), train=True)},
        **common,
    )
