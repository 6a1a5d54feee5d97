"""The queue's own state: the places of each item, and who has which.

A slot is for work, or `gold`: for an item that everybody may have, gold or practice. It is `free`, `leased` (with the
time it expires), `done`, `skipped`, or `lapsed`: its lease expired and somebody else got a place instead; or it is
`barred`, and says only that this person may not have the item. The events are the truth and the slots follow them;
`Queue.rebuild` makes them anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, select, text, update

from .database import insert_rows, one_at_a_time
from .growing import people_wanted
from .records import Project, Purpose
from .rows import latest
from .tables import EVENTS, ITEMS, SLOTS

_TRIED = 64  # candidates looked at before the search moves on, where others may take them meanwhile
_FREE = SLOTS.c.state == "free"
_LEASED = SLOTS.c.state == "leased"
_PROJECT = SLOTS.c.project == bindparam("of_project")
_WHO = SLOTS.c.who == bindparam("by")
_ITEM = SLOTS.c.item == bindparam("of_item")
_NUMBER = SLOTS.c.number == bindparam("of_number")
_MINE = SLOTS.alias()


def lock_item(connection: Connection, item: int) -> None:
    """Whoever changes the slots of an item waits here for whoever else does."""
    one_at_a_time(connection, "item", str(item))


def settle(connection: Connection, project: Project, item: int, *, people: int | None = None) -> None:
    """Give an item as many free slots as it still needs: its overlap, or `people`, less what is leased or done."""
    rows = connection.execute(_OF_ITEM, {"of_item": item}).all()
    states = Counter(row.state for row in rows)
    people = people_wanted(connection, project, item) if people is None else people
    retired = project.tree is None and 0 < project.retire_after <= states["skipped"]
    wanted = 0 if retired else max(0, people - states["leased"] - states["done"])
    free = [row.number for row in rows if row.state == "free"]
    if wanted < len(free):
        surplus = SLOTS.c.number.in_(free[wanted:])
        connection.execute(delete(SLOTS).where(SLOTS.c.item == item, surplus, _FREE))
    first = max((row.number for row in rows), default=-1) + 1
    insert_rows(connection, SLOTS, [new(project, item, first + n) for n in range(wanted - len(free))])


_OF_ITEM = select(SLOTS.c.number, SLOTS.c.state).where(_ITEM)


def new(project: Project, item: int, number: int, **other: Any) -> dict[str, Any]:
    """A free slot as a row."""
    row = {"item": item, "number": number, "project": project.id, "gold": False, "state": "free"}
    return row | {"who": None, "expires": None} | other


def held(connection: Connection, project: str, who: str) -> list[tuple[int, str]]:
    """The items that are leased to a person, with their questions, also where the lease expired and nobody took it."""
    return [(row.item, row.question) for row in connection.execute(_HELD, {"of_project": project, "by": who})]


_HELD = (
    select(SLOTS.c.item, ITEMS.c.question)
    .join(ITEMS, ITEMS.c.seq == SLOTS.c.item)
    .where(_PROJECT, _LEASED, _WHO)
    .order_by(SLOTS.c.item)
)


def live(connection: Connection, project: str, now: float) -> int:
    """How many leases of work items have not expired."""
    return int(connection.execute(_LIVE, {"of_project": project, "now": now}).scalar_one())


_LIVE = (
    select(func.count()).select_from(SLOTS).where(_PROJECT, _LEASED, ~SLOTS.c.gold, SLOTS.c.expires > bindparam("now"))
)


def unanswered(connection: Connection, project: str) -> int:
    """How many places of work items wait for an answer: those that are free, and those that somebody has."""
    where = (SLOTS.c.project == project, SLOTS.c.state.in_(("free", "leased")), ~SLOTS.c.gold)
    return int(connection.execute(select(func.count()).select_from(SLOTS).where(*where)).scalar_one())


def put(connection: Connection, item: int, who: str, state: str, expires: float | None) -> None:
    """Say how it stands with a person's place of an item."""
    connection.execute(_PUT, {"of_item": item, "by": who, "now_is": state, "until": expires})


_PUT = update(SLOTS).where(_ITEM, _WHO).values(state=bindparam("now_is"), expires=bindparam("until"))


def seen(connection: Connection, project: str, who: str) -> int:
    """How many items a person has been given."""
    return int(connection.execute(_SEEN, {"of_project": project, "by": who}).scalar_one())


_SEEN = select(func.count()).select_from(SLOTS).where(_PROJECT, _WHO)


def take_work(connection: Connection, project: Project, who: str, now: float, expires: float) -> int | None:
    """Lease a work item this person has not had: first one that lapsed, then the next free one, then an earlier one.

    "Next" is after the last item the person got, so that what they had and others still need is not searched again.
    """
    about = {"of_project": project.id, "by": who}
    last = connection.execute(_LAST, about).scalar() or 0
    for item, number in _pages(connection, _EXPIRED, about | {"now": now, "after": 0}):
        if _free_for(connection, item) and _take_over(connection, project, item, number, who, now, expires):
            return item
    for after, to in ((last, None), (0, last)):
        query, bounds = (_NEXT, {"after": after}) if to is None else (_EARLIER, {"after": after, "to": to})
        for item, number in _pages(connection, query, about | bounds):
            if _free_for(connection, item) and _take(connection, item, number, who, expires):
                return item
    return _come_back(connection, project, who, expires)


