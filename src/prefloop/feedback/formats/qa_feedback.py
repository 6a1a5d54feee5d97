"""QA-Feedback (Wu et al. 2023, arXiv 2306.01693): four answers compared in pairs, and the first one looked at closely.

A row becomes six comparisons, the errors marked in the first answer, what it leaves out (a critique that names the
passages and sentences), the first answer corrected, and the answer that somebody wrote beforehand (a demonstration).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import DataError
from ...text import Prompt
from ..files import Row
from ..published import QA_COMPARED, qa_answers, qa_prompt, qa_verdicts
from ..shapes import LeftOut, given, text
from .converter import Format, Said, asked, said

TYPES = ("Irrelevant", "Redundant", "Incoherent", "Wrong-Grounding", "Unverifiable")
"""The errors that are marked, as the data names them."""
_VALUES = {0: "tie", 1: 0, 2: 1}


def convert(row: Row) -> Iterator[Said]:
    """The comparisons, marks, omissions, correction and demonstration of one row."""
    prompt, answers = qa_prompt(row), qa_answers(row)
    for (i, j), verdict in zip(QA_COMPARED, qa_verdicts(row), strict=True):
        question = asked("comparison", prompt, [answers[i], answers[j]])
        yield question
        yield said(question, _VALUES[verdict])
    feedback = given(row, "feedback")
    if not isinstance(feedback, Mapping):
        raise DataError(f"{row.place}: `feedback` is {feedback!r:.80}; it takes an object with `errors`.")
    yield from _marks(row, prompt, answers[0], feedback.get("errors") or [])
    yield from _omissions(row, prompt, answers[0], feedback.get("missing-info") or [])
    corrected = feedback.get("corrected-prediction") or ""
    if corrected.strip():
        question = asked("edit", prompt, answers[:1])
        yield question
        yield said(question, {"response": 0, "text": corrected})
    else:
        yield LeftOut(why="the corrected answer is empty")
    if row.values.get("gold"):
        question = asked("demonstration", prompt, [])
        yield question
        yield said(question, {"text": text(row, "gold")})


def _marks(row: Row, prompt: Prompt, answer: str, errors: list[Any]) -> Iterator[Said]:
    types = [*TYPES, *sorted({e["error type"] for e in errors} - set(TYPES))]
    question = asked("spans", prompt, [answer], options={"types": types})
    marks = []
    for error in errors:
        mark = {"response": 0, "start": error["start"], "end": error["end"], "type": error["error type"]}
        marks.append(mark | ({"note": error["explanation"]} if error.get("explanation") else {}))
    yield question
    yield said(question, marks)


def _omissions(row: Row, prompt: Prompt, answer: str, missing: list[Any]) -> Iterator[Said]:
    if not missing:
        return
    passages = given(row, "passages")
    lines = []
    for one in missing:
        passage = one["passage_id"]
        sentences = one["sentence_id"]
        named = f"passage {passage}, sentence {', '.join(map(str, sentences))}"
        inside = 1 <= passage <= len(passages)
        quoted = [passages[passage - 1][s] for s in sentences if inside and 0 < s < len(passages[passage - 1])]
        lines.append(f"{one['error type']} ({named}): {' '.join(quoted)}".rstrip())
    question = asked("critique", prompt, [answer], options={"ask": "What does this answer leave out?"})
    yield question
    yield said(question, {"response": 0, "text": "\n".join(lines)})


QA_FEEDBACK = Format(
    name="qa-feedback",
    columns=("question", "passages", "prediction 1", "preference"),
    keeps=frozenset(
        ("question", "passages", "gold", "feedback", "preference", *(f"prediction {n}" for n in range(1, 5)))
    ),
    convert=convert,
)
