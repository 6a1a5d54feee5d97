"""The kinds of question: what is asked, what comes back, how it is drawn, and what it becomes in training.

`KINDS` has them by name. Each takes its answer as a JSON value, and its options from `Question.options`; `ask`, the
sentence shown, and `warning`, shown before the item, are options of all. Indices of responses are those of the
question's group, wherever they were shown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import DataError, nearest
from ..text import UNSTORABLE, Question

Check = Callable[[Any, "Asked"], Any]
COMMON = ("ask", "warning")
"""The options that every kind has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the check of an answer reads of a question: its kind, its options, and how long each response's text is.

    >>> Asked(id="q", kind="comparison", lengths=(4, 2)).lengths
    (4, 2)
    """

    id: str
    kind: str
    lengths: tuple[int, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def option(self, name: str) -> Any:
        """The option, or what the kind has where the question does not say."""
        return self.options.get(name, KINDS[self.kind].options.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionKind:
    """One kind of question.

    asks: the sentence that is shown. takes: what comes back, in words. draw: the name of the page's template. becomes:
    the training set it becomes. responses: the least and the most a question may have. options: with their defaults;
    `None` has to be given. check: gives the value as it is kept, and raises `_Refused` with what is wrong with it.
    """

    name: str
    asks: str
    takes: str
    draw: str
    becomes: str
    responses: tuple[int, float]
    options: Mapping[str, Any] = field(default_factory=dict)
    check: Check


class _Refused(Exception):
    """What is wrong with a value, without the question's name."""


def asked(question: Question) -> Asked:
    """What the check of its answers reads of a question."""
    return Asked(
        id=question.id,
        kind=question.kind,
        lengths=tuple(len(t) for t in question.group.texts),
        options=question.options,
    )


def check_question(question: Question) -> None:
    """Refuse a question that its kind cannot ask.

    Raises:
        DataError: an unknown kind or option, too few or too many responses, an option that is missing or strange.
    """
    kind = KINDS.get(question.kind)
    if kind is None:
        raise DataError(
            f"question `{question.id}` is of the kind `{question.kind}`, which is none of {', '.join(KINDS)}."
            f"{nearest(question.kind, KINDS)}"
        )
    found, (least, most) = len(question.group.responses), kind.responses
    if not least <= found <= most:
        wanted = f"{least}" if least == most else f"{least} or more" if most == math.inf else f"{least} to {most}"
        raise DataError(f"question `{question.id}` is a {kind.name} of {found} responses: it takes {wanted}.")
    known = (*kind.options, *COMMON)
    for name in question.options:
        if name not in known:
            raise DataError(
                f"question `{question.id}`, a {kind.name}, has no option `{name}`; it has {', '.join(known)}."
                f"{nearest(name, known)}"
            )
    for name, default in kind.options.items():
        _OPTIONS[name](question, question.options.get(name, default))


def check_value(value: Any, question: Asked) -> Any:
    """The value of an answer as it is kept, from what somebody or some program gave.

    Raises:
        DataError: it is not what the kind takes; the message has the question, the value and what is taken.

    >>> two = Asked(id="q1", kind="comparison", lengths=(4, 2))
    >>> check_value({"better": 1, "strength": 5}, two), check_value("tie", two)
    ({'better': 1, 'strength': 5}, 'tie')
    >>> check_value({"better": 1, "strength": 9}, two)
    Traceback (most recent call last):
    prefloop.errors.DataError: question `q1` was answered with {'better': 1, 'strength': 9}: the strength is a whole \
number from 1 to 7. A comparison takes an index; {"better": index, "strength": 1 to 7}; "tie"; or "both-bad".
    """
    kind = KINDS[question.kind]
    try:
        return kind.check(value, question)
    except _Refused as refused:
        raise DataError(
            f"question `{question.id}` was answered with {value!r:.80}: {refused}. "
            f"{'An' if kind.name[0] in 'aeiou' else 'A'} {kind.name.removesuffix('s')} takes {kind.takes}."
        ) from None


def preferred(value: Any) -> int | None:
    """The index that an answer to a comparison or a choice prefers; `None` for a tie and where both are bad.

    >>> preferred(1), preferred({"better": 0, "strength": 2}), preferred("tie")
    (1, 0, None)
    """
    found = value.get("better") if isinstance(value, Mapping) else value
    return found if isinstance(found, int) else None


