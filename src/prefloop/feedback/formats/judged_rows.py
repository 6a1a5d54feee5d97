"""The shapes of judged rows that training reads (`known_shapes`) as questions and answers, and back as they were.

Rows that prefloop exported say where they came from (`provenance`): a row with all responses of its question becomes
that question and that answer again; of another, who said it and when is kept, and what is lost is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ...errors import DataError
from ...text import Answer, Group, Kind, Message, Prompt, Question
from ..dialogues import messages
from ..files import Row
from ..known_shapes import SHAPES
from ..provenance import COLUMNS, Origin, origin
from ..records import Event
from ..shapes import LeftOut, Shape, instructed, text
from ..views import VIEWS, View
from .converter import Format, Said, asked, said, shuffled

_SCALES = ((1, 5), (1, 7), (0, 10), (0, 100))
"""The scales that whole ratings are taken to be on: the first that has them all."""
_STRENGTHS = 100
"""A probability from one half to one, as a strength: in steps of half a hundredth."""


def from_shape(shape: Shape, name: str) -> Format:
    """The format of a shape's rows."""
    named = (one for column in shape.columns for one in column.split("|"))
    return Format(
        name=name,
        columns=shape.columns,
        keeps=frozenset((*named, *COLUMNS, *_ALSO)),
        convert=partial(_convert, read=shape.read, form=_FORMS[shape.form]),
    )


_ALSO = ("target", "ranks", "input", "system", "history")
"""Columns that a shape reads where they are there."""


def _convert(row: Row, *, read: Callable[[Row], Iterator[Group | LeftOut]], form: _Form) -> Iterator[Said]:
    for found in read(row):
        if isinstance(found, LeftOut):
            yield found
        else:
            yield from _of_group(row, found, form)


def _of_group(row: Row, group: Group, form: _Form) -> Iterator[Said]:
    known = origin(row)
    again = _again(row, group, known, form.views) if known.whole and known.kind and known.question_id else None
    if again is not None:
        yield from again
        return
    if known.places is not None and not known.whole:
        yield LeftOut(why="the other responses that were shown with it, and their order")
    places = shuffled(group.texts)
    place = [places.index(i) for i in range(len(places))]
    responses = [group.responses[i] for i in places]
    for kind, value, options, lost in form.values(group, place):
        question = asked(kind, group.prompt, responses, options=options)
        yield question
        yield said(
            question, value, who=known.who, seconds=known.seconds, at=known.at, guideline=known.guideline,
            submission=f"{known.submission}, {list(known.places or ())}" if known.submission else "",
        )  # fmt: skip
        if lost:
            yield LeftOut(why=lost)


def _again(row: Row, group: Group, known: Origin, views: Sequence[str]) -> tuple[Question, Event] | None:
    """The question and the answer that a row was made of; `None` where it says that of another kind of question.

    Raises:
        DataError: the row and its columns say different things.
    """
    view = next((VIEWS[name][known.kind] for name in views if known.kind in VIEWS[name]), None)
    if view is None or known.places is None:
        return None
    by_place = sorted(zip(known.places, group.responses, strict=False), key=lambda pair: pair[0])
    responses = tuple(r for _, r in by_place)
    question = Question(
        id=known.question_id,
        kind=known.kind,  # type: ignore[arg-type]
        group=Group(prompt=group.prompt, responses=responses),
        why=known.source,
        options=dict(known.options or {}),
    )
    event = said(
        question, known.value, who=known.who, order=known.order, seconds=known.seconds, at=known.at,
        guideline=known.guideline, submission=known.submission,
    )  # fmt: skip
    if not _says(view, question, event, group):
        raise DataError(
            f"{row.place}: the answers and the column `value`, from which they were made, say different things. "
            "Take the column `value` out where you changed the row."
        )
    return question, replace(event, revision=known.revision)


def _says(view: View, question: Question, event: Event, group: Group) -> bool:
    """Whether the row is what a view makes of the answer."""
    answer = Answer(question=question.id, who=event.who, value=event.value, order=event.order, seconds=0.0, at=0.0)
    try:
        made = [g for g in view(question, answer) if isinstance(g, Group)]
    except (KeyError, IndexError, TypeError, ValueError):
        return False
    return any(g.texts == group.texts and (not group.labels or g.labels == group.labels) for g in made)


Value = tuple[Kind, Any, dict[str, Any], str]
"""A kind of question, the answer, the options, and what was lost on the way, empty where nothing."""


class _Form:
    """How a form of judged groups is asked: the views it may have come from, and the values of its answers."""

    def __init__(self, views: Sequence[str], values: Callable[[Group, Sequence[int]], Iterator[Value]]) -> None:
        self.views, self.values = views, values


def _pair(group: Group, place: Sequence[int]) -> Iterator[Value]:
    if group.target is None:
        yield "comparison", place[0], {}, ""
        return
    strength = round((group.target - 0.5) * 2 * _STRENGTHS)
    lost = "" if abs(0.5 + strength / (2 * _STRENGTHS) - group.target) < 1e-9 else "targets to the nearest 0.005"
    if strength:
        yield "comparison", {"better": place[0], "strength": strength}, {"strengths": _STRENGTHS}, lost
    else:
        yield "comparison", "tie", {"strengths": _STRENGTHS}, lost


