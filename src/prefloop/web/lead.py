"""The pages of who leads a project: how it goes, who is in it, what they said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from ..errors import DataError
from ..feedback.kinds import KINDS
from ..feedback.members import EVERYBODY, ROLES, Member
from ..feedback.progress import progress
from ..feedback.records import Item, Project, Stop
from ..feedback.tree_settings import TreeSettings
from ..text import Group
from .board import board
from .create import demo, items, key_of, uploaded
from .desk import Desk
from .label import Key, drawn
from .tree import CONVERSATION, conversations, tree_settings

LOOK = ("lead", "reviewer", "readonly")
CHANGE = ("lead",)
PAGE = 50
Text = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=100_000)]


def routes(desk: Desk) -> APIRouter:
    """The pages under `/lead`."""
    router = APIRouter(prefix="/lead")
    _projects(router, desk)
    _people(router, desk)
    _items(router, desk)
    return router


def _home(desk: Desk, request: Request, problem: str = "", status: int = 200) -> HTMLResponse:
    member = _anyone(desk, request)
    shown = [p for p in desk.projects.all() if member.project in ("", p.id)]
    far = {p.id: progress(desk.store, p.id) for p in shown}
    values = {"member": member, "projects": shown, "far": far, "kinds": KINDS, "problem": problem}
    return desk.page(request, "lead/home.html", status=status, **values)


def _anyone(desk: Desk, request: Request) -> Member:
    member = desk.sessions.member(request)
    if member is None:
        raise HTTPException(401, "Open your invitation link again: this page does not know who you are.")
    return desk.someone(request, member.project, LOOK)


def _projects(router: APIRouter, desk: Desk) -> None:
    @router.get("", response_class=HTMLResponse)
    def home(request: Request) -> HTMLResponse:
        """The projects, and a new one."""
        return _home(desk, request)

    @router.post("/projects")
    def create(
        request: Request,
        csrf: Text,
        title: Annotated[str, Form(min_length=1, max_length=120)],
        kind: Annotated[str, Form(max_length=40)] = "comparison",
        overlap: Annotated[int, Form(ge=1, le=100)] = 1,
        labels: Annotated[str, Form(max_length=12, pattern=r"^\d*$")] = "",
        guidelines: Long = "",
        axes: Text = "helpful, true",
        types: Text = "untrue, unclear, harmful",
        prompts: Annotated[int, Form(ge=1, le=1_000)] = 10,
        tree: TreeSettings = Depends(tree_settings),  # noqa: B008
        file: UploadFile | None = None,
    ) -> Response:
        """A project from a file, or from the demo where none is sent."""
        member = desk.checked(request, "", CHANGE, csrf)
        try:
            sent = uploaded(file.filename, file.file) if file is not None and file.filename else []
            stop = Stop(labels=int(labels) if labels else None)
            key = key_of(title)
            if kind == CONVERSATION:
                made, asked = conversations(key, title, tree, sent, prompts, stop)
            else:
                made = Project(id=key, title=title, kinds=(kind,), overlap=overlap, stop=stop)
                asked = _asked(key, kind, sent or demo(), axes if kind == "rating" else types)
            desk.projects.create(made, by=member.who, guidelines=guidelines.strip())
            desk.queue.add_items(key, asked)
        except DataError as error:
            return _home(desk, request, problem=str(error), status=422)
        return RedirectResponse(f"/lead/p/{key}", status_code=303)

    @router.get("/p/{project}", response_class=HTMLResponse)
    def shown(request: Request, project: Key) -> HTMLResponse:
        """The board."""
        return _board(desk, request, project)

    @router.post("/p/{project}/guidelines")
    def guidelines(request: Request, project: Key, csrf: Text, text: Long) -> Response:
        """The next version of the guidelines, which every answer from now on is stamped with."""
        member = desk.checked(request, project, CHANGE, csrf)
        desk.project(project)
        desk.projects.add_guidelines(project, text, by=member.who)
        return RedirectResponse(f"/lead/p/{project}", status_code=303)

    @router.get("/p/{project}/answers.jsonl")
    def export(request: Request, project: Key) -> StreamingResponse:
        """The log of the project, line by line: answers with revisions, skips and undos."""
        desk.someone(request, project, LOOK)
        desk.project(project)

        def lines() -> Iterator[str]:
            for event in desk.store.events(project=project):
                yield json.dumps(asdict(event), ensure_ascii=True) + "\n"

        named = {"Content-Disposition": 'attachment; filename="answers.jsonl"'}
        return StreamingResponse(lines(), media_type="application/jsonl", headers=named)


def _asked(key: str, kind: str, groups: list[Group], named: str) -> list[Item]:
    """The items of a project of one kind. `named` are the axes or the types of error, for kinds that have them.

    Raises:
        DataError: there is no such kind, or a group that cannot be asked about in this way.
    """
    if kind not in KINDS:
        raise DataError(f"there is no kind `{kind}`.")
    names = [n.strip() for n in named.split(",") if n.strip()]
    options: dict[str, dict[str, Any]] = {"rating": {"axes": {n: [1, 5] for n in names}}, "spans": {"types": names}}
    return list(items(key, kind, groups, options.get(kind, {})))


def _board(desk: Desk, request: Request, project: str, link: str = "", problem: str = "") -> HTMLResponse:
    member = desk.someone(request, project, LOOK)
    found = desk.project(project)
    return desk.page(
        request,
        "lead/board.html",
        status=422 if problem else 200,
        member=member,
        project=found,
        board=board(desk.store, desk.queue, project),
        far=progress(desk.store, project),
        people=[m for m in desk.members.of(project) if m.who != EVERYBODY],
        guidelines=desk.projects.guidelines(project),
        roles=ROLES,
        link=link,
        problem=problem,
    )


def _people(router: APIRouter, desk: Desk) -> None:
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

    @router.post("/p/{project}/pause")
    def pause(request: Request, project: Key, csrf: Text, who: Text, on: Text = "") -> Response:
        """Give somebody nothing more to do, or let them go on."""
        member = desk.checked(request, project, CHANGE, csrf)
        (desk.members.resume if on else desk.members.pause)(project, who, by=member.who)
        return RedirectResponse(f"/lead/p/{project}#people", status_code=303)


def _items(router: APIRouter, desk: Desk) -> None:
    @router.get("/p/{project}/items", response_class=HTMLResponse)
    def listed(request: Request, project: Key, after: int = 0) -> HTMLResponse:
        """The items, some at a time."""
        member = desk.someone(request, project, LOOK)
        found = desk.project(project)
        some = desk.queue.items(project, after=min(max(after, 0), 2**53), limit=PAGE)
        last = some[-1][0] if len(some) == PAGE else None
        return desk.page(request, "lead/items.html", member=member, project=found, items=some, last=last)

    @router.get("/p/{project}/items/{place}", response_class=HTMLResponse)
    def one(request: Request, project: Key, place: int) -> HTMLResponse:
        """One item with everything that was said of it."""
        member = desk.someone(request, project, LOOK)
        found = desk.project(project)
        some = desk.queue.items(project, after=min(max(place, 1), 2**53) - 1, limit=1)
        if not some or some[0][0] != place:
            raise HTTPException(404, "There is no such item.")
        item = some[0][1]
        said = [e for e in desk.store.events(project=project) if e.question == item.question.id]
        order = tuple(range(len(item.question.group.responses)))
        html = drawn(desk, item.question, order, template="lead/_question.html")
        return desk.page(request, "lead/item.html", member=member, project=found, item=item, events=said, html=html)
