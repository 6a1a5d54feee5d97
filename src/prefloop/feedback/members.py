"""Who may do what: people in a project, their roles, and the tokens they show, of which only hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, RowMapping, Select, bindparam, func, select

from ..errors import DataError
from .database import insert_rows, one_at_a_time
from .projects import project_of
from .store import Store
from .tables import EVENTS, MEMBERS

Role = Literal["lead", "annotator", "reviewer", "readonly"]
ROLES: tuple[Role, ...] = get_args(Role)
State = Literal["active", "paused", "removed", "excluded"]
DAY = 86_400.0
EVERYBODY = "*"
"""Who an open invitation is for: whoever has its token may `join` under a name of their own."""
ERASED = "erased-"
"""How the pseudonyms of erased people begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person in a project, as it stands now; in the project "" they are a member of every project.

    >>> Member(project="tone", who="ada", role="annotator", state="active", expires=0.0).role
    'annotator'
    """

    project: str
    who: str
    role: Role
    state: State
    expires: float


@dataclass(frozen=True, slots=True)
class Members:
    """The people of a store. Every change is a new row; the last one of a person in a project stands.

    >>> from prefloop.feedback.records import Project
    >>> from prefloop.feedback.projects import Projects
    >>> with Store.open("sqlite://") as store:
    ...     _ = Projects(store).create(Project(id="tone", title="Tone", kinds=("comparison",)), by="lee")
    ...     token = Members(store).invite("tone", "ada", "annotator", by="lee")
    ...     Members(store).authenticate(token).who, Members(store).authenticate("guessed")
    ('ada', None)
    """

    store: Store
    clock: Callable[[], float] = time.time

    def invite(self, project: str, who: str, role: Role, *, by: str, days: float = 30.0) -> str:
        """Let somebody in, or give them another role or a new token: the old token is void. The token is told once.

        `who` may be `EVERYBODY`: an open invitation, whose token `join` takes. `project` may be "": all of them.

        Raises:
            DataError: there is no such project or role, or this is no name.
        """
        if role not in ROLES:
            raise DataError(f"`{role}` is no role; there are {', '.join(ROLES)}.")
        if who != EVERYBODY:
            check_name(who)
        token = secrets.token_urlsafe(32)
        with self.store.database.writing() as connection:
            if project:
                project_of(connection, project)
            self._put(connection, project, who, role, "active", _hash(token), self.clock() + days * DAY, by)
        return token

    def join(self, token: str, who: str) -> str:
        """Take up an open invitation under a name that nobody has, and get a token of one's own.

        Raises:
            DataError: the invitation is not valid, or the name is taken or none.
        """
        check_name(who)
        own = secrets.token_urlsafe(32)
        with self.store.database.writing() as connection:
            open_to_all = _holder(connection, token, self.clock())
            if open_to_all is None or open_to_all.who != EVERYBODY:
                raise DataError("this invitation is not valid or has expired: ask the person who sent it for another.")
            project = open_to_all.project
            one_at_a_time(connection, "join", who)
            if connection.execute(select(MEMBERS.c.seq).where(MEMBERS.c.who == who).limit(1)).first() is not None:
                raise DataError(f"somebody is called {who} already: choose another name.")
            expires = open_to_all.expires
            self._put(connection, project, who, open_to_all.role, "active", _hash(own), expires, open_to_all.who)
        return own

    def authenticate(self, token: str) -> Member | None:
        """Whose token this is, also of somebody who is paused; `None` where it is void, unknown or expired."""
        with self.store.database.reading() as connection:
            return _holder(connection, token, self.clock())

    def pause(self, project: str, who: str, *, by: str) -> None:
        """Give somebody nothing more to do; their token still shows them why. Their answers stay."""
        self._set(project, who, "paused", by)

    def resume(self, project: str, who: str, *, by: str) -> None:
        """Let somebody who was paused go on."""
        self._set(project, who, "active", by)

    def exclude(self, project: str, who: str, *, by: str) -> None:
        """Leave somebody's answers out of every training set, and give them nothing more to do; `resume` undoes both.

        Nothing is deleted. Somebody who answered without being a member, as in an imported log, can be left out, too.
        """
        self._set(project, who, "excluded", by, otherwise="annotator")

    def remove(self, project: str, who: str, *, by: str) -> None:
        """Void somebody's token. Their answers stay: `erasure.erase` takes those out."""
        self._set(project, who, "removed", by)

    def of(self, project: str) -> list[Member]:
        """The members of a project, by name, without those who were removed."""
        with self.store.database.reading() as connection:
            rows = connection.execute(_last().where(MEMBERS.c.project == project).order_by(MEMBERS.c.who)).mappings()
            return [_member(row) for row in rows if row["state"] != "removed"]

    def _set(self, project: str, who: str, state: State, by: str, *, otherwise: Role | None = None) -> None:
        with self.store.database.writing() as connection:
            query = _last().where(MEMBERS.c.project == project, MEMBERS.c.who == who)
            row = connection.execute(query).mappings().first()
            if row is None and otherwise is not None and _answered(connection, project, who):
                self._put(connection, project, who, otherwise, state, "", 0.0, by)
                return
            if row is None:
                raise DataError(f"{who} is no member of project `{project}`.")
            self._put(connection, project, who, row["role"], state, row["token"], row["expires"], by)

    def _put(
        self,
        connection: Connection,
        project: str,
        who: str,
        role: Role,
        state: State,
        token: str,
        expires: float,
        by: str,
    ) -> None:
        row = {"project": project, "who": who, "role": role, "state": state, "token": token, "expires": expires}
        insert_rows(connection, MEMBERS, [row | {"by": by, "at": self.clock()}])


def check_name(who: str) -> None:
    """Refuse what is no name for a person.

    Raises:
        DataError: it is empty, long, has unprintable characters or means something else here.
    """
    if not 0 < len(who) <= 80 or not who.isprintable() or who != who.strip() or who == EVERYBODY:
        raise DataError(f"{who!r:.100} is no name: give 1 to 80 printable characters, without blanks at the ends.")
    if who.startswith(ERASED):
        raise DataError(f"a name does not begin with `{ERASED}`, which stands for people whose data were erased.")


def _hash(token: str) -> str:
    """The tokens are 256 random bits, so that a plain hash cannot be turned round by guessing."""
    return hashlib.sha256(token.encode()).hexdigest()


def _holder(connection: Connection, token: str, now: float) -> Member | None:
    row = connection.execute(_HOLDER, {"hash": _hash(token), "now": now}).mappings().first()
    return None if row is None else _member(row)


def _answered(connection: Connection, project: str, who: str) -> bool:
    query = select(EVENTS.c.seq).where(EVENTS.c.project == project, EVENTS.c.who == who).limit(1)
    return connection.execute(query).first() is not None


def _last() -> Select[Any]:
    newest = (
        select(func.max(_OTHER.c.seq))
        .where(_OTHER.c.project == MEMBERS.c.project, _OTHER.c.who == MEMBERS.c.who)
        .scalar_subquery()
    )
    return select(MEMBERS).where(MEMBERS.c.seq == newest)


_OTHER = MEMBERS.alias()
_HOLDER = _last().where(
    MEMBERS.c.token == bindparam("hash"), MEMBERS.c.state != "removed", MEMBERS.c.expires > bindparam("now")
)


def _member(row: RowMapping) -> Member:
    return Member(**{name: row[name] for name in ("project", "who", "role", "state", "expires")})
