"""What every page needs at hand: the store's parts, who is asking, and the templates."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ..errors import DataError
from ..feedback.adjudication import Adjudications
from ..feedback.concord import Concord
from ..feedback.members import Member, Members
from ..feedback.projects import Projects
from ..feedback.queue import Queue
from ..feedback.records import Project
from ..feedback.store import Store
from . import render
from .paths import path_of
from .said import in_words, unit_in_words
from .session import Sessions, Tries

STATIC = Path(__file__).parent / "static"
JOINS = 60
"""People who may join by open invitations from one address in a minute."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The parts of a store that the pages use, and the ways in.

    >>> with Store.open("sqlite://") as store:
    ...     Desk.of(store, secret="s").queue.items("none")
    []
    """

    store: Store
    members: Members
    projects: Projects
    queue: Queue
    sessions: Sessions
    tries: Tries
    joins: Tries
    adjudications: Adjudications
    concord: Concord
    templates: Environment = field(repr=False)

    @classmethod
    def of(cls, store: Store, *, secret: str, clock: Callable[[], float] = time.time) -> Desk:
        """The desk of a store."""
        members, concord = Members(store, clock), Concord()
        return cls(
            store=store,
            members=members,
            projects=Projects(store, clock),
            queue=Queue(store, clock),
            sessions=Sessions(members, secret),
            tries=Tries(),
            joins=Tries(most=JOINS),
            adjudications=Adjudications(store, clock, concord),
            concord=concord,
            templates=_templates(),
        )

    def page(self, request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """A page made from a template."""
        token = self.sessions.token(request)
        values["csrf"] = self.sessions.csrf(token) if token else ""
        return HTMLResponse(self.templates.get_template(name).render(**values), status_code=status)

    def someone(self, request: Request, project: str, roles: tuple[str, ...]) -> Member:
        """Who asks, where they have a role in this project that may.

        Raises:
            HTTPException: nobody we know (401), or somebody who may not (403).
        """
        member = self.sessions.member(request)
        if member is None:
            raise HTTPException(401, "Open your invitation link again: this page does not know who you are.")
        if member.project not in ("", project) or member.role not in roles:
            raise HTTPException(403, "Your invitation is for something else.")
        return member

    def checked(self, request: Request, project: str, roles: tuple[str, ...], csrf: str) -> Member:
        """The same for a change, which has to come from one of our pages.

        Raises:
            HTTPException: nobody we know (401), somebody who may not, or from elsewhere (403).
        """
        member = self.someone(request, project, roles)
        if not self.sessions.brings(request, csrf):
            raise HTTPException(403, "This did not come from a page of prefloop: load the page again.")
        return member

    def project(self, key: str) -> Project:
        """The project.

        Raises:
            HTTPException: there is none (404).
        """
        try:
            return self.projects.get(key)
        except DataError as error:
            raise HTTPException(404, "There is no such project.") from error


def moment(at: float) -> str:
    """A time for people, in the one zone that a server knows of everybody.

    >>> moment(0.0)
    '1 Jan 1970, 00:00 UTC'
    """
    when = datetime.fromtimestamp(at, UTC)
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("prefloop.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["markdown"] = render.html
    made.filters["raw"] = render.raw
    made.filters["in_words"] = in_words
    made.filters["unit_in_words"] = unit_in_words
    made.filters["moment"] = moment
    made.globals["path_of"] = path_of
    return made
