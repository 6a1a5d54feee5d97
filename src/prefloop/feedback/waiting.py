"""How long a round waits for people before it learns."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """When round n learns: the rule of a run whose questions people answer on a page, in their own time.

        come >= share * asked   and   usable >= least * n,   or all that was asked has come

    All three count over the rounds so far: `asked` the labels wanted, `come` those that are there, `usable` those that
    something can be learnt from (a tie is a label and teaches no choice). After `minutes` of waiting, `least` alone is
    enough. Labels that come later are kept, and the next reward model is fitted to them as well.

    Ziegler et al. 2019 (arXiv 1909.08593), section 2.3, also collect while the policy learns: they pause before an
    episode that has fewer labels than a schedule wants, and fit the reward model anew to all labels so far. Their
    schedule is a parabola over the episodes; this one is a line over the rounds.

    share: 1 waits for every label, 0.9 for nine of ten, 0 for none: the policy learns while people answer.
    minutes: the longest wait of a round, where `least` labels are there by then; without a number there is no end.

    >>> Wait(share=0.9).over(asked=20, come=18, usable=17, round=1)
    True
    >>> Wait(share=0.0, least=5).over(asked=40, come=9, usable=9, round=2)
    False

    Raises:
        RecipeError: numbers that make no sense.
    """

    share: float = 1.0
    minutes: float | None = None
    least: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.share <= 1 and self.least >= 1 and (self.minutes is None or self.minutes > 0)):
            raise RecipeError(
                f"a wait of share {self.share}, minutes {self.minutes} and least {self.least} cannot be: `share` is "
                "from 0 to 1, `minutes` above 0 or left out, and `least` 1 or more."
            )

    def over(self, *, asked: int, come: int, usable: int, round: int, minutes: float = 0.0) -> bool:
        """Whether the round learns now, after so many minutes of waiting."""
        if come >= asked:
            return True
        long_enough = self.minutes is not None and minutes >= self.minutes
        return usable >= self.least * round and (long_enough or come >= self.wanted(asked))

    def wanted(self, asked: int) -> int:
        """How many labels `share` is of so many.

        >>> Wait(share=0.9).wanted(11)
        10
        """
        return math.ceil(self.share * asked - 1e-9)  # 0.55 of 100 is 55, though the product is a little more

    @property
    def told(self) -> str:
        """The rule in a sentence.

        >>> Wait(share=0.9, least=5).told
        'A round learns when 90 % of the labels asked for so far have come, and at least 5 a round.'
        """
        labels = f"{self.least} label{'s' if self.least > 1 else ''}"
        if self.share == 0:
            return f"A round learns as soon as there are {labels} a round; later ones join the next fit."
        what = "every label" if self.share == 1 else f"{100 * self.share:g} % of the labels"
        some = f", and at least {self.least} a round" if self.least > 1 else ""
        until = "" if self.minutes is None else f", or after {self.minutes:g} minutes with {labels} a round"
        return f"A round learns when {what} asked for so far {'has' if self.share == 1 else 'have'} come{some}{until}."
