"""What looks wrong while a run goes on: each thing is said once, and a run that learns nothing any more is ended."""

from __future__ import annotations

import math
import statistics
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import RunError
from ..recipe import Recipe
from ..text import Prompt

STEPS = 10
"""So many steps in a row are no accident."""
GAP = 0.1
"""Nats a token, on average, by which sampler and trainer may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A metric that, averaged over so many steps, is at least this high, and what that means."""

    metric: str
    level: float
    steps: int
    what: str


def signs(recipe: Recipe) -> tuple[Sign, ...]:
    """What is looked for in a run of this recipe."""
    longest = recipe.sample.decoding.max_tokens if recipe.sample else 0
    return (
        Sign(
            metric="sampler_gap",
            level=GAP,
            steps=1,
            what=f"Sampler and trainer differ by {GAP:g} nats a token or more on average (`sampler_gap`): check that "
            "both have the same weights, precision and temperature.",
        ),
        Sign(
            metric="truncated",
            level=1.0,
            steps=1,
            what=f"All answers of a step were cut at {longest} tokens, none ended by itself (`truncated`): where they "
            "should end, raise sample.decoding.max_tokens.",
        ),
        Sign(
            metric="idle_groups",
            level=1.0,
            steps=STEPS,
            what=f"In {STEPS} steps in a row the answers to each prompt were all paid alike (`idle_groups`): a method "
            "that compares them learns nothing. Take prompts of another difficulty, or a reward that tells more apart.",
        ),
        Sign(
            metric="unexplained",
            level=1.0,
            steps=STEPS,
            what=f"Over {STEPS} steps the critic explained nothing of what was paid (`unexplained` is 1 or more on "
            "average): raise the weight of its term or `optimiser.head`, or lower the learning rate where it swings.",
        ),
    )


class Watch:
    """Looks at the metrics of every step of a run."""

    def __init__(self, recipe: Recipe, say: Callable[[str], None], *, prompts: Sequence[Prompt]) -> None:
        """`say` is told what is seen of a run on these prompts."""
        self._recipe, self._say = recipe, say
        # A text that is gone on with may well be cut; an answer in a conversation should end.
        leave = () if any(p.messages for p in prompts) else ("truncated",)
        self._seen = {s: deque[float](maxlen=s.steps) for s in signs(recipe) if s.metric not in leave}
        self._skipped = 0

    def look(self, metrics: Mapping[str, float]) -> None:
        """Say what the metrics of the next step show, unless it was said."""
        found = {**metrics, "idle_groups": _idle(self._recipe, metrics)}
        for sign, seen in list(self._seen.items()):
            value = found.get(sign.metric, math.nan)
            if math.isfinite(value):
                seen.append(value)
            if len(seen) == sign.steps and statistics.fmean(seen) >= sign.level:
                self._say(sign.what)
                del self._seen[sign]

    def must_learn(self, metrics: Mapping[str, float]) -> None:
        """Refuse to go on where nothing is learnt any more.

        Raises:
            RunError: the gradient of so many steps in a row was not finite, so that none of them was taken.
        """
        self._skipped = self._skipped + 1 if metrics.get("skipped") else 0
        if self._skipped == STEPS:
            norms = {n.removeprefix("gradient_"): x for n, x in metrics.items() if n.startswith("gradient_")}
            roles = ", ".join(f"`{role}`" for role, norm in norms.items() if not math.isfinite(norm))
            raise RunError(
                f"the gradient of {roles} was not finite in {STEPS} steps in a row, and no step was taken: lower the "
                "learning rate, or look for what the reward or objective makes infinite. What was trained is kept."
            )


def _idle(recipe: Recipe, metrics: Mapping[str, float]) -> float:
    """The share of groups that were all paid alike as they were drawn: what a selection leaves does not say."""
    if recipe.sample is None or recipe.sample.k == 1:
        return math.nan
    return float("loss" not in metrics) if recipe.select else metrics.get("idle_groups", math.nan)
