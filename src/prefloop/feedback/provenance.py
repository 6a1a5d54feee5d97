"""Where an exported row came from: columns that trainers pass over, and that make the row what it was when it is read.

question_id, kind       the question, and what was asked
value, options          the answer as it is kept and the options it was given under, as JSON
places, size            which of the question's `size` responses the row's are, in their order
who, submission, revision, guideline, order, seconds, at        as in the log
strength                how much better, of a comparison with strengths
overlap, agreement      how many people's answers to the question stand, and the share of the others that say the same
source, project         where the question came from, and the project it was asked in
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DataError
from ..text import Question
from .files import Row
from .kinds import preferred
from .records import Event

COLUMNS = (
    "question_id",
    "kind",
    "value",
    "options",
    "places",
    "size",
    "who",
    "submission",
    "revision",
    "guideline",
    "order",
    "seconds",
    "at",
    "strength",
    "overlap",
    "agreement",
    "source",
    "project",
)
"""The columns, in the order in which they are written."""
NUMBERS = {"size": int, "revision": int, "guideline": int, "seconds": float, "at": float}
"""The columns that hold numbers, also where they are read as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the columns of one row say; what is missing has the value that stands for unknown.

    >>> Origin(who="ada", places=(1, 0), size=2).whole
    True
    """

    question_id: str = ""
    kind: str = ""
    value: Any = None
    options: Mapping[str, Any] | None = None
    places: tuple[int, ...] | None = None
    size: int = -1
    who: str = ""
    submission: str = ""
    revision: int = 0
    guideline: int = 0
    order: tuple[int, ...] | None = None
    seconds: float = 0.0
    at: float = 0.0
    source: str = ""

    @property
    def whole(self) -> bool:
        """Whether the row has all responses of its question."""
        return self.places is not None and sorted(self.places) == list(range(self.size))


def origin(row: Row) -> Origin:
    """What the columns of a row say.

    Raises:
        DataError: one of them holds what it cannot hold.
    """
    found: dict[str, Any] = {}
    for name in COLUMNS:
        value = row.values.get(name)
        if value is None or value == "" or name not in Origin.__dataclass_fields__:
            continue
        try:
            found[name] = _read(name, value)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{row.place}: `{name}` is {value!r:.80}, which prefloop does not write there.") from error
    return Origin(**found)


def _read(name: str, value: Any) -> Any:
    if name in NUMBERS:
        return NUMBERS[name](value)
    if name in ("value", "options"):
        return json.loads(value)
    if name in ("places", "order"):
        return tuple(int(i) for i in (json.loads(value) if isinstance(value, str) else value))
    return str(value)


def columns(
    question: Question, event: Event, standing: Sequence[Event], places: Sequence[int], *, who: str | None = None
) -> dict[str, Any]:
    """The columns of a row that is learnt from `event`, which is one of the `standing` answers to its question.

    `who` stands in for the person's name; the id of the submission, which could lead to them, is left out then.
    """
    value = event.value
    others = [e for e in standing if e.submission != event.submission]
    alike = sum(same(question.kind, e.value, value) for e in others)
    return {
        "question_id": question.id,
        "kind": question.kind,
        "value": json.dumps(value, ensure_ascii=False),
        "options": json.dumps(question.options, ensure_ascii=False),
        "places": list(places),
        "size": len(question.group.responses),
        "who": event.who if who is None else who,
        "submission": event.submission if who is None else None,
        "revision": event.revision,
        "guideline": event.guideline,
        "order": list(event.order),
        "seconds": event.seconds,
        "at": event.at,
        "strength": value["strength"] if isinstance(value, Mapping) and "strength" in value else None,
        "overlap": len(standing),
        "agreement": alike / len(others) if others else None,
        "source": question.why,
        "project": event.project,
    }


def same(kind: str, one: Any, other: Any) -> bool:
    """Whether two answers to one question say the same; of comparisons, whether they prefer the same.

    >>> same("comparison", 1, {"better": 1, "strength": 3}), same("comparison", "tie", "both-bad")
    (True, False)
    """
    if kind == "comparison" and preferred(one) is not None:
        return preferred(one) == preferred(other)
    return bool(one == other)
