"""From places on the page to places in the group: a browser is told where an answer is shown and not which it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DataError


def in_group(kind: str, value: Any, order: Sequence[int]) -> Any:
    """What somebody said of the places on the page, said of the responses of the group.

    `order[place]` is the response shown at that place. What is malformed is left to the kind's own check, except for
    a place that is not there.

    Raises:
        DataError: a place that nothing was shown at.

    >>> in_group("comparison", {"better": 0, "strength": 2}, (1, 0))
    {'better': 1, 'strength': 2}
    >>> in_group("ranking", [[0], [1, 2]], (2, 0, 1))
    [[2], [0, 1]]
    >>> in_group("thumbs", [True, False, False], (2, 0, 1))
    [False, False, True]
    """
    if kind in ("rating", "thumbs"):
        return _by_response(value, order)
    if kind == "ranking":
        return [[_shown(p, order) for p in tier] if isinstance(tier, list) else tier for tier in _listed(value)]
    if kind == "spans":
        return [_renamed(one, "response", order) for one in _listed(value)]
    if isinstance(value, Mapping):
        return _renamed(_renamed(value, "better", order), "response", order)
    return _shown(value, order) if isinstance(value, int) else value


def on_page(kind: str, value: Any, order: Sequence[int]) -> Any:
    """What was said of the responses of the group, said of the places on the page: `in_group` the other way round.

    >>> on_page("comparison", in_group("comparison", {"better": 0, "strength": 2}, (1, 0)), (1, 0))
    {'better': 0, 'strength': 2}
    """
    return in_group(kind, value, [list(order).index(place) for place in range(len(order))])


def _by_response(value: Any, order: Sequence[int]) -> Any:
    if not isinstance(value, list) or len(value) != len(order):
        raise DataError(f"{len(order)} answers were shown: the value is a list of as many.")
    return [value[order.index(index)] for index in range(len(order))]


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise DataError("the value is a list.")
    return value


def _renamed(value: Any, name: str, order: Sequence[int]) -> Any:
    if not isinstance(value, Mapping) or name not in value:
        return value
    return {**value, name: _shown(value[name], order)}


def _shown(place: Any, order: Sequence[int]) -> int:
    if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < len(order):
        raise DataError(
            f"{len(order)} answers were shown, at places counted from 0, and {place!r:.40} is none of them."
        )
    return order[place]
