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
    spread. As a `Source`, and so as the `people` of a loop, it answers comparisons, and choices of the best of several
    by what is `left` of them; a choice between equals and questions of other kinds it leaves open.

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

    @property
    def told(self) -> str:
        """Who answers, in words."""
        names = ", ".join(getattr(f, "__name__", type(f).__name__) for f in self.factors)
        return f"nobody was asked: a hierarchy of measures decided, the first that tells answers apart ({names})"

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
        left = self.left(prompt, (first, second))
        return left[0] if len(left) == 1 else None

    def left(self, prompt: str, texts: Sequence[str]) -> list[int]:
        """The places of the best of several answers: factor by factor those go that are beyond its margin of the best.

        Of two it is what `compare` says. The paper compares two; this is what that is of more.

        Raises:
            RecipeError: a factor gave no finite number.

        >>> heron = HierarchicalComparator(factors=(lambda prompt, response: len(response),), margins=(1.0,))
        >>> heron.left("", ("aaa", "aa", "a"))
        [0, 1]
        """
        places = list(range(len(texts)))
        for n, (factor, margin) in enumerate(zip(self.factors, self.margins, strict=True)):
            found = {i: factor(prompt, texts[i]) for i in places}
            strange = next((i for i in places if not math.isfinite(found[i])), None)
            if strange is not None:
                raise RecipeError(
                    f"factor {n} of the hierarchy gave no finite number for {texts[strange]!r:.80}: return one for "
                    "every text."
                )
            most = max(found.values(), default=0.0)
            places = [i for i in places if most - found[i] <= margin]
            if len(places) < 2:
                break
        return places

    def ask(self, questions: Sequence[Question], record: Record) -> None:
        """See `Source.ask`."""
        for question in questions:
            if question.kind not in ("comparison", "choice"):
                continue
            left = self.left(question.group.prompt.shown, question.group.texts)
            if len(left) > 1 and question.kind == "choice":
                continue  # nobody can say there that several are as good
            value = "tie" if len(left) > 1 else left[0]
            order = shown_order(question, who=self.name, seed=self.seed)
            record(
                [Answer(question=question.id, who=self.name, value=value, order=order, seconds=0.0, at=self.clock())]
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
