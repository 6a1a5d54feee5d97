"""Rollouts that begin in the middle of a judged answer: dataset resets."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DataError, RecipeError
from ..recipe import Recipe, Sample
from ..sampling.generator import Begun, Continuing, Generator
from ..text import Group, Prompt
from .judged import preferred, speaker


class Resets:
    """Puts beginnings of preferred answers in the place of bare prompts (Chang et al. 2024, arXiv 2404.08495)."""

    def __init__(self, recipe: Recipe, sample: Sample, judged: Sequence[Group], networks: Mapping[str, Any]) -> None:
        """Take the preferred answers there is room to go on with, in the policy's tokens."""
        self._share, self._name = sample.resets, recipe.name
        self._answers: list[tuple[Group, int]] = []
        if not sample.resets:
            return
        policy = speaker(recipe, networks)
        context = getattr(policy, "context", None)
        for group in preferred(judged, policy):
            # One token at least is left to the policy.
            most = len(group.responses[0].ids) - 1
            room = context - len(group.prompt_ids) - sample.decoding.max_tokens if context else most
            if most >= 0 <= room:
                self._answers.append((group, min(most, room)))
        if not self._answers:
            raise DataError(
                f"`{recipe.name}` begins with parts of judged answers and was given none that it has room to go on "
                "with: say where they are, for example --set data=preferences.jsonl, or lower max_tokens."
            )

    def begun(self, prompts: Sequence[Prompt], seed: int) -> list[Begun]:
        """The prompts, each by chance replaced by a judged one with a beginning of its preferred answer."""
        source = random.Random(seed)
        nothing: tuple[int, ...] = ()
        found: list[Begun] = []
        for prompt in prompts:
            if source.random() < self._share:
                group, most = source.choice(self._answers)
                found.append((group.prompt, group.responses[0].ids[: source.randint(0, most)]))
            else:
                found.append((prompt, nothing))
        return found

    def generator(self, given: Generator) -> Continuing:
        """The generator, which has to know how to go on.

        Raises:
            RecipeError: it does not.
        """
        if not isinstance(given, Continuing):
            raise RecipeError(
                f"`{self._name}` goes on with answers that others began (`resets`), which {type(given).__name__} does "
                "not do: sample with the local one."
            )
        return given
