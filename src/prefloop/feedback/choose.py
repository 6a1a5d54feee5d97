"""Which groups to ask about: functions (groups, scores, *, n, seed) -> indices of the groups, first to ask first.

`scores` are the reward model's predictions, one tuple for each group, or None while there is no reward model.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from ..errors import RecipeError
from ..text import Group

Scores = Sequence[tuple[float, ...]]


def askable(groups: Sequence[Group]) -> list[int]:
    """The groups in which there is something to choose: at least two responses read differently.

    >>> from prefloop.text import Prompt, Response
    >>> same = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" two")))
    >>> askable([same])
    []
    """
    return [index for index, group in enumerate(groups) if len(set(group.texts)) > 1]


def at_random(groups: Sequence[Group], scores: Scores | None, *, n: int, seed: int) -> list[int]:
    """`n` askable groups, each as likely as any other; all of them when there are fewer."""
    able = askable(groups)
    return random.Random(seed).sample(able, min(n, len(able)))


def least_certain(groups: Sequence[Group], scores: Scores | None, *, n: int, seed: int) -> list[int]:
    """The `n` askable groups whose predicted choice has the highest entropy, ties in random order.

        p_i = exp(score_i) / sum_j exp(score_j)        H = -sum_i p_i ln p_i

    Raises:
        RecipeError: there are no scores yet.
    """
    if scores is None:
        raise RecipeError(
            "`least_certain` compares a reward model's predictions, and there is none yet: choose with `at_random` "
            "until the first reward model is fitted."
        )
    able = at_random(groups, scores, n=len(groups), seed=seed)
    return sorted(able, key=lambda index: -_entropy(scores[index]))[:n]


def _entropy(scores: tuple[float, ...]) -> float:
    odds = [math.exp(s - max(scores)) for s in scores]
    total = sum(odds)
    return math.log(total) - sum(o * math.log(o) for o in odds if o) / total
