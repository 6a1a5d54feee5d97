"""Best of n: a generator around another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ..recipe import Decoding
from ..text import Group, Prompt
from .generator import Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOf:
    """Draws n responses for each one it gives: the best-paid of them (arXiv 2009.01325, appendix G.3)."""

    generator: Generator
    n: int
    score: Callable[[Sequence[Group]], Tensor]

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Generator.sample`: k responses to each prompt, each the best of n of its own."""
        groups = self.generator.sample(prompts, k=k * self.n, decoding=decoding, seed=seed, progress=progress)
        best = self.score(groups).view(len(groups), k, self.n).argmax(-1)
        return [
            replace(g, responses=tuple(g.responses[j * self.n + int(i)] for j, i in enumerate(row)))
            for g, row in zip(groups, best, strict=True)
        ]
