"""How good a reward model is on judgements it has not learnt from: in all, and by margin, length and person."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from ..feedback.sources import chance
from ..statistics import Interval, paired_bootstrap, wilson
from ..text import Group
from .calibration import Calibration, Tempered, calibration, even, probability, tempered, won
from .preference import Comparisons, Scores

BUCKETS = 4
MOST_PEOPLE = 20  # of more, those with the most judgements are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One held-out comparison: the score of the preferred answer less that of the other, and what else is known of it.

    `observation` is what it shares with all comparisons it depends on: its prompt. `margin` is how much better people
    found the one, where they said so; `longer` how many tokens more it has, `tokens` how many both have in the mean. Of
    a part of an answer, `gap` and `longer` are those of `Parts.gaps` and `Parts.plain`.
    """

    gap: float
    observation: int
    who: str
    margin: float | None
    tokens: float
    longer: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How often the model agrees with people on a part of what was held out, beside what is easy and what is possible.

    `people` is the human ceiling (`ceiling`), None where it is unknown; `longer` what picking the longer answer gets.
    """

    name: str
    comparisons: int
    accuracy: Interval
    people: Interval | None
    longer: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The comparisons that have something in common: how sure the model is of them, and how often it is right."""

    by: str
    name: str
    accuracy: Interval
    said: float
    ece: float
    nll: float


def cases(groups: Sequence[Group], gaps: Scores, tokens: Scores, asked: Comparisons) -> list[Case]:
    """The comparisons of held-out groups with the gaps that a model sees there, by observation."""
    return [
        Case(
            gap=gap,
            observation=n,
            who=groups[a].who,
            margin=_margin(groups[a], i, j) if a == b else None,
            tokens=(tokens[a][i] + tokens[b][j]) / 2,
            longer=tokens[a][i] - tokens[b][j],
        )
        for n, (pairs, own) in enumerate(zip(asked.observations, gaps, strict=True))
        for ((a, i), (b, j)), gap in zip(pairs, own, strict=True)
    ]


def share(some: Sequence[Case], value: Callable[[Case], float]) -> Interval:
    """The mean of a number between 0 and 1 over comparisons, each observation counting once; Wilson's interval."""
    n = len({c.observation for c in some})
    weights = even([c.observation for c in some])
    total = sum(w * value(c) for w, c in zip(weights, some, strict=True))
    return wilson(min(total, n), n)


def held_out(name: str, some: Sequence[Case], people: Interval | None) -> HeldOut | None:
    """The accuracy on these comparisons beside the human ceiling there; `None` where there are none."""
    if not some:
        return None
    return HeldOut(
        name=name,
        comparisons=len(some),
        accuracy=share(some, lambda c: won(c.gap)),
        people=people,
        longer=share(some, lambda c: won(c.longer)),
    )


def by_group(some: Sequence[Case], groups: Mapping[str, str]) -> tuple[HeldOut, ...]:
    """The accuracy for each group of people, by who is in which, the worst first; nothing where there is one group.

    What is best for most may be wrong for a few, and an accuracy over all does not show it.
    """
    inside: defaultdict[str, list[Case]] = defaultdict(list)
    for case in some:
        if case.who in groups:
            inside[groups[case.who]].append(case)
    if len(inside) < 2:
        return ()
    rows = [found for name, own in inside.items() if (found := held_out(_named(name, own), own, None)) is not None]
    return tuple(sorted(rows, key=lambda h: (h.accuracy.estimate, h.name))[:MOST_PEOPLE])


def _named(name: str, own: Sequence[Case]) -> str:
    people = {c.who for c in own}
    return name if people == {name} else f"{name} (1 person)" if len(people) == 1 else f"{name} ({len(people)} people)"


def over_longer(some: Sequence[Case], *, seed: int) -> Interval:
    """How much more often the model is right than picking the longer answer: a paired bootstrap over observations."""
    by: defaultdict[int, list[Case]] = defaultdict(list)
    for case in some:
        by[case.observation].append(case)
    model, length = ([fmean(won(of(c)) for c in same) for same in by.values()] for of in (_gap, _longer))
    return paired_bootstrap(length, model, seed=seed)


