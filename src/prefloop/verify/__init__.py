"""Verification: every method on a problem small enough to enumerate, against what it is known to reach."""

from __future__ import annotations

from ..errors import RecipeError
from ..recipes import method
from .distance import Verdict
from .known import KNOWN

__all__ = ["Verdict", "verify"]


def verify(name: str) -> Verdict:
    """Run a method on the tabular problem and measure how near it comes to its known answer.

    Raises:
        RecipeError: there is no such method, or its known answer has not been written down yet.

    >>> verify("sft").passed
    True
    """
    method(name)
    known = KNOWN.get(name.replace("_", "-"))
    if known is None:
        raise RecipeError(
            f"`{name}` has no known answer yet, so nothing can be said of it. Methods that have one: "
            f"{', '.join(KNOWN)}. "
            "Add a function that returns a Verdict to `KNOWN` in prefloop/verify/known.py."
        )
    return known()
