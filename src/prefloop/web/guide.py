"""The guidelines of a project: every version, what each changed, and the next one."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from . import render
from .desk import Desk
from .rights import CHANGE, LOOK, Key, Long, Text


def routes(desk: Desk) -> APIRouter:
    """The page `/lead/p/PROJECT/guidelines`."""
    router = APIRouter(prefix="/lead/p/{project}")

    @router.get("/guidelines", response_class=HTMLResponse)
    def versions(request: Request, project: Key) -> HTMLResponse:
        """The versions, newest first, each with the words that differ from the one before."""
        member = desk.someone(request, project, LOOK)
        found = desk.project(project)
        told = [desk.projects.guidelines(project, n) for n in range(found.guideline, 0, -1)]
        kept = [one for one in told if one is not None]
        before = [*(one.text for one in kept[1:]), ""]
        given = Counter(desk.store.log(project).answers()["guideline"].tolist())
        return desk.page(
            request,
            "lead/guidelines.html",
            member=member,
            project=found,
            versions=[
                (one, render.differences(text, one.text), given[one.version])
                for one, text in zip(kept, before, strict=True)
            ],
        )

    @router.post("/guidelines")
    def add(request: Request, project: Key, csrf: Text, text: Long) -> Response:
        """The next version, which every answer from now on is stamped with."""
        member = desk.checked(request, project, CHANGE, csrf)
        desk.project(project)
        desk.projects.add_guidelines(project, text, by=member.who)
        return RedirectResponse(f"/lead/p/{project}/guidelines", status_code=303)

    return router
