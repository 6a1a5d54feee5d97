"""What an answer says, in words, with the letters under which its responses are shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..feedback.kinds import KINDS, preferred
from ..text import Question

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STRENGTHS = {1: ("better",), 2: ("slightly better", "much better"), 3: ("slightly better", "better", "much better")}
"""The words for how much better an answer is, by how many there are."""


def letter(place: int) -> str:
    """The name of the answer at a place of the page.

    >>> letter(1), letter(30)
    ('B', '31')
    """
    return LETTERS[place] if place < len(LETTERS) else str(place + 1)


def in_words(question: Question, value: Any, order: Sequence[int]) -> str:
    """An answer's value in words, for who was shown the responses in this order.

    >>> from prefloop.text import Group, Prompt, Response
    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> asked = Question(id="q", kind="comparison", group=group)
    >>> in_words(asked, {"better": 0, "strength": 7}, (1, 0)), in_words(asked, "tie", (1, 0))
    ('B is much better', 'Equally good')
    """
    names = {index: letter(place) for place, index in enumerate(order)}
    return _WORDS[question.kind](question, value, names)


def _comparison(question: Question, value: Any, names: Mapping[int, str]) -> str:
    best = preferred(value)
    if best is None:
        return {"tie": "Equally good", "both-bad": "Both bad"}[value]
    if not isinstance(value, Mapping):
        return f"{names[best]} is better"
    most = question.options.get("strengths", KINDS["comparison"].options["strengths"])
    words = STRENGTHS[min(most, 3)]
    return f"{names[best]} is {words[max(1, round(len(words) * value['strength'] / most)) - 1]}"


def _choice(_: Question, value: Any, names: Mapping[int, str]) -> str:
    return f"{names[value]} is best"


def _ranking(_: Question, value: Any, names: Mapping[int, str]) -> str:
    return ", then ".join(" and ".join(sorted(names[i] for i in tier)) for tier in value)


def _rating(question: Question, value: Any, names: Mapping[int, str]) -> str:
    rows = {names[i]: ", ".join(f"{axis} {n}" for axis, n in row.items()) for i, row in enumerate(value)}
    return _by_name(question, rows)


def _thumbs(question: Question, value: Any, names: Mapping[int, str]) -> str:
    return _by_name(question, {names[i]: "good" if liked else "not good" for i, liked in enumerate(value)})


def _by_name(question: Question, rows: Mapping[str, str]) -> str:
    if len(question.group.responses) == 1:
        return rows["A"].capitalize()
    return "; ".join(f"{name}: {rows[name]}" for name in sorted(rows))


def _spans(question: Question, value: Any, names: Mapping[int, str]) -> str:
    texts = question.group.texts
    marks = [f"“{texts[m['response']][m['start'] : m['end']]}” is {m['type']}" for m in value]
    return "; ".join(marks) or "Nothing is wrong"


def _text(question: Question, value: Any, names: Mapping[int, str]) -> str:
    about = f"{names[value['response']]}: " if len(question.group.responses) > 1 and "response" in value else ""
    return f"{about}{value['text']}"


_WORDS: Mapping[str, Callable[[Question, Any, Mapping[int, str]], str]] = {
    "comparison": _comparison,
    "choice": _choice,
    "ranking": _ranking,
    "rating": _rating,
    "thumbs": _thumbs,
    "spans": _spans,
    "edit": _text,
    "critique": _text,
    "demonstration": _text,
}
