"""How far people agree, and what habits they have. What they agree on is the most a reward model can learn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ..statistics import Interval, bootstrap_mean, wilson
from ..text import Answer, Question
from .kinds import preferred

PICKING = ("comparison", "choice")
"""The kinds of question that are answered by picking a response."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Share of pairs of people who chose the same, averaged over the questions that several answered.

    `chance` is what people choosing blindly would reach on the same questions: the mean of 1 / K.

    >>> Agreement(raw=wilson(8, 10), chance=0.5).chance
    0.5
    """

    raw: Interval
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What one person's answers show, or None where they show nothing.

    `with_others` is the share of the others who chose the same, averaged over shared questions; `first` how often they
    chose what they saw first, which is `chance` without such a habit; `longest` how often they chose a response with
    the most words, over the questions where lengths differ.

    >>> Habits(who="ada", answers=10, with_others=None, first=wilson(5, 10), longest=None, chance=0.5).answers
    10
    """

    who: str
    answers: int
    with_others: Interval | None
    first: Interval
    longest: Interval | None
    chance: float


def agreement(questions: Iterable[Question], answers: Iterable[Answer], *, seed: int = 0) -> Agreement | None:
    """Pairwise raw agreement, with a bootstrap interval over questions; None when no question has two answers.

    Only comparisons and choices count; two who agree on a response agree, whatever the strength.

    >>> from prefloop.text import Group, Prompt, Response
    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> question = Question(id="q1", kind="comparison", group=group)
    >>> said = [Answer(question="q1", who=w, value=v, order=(0, 1), seconds=1, at=0) for w, v in [("a", 0), ("b", 0)]]
    >>> agreement([question], said).raw.estimate
    1.0
    """
    size = {q.id: len(q.group.responses) for q in questions if q.kind in PICKING}
    shared = {q: said for q, said in _by(answers, lambda a: a.question).items() if len(said) > 1 and q in size}
    if not shared:
        return None
    same = [_share(_verdict(a) == _verdict(b) for a, b in combinations(said, 2)) for said in shared.values()]
    return Agreement(raw=bootstrap_mean(same, seed=seed), chance=sum(1 / size[q] for q in shared) / len(shared))


def habits(questions: Iterable[Question], answers: Sequence[Answer], *, seed: int = 0) -> list[Habits]:
    """The habits, by name, of everybody who preferred a response in a comparison or a choice."""
    question_of = {q.id: q for q in questions if q.kind in PICKING}
    picked = [a for a in answers if a.question in question_of and preferred(a.value) is not None]
    said_of = _by(picked, lambda a: a.question)
    return [
        _habits(who, said, question_of, said_of, seed) for who, said in sorted(_by(picked, lambda a: a.who).items())
    ]


def _habits(
    who: str,
    said: list[Answer],
    question_of: dict[str, Question],
    said_of: dict[str, list[Answer]],
    seed: int,
) -> Habits:
    others = [(a, [b for b in said_of[a.question] if b.who != who]) for a in said]
    same = [_share(_verdict(a) == _verdict(b) for b in rest) for a, rest in others if rest]
    words = [(_verdict(a), [len(t.split()) for t in question_of[a.question].group.texts]) for a in said]
    longest = [counts[value] == max(counts) for value, counts in words if len(set(counts)) > 1]
    return Habits(
        who=who,
        answers=len(said),
        with_others=bootstrap_mean(same, seed=seed) if same else None,
        first=wilson(sum(_verdict(a) == a.order[0] for a in said), len(said)),
        longest=wilson(sum(longest), len(longest)) if longest else None,
        chance=sum(1 / len(a.order) for a in said) / len(said),
    )


def _verdict(answer: Answer) -> Any:
    """What was chosen, without its strength; "tie" or "both-bad" where nothing was."""
    best = preferred(answer.value)
    return answer.value if best is None else best


def _by(answers: Iterable[Answer], key: Callable[[Answer], str]) -> dict[str, list[Answer]]:
    grouped: defaultdict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        grouped[key(answer)].append(answer)
    return grouped


def _share(hits: Iterable[bool]) -> float:
    listed = list(hits)
    return sum(listed) / len(listed)
