"""How well people predict each other on the same answers, which is about the most that a reward model can reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from ..feedback.convert import comparisons
from ..statistics import Interval, wilson
from ..text import Group, Prompt

Said = tuple[Prompt, str]
"""An answer, with what it answers."""
Item = tuple[Prompt, frozenset[Said]]
"""Two answers to a prompt, whichever stood first."""


def ceiling(groups: Sequence[Group], *, of: Collection[str] = ()) -> Interval | None:
    """How often somebody agrees with the majority of the others about two answers; `None` where nobody overlaps.

    With `of` it is these people who are compared with all others.

        for each person of each pair of answers that two or more judged:
            1 where the majority of the others preferred the same, 1/2 where they are split, else 0

    The mean over people and pairs of answers of a prompt is one observation, and the interval Wilson's over prompts.
    Somebody of whom no name is known may be anybody, and is left out.

    >>> from prefloop.text import Response
    >>> def said(who, first, second):
    ...     answers = (Response(text=first), Response(text=second))
    ...     return Group(prompt=Prompt(text="One"), responses=answers, who=who)
    >>> round(ceiling([said("ada", "a", "b"), said("bob", "a", "b"), said("cyd", "b", "a")]).estimate, 3)
    0.333
    """
    by_prompt: defaultdict[Prompt, list[float]] = defaultdict(list)
    for (prompt, _), verdicts in _items(groups).items():
        named = {who: said for who, said in verdicts.items() if who}
        rates = _left_out(named, of or named) if len(named) > 1 else []
        if rates:
            by_prompt[prompt].append(sum(rates) / len(rates))
    if not by_prompt:
        return None
    return wilson(sum(sum(rates) / len(rates) for rates in by_prompt.values()), len(by_prompt))


def contradicted(groups: Sequence[Group]) -> int:
    """Count the pairs of answers of which one and the same person preferred now the one, now the other."""
    found = _items(groups).values()
    return sum(any(who and len(set(said)) > 1 for who, said in verdicts.items()) for verdicts in found)


def _items(groups: Iterable[Group]) -> dict[Item, dict[str, list[Said]]]:
    """What everybody preferred, of every two answers."""
    found: dict[Item, dict[str, list[Said]]] = {}
    for group in groups:
        for better, worse in comparisons(group):
            answers = group.answer(better), group.answer(worse)
            found.setdefault((group.prompt, frozenset(answers)), {}).setdefault(group.who, []).append(answers[0])
    return found


def _left_out(verdicts: dict[str, list[Said]], of: Collection[str]) -> list[float]:
    """The agreement of each of these people with the majority of the others."""
    one = next(iter(verdicts.values()))[0]
    share = {who: sum(winner == one for winner in said) / len(said) for who, said in verdicts.items()}
    rates = []
    for who, own in share.items():
        others = [s for other, s in share.items() if other != who]
        lean = sum(others) - len(others) / 2
        if who in of:
            rates.append(0.5 if lean == 0 else own if lean > 0 else 1 - own)
    return rates
