"""The pages of who leads: the projects, a new one, and the board of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ..errors import DataError
from ..feedback.exporting import NAMES
from ..feedback.kinds import KINDS
from ..feedback.members import EVERYBODY, ROLES
from ..feedback.progress import progress
from . import charts
from .board import board, warnings
from .create import make, previewed
from .desk import Desk
from .form import NewProject
from .rights import CHANGE, LOOK, Key, Text, anyone, fields


def routes(desk: Desk) -> APIRouter:
    """The pages under `/lead`: the projects and their boards."""
    router = APIRouter(prefix="/lead")
    _projects(router, desk)
    _invitations(router, desk)
    return router


def _projects(router: APIRouter, desk: Desk) -> None:
    @router.get("", response_class=HTMLResponse)
    def home(request: Request) -> HTMLResponse:
        """The projects, and a new one."""
        return _home(desk, request)

    @router.post("/projects")
    def create(
        request: Request, csrf: Text, form: Annotated[dict[str, str], Depends(fields)], file: UploadFile | None = None
    ) -> Response:
        """A project from a file, or from the demo where none is sent."""
        member = desk.checked(request, "", CHANGE, csrf)
        try:
            key = make(desk, NewProject.read(form), _sent(file), by=member.who)
        except DataError as error:
            return _home(desk, request, problem=str(error), form=form)
        return RedirectResponse(f"/lead/p/{key}", status_code=303)

    @router.post("/projects/preview", response_class=HTMLResponse)
    def preview(
        request: Request, csrf: Text, form: Annotated[dict[str, str], Depends(fields)], file: UploadFile | None = None
    ) -> HTMLResponse:
        """What a file would become; nothing is written."""
        desk.checked(request, "", CHANGE, csrf)
        try:
            look, problem = previewed(form, _sent(file)), ""
        except DataError as error:
            look, problem = None, str(error)
        return desk.page(request, "lead/_preview.html", look=look, problem=problem, status=422 if problem else 200)

    @router.get("/p/{project}", response_class=HTMLResponse)
    def shown(request: Request, project: Key) -> HTMLResponse:
        """The board."""
        return _board(desk, request, project)

    @router.post("/p/{project}/state")
    def state(request: Request, project: Key, csrf: Text, to: Annotated[Literal["open", "closed"], Form()]) -> Response:
        """Close a project, so that nobody gets anything more, or open it again."""
        member = desk.checked(request, project, CHANGE, csrf)
        found = desk.project(project)
        desk.projects.change(replace(found, state=to), by=member.who)
        return RedirectResponse(f"/lead/p/{project}", status_code=303)


def _sent(file: UploadFile | None) -> UploadFile | None:
    """The file, unless the field was left empty."""
    return file if file is not None and file.filename else None


def _home(desk: Desk, request: Request, problem: str = "", form: dict[str, str] | None = None) -> HTMLResponse:
    member = anyone(desk, request)
    shown = [p for p in desk.projects.all() if member.project in ("", p.id)]
    return desk.page(
        request,
        "lead/home.html",
        status=422 if problem else 200,
        member=member,
        projects=shown,
        far={p.id: progress(desk.store, p.id) for p in shown},
        kinds=KINDS,
        problem=problem,
        form=form or {},
    )


def _board(desk: Desk, request: Request, project: str, link: str = "", problem: str = "") -> HTMLResponse:
    member = desk.someone(request, project, LOOK)
    found = desk.project(project)
    shown = board(desk.store, found)
    agreed = desk.concord.of(desk.store, project)
    return desk.page(
        request,
        "lead/board.html",
        status=422 if problem else 200,
        member=member,
        project=found,
        board=shown,
        warnings=list(warnings(shown)),
        agreed=agreed.by_axis,
        disputed=desk.adjudications.count(project),
        charts=charts,
        far=progress(desk.store, project),
        people=[m for m in desk.members.of(project) if m.who != EVERYBODY],
        roles=ROLES,
        shapes=NAMES,
        link=link,
        problem=problem,
    )


def _invitations(router: APIRouter, desk: Desk) -> None:
    @router.post("/p/{project}/invite", response_class=HTMLResponse)
    def invite(request: Request, project: Key, csrf: Text, role: Text = "annotator", who: Text = "") -> HTMLResponse:
        """A link for one person, or an open one where no name is given. It is shown once."""
        member = desk.checked(request, project, CHANGE, csrf)
        desk.project(project)
        try:
            if not who.strip() and role != "annotator":
                raise DataError("an open link is for annotators: name the person who gets another role.")
            token = desk.members.invite(project, who.strip() or EVERYBODY, role, by=member.who)  # type: ignore[arg-type]
        except DataError as error:
            return _board(desk, request, project, problem=str(error))
        return _board(desk, request, project, link=f"{request.base_url}join/{token}")
