"""An annotator made of measures in an order of importance: the first that tells two answers apart decides."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import RecipeError
from ..text import Answer, Group, Question
from .people import Taste
from .sources import Record, shown_order


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchicalComparator:
    """Compares two answers by factors, the most important first.

        the first i with |f_i(a) - f_i(b)| > margin_i decides, for the answer of which f_i is more; else it is a tie

    HERON (Bukharin et al. 2023, arXiv 2309.02632). A factor is a measure (prompt, response) -> number; only its order
    in the hierarchy and its margin count, never its unit: `in_deviations` takes the margins from the factors' own
    spread. It answers questions that compare two answers, as a `Source`; other kinds it leaves open.

    Raises:
        RecipeError: there is no factor, not a margin for each, or a margin below 0.

    >>> def words(prompt, response): return len(response.split())
    >>> heron = HierarchicalComparator(factors=(words, lambda prompt, response: -len(response)), margins=(1.0, 0.0))
    >>> heron.compare("", "a b c", "a"), heron.compare("", "a b", "a"), heron.compare("", "a", "b")
    (0, 1, None)
    """

    factors: tuple[Taste, ...]
    margins: tuple[float, ...]
    name: str = "hierarchy"
    seed: int = 0
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if not self.factors or len(self.factors) != len(self.margins) or not all(m >= 0 for m in self.margins):
            raise RecipeError(
                f"a hierarchy of {len(self.factors)} factors has the margins {self.margins}: give at least one factor, "
                "and for each a margin of 0 or more."
            )

    def compare(self, prompt: str, first: str, second: str) -> int | None:
        """The place of the better answer, 0 or 1; `None` where no factor tells them apart.

        Raises:
            RecipeError: a factor gave no finite number.
        """
        for n, (factor, margin) in enumerate(zip(self.factors, self.margins, strict=True)):
            apart = factor(prompt, first) - factor(prompt, second)
            if not math.isfinite(apart):
                raise RecipeError(
                    f"factor {n} of the hierarchy gave no finite number for {first!r:.80} or {second!r:.80}: "
                    "return one for every text."
                )
            if abs(apart) > margin:
                return 0 if apart > 0 else 1
        return None

    def ask(self, questions: Sequence[Question], record: Record) -> None:
        """See `Source.ask`."""
        for question in questions:
            if question.kind == "comparison":
                group = question.group
                better = self.compare(group.prompt.shown, *group.texts)
                order = shown_order(question, who=self.name, seed=self.seed)
                value = "tie" if better is None else better
                record(
                    [
                        Answer(
                            question=question.id, who=self.name, value=value, order=order, seconds=0.0, at=self.clock()
                        )
                    ]
                )

    def pairs(self, groups: Sequence[Group]) -> Iterator[Group]:
        """Every two answers to each prompt of which it prefers one, that one first."""
        for group in groups:
            for i, first in enumerate(group.responses):
                for second in group.responses[i + 1 :]:
                    better = self.compare(group.prompt.shown, first.text, second.text)
                    if better is not None:
                        two = (first, second) if better == 0 else (second, first)
                        yield replace(group, responses=two, labels=(1.0, 0.0), who=self.name)


def in_deviations(
    factors: Sequence[Taste], groups: Sequence[Group], *, times: float = 0.5, seed: int = 0
) -> HierarchicalComparator:
    """The hierarchy whose margins are so many standard deviations of each factor over the answers of these groups.

    A factor in another unit, or shifted, compares as before.

    Raises:
        RecipeError: there are fewer than two answers.
    """
    said = [(g.prompt.shown, text) for g in groups for text in g.texts]
    if len(said) < 2:
        raise RecipeError(f"the spread of factors is taken over answers, and there are {len(said)}: give more.")
    margins = tuple(times * statistics.pstdev(f(*one) for one in said) for f in factors)
    return HierarchicalComparator(factors=tuple(factors), margins=margins, seed=seed)
