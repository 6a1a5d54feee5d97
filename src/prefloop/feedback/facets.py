"""What of two answers to one question can be compared, kind by kind: the units that people agree or disagree on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any, Literal

from .kinds import preferred

Scale = Literal["nominal", "ordinal"]
"""Whether two values are the same or not, or lie nearer or farther apart."""


def facets(kind: str, options: Mapping[str, Any], value: Any, *, responses: int) -> Iterator[tuple[str, int, Any]]:
    """The comparable parts of an answer: (axis, unit, value), where people who agree have the same value.

    A comparison or a choice has what it prefers; a ranking, which of each two responses it puts first; a rating, the
    number on each axis of each response; thumbs, each thumb; marked errors, whether a response has one of each type.
    What is written freely is not compared.

    >>> list(facets("ranking", {}, [[2], [0, 1]], responses=3))
    [('first of two', 0, 0), ('first of two', 1, -1), ('first of two', 2, -1)]
    >>> list(facets("rating", {"axes": {"true": [0, 1]}}, [{"true": 1}], responses=1))
    [('true', 0, 1)]
    """
    if kind in ("comparison", "choice"):
        best = preferred(value)
        yield "preferred", 0, value if best is None else best
    elif kind == "ranking":
        tier = {index: rank for rank, some in enumerate(value) for index in some}
        for unit, (i, j) in enumerate(combinations(sorted(tier), 2)):
            yield "first of two", unit, (tier[j] > tier[i]) - (tier[j] < tier[i])
    elif kind == "rating":
        yield from ((axis, unit, row[axis]) for unit, row in enumerate(value) for axis in options["axes"])
    elif kind == "thumbs":
        yield from (("thumb", unit, thumb) for unit, thumb in enumerate(value))
    elif kind == "spans":
        marked = {(span["type"], span["response"]) for span in value}
        yield from (
            (kind_of_error, unit, (kind_of_error, unit) in marked)
            for unit in range(responses)
            for kind_of_error in options["types"]
        )


def scale_of(kind: str) -> Scale:
    """The scale of a kind's values.

    >>> scale_of("rating"), scale_of("thumbs")
    ('ordinal', 'nominal')
    """
    return "ordinal" if kind in ("rating", "ranking") else "nominal"
