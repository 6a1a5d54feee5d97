"""What the judged answers of a run never say, so that a model cannot have learnt it."""

from __future__ import annotations

from collections.abc import Sequence

from ..planning import plan
from ..recipe import Recipe
from ..recipe_models import TABLES
from ..text import Group


def unseen(recipe: Recipe, learnt: Sequence[Group]) -> list[str]:
    """A warning for every class that a recipe tells apart and nobody named, and every attribute rated all the same."""
    needs, objective = plan(recipe), recipe.objective[0].objective
    found = []
    if "tied" in needs.judged and not any(g.target == 0.5 for g in learnt):
        found.append(
            f"none of the {len(learnt)} pairs is a tie: how often people see no difference is not learnt. Where they "
            "could not say so, take `bradley-terry`."
        )
    if objective.name == "ordinal":
        lowest = int(objective.knobs["lowest"])
        steps = next(len(m.channels) for m in recipe.models.values() if m.head in TABLES)
        given = {label for g in learnt for label in g.labels}
        missing = [f"{grade}" for grade in range(lowest, lowest + steps + 1) if grade not in given]
        if missing:
            found.append(
                f"nobody gave the grade {', '.join(missing)}: where it begins and ends is not learnt. Take the grades "
                "that there are: ordinal(lowest=..., highest=...)."
            )
    if "aspect" in needs.judged:
        [channels] = [m.channels for m in recipe.models.values() if m.train and m.source]
        for name in channels:
            rated = [number for g in learnt for number in g.aspects.get(name, ()) if number is not None]
            if len(set(rated)) == 1:
                found.append(
                    f"all {len(rated)} ratings of `{name}` are {rated[0]:g}: what answers have of it is not learnt."
                )
    return found
