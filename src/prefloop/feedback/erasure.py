"""Taking a person's data out of the log on request: the one change the log allows, and it is logged itself.

Their name becomes a pseudonym that says nothing, in the events, the members and the queue. What they wrote freely
(texts, notes on spans, reasons) goes; what they picked stays, as an answer of somebody unnamed, or goes with it.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, Text, bindparam, cast, delete, func, insert, select, update

from ..errors import DataError
from .database import BATCH, insert_rows
from .members import ERASED
from .store import Store
from .tables import (
    ERASING,
    ERASURES,
    EVENTS,
    GROUPS,
    GUIDELINES,
    ITEMS,
    MEMBERS,
    NOTES,
    PROJECTS,
    QUESTIONS,
    RESPONSES,
    SLOTS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What an erasure did. `kept` says where the name or a text still stands, for somebody to look at.

    >>> Erased(pseudonym="erased-1f", events=2).kept
    ()
    """

    pseudonym: str
    events: int
    kept: tuple[str, ...] = ()


def erase(store: Store, who: str, *, by: str, reason: str = "", withdraw: bool = False) -> Erased:
    """Take a person out of the log: their name, their tokens and what they wrote, in every project.

    withdraw: take back what they picked as well, so that no training set has it. Demonstrations, edits and critiques
    are withdrawn in any case: nothing is left of them.

    SQLite overwrites what was there, also in its journal; PostgreSQL's old rows are vacuumed. Backups and exported
    files are yours to mend, and models that learnt from the answers stay as they are.

    Raises:
        DataError: the log does not know this name.

    >>> from prefloop.text import Answer, Group, Prompt, Question, Response
    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> with Store.open("sqlite://") as store:
    ...     store.add_questions([Question(id="q1", kind="comparison", group=group)])
    ...     store.add_answers([Answer(question="q1", who="ada", value=1, order=(0, 1), seconds=3.0, at=0.0)])
    ...     erase(store, "ada", by="lee").events, store.answers()[0].who.startswith("erased-")
    (1, True)
    """
    pseudonym = ERASED + secrets.token_hex(8)
    with store.database.writing() as connection:
        insert_rows(connection, ERASING, [{"who": who, "pseudonym": pseudonym}])
        events = _events(connection, who, pseudonym, withdraw)
        members = connection.execute(
            update(MEMBERS).where(MEMBERS.c.who == who).values(who=pseudonym, token="", state="removed")
        ).rowcount
        connection.execute(delete(ERASING).where(ERASING.c.who == who))
        if not events and not members:
            raise DataError(f"nobody called {who} is in the feedback store: check the spelling.")
        connection.execute(update(SLOTS).where(SLOTS.c.who == who).values(who=pseudonym))
        log = {"pseudonym": pseudonym, "events": events, "by": by, "reason": reason, "at": time.time()}
        connection.execute(insert(ERASURES).values(log))
        kept = tuple(_kept(connection, who))
    _forget(store)
    return Erased(pseudonym=pseudonym, events=events, kept=kept)


def _events(connection: Connection, who: str, pseudonym: str, withdraw: bool) -> int:
    query = select(EVENTS.c.seq, EVENTS.c.event, EVENTS.c.value, QUESTIONS.c.kind).join(QUESTIONS)
    query = query.where(EVENTS.c.who == who, EVENTS.c.seq > bindparam("after")).order_by(EVENTS.c.seq).limit(BATCH)
    change = update(EVENTS).where(EVENTS.c.seq == bindparam("this"))
    change = change.values(who=pseudonym, value=bindparam("left"), event=bindparam("now"), reason="", telemetry={})
    done, after = 0, 0
    while rows := connection.execute(query, {"after": after}).all():
        changes = []
        for row in rows:
            left = None if withdraw else without_texts(row.kind, row.value)
            changes.append(
                {"this": row.seq, "left": left, "now": row.event if left is not None else _emptied(row.event)}
            )
        connection.execute(change, changes)
        done, after = done + len(rows), rows[-1].seq
    return done


def _emptied(event: str) -> str:
    """An answer of which nothing is left counts as taken back. An adjudication without a value says that already."""
    return "undo" if event == "answer" else event


def without_texts(kind: str, value: Any) -> Any:
    """What is left of an answer's value without what was written freely; `None` where nothing is.

    >>> without_texts("spans", [{"response": 0, "start": 1, "end": 4, "type": "untrue", "note": "I know him"}])
    [{'response': 0, 'start': 1, 'end': 4, 'type': 'untrue'}]
    """
    if kind in ("edit", "critique", "demonstration"):
        return None
    if kind == "spans" and value is not None:
        return [{name: said for name, said in span.items() if name != "note"} for span in value]
    return value


def _kept(connection: Connection, who: str) -> list[str]:
    """Where the name still stands: as who made something, and in the texts of what was asked."""
    places: dict[str, tuple[Table, ColumnElement[bool]]] = {
        f"rows of `{table.name}`, as who made them": (table, table.c.by == who)
        for table in (PROJECTS, GUIDELINES, MEMBERS)
    }
    for column in (
        EVENTS.c.value,
        EVENTS.c.reason,
        QUESTIONS.c.id,
        GROUPS.c.prompt,
        RESPONSES.c.text,
        ITEMS.c.explanation,
        NOTES.c.value,
    ):
        named = cast(column, Text).contains(who, autoescape=True)
        places[f"rows of `{column.table.name}` whose {column.name} has the name"] = (column.table, named)
    counts = {
        what: connection.execute(select(func.count()).select_from(table).where(where)).scalar_one()
        for what, (table, where) in places.items()
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


def _forget(store: Store) -> None:
    """Have the database overwrite what the rows were."""
    pooled = store.engine.raw_connection()
    try:
        driver: Any = pooled.driver_connection
        if store.database.is_sqlite:
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            driver.autocommit = True
            for table in (EVENTS, MEMBERS):
                driver.execute(f"VACUUM {table.name}")
            driver.autocommit = False
    finally:
        pooled.close()
