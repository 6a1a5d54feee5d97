"""All that moves in a run: the trained weights, the dials and what a KL budget keeps, with their place on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..batch import Batch
from ..learning import checkpoint
from ..learning.local import LocalLearner
from ..learning.update import Dials, update
from ..planning import Plan
from ..recipe import Recipe
from .budget import Budget
from .seeds import seed_of


class Training:
    """A run from its first step, or from where the state in its folder left it."""

    def __init__(
        self, recipe: Recipe, needs: Plan, networks: Mapping[str, Any], *, temperature: float, folder: Path | None
    ) -> None:
        """Take the networks to train; a `folder` that holds a state is gone on from."""
        wanted = {
            role: (*names, "entropy") if "logp" in names and "entropy" not in names else names
            for role, names in needs.outputs.items()
        }
        settings, compare = recipe.optimiser, recipe.compare
        self.recipe, self.folder, self.first = recipe, folder, 0
        following = {role: recipe.models[role] for role in needs.moving if role in needs.roles}
        self.learner = LocalLearner(
            networks, wanted, settings, temperature=temperature, compare=compare, following=following
        )
        self.dials, self.budget = Dials(recipe), Budget(recipe, self.learner)
        state = checkpoint.read(folder) if folder else None
        if state is not None:
            tensors, facts = state
            self.learner.restore(tensors, facts["steps"])
            self.budget.restore(tensors, facts)
            self.dials.now, self.first = facts["dials"], facts["step"]

    def learn(self, batch: Batch, mixed: Batch | None, *, step: int, steps: int) -> dict[str, float]:
        """Learn from the batch of a step, of which a selection may have left nothing; the metrics.

        `mixed` are the judged answers that are learnt from beside it.
        """
        self.budget.begin()
        if not len(batch):
            return {}
        seed = seed_of(self.recipe.seed, "minibatches", step)
        metrics = update(self.recipe, self.learner, batch, self.dials, seed=seed, mixed=mixed)
        self.dials.turn(step=step, steps=steps, metrics=metrics)
        return metrics

    def keep(self, step: int) -> None:
        """Write the state after so many steps, where it is new and there is a folder."""
        if self.folder is not None and step > self.first:
            good, known = self.budget.state()
            facts = {"step": step, "steps": self.learner.steps, "dials": self.dials.now, **known}
            checkpoint.write(self.folder, {**self.learner.state(), **good}, facts)

    def close(self) -> None:
        """Let go of the networks."""
        self.learner.close()
