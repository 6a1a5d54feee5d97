"""The queue's own state: the places of each item, and who has which.

A slot is `free`, `leased` (with the time it expires), `done`, `skipped`, or `lapsed`: its lease expired and somebody
else got a place instead. The events are the truth and the slots follow them; `Queue.rebuild` makes them anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select, update

from .database import insert_rows, one_at_a_time
from .records import Project
from .rows import latest
from .tables import EVENTS, ITEMS, SLOTS

_TRIED = 64  # candidates looked at before the search moves on, where others may take them meanwhile
_FREE = SLOTS.c.state == "free"
_LEASED = SLOTS.c.state == "leased"


def lock_item(connection: Connection, item: int) -> None:
    """Whoever changes the slots of an item waits here for whoever else does."""
    one_at_a_time(connection, "item", str(item))


def settle(connection: Connection, project: Project, item: int) -> None:
    """Give an item as many free slots as it still needs: its overlap less what is leased or done."""
    query = select(SLOTS.c.number, SLOTS.c.state, SLOTS.c.gold).where(SLOTS.c.item == item)
    rows = connection.execute(query).all()
    states = Counter(row.state for row in rows)
    retired = 0 < project.retire_after <= states["skipped"]
    wanted = 0 if retired else max(0, project.overlap - states["leased"] - states["done"])
    free = [row.number for row in rows if row.state == "free"]
    if wanted < len(free):
        surplus = SLOTS.c.number.in_(free[wanted:])
        connection.execute(delete(SLOTS).where(SLOTS.c.item == item, surplus, _FREE))
    first = max((row.number for row in rows), default=-1) + 1
    insert_rows(connection, SLOTS, [new(project, item, first + n) for n in range(wanted - len(free))])


def new(project: Project, item: int, number: int, **other: Any) -> dict[str, Any]:
    """A free slot as a row."""
    row = {"item": item, "number": number, "project": project.id, "gold": False, "state": "free"}
    return row | {"who": None, "expires": None} | other


def held(connection: Connection, project: str, who: str) -> list[int]:
    """The items that are leased to a person, also where the lease has expired and nobody took it, in order."""
    query = _hinted(select(SLOTS.c.item), "slots_open").where(SLOTS.c.project == project, _LEASED, SLOTS.c.who == who)
    return list(connection.execute(query.order_by(SLOTS.c.item)).scalars())


def live(connection: Connection, project: str, now: float) -> int:
    """How many leases of work items have not expired."""
    query = _hinted(select(func.count()).select_from(SLOTS), "slots_open")
    where = (SLOTS.c.project == project, _LEASED, ~SLOTS.c.gold, SLOTS.c.expires > now)
    return int(connection.execute(query.where(*where)).scalar_one())


def unanswered(connection: Connection, project: str) -> int:
    """How many places of work items wait for an answer: those that are free, and those that somebody has."""
    query = _hinted(select(func.count()).select_from(SLOTS), "slots_open")
    where = (SLOTS.c.project == project, SLOTS.c.state.in_(("free", "leased")), ~SLOTS.c.gold)
    return int(connection.execute(query.where(*where)).scalar_one())


def renew(connection: Connection, item: int, who: str, expires: float) -> None:
    """Keep an item longer for who has it."""
    mine = (SLOTS.c.item == item, SLOTS.c.who == who)
    connection.execute(update(SLOTS).where(*mine).values(state="leased", expires=expires))


def seen(connection: Connection, project: str, who: str) -> int:
    """How many items a person has been given."""
    query = _hinted(select(func.count()).select_from(SLOTS), "slots_who")
    return int(connection.execute(query.where(SLOTS.c.project == project, SLOTS.c.who == who)).scalar_one())


def take_work(connection: Connection, project: Project, who: str, now: float, expires: float) -> int | None:
    """Lease a work item this person has not had: first one that lapsed, then the next free one, then an earlier one.

    "Next" is after the last item the person got, so that what they had and others still need is not searched again.
    """
    last = select(func.max(SLOTS.c.item)).where(SLOTS.c.project == project.id, SLOTS.c.who == who, ~SLOTS.c.gold)
    cursor = connection.execute(last).scalar() or 0
    expired = _candidates(project, who).where(_LEASED, SLOTS.c.expires <= now)
    free = _candidates(project, who).where(_FREE)
    for query in (expired, free.where(SLOTS.c.item > cursor), free.where(SLOTS.c.item <= cursor)):
        for item, number in _pages(connection, query):
            if _lease(connection, project, item, number, who, now, expires):
                return item
    return _come_back(connection, project, who, expires)


def take_gold(connection: Connection, project: Project, who: str, expires: float) -> int | None:
    """Lease a gold item this person has not had; gold items have as many places as there are people."""
    query = (
        select(ITEMS.c.seq)
        .where(ITEMS.c.project == project.id, ITEMS.c.purpose == "gold", ~_had(ITEMS.c.seq, who))
        .order_by(ITEMS.c.seq)
        .limit(1)
    )
    item = connection.execute(query).scalar()
    if item is not None:
        lock_item(connection, item)
        highest = select(func.coalesce(func.max(SLOTS.c.number), -1)).where(SLOTS.c.item == item)
        number = connection.execute(highest).scalar_one() + 1
        row = new(project, item, number, gold=True, state="leased", who=who, expires=expires)
        insert_rows(connection, SLOTS, [row])
    return item


def rebuild(connection: Connection, project: Project) -> None:
    """Make the slots anew from the events; what is leased now stays leased."""
    connection.execute(delete(SLOTS).where(SLOTS.c.project == project.id, ~_LEASED))
    leased = select(SLOTS.c.item, SLOTS.c.who).where(SLOTS.c.project == project.id)
    here = {(row.item, row.who) for row in connection.execute(leased)}
    query = latest(ITEMS.c.seq, ITEMS.c.purpose, EVENTS.c.who, EVENTS.c.event)
    query = query.join(ITEMS, ITEMS.c.question == EVENTS.c.question).order_by(ITEMS.c.seq)
    query = query.where(ITEMS.c.project == project.id, EVENTS.c.project == project.id)
    rows = connection.execute(query, execution_options={"yield_per": 1_000})
    for item, said in groupby(rows, key=lambda row: row.seq):
        highest = select(func.coalesce(func.max(SLOTS.c.number), -1)).where(SLOTS.c.item == item)
        first = connection.execute(highest).scalar_one() + 1
        gone = [row for row in said if (item, row.who) not in here]
        made = [
            new(project, item, first + n, gold=row.purpose == "gold", state=_AFTER[row.event], who=row.who)
            for n, row in enumerate(gone)
        ]
        insert_rows(connection, SLOTS, made)
    settle_all(connection, project)


def settle_all(connection: Connection, project: Project) -> None:
    """`settle` every work item of a project."""
    work = select(ITEMS.c.seq).where(ITEMS.c.project == project.id, ITEMS.c.purpose == "work").order_by(ITEMS.c.seq)
    for item in connection.execute(work).scalars().all():
        lock_item(connection, item)
        settle(connection, project, item)


_AFTER = {"answer": "done", "skip": "skipped", "undo": "lapsed"}
"""The state of a slot whose last event is this, where it is not leased."""


def _candidates(project: Project, who: str) -> Select[Any]:
    query = _hinted(select(SLOTS.c.item, SLOTS.c.number), "slots_open")
    return query.where(SLOTS.c.project == project.id, ~SLOTS.c.gold, ~_had(SLOTS.c.item, who))


def _pages(connection: Connection, query: Select[Any]) -> Iterator[tuple[int, int]]:
    """The candidates in order; on SQLite nobody else can take the first one meanwhile."""
    size = 1 if connection.dialect.name == "sqlite" else _TRIED
    query = query.order_by(SLOTS.c.item, SLOTS.c.number)
    last = -1
    while rows := connection.execute(query.where(SLOTS.c.item > last).limit(size)).all():
        yield from ((row.item, row.number) for row in rows)
        last = rows[-1].item


def _lease(
    connection: Connection, project: Project, item: int, number: int, who: str, now: float, expires: float
) -> bool:
    """Take a slot, unless somebody else has it by now or is at this item this very moment."""
    if not _try_lock_item(connection, item):
        return False
    place = (SLOTS.c.item == item, SLOTS.c.number == number)
    lapsing = update(SLOTS).where(*place, _LEASED, SLOTS.c.expires <= now).values(state="lapsed", expires=None)
    if connection.execute(lapsing).rowcount:
        settle(connection, project, item)
        free = select(SLOTS.c.number).where(SLOTS.c.item == item, _FREE).limit(1)
        number = connection.execute(free).scalar_one_or_none() or number
        place = (SLOTS.c.item == item, SLOTS.c.number == number)
    taking = update(SLOTS).where(*place, _FREE).values(state="leased", who=who, expires=expires)
    return bool(connection.execute(taking).rowcount)


def _come_back(connection: Connection, project: Project, who: str, expires: float) -> int | None:
    """Lease once more an item that this person let lapse and that still needs somebody."""
    other = SLOTS.alias()
    needed = select(1).where(other.c.item == SLOTS.c.item, other.c.state == "free").exists()
    mine = (SLOTS.c.project == project.id, SLOTS.c.who == who, SLOTS.c.state == "lapsed")
    item = connection.execute(select(SLOTS.c.item).where(*mine, needed).order_by(SLOTS.c.item).limit(1)).scalar()
    if item is not None:
        lock_item(connection, item)
        renew(connection, item, who, expires)
        settle(connection, project, item)
    return item


def _had(item: Any, who: str) -> Any:
    mine = SLOTS.alias()
    return select(1).where(mine.c.item == item, mine.c.who == who).exists()


def _try_lock_item(connection: Connection, item: int) -> bool:
    if connection.dialect.name != "postgresql":
        return True
    return bool(
        connection.execute(select(func.pg_try_advisory_xact_lock(func.hashtextextended(f"item\n{item}", 0)))).scalar()
    )


def _hinted(query: Select[Any], index: str) -> Select[Any]:
    """The query by this index: SQLite has no statistics of a table that grows while people work."""
    return query.with_hint(SLOTS, f"INDEXED BY {index}", "sqlite")
