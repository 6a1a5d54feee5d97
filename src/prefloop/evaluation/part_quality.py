"""How well a model tells right parts of answers from wrong ones, and what that says of the answers as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..statistics import Interval
from .calibration import won
from .reward_quality import Case, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Judged parts of held-out answers, one list for each prompt: (group, response, token) and whether it is right.

    `usually` is what most parts are that were learnt from: what a model says that has not read them.

    >>> Parts(observations=(((0, 0, 3, True), (0, 0, 8, False)),), usually=True).gaps([[0.5, 2.0]])
    [[0.5, -2.0]]
    """

    observations: tuple[tuple[tuple[int, int, int, bool], ...], ...]
    usually: bool
    what: str = "judged parts of answers"

    @property
    def count(self) -> int:
        """All parts, independent or not."""
        return sum(map(len, self.observations))

    def gaps(self, logits: Sequence[Sequence[float]]) -> list[list[float]]:
        """How far what is said of every part, as log-odds that it is right, is on the side of people."""
        return [
            [logit if right else -logit for (*_, right), logit in zip(parts, own, strict=True)]
            for parts, own in zip(self.observations, logits, strict=True)
        ]

    def plain(self) -> list[list[float]]:
        """`gaps` of always saying what most parts are."""
        return self.gaps([[1.0 if self.usually else -1.0] * len(parts) for parts in self.observations])


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """How near a model comes to one kind of thing that people said, beside what is easy; `n` of them were held out.

    measure: what the numbers are. plain: that of the rule `beside`.
    """

    of: str
    n: int
    measure: str
    model: Interval
    beside: str
    plain: Interval


RIGHT = "share told rightly"


def classes(of: str, some: Sequence[tuple[Case, str]], *, beside: str) -> tuple[Told, ...]:
    """All cases, and those of each class that people named: a model may find one of them alone.

    `Case.longer` is the gap of the plain rule.
    """
    found = [_told(f"all {of}", [c for c, _ in some], beside)] if some else []
    for name in sorted({n for _, n in some}):
        found.append(_told(f"{of}: {name}", [c for c, own in some if own == name], beside))
    return tuple(found)


def _told(of: str, some: Sequence[Case], beside: str) -> Told:
    return Told(
        of=of,
        n=len(some),
        measure=RIGHT,
        model=share(some, lambda c: won(c.gap)),
        beside=beside,
        plain=share(some, lambda c: won(c.longer)),
    )
