"""How a report speaks: the result as one sentence, and numbers that show no more figures than were measured."""

from __future__ import annotations

from math import ceil, isfinite, log10

from ..statistics import Interval
from .summary import HeldOut, Summary

MINUS, SPACE, DASH = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}", "\N{EN DASH}"


def headline(summary: Summary) -> str:
    """The result in one sentence. An interval that includes "nothing happened" claims nothing."""
    rounds, labels = len(summary.rounds), summary.costs.labels
    after = f"After {plural(rounds, 'round')} and {plural(labels, 'label')}"
    return f"{after} {_gain(summary.held_out)}{_wins(summary.held_out.win_rate)}."


def _gain(result: HeldOut) -> str:
    if result.gold is None:
        return (
            "no gain can be claimed: the model has moved towards what the reward model learned from the answers, but "
            "nobody has judged its new answers on held-out prompts"
        )
    difference = result.gold.difference
    d = digits(difference)
    span = f"95{SPACE}% interval {number(difference.low, d)} to {number(difference.high, d)}"
    if difference.low > 0:
        return f"the model's held-out gold score rose by {number(difference.estimate, d)} ({span})"
    if difference.high < 0:
        return f"the model got worse: its held-out gold score changed by {signed(difference.estimate, d)} ({span})"
    return (
        f"no gain can be claimed: the model's held-out gold score changed by {signed(difference.estimate, d)}, "
        f"and the {span} includes 0"
    )


def _wins(rate: Interval | None) -> str:
    if rate is None:
        return ""
    span = f"{number(100 * rate.low, 0)} to {percent(rate.high)}"
    even = ", too close to even to tell" if rate.low <= 0.5 <= rate.high else ""
    return f"; its answers beat the reference model's on {percent(rate.estimate)} of prompts ({span}{even})"


def digits(interval: Interval) -> int:
    """How many decimals an interval deserves: two figures of its width.

    >>> digits(Interval(estimate=0.41, low=0.33, high=0.49, n=96, method="paired bootstrap"))
    2
    """
    width = interval.high - interval.low
    return min(4, max(0, 1 + ceil(-log10(width)))) if isfinite(width) and width > 0 else 2


def number(value: float, decimals: int = 2) -> str:
    """A number with a true minus sign and grouped thousands, and a dash where there is none.

    >>> number(0.456), number(float("nan")) == DASH, number(-3, 0) == MINUS + "3"
    ('0.46', True, True)
    """
    if not isfinite(value):
        return DASH
    written = f"{value:,.{decimals}f}".replace(",", SPACE).replace("-", MINUS)
    return written.lstrip(MINUS) if float(f"{value:.{decimals}f}") == 0 else written


def signed(value: float, decimals: int = 2) -> str:
    """A change: always with its sign.

    >>> signed(0.41)
    '+0.41'
    """
    return ("+" if value > 0 else "") + number(value, decimals)


def percent(share: float) -> str:
    """A share in whole percent.

    >>> percent(0.784) == "78" + SPACE + "%"
    True
    """
    return f"{number(100 * share, 0)}{SPACE}%"


def plural(how_many: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(2, "round").split(), plural(1, "label").split()
    (['2', 'rounds'], ['1', 'label'])
    """
    return f"{number(how_many, 0)}{SPACE}{noun}{'' if how_many == 1 else 's'}"


def duration(seconds: float) -> str:
    """A time in the two units that matter.

    >>> [duration(s).split() for s in (7.25, 431, 7260)]
    [['7.2', 's'], ['7', 'min', '11', 's'], ['2', 'h', '1', 'min']]
    """
    if seconds < 60:
        return f"{number(seconds, 1)}{SPACE}s"
    whole = round(seconds)
    large, small, units = (
        (whole // 60, whole % 60, "min s") if whole < 3600 else (whole // 3600, whole % 3600 // 60, "h min")
    )
    first, second = units.split()
    return f"{large}{SPACE}{first} {small}{SPACE}{second}"
