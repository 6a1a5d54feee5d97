"""The JSON export of Label Studio, of its template for comparing two texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ...errors import DataError
from ...text import Message, Prompt, Question
from ..files import Row
from ..records import Event
from ..shapes import LeftOut, given
from .converter import Format, Said, asked, said

_PROMPTS = ("prompt", "question", "instruction", "input")
_SELECTED = {"left": 0, "right": 1}


def convert(row: Row) -> Iterator[Said]:
    """A comparison, and an answer or a skip for each annotation, with who, when, and the seconds of `lead_time`."""
    data = given(row, "data")
    prompt = next((name for name in _PROMPTS if isinstance(data, Mapping) and isinstance(data.get(name), str)), None)
    if prompt is None:
        raise DataError(
            f"{row.place}: `data` has none of the texts {', '.join(_PROMPTS)}: call the prompt one of them."
        )
    texts = [value for name, value in data.items() if name != prompt and isinstance(value, str)]
    if len(texts) != 2:
        raise DataError(
            f"{row.place}: `data` has {len(texts)} texts beside `{prompt}`, and a comparison takes two, the left one "
            "first. Take the others out."
        )
    question = asked("comparison", Prompt(messages=(Message(role="user", content=data[prompt]),)), texts)
    yield question
    for annotation in row.values.get("annotations") or ():
        yield from _annotation(row, question, annotation)
    for what in ("drafts", "predictions"):
        for _ in row.values.get(what) or ():
            yield LeftOut(why=what)


def _annotation(row: Row, question: Question, annotation: Mapping[str, Any]) -> Iterator[Event | LeftOut]:
    about: dict[str, Any] = {
        "who": _who(annotation.get("completed_by")),
        "at": datetime.fromisoformat(annotation["created_at"]).timestamp(),
        "seconds": float(annotation.get("lead_time") or 0.0),
        "submission": str(annotation.get("unique_id") or ""),
    }
    if annotation.get("was_cancelled"):
        yield said(question, None, event="skip", reason="skipped in Label Studio", **about)
        return
    results = [r for r in annotation.get("result") or () if r.get("type") == "pairwise"]
    for other in annotation.get("result") or ():
        if other not in results:
            yield LeftOut(why=f"results of the type {other.get('type')}")
    if len(results) > 1:
        raise DataError(f"{row.place}: an annotation compares {len(results)} times, and one comparison is read.")
    for result in results:
        selected = result["value"].get("selected")
        if selected not in _SELECTED:
            raise DataError(f"{row.place}: an annotation selects {selected!r:.40}; it is left or right.")
        yield said(question, _SELECTED[selected], **about)


def _who(person: Any) -> str:
    """An annotator's address where the export has it, else their number."""
    if isinstance(person, Mapping):
        person = person.get("email") or person.get("id")
    return "" if person is None else str(person)


LABEL_STUDIO = Format(
    name="label-studio", columns=("data", "annotations"), keeps=frozenset(("data", "annotations")), convert=convert
)
