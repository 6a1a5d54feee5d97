"""Tulu's human evaluation (Wang et al. 2023, arXiv 2306.04751): two answers, how much better, and whether each will do.

The two answers lie in the order of the models' names, whichever side each was shown on, so that what several people
said of them is about one question; the sides are the order shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from ...errors import DataError
from ...text import Message, Prompt, Response
from ..files import Row
from ..shapes import LeftOut, given
from .converter import Format, Said, asked, said

_SIDES = ("a", "b")
_STRENGTHS = {"better": 2, "slightly-better": 1}
_YES = {"yes": True, "no": False}


def convert(row: Row) -> Iterator[Said]:
    """A comparison in two strengths with ties, and thumbs for "acceptable", by the same person at the same time."""
    sides = sorted(_SIDES, key=lambda side: str(given(row, f"model_{side}")))
    responses = [
        Response(text=_text(row, f"completion_{s}"), model_version=str(given(row, f"model_{s}"))) for s in sides
    ]
    prompt = Prompt(messages=(Message(role="user", content=_text(row, "prompt")),))
    about: dict[str, Any] = {
        "who": str(given(row, "evaluator")),
        "at": _time(row),
        "order": tuple(sides.index(side) for side in _SIDES),
    }
    compared = asked("comparison", prompt, responses, options={"strengths": 2})
    yield compared
    yield said(compared, _preference(row, sides), **about)
    accepted = [row.values.get(f"completion_{side}_is_acceptable") for side in sides]
    if all(a in _YES for a in accepted):
        liked = asked("thumbs", prompt, responses, options={"ask": "Is this answer acceptable?"})
        yield liked
        yield said(liked, [_YES[str(a)] for a in accepted], **about)
    else:
        yield LeftOut(why="not both answers are said to be acceptable or not")


def _preference(row: Row, sides: list[str]) -> Any:
    verdict = str(given(row, "preference"))
    side, _, strength = verdict.partition("-is-")
    if verdict == "tie":
        return verdict
    if side not in _SIDES or strength not in _STRENGTHS:
        raise DataError(f"{row.place}: `preference` is {verdict!r:.80}; it is tie, or such as a-is-slightly-better.")
    return {"better": sides.index(side), "strength": _STRENGTHS[strength]}


def _text(row: Row, name: str) -> str:
    """A text; the empty cells of a sheet are empty texts."""
    return str(row.values.get(name) or "")


def _time(row: Row) -> float:
    """Seconds since the epoch; the sheet names no time zone, and UTC is taken."""
    value = row.values.get("timestamp")
    if value is None:
        return 0.0
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError as error:
        raise DataError(f"{row.place}: `timestamp` is {value!r:.80}; it is such as 2023-05-19 13:11:45.") from error
    return found.replace(tzinfo=found.tzinfo or UTC).timestamp()


_OF_SIDES = ("model_{}", "completion_{}", "completion_{}_is_acceptable")

TULU = Format(
    name="tulu",
    columns=("prompt", "completion_a", "completion_b", "preference", "evaluator"),
    keeps=frozenset(
        ("prompt", "preference", "evaluator", "timestamp", *(c.format(s) for c in _OF_SIDES for s in _SIDES))
    ),
    convert=convert,
)
