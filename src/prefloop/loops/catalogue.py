"""The published methods as plain rows: what each is, and what it needs."""

from __future__ import annotations

from typing import Any

from ..planning import plan
from ..recipes import methods

_PAIRS = {(): "pairs", ("label",): "rated pairs", ("target",): "pairs with strengths"}
"""What a method that learns from pairs is given, by what it reads of what people said beside the order."""


def catalogue() -> list[dict[str, Any]]:
    """One row for every method: name, family, paper, summary, needs.

    >>> [row["needs"] for row in catalogue() if row["name"] == "dpo"]
    [['pairs', 'policy', 'ref']]
    """
    rows = []
    for make in methods().values():
        recipe = make()
        needs = plan(recipe)
        judged = _PAIRS[needs.judged] if needs.pairwise else "labelled answers" if needs.judged else "judged answers"
        takes = ["prompts" if recipe.sample else judged]
        roles = list(needs.roles) if recipe.objective else ["policy", *needs.roles]
        rows.append(
            {
                "name": recipe.name,
                "family": recipe.family,
                "paper": recipe.paper,
                "summary": recipe.summary,
                "needs": [*takes, *roles],
            }
        )
    return rows