_LAST = select(func.max(SLOTS.c.item)).where(_PROJECT, _WHO, ~SLOTS.c.gold)
_HAD = select(1).where(_MINE.c.item == SLOTS.c.item, _MINE.c.who == bindparam("by")).exists()
_CANDIDATES = (
    select(SLOTS.c.item, SLOTS.c.number)
    .where(_PROJECT, ~SLOTS.c.gold, ~_HAD, SLOTS.c.item > bindparam("after"))
    .order_by(SLOTS.c.item, SLOTS.c.number)
    .limit(bindparam("size"))
)
_EXPIRED = _CANDIDATES.where(_LEASED, SLOTS.c.expires <= bindparam("now"))
_NEXT = _CANDIDATES.where(_FREE)
_EARLIER = _NEXT.where(SLOTS.c.item <= bindparam("to"))


def take_other(
    connection: Connection, project: Project, who: str, expires: float, purpose: Purpose, after: int = 0
) -> int | None:
    """Lease a gold or practice item this person has not had, `after` so many of them.

    Such items have as many places as there are people. What comes after the last one they had is looked at first.
    """
    about = {"of_project": project.id, "by": who, "for": purpose}
    first = connection.execute(_OTHERS, about | {"skip": after}).scalar()
    if first is None:
        return None
    last = connection.execute(_OTHER_LAST, about).scalar() or 0
    item = None
    for begin in dict.fromkeys((max(first, last + 1), first)):
        item = item or connection.execute(_OTHER_NEXT, about | {"from": begin}).scalar()
    if item is not None:
        lock_item(connection, item)
        highest = select(func.coalesce(func.max(SLOTS.c.number), -1)).where(SLOTS.c.item == item)
        number = connection.execute(highest).scalar_one() + 1
        row = new(project, item, number, gold=True, state="leased", who=who, expires=expires)
        insert_rows(connection, SLOTS, [row])
    return item


_OF_PURPOSE = (
    select(ITEMS.c.seq)
    .where(ITEMS.c.project == bindparam("of_project"), ITEMS.c.purpose == bindparam("for"))
    .order_by(ITEMS.c.seq)
    .limit(1)
)
_OTHERS = _OF_PURPOSE.offset(bindparam("skip"))
_OTHER_HAD = select(1).where(_MINE.c.item == ITEMS.c.seq, _MINE.c.who == bindparam("by")).exists()
_OTHER_NEXT = _OF_PURPOSE.where(ITEMS.c.seq >= bindparam("from"), ~_OTHER_HAD)
_OTHER_LAST = select(func.max(SLOTS.c.item)).where(_PROJECT, _WHO, SLOTS.c.gold)


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
            new(project, item, first + n, gold=row.purpose != "work", state=_AFTER[row.event], who=row.who)
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


def _pages(connection: Connection, query: Select[Any], values: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """The candidates in order; on SQLite nobody else can take the first one meanwhile."""
    size = 1 if connection.dialect.name == "sqlite" else _TRIED
    after = values["after"]
    while rows := connection.execute(query, values | {"after": after, "size": size}).all():
        yield from ((row.item, row.number) for row in rows)
        after = rows[-1].item


def _take(connection: Connection, item: int, number: int, who: str, expires: float) -> bool:
    """Take a free slot, unless somebody else has it by now."""
    place = {"of_item": item, "of_number": number}
    return bool(connection.execute(_TAKE, place | {"taker": who, "until": expires}).rowcount)


_TAKE = update(SLOTS).where(_ITEM, _NUMBER, _FREE)
_TAKE = _TAKE.values(state="leased", who=bindparam("taker"), expires=bindparam("until"))


def _take_over(
    connection: Connection, project: Project, item: int, number: int, who: str, now: float, expires: float
) -> bool:
    """Let a lease that expired lapse, and take a slot that becomes free by it."""
    place = (SLOTS.c.item == item, SLOTS.c.number == number)
    lapsing = update(SLOTS).where(*place, _LEASED, SLOTS.c.expires <= now).values(state="lapsed", expires=None)
    if connection.execute(lapsing).rowcount:
        settle(connection, project, item)
    free = connection.execute(select(SLOTS.c.number).where(SLOTS.c.item == item, _FREE).limit(1)).scalar()
    return free is not None and _take(connection, item, free, who, expires)


def _come_back(connection: Connection, project: Project, who: str, expires: float) -> int | None:
    """Lease once more an item that this person let lapse and that still needs somebody."""
    other = SLOTS.alias()
    needed = select(1).where(other.c.item == SLOTS.c.item, other.c.state == "free").exists()
    mine = (SLOTS.c.project == project.id, SLOTS.c.who == who, SLOTS.c.state == "lapsed")
    item = connection.execute(select(SLOTS.c.item).where(*mine, needed).order_by(SLOTS.c.item).limit(1)).scalar()
    if item is not None:
        lock_item(connection, item)
        put(connection, item, who, "leased", expires)
        settle(connection, project, item)
    return item


def _free_for(connection: Connection, item: int) -> bool:
    """Lock an item, unless somebody else is at it this very moment."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(_TRY, {"key": f"item\n{item}"}).scalar())


_TRY = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:key, 0))")
