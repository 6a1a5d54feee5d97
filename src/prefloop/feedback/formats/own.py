"""The log as prefloop exports it: a question or an event a line, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import DataError
from ...text import Group, Message, Prompt, Question, Response
from ..files import Row
from ..records import Event
from .converter import Format, Said


def convert(row: Row) -> Iterator[Said]:
    """The question or the event of one line."""
    values = {name: value for name, value in row.values.items() if name != "record"}
    record = row.values["record"]
    if record not in ("question", "event"):
        raise DataError(f"{row.place}: `record` is {record!r:.40}; it is question or event.")
    yield question_of(values) if record == "question" else event_of(values)


def question_of(values: Mapping[str, Any]) -> Question:
    """A question from its fields as JSON holds them."""
    group = values["group"]
    prompt = Prompt(text=group["prompt"]["text"], messages=tuple(Message(**m) for m in group["prompt"]["messages"]))
    responses = tuple(
        Response(**{**r, **{name: tuple(r[name]) for name in ("ids", "mask", "logp")}}) for r in group["responses"]
    )
    whole = Group(prompt=prompt, prompt_ids=tuple(group["prompt_ids"]), responses=responses)
    return Question(**{**values, "group": whole})


def event_of(values: Mapping[str, Any]) -> Event:
    """An event from its fields as JSON holds them."""
    if not values.get("submission"):
        raise ValueError("it has no `submission`")
    return Event(**{**values, "seq": 0, "order": tuple(values["order"])})


LOG = Format(name="log", columns=("record",), convert=convert)
