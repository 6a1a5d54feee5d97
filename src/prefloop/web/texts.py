"""The page on which a lead sees how texts were written."""

from __future__ import annotations

from collections import deque

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from ..feedback.written import written
from .desk import Desk
from .rights import JUDGE, Key

SHOWN = 200


def routes(desk: Desk) -> APIRouter:
    """The page under `/lead/p/PROJECT/texts`."""
    router = APIRouter(prefix="/lead/p/{project}")

    @router.get("/texts", response_class=HTMLResponse)
    def texts(request: Request, project: Key) -> HTMLResponse:
        """The last written answers: how much of each was pasted, and what it is like."""
        member = desk.someone(request, project, JUDGE)
        found = desk.project(project)
        rows = deque(written(desk.store, project), maxlen=SHOWN)
        return desk.page(request, "lead/texts.html", member=member, project=found, rows=[*reversed(rows)])

    return router
