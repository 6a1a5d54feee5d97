"""Decoding by a value of beginnings: a generator around another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import at_least
from ..recipe import Decoding
from ..text import Group, Prompt, Response
from .generator import Continuing
from .segments import further, goes_on, no_stop, seed_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Guided:
    """Draws `branches` ways to go on with each answer, `tokens` long, keeps that of the highest value, and so on.

    `value` is given groups of answers as far as they are drawn, and says a number for each (P K). With
    `scoring.goals.goal_value` it is the goal-conditioned decoding of Nath et al. 2024 (arXiv 2407.13887), in a form of
    our own: their published code searches with a beam, line by line, and here one beginning is kept. Like best of n it
    draws from no distribution that the policy has: the log-probabilities are the policy's of what was kept.
    """

    generator: Continuing
    value: Callable[[Sequence[Group]], Tensor]
    branches: int = 4
    tokens: int = 16

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Generator.sample`: k responses to each prompt, each of them led by itself.

        Raises:
            RecipeError: `branches` or `tokens` is below 1, or the decoding has a `stop`.
        """
        at_least("Guided", 1, tokens=self.tokens, branches=self.branches)
        no_stop("Guided", decoding)
        asked = [prompt for prompt in prompts for _ in range(k)]
        led: list[Response | None] = [None] * len(asked)
        ids: list[tuple[int, ...]] = [()] * len(asked)
        for length in range(0, decoding.max_tokens, self.tokens):
            running = [n for n, response in enumerate(led) if goes_on(response)]
            if not running:
                break
            drawn = further(
                self.generator,
                [(asked[n], led[n]) for n in running],
                k=self.branches,
                tokens=min(self.tokens, decoding.max_tokens - length),
                decoding=decoding,
                seed=seed_of(seed, length),
                progress=progress,
            )
            for n, group, best in zip(running, drawn, self.value(drawn).argmax(-1).tolist(), strict=True):
                led[n], ids[n] = group.responses[best], group.prompt_ids
        said = [response for response in led if response is not None]
        return [
            Group(prompt=prompt, prompt_ids=ids[n * k], responses=tuple(said[n * k : (n + 1) * k]))
            for n, prompt in enumerate(prompts)
        ]
