"""The queue of a project of conversation trees: what is open follows from what was said, in the same transaction."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, select

from ..text import Question
from . import slots
from .database import insert_rows
from .growing import roots, tasks
from .records import Project
from .store import put_questions
from .tables import ITEMS, SLOTS


def grow(connection: Connection, project: Project, question: str, place: str) -> None:
    """Ask what the tree of this question needs now, and close what it needs no more.

    Nobody is given what the tree bars them from. What somebody has already stays theirs.
    """
    tree, open_ = tasks(connection, project, question)
    wanted = {task.question.id: task for task in open_}
    _ask(connection, project, [t.question for t in open_ if t.question.id not in tree.asked], place)
    items = _items(connection, {*tree.asked, *wanted})
    here: defaultdict[int, list[tuple[int, str, str | None]]] = defaultdict(list)
    query = select(SLOTS.c.item, SLOTS.c.number, SLOTS.c.state, SLOTS.c.who).where(SLOTS.c.item.in_(items))
    for item, number, state, who in connection.execute(query):
        here[item].append((number, state, who))
    for item, key in items.items():
        task = wanted.get(key)
        known = {who for _, _, who in here[item]}
        first = max((number for number, _, _ in here[item]), default=-1) + 1
        barred = [who for who in (task.barred if task else ()) if who not in known]
        rows = [slots.new(project, item, first + n, state="barred", who=who) for n, who in enumerate(barred)]
        insert_rows(connection, SLOTS, rows)
        if task or any(state == "free" for _, state, _ in here[item]):
            slots.settle(connection, project, item, people=task.people if task else 0)


def grow_all(connection: Connection, project: Project, place: str) -> None:
    """`grow` every tree of a project."""
    for root in roots(connection, project.id):
        grow(connection, project, root, place)


def _ask(connection: Connection, project: Project, new: list[Question], place: str) -> None:
    put_questions(connection, new, place)
    work = {"project": project.id, "purpose": "work", "expected": None, "explanation": ""}
    insert_rows(connection, ITEMS, [work | {"question": question.id} for question in new])


def _items(connection: Connection, questions: set[str]) -> dict[int, str]:
    query = select(ITEMS.c.seq, ITEMS.c.question).where(ITEMS.c.question.in_(questions)).order_by(ITEMS.c.seq)
    return {seq: question for seq, question in connection.execute(query)}
