"""Judges: plain functions that say which of two answers to a prompt is the better one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

from ..binding import Bound
from ..errors import RewardError

ASKED = ("prompt", "answers")
"""The parameters of a judge, by which it is told from a reward: the prompt's text and the texts of two answers."""


def both_orders(prompt: str, answers: Sequence[str], *, judge: Bound) -> int | None:
    """What a judge prefers whichever answer it is shown first; nothing where the order decides.

    Language models that judge favour a place, often the first (Zheng et al. 2023, arXiv 2306.05685, whose
    conservative remedy this is). `judge` is asked twice.

    >>> from prefloop.binding import bind
    >>> def first(prompt, answers): return 0
    >>> def longer(prompt, answers): return int(len(answers[1]) > len(answers[0]))
    >>> both_orders("Hi", ("a", "bb"), judge=bind(first)), both_orders("Hi", ("a", "bb"), judge=bind(longer))
    (None, 1)
    """
    one, other = answers
    there = preferred(judge, judge({"prompt": prompt, "answers": (one, other)}))
    back = preferred(judge, judge({"prompt": prompt, "answers": (other, one)}))
    return there if there is not None and back == 1 - there else None


def preferred(judge: Bound, said: Any) -> int | None:
    """What a judge said, if it is an answer: the place of the better one, 0 or 1, or `None` for neither.

    Raises:
        RewardError: it is something else. True and False are: they may mean that the first is better, or its place.
    """
    if said is None:
        return None
    if isinstance(said, Integral) and not isinstance(said, bool) and int(said) in (0, 1):
        return int(said)
    raise RewardError(
        f"the judge `{judge.name}` said {said!r}: it returns 0 where the first of the two answers is better, 1 where "
        "the second is, and None for neither."
    )


def wins(count: int, ask: Callable[[int, int], int | None]) -> list[float]:
    """The share of the others that each of so many answers is preferred to; `ask` about two, by their places.

        reward_i = 1/(K - 1) sum_{j != i} [i is preferred to j] + 1/2 [neither is]

    Each two are asked about once.

    >>> wins(3, lambda i, j: None if i else 1)
    [0.0, 0.75, 0.75]
    """
    won = [0.0] * count
    for i, j in itertools.combinations(range(count), 2):
        said = ask(i, j)
        for place, k in enumerate((i, j)):
            won[k] += 0.5 if said is None else float(said == place)
    return [w / (count - 1) for w in won]
