"""PRM800K (Lightman et al. 2023, arXiv 2305.20050): solutions of mathematical problems, rated step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import DataError
from ..text import Group, Mark, Message, Prompt, Response
from .files import Row
from .shapes import LeftOut, given, strange

PRM800K_COLUMNS = ("labeler", "question", "label")
"""The columns of a row as published."""
SAID = {1: 1.0, 0: 0.5, -1: 0.0}
"""What a rating says of a step: right, neutral, wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """The steps that were gone on from, each with its rating, None where it has none; `ended` with the last of them.

    `others` are the further steps that were rated at a place and not gone on from: how many steps came before, the
    step, and its rating.
    """

    problem: str
    who: str
    steps: tuple[tuple[str, int | None], ...]
    others: tuple[tuple[int, str, int], ...]
    ended: bool


def solution(row: Row) -> Solution | LeftOut:
    """What a row says. A problem that the labeler found to be broken is left out.

    The steps gone on from are the chosen ones, and those that a labeler wrote where none was right. Where a solution
    stops at its first error nothing is chosen; the step that it came with, the first, is then its last.

    Raises:
        DataError: the row has not the form of PRM800K; names the field.
    """
    question, label = given(row, "question"), given(row, "label")
    problem = question.get("problem") if isinstance(question, Mapping) else None
    if not isinstance(problem, str):
        raise strange(row, "question", question, "an object with the text `problem`")
    listed = label.get("steps") if isinstance(label, Mapping) else None
    if not isinstance(listed, list):
        raise strange(row, "label", label, "an object with the list `steps`")
    if label.get("finish_reason") == "bad_problem":
        return LeftOut(why="the labeler found the problem to be broken")
    steps: list[tuple[str, int | None]] = []
    others: list[tuple[int, str, int]] = []
    for n, step in enumerate(listed):
        rated = [_rated(row, n, one) for one in _completions(row, n, step)]
        own = _taken(row, n, step, rated, last=n == len(listed) - 1)
        others += [(n, text, rating) for m, (text, rating) in enumerate(rated) if m != own and rating is not None]
        if own is not None:
            steps.append(rated[own])
        elif isinstance(step.get("human_completion"), Mapping | str):
            steps.append((_written(row, n, step["human_completion"]), 1))
        else:
            break
    ended = label.get("finish_reason") == "solution"
    return Solution(
        problem=problem, who=str(row.values.get("labeler") or ""), steps=tuple(steps), others=tuple(others), ended=ended
    )


def rated_steps(row: Row) -> Iterator[Group | LeftOut]:
    """The solution with a mark on each rated step, and every other step that was rated, after what came before it.

    Of these the step alone is marked: what came before was rated once. Steps stand on lines of their own; an answer
    that was not judged to its end has no end.
    """
    found = solution(row)
    if isinstance(found, LeftOut):
        yield found
        return
    asked = Prompt(messages=(Message(role="user", content=found.problem),))
    marks, whole = [], ""
    for n, (text, rating) in enumerate(found.steps):
        last = n == len(found.steps) - 1
        whole += text if last else text + "\n"
        if rating is not None:  # the last step ends with the answer, its end token included
            marks.append(Mark(response=0, end=len(whole) + last, value=SAID[rating]))
    if marks:
        answer = Response(text=whole, finish="end" if found.ended else "stop")
        yield Group(prompt=asked, responses=(answer,), marks=tuple(marks), who=found.who)
    else:
        yield LeftOut(why="no step was rated")
    for before, text, rating in found.others:
        begun = "".join(f"{step}\n" for step, _ in found.steps[:before]) + text
        mark = Mark(response=0, end=len(begun) + 1, value=SAID[rating])
        yield Group(prompt=asked, responses=(Response(text=begun, finish="stop"),), marks=(mark,), who=found.who)


def _completions(row: Row, n: int, step: Any) -> list[Any]:
    found = step.get("completions") if isinstance(step, Mapping) else None
    if found is None and isinstance(step, Mapping):
        return []  # a labeler wrote the step, and nothing else was there
    if not isinstance(found, list):
        raise DataError(f"{row.place}: step {n + 1} of `label` is {step!r:.80}; it takes an object with `completions`.")
    return found


def _rated(row: Row, n: int, one: Any) -> tuple[str, int | None]:
    text = one.get("text") if isinstance(one, Mapping) else None
    if not isinstance(text, str):
        raise DataError(f"{row.place}: a completion of step {n + 1} is {one!r:.80}; it takes an object with `text`.")
    rating = one.get("rating")
    if rating not in (*SAID, None) or isinstance(rating, bool):
        raise DataError(f"{row.place}: the rating of a completion of step {n + 1} is {rating!r}; it is 1, 0 or -1.")
    return text, rating


def _taken(row: Row, n: int, step: Any, rated: list[tuple[str, int | None]], *, last: bool) -> int | None:
    """Which completion was gone on from; of the last step, where nothing was chosen, the first."""
    chosen = step.get("chosen_completion")
    if chosen is None:
        return 0 if last and rated and not step.get("human_completion") else None
    if not isinstance(chosen, int) or not 0 <= chosen < len(rated):
        raise DataError(
            f"{row.place}: `chosen_completion` of step {n + 1} is {chosen!r}, and it has {len(rated)} completions."
        )
    return chosen


def _written(row: Row, n: int, value: Any) -> str:
    text = value.get("text") if isinstance(value, Mapping) else value
    if not isinstance(text, str):
        raise DataError(f"{row.place}: `human_completion` of step {n + 1} is {value!r:.80}; it takes a text.")
    return text
