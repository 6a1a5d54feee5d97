"""Turning an item into one of another purpose: to be labelled, to check people by, or to practise on."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import delete, insert, select, update

from ..errors import DataError
from . import slots
from .columns import TURNED
from .kinds import check_value, json_text, plain
from .projects import project_of
from .records import Purpose
from .store import Store, asked_of
from .tables import ITEMS, NOTES, SLOTS


def turn(
    store: Store, project: str, question: str, purpose: Purpose, *, by: str, expected: Any = None, explanation: str = ""
) -> None:
    """Give an item another purpose, with the right answer unless it is to be labelled. What was said of it stays.

    Answers that people gave before count from then on as answers to an item of the new purpose: to a gold item they
    were given as blindly as any.

    Raises:
        DataError: the item is not in the project, or the right answer is missing or not what its kind takes.
    """
    with store.database.writing() as connection:
        found = project_of(connection, project)
        here = select(ITEMS).where(ITEMS.c.project == project, ITEMS.c.question == question)
        before = connection.execute(here).mappings().first()
        if before is None:
            raise DataError(f"question `{question}` is not in project `{project}`.")
        slots.lock_item(connection, before["seq"])
        if purpose == "work":
            expected, explanation = None, ""
        else:
            expected = check_value(expected, asked_of(connection, [question])[question])
        after = {"purpose": purpose, "expected": expected, "explanation": plain(explanation, "the explanation")}
        connection.execute(update(ITEMS).where(ITEMS.c.seq == before["seq"]).values(after))
        mine = SLOTS.c.item == before["seq"]
        connection.execute(delete(SLOTS).where(mine, SLOTS.c.state == "free"))
        connection.execute(update(SLOTS).where(mine).values(gold=purpose != "work"))
        if purpose == "work":
            slots.settle(connection, found, before["seq"])
        change = {"question": question, "by": by, "to": after, "from": {name: before[name] for name in after}}
        json_text(change, "the change of an item")
        connection.execute(insert(NOTES).values(key=TURNED, value=change, at=time.time()))
