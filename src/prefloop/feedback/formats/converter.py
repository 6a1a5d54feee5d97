"""What a converter is: one format of rows, and the questions and events that a row of it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ...text import Group, Kind, Prompt, Question, Response
from ..files import Row
from ..records import Event
from ..shapes import LeftOut, fits

Said = Question | Event | LeftOut
"""What a row holds: a question before the events about it, and what of the row could not be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format of rows.

    columns: those that tell it from others (alternatives are parted by `|`). keeps: every column of which nothing is
    lost; what else a row has is counted as lost. convert: what one row holds. An event without `who` was said by
    somebody whom the file does not name; one without `submission` is given an id that follows from what it says.
    """

    name: str
    columns: tuple[str, ...]
    keeps: frozenset[str] = frozenset()
    convert: Callable[[Row], Iterator[Said]]

    def fits(self, columns: Collection[str]) -> bool:
        """Whether rows with these columns have the format."""
        return fits(self.columns, columns)


def asked(
    kind: Kind,
    prompt: Prompt,
    texts: Sequence[str | Response],
    *,
    options: Mapping[str, Any] | None = None,
    parent: str = "",
) -> Question:
    """A question under the id of what it holds.

    >>> asked("thumbs", Prompt(text="One"), [" two"]).id
    'thumbs-7bc5e0c27a57fbaca005'
    """
    responses = tuple(t if isinstance(t, Response) else Response(text=t) for t in texts)
    group = Group(prompt=prompt, responses=responses)
    question = Question(id="", kind=kind, group=group, options=dict(options or {}), parent=parent)
    return named(question)


def named(question: Question, *, within: str = "") -> Question:
    """The question under the id of what it holds, within a project where one is named."""
    return replace(question, id=f"{within}-{content(question)}" if within else f"{question.kind}-{content(question)}")


def content(question: Question) -> str:
    """A hash of what a person would see: the same for questions that differ only in where they come from."""
    prompt = question.group.prompt
    turns = [[m.role, m.content] for m in prompt.messages]
    seen = [question.kind, prompt.text, turns, question.group.texts, question.options, question.parent]
    return digest(seen)


def digest(value: Any) -> str:
    """A short hash of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:20]


def said(
    question: Question,
    value: Any,
    *,
    who: str = "",
    order: Sequence[int] | None = None,
    seconds: float = 0.0,
    at: float = 0.0,
    guideline: int = 0,
    submission: str = "",
    event: Literal["answer", "skip"] = "answer",
    reason: str = "",
) -> Event:
    """What somebody said of a question, shown in the order of its group where no other is known.

    >>> said(asked("comparison", Prompt(text="One"), [" two", " 2"]), 1).order
    (0, 1)
    """
    count = len(question.group.responses)
    return Event(
        seq=0,
        event=event,
        submission=submission,
        question=question.id,
        who=who,
        value=value,
        order=tuple(range(count)) if order is None else tuple(order),
        seconds=seconds,
        at=at,
        guideline=guideline,
        reason=reason,
    )


def shuffled(texts: Sequence[str]) -> list[int]:
    """The places of texts that lie best first, in an order of their own: the same for the same texts.

    A file of preferred answers does not say where they were shown; kept first, they would all seem to have been.
    """
    return sorted(range(len(texts)), key=lambda i: (hashlib.sha256(texts[i].encode("utf-8", "replace")).digest(), i))
