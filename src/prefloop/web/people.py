"""The page of one person: what they said, what leaving them out would change, and everything a lead may do about it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ..feedback.erasure import erase
from ..feedback.history import of_person
from ..feedback.members import Member
from ..feedback.removal import effect_of_removing
from .board import board
from .desk import Desk
from .paths import path_of
from .rights import CHANGE, JUDGE, Key, Text
from .said import in_words

PAGE = 50
Name = Annotated[str, Query(max_length=80)]


def routes(desk: Desk) -> APIRouter:
    """The pages under `/lead/p/PROJECT` that are about one person."""
    router = APIRouter(prefix="/lead/p/{project}")

    @router.get("/person", response_class=HTMLResponse)
    def person(request: Request, project: Key, who: Name, before: int | None = None) -> HTMLResponse:
        """Their figures and answers, newest first."""
        return _person(desk, request, project, who, before)

    @router.post("/pause")
    def pause(request: Request, project: Key, csrf: Text, who: Text, on: Text = "") -> Response:
        """Give somebody nothing more to do, or let them go on."""
        member = desk.checked(request, project, CHANGE, csrf)
        (desk.members.resume if on else desk.members.pause)(project, who, by=member.who)
        return RedirectResponse(path_of(project, "person", who=who), status_code=303)

    @router.post("/exclude")
    def exclude(request: Request, project: Key, csrf: Text, who: Text) -> Response:
        """Leave somebody's answers out of training; `/pause` with `on` takes them in again."""
        member = desk.checked(request, project, CHANGE, csrf)
        desk.members.exclude(project, who, by=member.who)
        return RedirectResponse(path_of(project, "person", who=who), status_code=303)

    @router.post("/erase", response_class=HTMLResponse)
    def forget(
        request: Request,
        project: Key,
        csrf: Text,
        who: Text,
        typed: Text = "",
        picks: Annotated[Literal["keep", "withdraw"], Form()] = "keep",
        reason: Text = "",
    ) -> HTMLResponse:
        """Take somebody's data out of the whole store, once their name was typed."""
        member = desk.checked(request, "", CHANGE, csrf)
        desk.project(project)
        if typed.strip() != who:
            problem = f"Nothing was erased: type the name {who} as it stands to confirm."
            return _person(desk, request, project, who, None, problem=problem)
        done = erase(desk.store, who, by=member.who, reason=reason, withdraw=picks == "withdraw")
        return desk.page(request, "lead/erased.html", project=desk.project(project), done=done)

    return router


def _person(
    desk: Desk, request: Request, project: str, who: str, before: int | None, problem: str = ""
) -> HTMLResponse:
    member = desk.someone(request, project, JUDGE)
    found = desk.project(project)
    before = None if before is None else min(max(before, 0), 2**53)
    events = of_person(desk.store, project, who, before=before, limit=PAGE)
    standing: Member | None = next((m for m in desk.members.of(project) if m.who == who), None)
    habits = board(desk.store, found).people.get(who)
    if standing is None and habits is None and not events:
        raise HTTPException(404, "There is nobody of this name in the project.")
    return desk.page(
        request,
        "lead/person.html",
        status=422 if problem else 200,
        member=member,
        project=found,
        who=who,
        standing=standing,
        habits=habits,
        effect=effect_of_removing(desk.store, project, who),
        events=[(place, e, "" if e.event == "undo" else in_words(kind, e.value)) for place, kind, e in events],
        last=events[-1][2].seq if len(events) == PAGE else None,
        problem=problem,
    )
