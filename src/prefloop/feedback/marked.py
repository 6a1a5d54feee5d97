"""Rows about single answers: ratings of several attributes, steps that were judged, and marks on the text."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ..errors import DataError
from ..parts import SENTENCES, marks_of
from ..text import Group, Mark, Response
from .files import Row
from .published import qa_prompt
from .shapes import LeftOut, given, listed, prompted, strange, text

HELPFUL = "helpfulness"
"""The attribute that stands for the answer as a whole."""


def rated_attributes(row: Row) -> Iterator[Group | LeftOut]:
    """HelpSteer's rows (Wang et al. 2023, arXiv 2311.09528): a `response`, and a column of numbers for each attribute.

    Every other column that holds a number is an attribute; an empty cell is one that nobody rated. The label of the
    answer is its helpfulness.
    """
    asked = prompted(row)
    rated = {name: _rating(row, name) for name in row.values if name not in ("prompt", "response")}
    found = {str(name): number for name, number in rated.items() if number is not None}
    if HELPFUL not in found:
        yield LeftOut(why=f"nobody rated its {HELPFUL}")
        return
    aspects = {name: (number,) for name, number in found.items()}
    answer = Response(text=text(row, "response"))
    yield Group(prompt=asked, responses=(answer,), labels=(found[HELPFUL],), aspects=aspects)


def _rating(row: Row, name: Any) -> float | None:
    """The number in a column; `None` where there is none, or something else."""
    value = row.values[name]
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        if name == HELPFUL and value not in (None, ""):
            raise strange(row, HELPFUL, value, "a number") from None
        return None
    return number if math.isfinite(number) else None


_RIGHT = {"true": 1.0, "1": 1.0, "positive": 1.0, "neutral": 0.5, "false": 0.0, "0": 0.0, "negative": 0.0}
"""What `labels` say of a step."""
_RATINGS = {"1": 1.0, "0": 0.5, "-1": 0.0}
"""What `ratings` say of it."""


def judged_steps(row: Row) -> Iterator[Group | LeftOut]:
    """An answer as a list of `steps` (or TRL's `completions`), each of them right or wrong.

    `labels` are true or false, 1 or 0, or one of the words positive, neutral and negative; `ratings` are 1, 0 and -1
    for these three, as in PRM800K (Lightman et al. 2023, arXiv 2305.20050). There may be fewer than steps: people often
    stop at the first error. Steps without line ends are put on lines of their own.
    """
    asked = prompted(row)
    steps_in = "steps" if row.values.get("steps") is not None else "completions"
    name, known = ("labels", _RIGHT) if row.values.get("labels") is not None else ("ratings", _RATINGS)
    steps, said = [str(step) for step in listed(row, steps_in)], listed(row, name)
    if len(said) > len(steps):
        raise DataError(f"{row.place}: `{name}` has {len(said)} judgements of {len(steps)} steps: give one for each.")
    if not said:
        yield LeftOut(why="no step was judged")
        return
    if not any(step.endswith("\n") for step in steps):
        steps = [step + "\n" for step in steps[:-1]] + steps[-1:]
    whole, marks = "", []
    for step, value in zip(steps, [*said, *[None] * (len(steps) - len(said))], strict=True):
        whole += step
        if value is None:
            continue
        if str(value).lower() not in known:
            raise strange(row, name, value, f"for each step one of {', '.join(known)}")
        # the last step ends with the answer, its end token included, unless it ends by itself
        last = len(whole) == sum(map(len, steps)) and not whole.endswith("\n")
        marks.append(Mark(response=0, end=len(whole) + last, value=known[str(value).lower()]))
    yield Group(prompt=asked, responses=(Response(text=whole),), marks=tuple(marks))


def marked_spans(row: Row, *, about: Collection[str] = (), ends: str = SENTENCES) -> Iterator[Group | LeftOut]:
    """An answer with `spans`, each of them {"start": 3, "end": 9, "type": "untrue"}; an empty list where none is wrong.

    Each part of the answer is wrong in which an error of the types `about` lies, or of any type without them.
    """
    asked = prompted(row)
    answer = text(row, "response")
    wrong = _stretches(row, listed(row, "spans"), "type", answer, about)
    yield Group(prompt=asked, responses=(Response(text=answer),), marks=tuple(marks_of(answer, wrong, ends=ends)))


def qa_marks(row: Row, *, about: Collection[str] = (), ends: str = SENTENCES) -> Iterator[Group | LeftOut]:
    """QA-Feedback (Wu et al. 2023, arXiv 2306.01693): the first answer, with the errors that people marked in it.

    The types are Irrelevant, Redundant and Incoherent, and Wrong-Grounding and Unverifiable. What an answer leaves out
    is no part of it, and not learnt here.
    """
    feedback = given(row, "feedback")
    if not isinstance(feedback, Mapping):
        raise strange(row, "feedback", feedback, "an object with `errors`")
    answer = text(row, "prediction 1")
    before, answer = len(answer) - len(answer.lstrip()), answer.strip()
    wrong = _stretches(row, feedback.get("errors") or [], "error type", answer, about, before=before)
    yield Group(
        prompt=qa_prompt(row), responses=(Response(text=answer),), marks=tuple(marks_of(answer, wrong, ends=ends))
    )


def _stretches(
    row: Row, spans: Sequence[Any], kind: str, answer: str, about: Collection[str], *, before: int = 0
) -> list[tuple[int, int]]:
    """Where the errors of these types lie; `before` are the characters that were taken off the answer's beginning."""
    found = []
    for span in spans:
        if not isinstance(span, Mapping) or not all(isinstance(span.get(n), int) for n in ("start", "end")):
            raise strange(row, "spans", span, f'objects such as {{"start": 3, "end": 9, "{kind}": "untrue"}}')
        begin, end = span["start"] - before, span["end"] - before
        if not (begin < end and end > 0 and begin < len(answer)):
            raise DataError(
                f"{row.place}: an error is marked from character {span['start']} to {span['end']}, and the answer has "
                f"{len(answer) + before}."
            )
        if not about or span.get(kind) in about:
            found.append((begin, end))
    return found
