"""A limit on how much one person sends in a minute, against floods of answers that nobody thought about."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ..errors import DataError
from .records import Project
from .tables import EVENTS

_MINUTE = 60.0


class TooFast(DataError):
    """Somebody sends more in a minute than the project takes from one person. The same may be sent again later."""


def check_pace(connection: Connection, project: Project, who: str, now: float) -> None:
    """Refuse what comes too soon after `project.per_minute` other events of the same person; 0 lets everything by.

    Raises:
        TooFast: with the limit; nothing is lost, as the page sends it again.
    """
    if not project.per_minute:
        return
    mine = select(EVENTS.c.at).where(EVENTS.c.project == project.id, EVENTS.c.who == who)
    last = connection.execute(mine.order_by(EVENTS.c.seq.desc()).offset(project.per_minute - 1).limit(1)).scalar()
    if last is not None and last > now - _MINUTE:
        raise TooFast(
            f"more than {project.per_minute} answers in a minute came from {who}, which is what the project takes: "
            "read each one, and go on in a moment. What was sent is sent again."
        )
