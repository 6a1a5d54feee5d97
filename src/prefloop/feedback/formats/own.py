"""The log as prefloop exports it: a question or an event a line, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import DataError
from ..files import Row
from ..streams import event_of, question_of
from .converter import Format, Said


def convert(row: Row) -> Iterator[Said]:
    """The question or the event of one line."""
    values = {name: value for name, value in row.values.items() if name != "record"}
    record = row.values["record"]
    if record not in ("question", "event"):
        raise DataError(f"{row.place}: `record` is {record!r:.40}; it is question or event.")
    yield question_of(values) if record == "question" else event_of(values)


LOG = Format(name="log", columns=("record",), convert=convert)