def _thumbs(group: Group, place: Sequence[int]) -> Iterator[Value]:
    yield "thumbs", [bool(group.labels[place.index(i)]) for i in range(len(place))], {}, ""


def _ranking(group: Group, place: Sequence[int]) -> Iterator[Value]:
    levels = sorted(set(group.labels), reverse=True)
    tiers = [[p for p, label in zip(place, group.labels, strict=True) if label == level] for level in levels]
    yield "ranking", [sorted(tier) for tier in tiers], {}, ""


def _rating(group: Group, place: Sequence[int]) -> Iterator[Value]:
    scale = next((s for s in _SCALES if all(x == int(x) and s[0] <= x <= s[1] for x in group.labels)), None)
    if scale is None:
        for kind, value, options, _ in _ranking(group, place):
            yield kind, value, options, "how far apart ratings are that are no whole numbers from 0 to 100"
        return
    values = [{"score": int(group.labels[place.index(i)])} for i in range(len(place))]
    yield "rating", values, {"axes": {"score": list(scale)}}, ""


_FORMS = {
    "pairs": _Form(("pairs",), _pair),
    "thumbs": _Form(("thumbs",), _thumbs),
    "rankings": _Form(("rankings",), _ranking),
    "ratings": _Form(("ratings",), _rating),
}


def _demonstrated(row: Row, *, prompt: Callable[[Row], tuple[Prompt, str]]) -> Iterator[Said]:
    """One answer that somebody wrote."""
    lead, answer = prompt(row)
    known = origin(row)
    if known.size > 0:
        yield LeftOut(why="the answers that were shown before one was written")
    whole = known.kind == "demonstration" and known.size == 0 and known.question_id
    question = asked("demonstration", lead, [], options=known.options if whole else None)
    if whole:
        question = replace(question, id=known.question_id, why=known.source)
    yield question
    event = said(
        question, {"text": answer}, who=known.who, seconds=known.seconds, at=known.at, guideline=known.guideline,
        submission=known.submission,
    )  # fmt: skip
    yield replace(event, revision=known.revision)


def _completed(row: Row) -> tuple[Prompt, str]:
    prompt, completion = row.values["prompt"], row.values["completion"]
    asked_ = Prompt(text=prompt) if isinstance(prompt, str) else Prompt(messages=_turns(row, "prompt"))
    if isinstance(completion, str):
        return asked_, completion
    turns = _turns(row, "completion")
    if len(turns) != 1:
        raise DataError(f"{row.place}: `completion` has {len(turns)} turns, and one is the answer.")
    return asked_, turns[0].content


def _turns(row: Row, name: str) -> Any:
    return messages(row.values.get(name), f"{row.place}, `{name}`")


def _conversation(row: Row) -> tuple[Prompt, str]:
    *lead, last = _turns(row, "messages" if row.values.get("messages") else "conversations")
    if not lead or last.role != "assistant":
        raise DataError(f"{row.place}: the last turn is the answer, the assistant's, after a turn of the user.")
    return Prompt(messages=tuple(lead)), last.content


def _instruction(row: Row) -> tuple[Prompt, str]:
    return instructed(row), text(row, "output")


def _question(row: Row) -> tuple[Prompt, str]:
    return Prompt(messages=(Message(role="user", content=text(row, "question")),)), text(row, "answer")


def _written(name: str, columns: tuple[str, ...], prompt: Callable[[Row], tuple[Prompt, str]]) -> Format:
    kept = frozenset((*(one for c in columns for one in c.split("|")), *COLUMNS, *_ALSO))
    return Format(name=name, columns=columns, keeps=kept, convert=partial(_demonstrated, prompt=prompt))


_NAMES = {
    "steps": "steps that go on from one prefix",
    "pairs-conversation": "pairs after a conversation",
    "pairs-instruction": "pairs after an instruction",
    "pairs": "pairs",
    "pairs-implicit": "pairs of whole texts or dialogues",
    "ratings": "ratings",
    "rankings-best-first": "rankings, best first or with `ranks`",
    "thumbs": "thumbs",
    "thumbs-conversation": "thumbs on a conversation's last turn",
}
_SHAPES = {shape.name: shape for shape in SHAPES}
JUDGED = {name: from_shape(_SHAPES[shape], name) for name, shape in _NAMES.items()}
"""The shapes of `known_shapes` but those of one data set, by the name that `--format` takes."""
RANKED = replace(JUDGED["rankings-best-first"], name="rankings", columns=("prompt", "responses", "ranks"))
WRITTEN = (
    _written("instructions", ("instruction", "output"), _instruction),
    _written("questions", ("question", "answer"), _question),
    _written("completions", ("prompt", "completion"), _completed),
    _written("conversations", ("messages|conversations",), _conversation),
)
"""Rows with one answer that somebody wrote."""
