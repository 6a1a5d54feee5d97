"""Everything prefloop raises on purpose.

    PrefloopError
    ├── RecipeError      a recipe that cannot mean anything (also a ValueError)
    ├── DataError        prompts, feedback or files that cannot be used (also a ValueError)
    ├── ModelError       a model that cannot be found, loaded or given the asked-for head (also a ValueError)
    ├── RewardError      a reward or objective of the user's own that failed on a sample (also a RuntimeError)
    └── RunError         a run folder, disk or process that stands in the way (also a RuntimeError)

A message names the cause, the place and the mend, in this order. The command line prints it without a traceback
and exits with code 2; in Python it is an ordinary exception.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PrefloopError(Exception):
    """Base of every error prefloop raises on purpose."""


class RecipeError(PrefloopError, ValueError):
    """A recipe that cannot be run: an unknown knob, a tensor nobody provides, a shape that does not fit."""


class DataError(PrefloopError, ValueError):
    """Prompts, feedback or files that cannot be used as they are."""


class ModelError(PrefloopError, ValueError):
    """A model that cannot be found, loaded, or given the head it was asked for."""


class RewardError(PrefloopError, RuntimeError):
    """A function of the user's own that raised, or returned what cannot be used, on a named sample."""


class RunError(PrefloopError, RuntimeError):
    """A run folder, a disk or a process that stands in the way of the run."""


def nearest(word: str, known: Iterable[str]) -> str:
    """A "did you mean" ending for an error message; empty when nothing known is close.

    >>> nearest("smothing", ["beta", "smoothing"])
    ' Did you mean `smoothing`?'
    >>> nearest("xyz", ["beta", "smoothing"])
    ''
    """
    close = get_close_matches(word, list(known), n=1)
    return f" Did you mean `{close[0]}`?" if close else ""


def above_zero(function: str, **knobs: float) -> None:
    """Refuse knobs of a function that have no meaning at 0 or below.

    Raises:
        RecipeError: one of them is not above 0; names it and the function.

    >>> above_zero("modpo", share=0.5)
    """
    for name, number in knobs.items():
        if number <= 0:
            raise RecipeError(f"`{name}` of `{function}` is {number:g}: it is above 0.")


def at_least(function: str, least: int, **knobs: int) -> None:
    """Refuse knobs of a function that have no meaning below a number.

    Raises:
        RecipeError: one of them is below it; names it and the function.

    >>> at_least("margin_bradley_terry", 2, grades=4)
    """
    for name, number in knobs.items():
        if number < least:
            raise RecipeError(f"`{name}` of `{function}` is {number:g}: it is at least {least}.")


def share_of_flips(function: str, **knobs: float) -> None:
    """Refuse a share of judgements turned round that is not above 0 and below 1/2, where they would say nothing.

    Raises:
        RecipeError: one of them is not; names it and the function.

    >>> share_of_flips("known_flips", flips=0.1)
    """
    for name, share in knobs.items():
        if not 0 < share < 0.5:
            raise RecipeError(
                f"`{name}` of `{function}` is {share:g}: it is a share of judgements that are turned round, above 0 "
                "and below 0.5, where they would say nothing. Without any take `bradley_terry`."
            )
