"""PRM800K (Lightman et al. 2023, arXiv 2305.20050): solutions whose steps were rated, as marks on the text.

A step that was rated -1 is marked `wrong`, and one that was rated 0 `neutral`; a solution is asked about as far as it
was rated. To learn from it: `Data(split="parts", about=("wrong",), ends=prefloop.parts.LINES)`, by which neutral steps
are right.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...text import Group
from ..files import Row
from ..prm800k import PRM800K_COLUMNS, rated_steps, solution
from ..shapes import LeftOut
from .converter import Format, Said, asked, said

TYPES = ("wrong", "neutral")
"""What is marked: what else was rated is right."""
_NAMED = {0.0: "wrong", 0.5: "neutral"}


def convert(row: Row) -> Iterator[Said]:
    """The solution of one row. Marks are on a whole text, so that steps that were not gone on from are left out."""
    found = solution(row)
    if isinstance(found, LeftOut):
        yield found
        return
    if not found.steps or any(rating is None for _, rating in found.steps):
        yield LeftOut(why="a step was not rated")
    else:
        yield from _marked(next(group for group in rated_steps(row) if isinstance(group, Group)))
    for _ in found.others:
        yield LeftOut(why="a step was not gone on from")


def _marked(group: Group) -> Iterator[Said]:
    question = asked("spans", group.prompt, group.responses, options={"types": list(TYPES)})
    text, spans, begin = group.texts[0], [], 0
    for mark in group.marks:
        end = min(mark.end, len(text))
        if mark.value in _NAMED:
            spans.append({"response": 0, "start": begin, "end": end, "type": _NAMED[mark.value]})
        begin = end
    yield question
    yield said(question, spans, who=group.who)


PRM800K = Format(name="prm800k", columns=PRM800K_COLUMNS, keeps=frozenset(PRM800K_COLUMNS), convert=convert)
