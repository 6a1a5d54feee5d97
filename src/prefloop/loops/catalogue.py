"""The published methods as plain rows: what each is, and what it needs."""

from __future__ import annotations

from typing import Any

from ..planning import plan
from ..recipes import methods
from .judged import takes


def catalogue() -> list[dict[str, Any]]:
    """One row for every method: name, family, paper, summary, needs.

    >>> [row["needs"] for row in catalogue() if row["name"] == "dpo"]
    [['pairs', 'policy', 'ref']]
    """
    rows = []
    for make in methods().values():
        recipe = make()
        needs = plan(recipe)
        data = ["prompts", *(["answers"] if recipe.takes_both else [])] if recipe.sample else [takes(needs)]
        roles = list(needs.roles) if recipe.objective else ["policy", *needs.roles]
        rows.append(
            {
                "name": recipe.name,
                "family": recipe.family,
                "paper": recipe.paper,
                "summary": recipe.summary,
                "needs": [*data, *roles],
            }
        )
    return rows
