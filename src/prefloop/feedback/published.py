"""Published data sets whose rows have a shape of their own."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ..errors import DataError
from ..text import Group, Message, Prompt, Response
from .convert import best_first, grades
from .files import Row
from .shapes import LeftOut, given, text

QA_COMPARED = tuple(combinations(range(4), 2))
"""The answers that each of the six verdicts of a QA-feedback row is about."""


def qa_feedback(row: Row) -> Iterator[Group | LeftOut]:
    """QA-Feedback (Wu et al. 2023, arXiv 2306.01693): four answers to a question about passages, compared in pairs.

    A verdict is 1 or 2 for the better one and 0 for none. Six verdicts that fit one order make a ranking, with ties.
    """
    said = given(row, "preference")
    if not isinstance(said, list) or len(said) != len(QA_COMPARED) or not set(said) <= {0, 1, 2}:
        raise DataError(f"{row.place}: `preference` is {said!r:.80}; it takes six verdicts, each 0, 1 or 2.")
    above = [0.0] * 4  # answers beaten less answers that beat it
    for (i, j), verdict in zip(QA_COMPARED, said, strict=True):
        won = {0: 0, 1: 1, 2: -1}[verdict]
        above[i] += won
        above[j] -= won
    fitting = [0 if above[i] == above[j] else 1 if above[i] > above[j] else 2 for i, j in QA_COMPARED]
    if fitting != said:
        yield LeftOut(why="the comparisons fit no order")
        return
    answers = tuple(Response(text=text(row, f"prediction {n}").strip()) for n in range(1, 5))
    yield best_first(Group(prompt=qa_prompt(row), responses=answers, labels=grades(above)))


def qa_prompt(row: Row) -> Prompt:
    """The passages of a QA-Feedback row, without their titles, and the question about them."""
    passages = "\n\n".join("\n".join(passage[1:]) for passage in given(row, "passages"))
    return Prompt(messages=(Message(role="user", content=f"{passages}\n\n{text(row, 'question')}"),))


def pandalm(row: Row) -> Iterator[Group | LeftOut]:
    """PandaLM's test set (Wang et al. 2023, arXiv 2306.05087): two answers, and the verdicts of three people.

    A verdict is 1 or 2 for the better one and 0 for none; `target` is the share of verdicts for the one that got more,
    a 0 counting half for each.
    """
    verdicts = [given(row, f"annotator{n}") for n in (1, 2, 3)]
    if not set(verdicts) <= {0, 1, 2}:
        raise DataError(f"{row.place}: the annotators said {verdicts!r:.80}; each verdict is 0, 1 or 2.")
    share = sum({0: 0.5, 1: 1.0, 2: 0.0}[v] for v in verdicts) / len(verdicts)
    if share == 0.5:
        yield LeftOut(why="the annotators preferred neither answer")
        return
    added = row.values.get("input") or ""
    asked = Message(role="user", content=f"{text(row, 'instruction')}\n\n{added}".strip())
    answers = [given(row, name) for name in ("response1", "response2")]
    if not all(isinstance(answer, str) for answer in answers):
        yield LeftOut(why="an answer is no text")  # some rows hold `true` for a word
        return
    better, worse = answers if share > 0.5 else reversed(answers)
    responses = (Response(text=better.strip()), Response(text=worse.strip()))
    yield Group(prompt=Prompt(messages=(asked,)), responses=responses, target=max(share, 1 - share))
