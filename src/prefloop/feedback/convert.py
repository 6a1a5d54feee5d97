"""From one form of judgement to another: pure functions that say what they made and what was lost on the way.

The forms, each a sequence of groups:

    pairs      two responses, the better first; `target` where a strength was given
    thumbs     any number of responses, each with the label 1 (liked) or 0 (not)
    rankings   responses best first; the label is how many ranks lie below, so that equals share one
    ratings    responses best first; the label is the number they were given
    choices    the chosen response first with the label 1, the others after it in no order, each with 0
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from math import exp
from typing import TYPE_CHECKING

from ..errors import DataError
from ..text import Group

if TYPE_CHECKING:  # a recipe loads torch, and the feedback store gets by without
    from ..recipe import Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """Groups in another form. `made` counts what there is now; `lost` what was given up for it, nothing where empty.

    >>> print(Converted(groups=(), made={"pairs": 3}, lost={"ties": 1}))
    3 pairs; lost: 1 ties
    """

    groups: tuple[Group, ...]
    made: Mapping[str, int]
    lost: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        lost = f"; lost: {_counted(self.lost)}" if self.lost else ""
        return f"{_counted(self.made)}{lost}"


def grades(values: Sequence[float]) -> tuple[float, ...]:
    """How many different values lie below each: 0 for the lowest, the same for equals.

    >>> grades((2.5, 9.0, 2.5, 1.0))
    (1.0, 2.0, 1.0, 0.0)
    """
    levels = sorted(set(values))
    return tuple(float(levels.index(v)) for v in values)


def best_first(group: Group) -> Group:
    """The responses in the order of their labels, the highest first; equals stay as they were."""
    order = sorted(range(len(group.labels)), key=lambda i: -group.labels[i])
    return replace(
        group,
        responses=tuple(group.responses[i] for i in order),
        labels=tuple(group.labels[i] for i in order),
        aspects={name: tuple(numbers[i] for i in order) for name, numbers in group.aspects.items()},
        marks=tuple(replace(mark, response=order.index(mark.response)) for mark in group.marks),
    )


def comparisons(group: Group) -> Iterator[tuple[int, int]]:
    """The places (better, worse) of all responses of which one was preferred: by labels, or by order without them.

    A `target` of 1/2 prefers neither.

    >>> from prefloop.text import Prompt, Response
    >>> three = tuple(Response(text=t) for t in ("a", "b", "c"))
    >>> list(comparisons(Group(prompt=Prompt(text="One"), responses=three, labels=(1.0, 1.0, 0.0))))
    [(0, 2), (1, 2)]
    """
    for i, j in combinations(range(len(group.responses)), 2) if group.target != 0.5 else ():
        above = group.labels[i] - group.labels[j] if group.labels else 1.0
        if above:
            yield (i, j) if above > 0 else (j, i)


def pairs_to_thumbs(groups: Sequence[Group]) -> Converted:
    """The better response of a pair liked, the other not; the two stay in one group, so the pair can be read back.

    Pairs as likely one way as the other (`target` 1/2) say nothing of either response: they are lost.

    >>> from prefloop.text import Prompt, Response
    >>> pair = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> pairs_to_thumbs([pair]).groups[0].labels
    (1.0, 0.0)
    """
    thumbs = tuple(replace(g, labels=(1.0, 0.0)) for g in groups if g.target != 0.5)
    return _converted(thumbs, "thumbs", ties=len(groups) - len(thumbs))


def thumbs_to_pairs(groups: Sequence[Group]) -> Converted:
    """Every liked response to a prompt before every one that was not, whichever rows they stood in.

    Lost: the responses to prompts where all were liked, or none. A response with several counterparts is in as many
    pairs, which are then not independent.

    >>> from prefloop.text import Prompt, Response
    >>> def thumb(text, label):
    ...     return Group(prompt=Prompt(text="One"), responses=(Response(text=text),), labels=(label,))
    >>> thumbs_to_pairs([thumb(" 2", 0.0), thumb(" two", 1.0)]).groups[0].texts
    (' two', ' 2')
    """
    by_prompt: dict[object, list[Group]] = {}
    for g in groups:
        by_prompt.setdefault(g.prompt, []).append(g)
    pairs: list[Group] = []
    alone = 0
    for same in by_prompt.values():
        said = [(r, label) for g in same for r, label in zip(g.responses, g.labels, strict=True)]
        whole = replace(
            same[0], responses=tuple(r for r, _ in said), labels=tuple(label for _, label in said), target=None
        )
        made = [_pair(whole, i, j) for i, j in comparisons(whole)]
        alone += 0 if made else len(said)
        pairs += [replace(pair, labels=()) for pair in made]
    return _converted(tuple(pairs), "pairs", **{"responses without a counterpart": alone})


def rankings_to_pairs(groups: Sequence[Group], *, ties: bool = False) -> Converted:
    """Every response before each that is ranked below it: K (K - 1) / 2 pairs of a ranking without ties.

    Lost: the pairs of equals, unless `ties` are wanted, with a `target` of 1/2. The pairs of one ranking are not
    independent.

    >>> from prefloop.text import Prompt, Response
    >>> three = tuple(Response(text=t) for t in ("a", "b", "c"))
    >>> ranking = Group(prompt=Prompt(text="One"), responses=three, labels=(1.0, 0.0, 0.0))
    >>> print(rankings_to_pairs([ranking]))
    2 pairs; lost: 1 ties
    """
    pairs = [replace(p, labels=()) for p in _pairs(groups)]
    return _converted((*pairs, *_equals(groups)), "pairs") if ties else _converted(pairs, "pairs", ties=_ties(groups))


def ratings_to_rankings(groups: Sequence[Group]) -> Converted:
    """The order of the numbers, without how far apart they are, which is lost."""
    rankings = tuple(replace(g, labels=grades(g.labels)) for g in map(best_first, groups))
    return _converted(rankings, "rankings", **{"distances between ratings": len(rankings)})


def ratings_to_pairs(groups: Sequence[Group], *, scale: float | None = None, ties: bool = False) -> Converted:
    """Every response before each that was rated lower; the labels are the two ratings, so their margin is kept.

        target = 1 / (1 + exp(-(rating_0 - rating_1) / scale))        where a `scale` is given

    `scale` is the difference of ratings at which the better response is preferred with odds of e to 1 (Bradley and
    Terry 1952). Lost: the pairs of equals, unless `ties` are wanted, with a `target` of 1/2. The pairs of one prompt
    are not independent.

    Raises:
        DataError: `scale` is not above 0.

    >>> from prefloop.text import Prompt, Response
    >>> rated = tuple(Response(text=t) for t in ("a", "b"))
    >>> pair = ratings_to_pairs([Group(prompt=Prompt(text="One"), responses=rated, labels=(4.0, 2.0))], scale=2.0)
    >>> pair.groups[0].labels, round(pair.groups[0].target, 4)
    ((4.0, 2.0), 0.7311)
    """
    if scale is not None and not scale > 0:
        raise DataError(f"the scale of the ratings is {scale}: it is above 0.")
    pairs = _pairs(groups)
    if scale is not None:
        pairs = [replace(p, target=1 / (1 + exp((p.labels[1] - p.labels[0]) / scale))) for p in pairs]
    return _converted((*pairs, *_equals(groups)), "pairs") if ties else _converted(pairs, "pairs", ties=_ties(groups))


def choices_to_pairs(groups: Sequence[Group]) -> Converted:
    """The chosen response before each of the others. The pairs of one choice are not independent."""
    return _converted(tuple(replace(p, labels=()) for p in _pairs(groups)), "pairs")


_WAYS: dict[tuple[Form, Form], tuple[Callable[[Sequence[Group]], Converted], ...]] = {
    ("pairs", "thumbs"): (pairs_to_thumbs,),
    ("thumbs", "pairs"): (thumbs_to_pairs,),
    ("rankings", "pairs"): (rankings_to_pairs,),
    ("rankings", "thumbs"): (rankings_to_pairs, pairs_to_thumbs),
    ("ratings", "rankings"): (ratings_to_rankings,),
    ("ratings", "pairs"): (ratings_to_pairs,),
    ("ratings", "thumbs"): (ratings_to_pairs, pairs_to_thumbs),
    ("choices", "pairs"): (choices_to_pairs,),
    ("choices", "thumbs"): (choices_to_pairs, pairs_to_thumbs),
}


WITH_TIES = {("rankings", "pairs"): rankings_to_pairs, ("ratings", "pairs"): ratings_to_pairs}
"""The ways to pairs on which pairs of equals can be kept."""


def convert(groups: Sequence[Group], given: Form, wanted: Form, *, ties: bool = False) -> Converted:
    """Groups of one form in another, by the functions above; pairs of equals are kept where `ties` are wanted.

    Raises:
        DataError: people did not say that much.

    >>> convert([], "pairs", "rankings")
    Traceback (most recent call last):
    prefloop.errors.DataError: pairs cannot be turned into rankings. They can be turned into: thumbs.
    """
    if given == wanted:
        return _converted(tuple(groups), given)
    if (given, wanted) not in _WAYS:
        known = [there for here, there in _WAYS if here == given]
        raise DataError(f"{given} cannot be turned into {wanted}. They can be turned into: {', '.join(known)}.")
    if ties and (given, wanted) in WITH_TIES:
        return WITH_TIES[given, wanted](groups, ties=True)
    lost: dict[str, int] = {}
    for step in _WAYS[given, wanted]:
        done = step(groups)
        groups, lost = done.groups, {**lost, **done.lost}
    return replace(done, lost=lost)


def _pairs(groups: Iterable[Group]) -> list[Group]:
    return [_pair(g, i, j) for g in groups for i, j in comparisons(g)]


def _pair(group: Group, better: int, worse: int) -> Group:
    places = (better, worse)
    return replace(
        group,
        responses=(group.responses[better], group.responses[worse]),
        labels=(group.labels[better], group.labels[worse]) if group.labels else (),
        aspects={name: (numbers[better], numbers[worse]) for name, numbers in group.aspects.items()},
        marks=tuple(replace(m, response=places.index(m.response)) for m in group.marks if m.response in places),
    )


def _equals(groups: Iterable[Group]) -> list[Group]:
    """The pairs of responses of which neither was preferred, as they stand."""
    return [
        replace(_pair(g, i, j), labels=(), target=0.5)
        for g in groups
        for i, j in combinations(range(len(g.responses)), 2)
        if g.labels and g.labels[i] == g.labels[j]
    ]


def _ties(groups: Iterable[Group]) -> int:
    """Pairs of responses of which neither was preferred."""
    return sum(len(g.responses) * (len(g.responses) - 1) // 2 - len(list(comparisons(g))) for g in groups)


def _converted(groups: Sequence[Group], form: str, **lost: int) -> Converted:
    made = {form: len(groups)}
    return Converted(groups=tuple(groups), made=made, lost={what: n for what, n in lost.items() if n})


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {what}" for what, n in counts.items())
