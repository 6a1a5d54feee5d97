"""Conversation trees as a transaction sees them."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import ColumnElement, Connection, func, select

from ..text import Answer
from .database import one_at_a_time
from .records import Project
from .rows import event, latest, read_questions
from .tables import EVENTS, ITEMS, PROJECTS, QUESTIONS, SLOTS
from .tree_settings import TreeSettings
from .tree_tasks import Task, tasks_of
from .trees import Tree, living, trees_of

REFUSED = "of trees, by the user or not accepted"
"""Why `refused_in_trees` leaves an answer out."""


def wait_for_turn(connection: Connection, project: Project) -> None:
    """In a project of trees everybody goes one at a time: what one of them says changes what all may have next."""
    if project.tree is not None:
        one_at_a_time(connection, "trees", project.id)


def tasks(connection: Connection, project: Project, question: str) -> tuple[Tree, list[Task]]:
    """The tree that a question is part of, and what is open in it now."""
    settings = project.tree or TreeSettings()
    tree = _tree(connection, settings, question)
    return tree, tasks_of(tree, settings, _writing(connection, tree))


def people_wanted(connection: Connection, project: Project, item: int) -> int:
    """How many people are to answer an item in all; of a tree, as many as it needs now."""
    if project.tree is None:
        return project.overlap
    question = connection.execute(select(ITEMS.c.question).where(ITEMS.c.seq == item)).scalar_one()
    _, open_ = tasks(connection, project, question)
    return next((task.people for task in open_ if task.question.id == question), 0)


def roots(connection: Connection, project: str) -> list[str]:
    """The questions that the trees of a project begin with."""
    query = select(QUESTIONS.c.id).join(ITEMS, ITEMS.c.question == QUESTIONS.c.id)
    query = query.where(ITEMS.c.project == project, QUESTIONS.c.parent == "").order_by(QUESTIONS.c.seq)
    return list(connection.execute(query).scalars())


def grown(connection: Connection, project: str, settings: TreeSettings) -> list[Tree]:
    """Every tree of a project."""
    mine = select(ITEMS.c.question).where(ITEMS.c.project == project)
    return _grown(connection, settings, QUESTIONS.c.id.in_(mine), EVENTS.c.project == project)


def refused_in_trees(connection: Connection) -> Callable[[Answer], bool]:
    """Tells of an answer whether it is a message of a tree that no model is to write: the user's, or not accepted."""
    rows = connection.execute(select(PROJECTS.c.id, PROJECTS.c.settings).order_by(PROJECTS.c.revision))
    settings = {key: values.get("tree") for key, values in rows}
    trees = [
        tree for key, values in settings.items() if values for tree in grown(connection, key, TreeSettings(**values))
    ]
    asked = {question for tree in trees for question in tree.asked}
    good = {
        (turn.question, turn.text)
        for turn in (turn for tree in trees if tree.prompt for turn in living(tree.prompt))
        if turn.role == "assistant" and turn.verdict == "accepted"
    }
    return lambda answer: answer.question in asked and (answer.question, answer.value["text"]) not in good


def _tree(connection: Connection, settings: TreeSettings, question: str) -> Tree:
    while parent := connection.execute(select(QUESTIONS.c.parent).where(QUESTIONS.c.id == question)).scalar_one():
        question = parent
    ids, level = [question], [question]
    while level:
        level = list(connection.execute(select(QUESTIONS.c.id).where(QUESTIONS.c.parent.in_(level))).scalars())
        ids += level
    [tree] = _grown(connection, settings, QUESTIONS.c.id.in_(ids), EVENTS.c.question.in_(ids))
    return tree


def _grown(
    connection: Connection, settings: TreeSettings, asked: ColumnElement[bool], said: ColumnElement[bool]
) -> list[Tree]:
    questions = read_questions(connection, [asked]).values()
    events = [event(row) for row in connection.execute(latest(EVENTS).where(said).order_by(EVENTS.c.seq)).mappings()]
    return trees_of(questions, events, settings)


def _writing(connection: Connection, tree: Tree) -> dict[str, int]:
    """How many people have each question of a tree on their page."""
    query = select(ITEMS.c.question, func.count()).join(SLOTS, SLOTS.c.item == ITEMS.c.seq)
    query = query.where(ITEMS.c.question.in_(tree.asked), SLOTS.c.state == "leased").group_by(ITEMS.c.question)
    return {question: count for question, count in connection.execute(query)}
