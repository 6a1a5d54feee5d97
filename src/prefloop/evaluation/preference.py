"""How often a model agrees with people about which answer is better, on prompts it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from statistics import fmean
from typing import Any

from ..errors import DataError
from ..feedback.convert import comparisons
from ..feedback.sources import chance
from ..statistics import Interval, wilson
from ..text import Group, Prompt
from .calibration import won

Place = tuple[int, int]
"""A group and a response of it."""
Scores = Sequence[Sequence[float]]
"""A number for every response of every group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparisons:
    """Pairs of places (better, worse) of people's judgements, one list for each independent observation.

    >>> Comparisons(observations=((((0, 0), (0, 1)),),), what="comparisons of answers to one prompt").count
    1
    """

    observations: tuple[tuple[tuple[Place, Place], ...], ...]
    what: str

    @property
    def count(self) -> int:
        """All comparisons, independent or not."""
        return sum(map(len, self.observations))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The share of held-out comparisons that something gets right, before and after training."""

    name: str
    before: Interval
    after: Interval


def compared(groups: Sequence[Group], *, seed: int) -> Comparisons:
    """What people preferred to what: within each prompt; of thumbs alone, liked against disliked of any prompts.

    Single answers that were rated are compared with others to their prompt, or above the mean against below it. All
    comparisons about one prompt are one observation, since they depend on each other. Across prompts each answer is
    in one comparison, drawn with the `seed`.

    Raises:
        DataError: nothing was preferred to anything.
    """
    by_prompt: dict[Prompt, list[tuple[Place, Place]]] = {}
    for p, group in enumerate(groups):
        for better, worse in comparisons(group):
            by_prompt.setdefault(group.prompt, []).append(((p, better), (p, worse)))
    for rated in _rated(groups).values() if not by_prompt else ():
        for (one, p), (other, q) in combinations(rated, 2):
            if one != other:
                pair = ((p, 0), (q, 0)) if one > other else ((q, 0), (p, 0))
                by_prompt.setdefault(groups[p].prompt, []).append(pair)
    if by_prompt:
        return Comparisons(
            observations=tuple(map(tuple, by_prompt.values())), what="comparisons of answers to the same prompt"
        )
    places = [(label, (p, k)) for p, g in enumerate(groups) for k, label in enumerate(g.labels)]
    middle = fmean(label for label, _ in places) if places else 0.0
    liked, disliked = ([place for label, place in places if (label > middle) is up] for up in (True, False))
    if not liked or not disliked:
        raise DataError(
            f"the {len(groups)} held-out prompts have no answer that was preferred to another: hold out more, or add "
            "judged answers."
        )
    chance(seed, "compared", "liked").shuffle(liked)
    chance(seed, "compared", "disliked").shuffle(disliked)
    pairs = zip(liked, disliked, strict=False)  # what is left over of the longer list has no counterpart
    return Comparisons(
        observations=tuple((pair,) for pair in pairs),
        what="liked against disliked answers of different prompts",
    )


def _rated(groups: Sequence[Group]) -> dict[Prompt, list[tuple[float, int]]]:
    """The single answers to each prompt that were rated by what they are about: the rating, and their place."""
    found: dict[Prompt, list[tuple[float, int]]] = {}
    for p, group in enumerate(groups):
        if group.aspects and len(group.labels) == 1:
            found.setdefault(group.prompt, []).append((group.labels[0], p))
    return found


def accuracy(scores: Scores, held_out: Comparisons) -> Interval:
    """The share of comparisons where the better answer has the higher score, equals counting half.

    Every observation counts once, with the share it gets right; the interval is Wilson's over observations.

    >>> one = Comparisons(observations=((((0, 0), (0, 1)), ((0, 0), (0, 2))),), what="")
    >>> accuracy([[1.0, 0.0, 1.0]], one).estimate
    0.75
    """
    return right([[scores[a][i] - scores[b][j] for (a, i), (b, j) in pairs] for pairs in held_out.observations])


def right(gaps: Sequence[Sequence[float]]) -> Interval:
    """`accuracy` of gaps, those between the better and the worse answer of every comparison of every observation.

    >>> right([[0.3, -0.1], [0.0]]).estimate
    0.5
    """
    return wilson(sum(sum(map(won, some)) / len(some) for some in gaps), len(gaps))


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """What a method gained on held-out judgements, beside the plainest rule there is.

    `longer` is the accuracy of preferring the answer with more tokens; `notes` say what the data lost on the way.
    """

    method: str
    learnt: int
    comparisons: int
    what: str
    agreements: tuple[Agreement, ...]
    longer: Interval
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Alignment:
        """The record that `to_json` wrote."""
        agreements = tuple(
            Agreement(name=a["name"], before=Interval(**a["before"]), after=Interval(**a["after"]))
            for a in plain["agreements"]
        )
        longer, notes = Interval(**plain["longer"]), tuple(plain["notes"])
        return cls(**{**plain, "agreements": agreements, "longer": longer, "notes": notes})
