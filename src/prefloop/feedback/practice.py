"""Practice items: solved ones to look at before work, and ones to try, with the right answer afterwards."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from .kinds import same_answer
from .queue import Queue
from .records import Item, Project
from .rows import read_questions
from .store import Store
from .tables import ITEMS, QUESTIONS

_JUDGED = ("comparison", "choice", "ranking", "thumbs")
"""Kinds of which an answer is right or not; of the others the expected one is shown beside what was said."""


def examples(queue: Queue, project: Project) -> list[Item]:
    """The practice items that are shown solved: the first `project.examples`."""
    if not project.examples:
        return []
    return [item for _, item in queue.items(project.id, purpose="practice", limit=project.examples)]


def solved(store: Store, question: str) -> Item | None:
    """A practice item with its right answer and explanation; `None` of an item that is for something else."""
    query = select(ITEMS.c.expected, ITEMS.c.explanation)
    with store.database.reading() as connection:
        row = connection.execute(query.where(ITEMS.c.question == question, ITEMS.c.purpose == "practice")).first()
        if row is None:
            return None
        asked = read_questions(connection, [QUESTIONS.c.id == question])[question]
    return Item(question=asked, purpose="practice", expected=row.expected, explanation=row.explanation)


def is_right(kind: str, value: Any, expected: Any) -> bool | None:
    """Whether an answer is the expected one; `None` of ratings, marks and texts, where that is not one question.

    >>> is_right("comparison", {"better": 1, "strength": 2}, 1), is_right("edit", {"text": "a"}, {"text": "b"})
    (True, None)
    """
    return same_answer(value, expected) if kind in _JUDGED else None
