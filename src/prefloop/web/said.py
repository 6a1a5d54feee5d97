"""Answers in words, and answers from the fields of a form: for who leads, reviews, or sets the right answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..errors import DataError
from ..feedback.kinds import KINDS
from ..text import Question


def in_words(kind: str, value: Any) -> str:
    """An answer as a person says it; responses are counted from 0, as in the log.

    >>> in_words("comparison", {"better": 1, "strength": 5}), in_words("ranking", [[2], [0, 1]])
    ('Response 1, strength 5', '2 > 0 = 1')
    """
    if value is None:
        return "taken back"
    if kind in ("comparison", "choice"):
        return _preference(value)
    if kind == "ranking":
        return " > ".join(" = ".join(map(str, tier)) for tier in value)
    if kind == "rating":
        return "; ".join(f"{n}: " + ", ".join(f"{a} {x}" for a, x in row.items()) for n, row in enumerate(value))
    if kind == "thumbs":
        return ", ".join(f"{n}: {'up' if thumb else 'down'}" for n, thumb in enumerate(value))
    if kind == "spans":
        return "; ".join(map(_span, value)) or "nothing marked"
    return str(value["text"])


def _preference(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"Response {value['better']}, strength {value['strength']}"
    return {"tie": "tie", "both-bad": "both bad"}.get(value, f"Response {value}")


def _span(span: Mapping[str, Any]) -> str:
    note = f" ({span['note']})" if span.get("note") else ""
    return f"{span['type']} in {span['response']}, characters {span['start']} to {span['end']}{note}"


def unit_in_words(unit: tuple[str, int], value: Any) -> str:
    """One compared part of an answer: an axis, which of the things on it, and its value.

    >>> unit_in_words(("preferred", 0), 1), unit_in_words(("true", 2), 4)
    ('Response 1', 'true of 2: 4')
    """
    axis, number = unit
    if axis == "preferred":
        return "no majority" if value is None else _preference(value)
    words = {None: "no majority", True: "yes", False: "no"}
    told = str(value) if isinstance(value, int) and not isinstance(value, bool) else words[value]
    return f"{axis} of {number}: {told}"


def from_fields(question: Question, form: Mapping[str, str]) -> Any:
    """The value that the fields of `lead/_answer.html` hold; the kind's own check comes after.

    Raises:
        DataError: a field that is missing or holds no number; the message names it.
    """
    if form.get("value"):
        return _json(form["value"])
    kind, count = question.kind, len(question.group.responses)
    if kind in ("comparison", "choice"):
        return _preferred(form)
    if kind == "ranking":
        places = [_number(form, f"rank-{n}", f"the place of response {n}") for n in range(count)]
        return [[n for n in range(count) if places[n] == place] for place in sorted(set(places))]
    if kind == "rating":
        return [_rated(question, form, n) for n in range(count)]
    if kind == "thumbs":
        return [form.get(f"thumb-{n}") == "up" for n in range(count)]
    if kind == "spans":
        return _json(form.get("json", ""))
    text = {"text": form.get("text", "")}
    return text if kind == "demonstration" else {"response": _number(form, "response", "the response"), **text}


def _preferred(form: Mapping[str, str]) -> Any:
    if form.get("best") in ("tie", "both-bad"):
        return form["best"]
    best = _number(form, "best", "the better response")
    return {"better": best, "strength": _number(form, "strength", "the strength")} if form.get("strength") else best


def _rated(question: Question, form: Mapping[str, str], response: int) -> dict[str, int]:
    axes = question.options.get("axes", KINDS["rating"].options["axes"])
    return {a: _number(form, f"rate-{response}-{n}", f"`{a}` of response {response}") for n, a in enumerate(axes)}


def _number(form: Mapping[str, str], name: str, what: str) -> int:
    try:
        return int(form.get(name, ""))
    except ValueError as error:
        raise DataError(f"{what} is missing: give a whole number.") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"the answer is no JSON that can be read: {text!r:.80}.") from error
