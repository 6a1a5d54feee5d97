"""A reward model for each of several groups of people, and how far everybody belongs to each."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.mixtures import person_mixture
from ..recipe import Model, Recipe
from ._families import Fitted, fitted, groups_of


def annotator_groups(*, groups: int = 2, **common: Unpack[Fitted]) -> Recipe:
    """Fit a reward for each of so many groups, and for everybody a weight on each, to pairs of several people."""
    return fitted(
        name="annotator-groups",
        paper="Chakraborty et al. 2024, arXiv 2402.08925, the mixture, with a learnt weight of everybody on each group",
        summary="a reward for each of several groups of people, who are not told apart beforehand",
        objective=bind(person_mixture),
        channels=groups_of(groups),
        beside={"people": Model(head="traits", channels=groups_of(groups), train=True)},
        **common,
    )