def same_answer(one: Any, other: Any) -> bool:
    """Whether two answers to a question prefer the same, whatever the strength, or are equal where neither prefers one.

    >>> same_answer({"better": 1, "strength": 2}, 1), same_answer("tie", "both-bad")
    (True, False)
    """
    best = preferred(one)
    return bool(one == other) if best is None else best == preferred(other)


def _index(value: Any, question: Asked) -> int:
    count = len(question.lengths)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise _Refused(f"it has {count} responses, counted from 0, and {value!r:.40} is none of them")
    return value


def _whole(value: Any, low: int, high: int, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _Refused(f"{what} is a whole number from {low} to {high}")
    return value


def _fields(value: Any, needed: set[str], allowed: frozenset[str] | set[str] = frozenset()) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not needed <= set(value) <= needed | allowed:
        may = f", and may have {', '.join(sorted(allowed))}" if allowed else ""
        raise _Refused(f"it is an object with {', '.join(sorted(needed))}{may}")
    return value


def _list(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _Refused(f"it is a list of {what}")
    return list(value)


def plain_text(value: Any, *, empty: bool = False) -> str:
    """A text that every database can hold: no NUL, no half of a pair of surrogates.

    Raises:
        _Refused: it is something else.
    """
    if not isinstance(value, str) or not (empty or value.strip()):
        raise _Refused("the text is empty" if isinstance(value, str) else "the text is no text")
    if UNSTORABLE.search(value):
        raise _Refused("the text has a character that cannot be stored (NUL or half of a surrogate pair)")
    return value


def plain(text: str, what: str) -> str:
    """A text outside an answer's value, perhaps empty, that every database can hold.

    Raises:
        DataError: it cannot be stored.
    """
    try:
        return plain_text(text, empty=True)
    except _Refused as refused:
        raise DataError(f"{what} cannot be kept: {refused}.") from None


def _comparison(value: Any, question: Asked) -> Any:
    if isinstance(value, str) and value in ("tie", "both-bad"):
        return value
    if not isinstance(value, Mapping):
        return _index(value, question)
    better = _index(_fields(value, {"better", "strength"})["better"], question)
    return {"better": better, "strength": _whole(value["strength"], 1, question.option("strengths"), "the strength")}


def _ranking(value: Any, question: Asked) -> list[list[int]]:
    tiers = [[_index(i, question) for i in _list(tier, "lists")] for tier in _list(value, "lists")]
    if not all(tiers) or sorted(i for tier in tiers for i in tier) != list(range(len(question.lengths))):
        raise _Refused(f"each of the {len(question.lengths)} responses stands once in one of the lists, none is empty")
    return [sorted(tier) for tier in tiers]


def _rating(value: Any, question: Asked) -> list[dict[str, int]]:
    axes = question.option("axes")
    rows = _list(value, "objects")
    if len(rows) != len(question.lengths):
        raise _Refused(f"it has {len(question.lengths)} responses and {len(rows)} ratings")
    return [
        {a: _whole(_fields(row, set(axes))[a], low, high, f"`{a}`") for a, (low, high) in axes.items()} for row in rows
    ]


def _thumbs(value: Any, question: Asked) -> list[bool]:
    thumbs = _list(value, "true and false")
    if len(thumbs) != len(question.lengths) or not all(isinstance(t, bool) for t in thumbs):
        raise _Refused(f"each of the {len(question.lengths)} responses has true or false")
    return thumbs


def _spans(value: Any, question: Asked) -> list[dict[str, Any]]:
    return [_span(one, question) for one in _list(value, "objects")]


def _span(value: Any, question: Asked) -> dict[str, Any]:
    span = _fields(value, {"response", "start", "end", "type"}, {"note"})
    response, types = _index(span["response"], question), question.option("types")
    length = question.lengths[response]
    start = _whole(span["start"], 0, length, "`start`")
    end = _whole(span["end"], 0, length, "`end`")
    if start >= end:
        raise _Refused("a span ends after it starts")
    if span["type"] not in types:
        raise _Refused(f"`type` is one of {', '.join(types)}")
    kept = {"response": response, "start": start, "end": end, "type": span["type"]}
    return kept | ({"note": plain_text(span["note"], empty=True)} if span.get("note") else {})


def _about_one(value: Any, question: Asked) -> dict[str, Any]:
    _fields(value, {"response", "text"})
    return {"response": _index(value["response"], question), "text": plain_text(value["text"])}


def _demonstration(value: Any, _: Asked) -> dict[str, Any]:
    return {"text": plain_text(_fields(value, {"text"})["text"])}


def _strengths(question: Question, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise DataError(f"question `{question.id}`: `strengths` is {value!r:.40}; it is how many there are, 1 to 100.")


def _axes(question: Question, value: Any) -> None:
    if not isinstance(value, Mapping) or not value or not all(map(_is_scale, value.values())):
        raise DataError(
            f"question `{question.id}`: `axes` is {value!r:.80}; it names each axis with its lowest and highest whole "
            'number, such as {"helpful": [1, 5], "true": [0, 1]}.'
        )


def _is_scale(value: Any) -> bool:
    whole = isinstance(value, list | tuple) and all(isinstance(v, int) and not isinstance(v, bool) for v in value)
    return whole and len(value) == 2 and value[0] < value[1]


def _types(question: Question, value: Any) -> None:
    if not isinstance(value, list | tuple) or not value or not all(isinstance(v, str) and v for v in value):
        raise DataError(f"question `{question.id}`: `types` is {value!r:.80}; it is a list of the names of errors.")


_OPTIONS: dict[str, Callable[[Question, Any], None]] = {"strengths": _strengths, "axes": _axes, "types": _types}


def json_text(value: Any, what: str) -> str:
    """The value as JSON, the same for equal values.

    Raises:
        DataError: JSON cannot hold it.
    """
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} cannot be kept, because it is no JSON: {error}.") from error


KINDS: Mapping[str, QuestionKind] = {
    kind.name: kind
    for kind in (
        QuestionKind(
            name="comparison",
            asks="Which is better?",
            takes='an index; {"better": index, "strength": 1 to 7}; "tie"; or "both-bad"',
            draw="comparison",
            becomes="pairs, with `target` from the strength; choices",
            responses=(2, 2),
            options={"strengths": 7},
            check=_comparison,
        ),
        QuestionKind(
            name="choice",
            asks="Which is best?",
            takes="the index of a response",
            draw="choice",
            becomes="choices; pairs of the chosen one and each other",
            responses=(1, math.inf),
            check=_index,
        ),
        QuestionKind(
            name="ranking",
            asks="Put them in order, the best first.",
            takes="lists of indices, the best first, equals in one list: [[2], [0, 1]]",
            draw="ranking",
            becomes="rankings: `label` is how many ranks lie below",
            responses=(2, math.inf),
            check=_ranking,
        ),
        QuestionKind(
            name="rating",
            asks="How good is each?",
            takes='for each response, in the order of the group, a number on each axis: [{"helpful": 4, "true": 1}]',
            draw="rating",
            becomes="ratings: `label` is the number on an axis, or the mean of all",
            responses=(1, math.inf),
            options={"axes": None},
            check=_rating,
        ),
        QuestionKind(
            name="thumbs",
            asks="Is this a good answer?",
            takes="for each response, in the order of the group, true or false: [true]",
            draw="thumbs",
            becomes="thumbs: `label` is 1 or 0",
            responses=(1, math.inf),
            check=_thumbs,
        ),
        QuestionKind(
            name="spans",
            asks="Mark what is wrong.",
            takes='a list, empty where nothing is wrong: [{"response": 0, "start": 3, "end": 9, "type": "untrue"}], '
            "offsets in characters (Unicode code points) of the text, perhaps with a `note`",
            draw="spans",
            becomes="parts: which sentences, or parts of them, are free of these errors",
            responses=(1, math.inf),
            options={"types": None},
            check=_spans,
        ),
        QuestionKind(
            name="edit",
            asks="Correct this answer.",
            takes='the whole corrected text: {"response": 0, "text": "..."}',
            draw="edit",
            becomes="demonstrations; corrections: pairs of the corrected text and the first one",
            responses=(1, math.inf),
            check=_about_one,
        ),
        QuestionKind(
            name="critique",
            asks="What is wrong with this answer, and how would it be better?",
            takes='{"response": 0, "text": "..."}',
            draw="critique",
            becomes="a text, with the answers; not a training set yet",
            responses=(1, math.inf),
            check=_about_one,
        ),
        QuestionKind(
            name="demonstration",
            asks="Write the answer.",
            takes='{"text": "..."}',
            draw="demonstration",
            becomes="demonstrations: prompts with one answer, for supervised fine-tuning",
            responses=(0, math.inf),
            check=_demonstration,
        ),
    )
}
"""Every kind, by name."""
