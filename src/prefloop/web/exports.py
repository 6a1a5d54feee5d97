"""What a project knows, as files to download."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from .desk import Desk
from .rights import JUDGE, Key


def routes(desk: Desk) -> APIRouter:
    """The downloads of a project."""
    router = APIRouter(prefix="/lead/p/{project}")

    @router.get("/answers.jsonl")
    def answers(request: Request, project: Key) -> StreamingResponse:
        """The log of the project, line by line: answers with revisions, skips, undos and adjudications."""
        desk.someone(request, project, JUDGE)
        desk.project(project)

        def lines() -> Iterator[str]:
            for event in desk.store.events(project=project):
                yield json.dumps(asdict(event), ensure_ascii=True) + "\n"

        named = {"Content-Disposition": 'attachment; filename="answers.jsonl"'}
        return StreamingResponse(lines(), media_type="application/jsonl", headers=named)

    return router
