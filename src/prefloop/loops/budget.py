"""A KL budget: how far an online run may go from the reference, and what is left when it has gone further."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ..learning.local import LocalLearner, Weights
from ..recipe import Recipe

OVER = "over_budget"
"""1 at the step whose samples were beyond the budget, which is the last of its run."""


_KEPT = "within budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Good:
    """The weights that a step began with, and the KL of its samples."""

    step: int
    weights: Weights
    kl: float


class Budget:
    """Watches the KL of every step's samples, and keeps the last weights whose samples were within the budget.

    The KL of a step is that of the weights it began with. Where it is beyond the budget, those weights and the update
    just made of them are given up for the weights with which the last step within the budget began.
    """

    def __init__(self, recipe: Recipe, learner: LocalLearner) -> None:
        """The budget of a recipe, which may have none."""
        self._budget, self._learner = recipe.kl_budget, learner
        self._now: Weights | None = None
        self._good: _Good | None = None

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What a resumed run needs to know of the last step within the budget: tensors, and plain facts."""
        if self._good is None:
            return {}, {}
        kept = self._good.weights
        tensors = {f"{_KEPT}/{role}/{i}": t for role, ts in kept.tensors.items() for i, t in enumerate(ts)}
        return tensors, {_KEPT: {"step": self._good.step, "steps": kept.steps, "kl": self._good.kl}}

    def restore(self, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""
        if (known := facts.get(_KEPT)) is not None:
            found: dict[str, list[Tensor]] = {}
            kept = [name.split("/") for name in tensors if name.startswith(f"{_KEPT}/")]
            for _, role, i in sorted(kept, key=lambda parts: int(parts[2])):
                found.setdefault(role, []).append(tensors[f"{_KEPT}/{role}/{i}"])
            weights = Weights(steps=known["steps"], tensors=found)
            self._good = _Good(step=known["step"], weights=weights, kl=known["kl"])

    def begin(self) -> None:
        """A step begins: its samples are drawn, its update is not made."""
        if self._budget is not None:
            self._now = self._learner.weights()

    def end(self, step: int, metrics: Mapping[str, float]) -> str:
        """The step ended with these metrics. Beyond the budget: go back, and what to say; else nothing to say."""
        kl = metrics.get("kl")
        if self._budget is None or self._now is None or kl is None:
            return ""
        if not kl > self._budget:
            self._good = _Good(step=step, weights=self._now, kl=kl)
            return ""
        found = f"KL(policy || ref) of the samples of step {step} is {kl:.3g} nats per response, beyond the budget of "
        found += f"{self._budget:g}: the run stops, "
        if self._good is None:
            self._learner.put_back(self._now)
            return found + "with the weights it began with, since no step was within the budget."
        self._learner.put_back(self._good.weights)
        return found + f"with the weights of step {self._good.step}, the last within it ({self._good.kl:.3g} nats)."