def calibrated(some: Sequence[Case]) -> Calibration:
    """See `calibration.calibration`."""
    return calibration([c.gap for c in some], [c.observation for c in some])


def halved(some: Sequence[Case], *, seed: int) -> Tempered | None:
    """A temperature fitted on a half of the observations, drawn with the seed, and measured on the other."""
    observations = sorted({c.observation for c in some})
    chance(seed, "temperature").shuffle(observations)
    fitted = set(observations[: len(observations) // 2])
    return tempered([c.gap for c in some], [c.observation for c in some], fit=[c.observation in fitted for c in some])


def slices(some: Sequence[Case], *, in_pairs: bool = True) -> tuple[Slice, ...]:
    """Accuracy and calibration by what people said of the margin, by length, and by who judged.

    Where the cases are no pairs of answers, none of them is the longer.
    """
    by: list[tuple[str, Iterable[tuple[str, list[Case]]]]] = [
        ("margin people gave", _buckets([c for c in some if c.margin is not None], lambda c: c.margin or 0.0)),
        ("tokens of an answer", _buckets(some, lambda c: c.tokens)),
        ("the better answer is", _lengths(some) if in_pairs else []),
        ("person", _people(some)),
    ]
    return tuple(_slice(what, name, inside) for what, buckets in by for name, inside in buckets)


def _gap(case: Case) -> float:
    return case.gap


def _longer(case: Case) -> float:
    return case.longer


def _slice(by: str, name: str, inside: Sequence[Case]) -> Slice:
    found = calibrated(inside)
    weights = even([c.observation for c in inside])
    said = sum(w * probability(abs(c.gap)) for w, c in zip(weights, inside, strict=True)) / sum(weights)
    accuracy = share(inside, lambda c: won(c.gap))
    return Slice(by=by, name=name, accuracy=accuracy, said=said, ece=found.ece, nll=found.nll)


def _buckets(some: Sequence[Case], value: Callable[[Case], float]) -> list[tuple[str, list[Case]]]:
    """Up to four buckets of about equal size; nothing where all values are the same."""
    values = sorted(value(c) for c in some)
    levels = sorted(set(values))
    if len(levels) < 2:
        return []
    if len(levels) <= BUCKETS:
        return [(f"{level:g}", [c for c in some if value(c) == level]) for level in levels]
    ends = sorted({values[min(len(values) - 1, (n + 1) * len(values) // BUCKETS)] for n in range(BUCKETS - 1)})
    edges = [levels[0], *(e for e in ends if e > levels[0]), float("inf")]
    found = []
    for low, high in pairwise(edges):
        inside = [c for c in some if low <= value(c) < high]
        top = max((value(c) for c in inside), default=low)
        if inside:
            found.append((f"{low:g} to {top:g}" if top > low else f"{low:g}", inside))
    return found


def _lengths(some: Sequence[Case]) -> list[tuple[str, list[Case]]]:
    by: dict[str, list[Case]] = {"longer": [], "shorter": [], "as long": []}
    for case in some:
        by["longer" if case.longer > 0 else "shorter" if case.longer < 0 else "as long"].append(case)
    return [(name, inside) for name, inside in by.items() if inside]


def _people(some: Sequence[Case]) -> list[tuple[str, list[Case]]]:
    """Everybody by name; nothing where all was said by one person or nobody knows by whom."""
    by: defaultdict[str, list[Case]] = defaultdict(list)
    for case in some:
        if case.who:
            by[case.who].append(case)
    most = sorted(by, key=lambda who: (-len(by[who]), who))[:MOST_PEOPLE]
    return [(who, by[who]) for who in sorted(most)] if len(by) > 1 else []


def _margin(group: Group, better: int, worse: int) -> float | None:
    if group.target is not None:
        return round(2 * abs(group.target - 0.5), 6)
    return abs(group.labels[better] - group.labels[worse]) if group.labels else None
