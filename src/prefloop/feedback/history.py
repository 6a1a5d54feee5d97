"""Parts of the log as a person looks at them: all that was said of one item, and what one person said last."""

from __future__ import annotations

from sqlalchemy import select

from .records import Event
from .rows import event
from .store import Store
from .tables import EVENTS, ITEMS, QUESTIONS


def of_question(store: Store, question: str) -> list[Event]:
    """Everything that was said of a question, oldest first."""
    query = select(EVENTS).where(EVENTS.c.question == question).order_by(EVENTS.c.seq)
    with store.database.reading() as connection:
        return [event(row) for row in connection.execute(query).mappings()]


def of_person(
    store: Store, project: str, who: str, *, before: int | None = None, limit: int = 50
) -> list[tuple[int, str, Event]]:
    """What one person did in a project, newest first, each with the place and the kind of its item.

    `before` is a line of the log, for the next page.

    >>> of_person(Store.open("sqlite://"), "none", "ada")
    []
    """
    query = (
        select(EVENTS, ITEMS.c.seq.label("place"), QUESTIONS.c.kind)
        .join(ITEMS, ITEMS.c.question == EVENTS.c.question)
        .join(QUESTIONS, QUESTIONS.c.id == EVENTS.c.question)
    )
    query = query.where(EVENTS.c.project == project, EVENTS.c.who == who).order_by(EVENTS.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(EVENTS.c.seq < before)
    with store.database.reading() as connection:
        return [(row["place"], row["kind"], event(row)) for row in connection.execute(query).mappings()]
