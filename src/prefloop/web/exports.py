"""What a project knows, as files to download."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import StreamingResponse

from ..feedback.exporting import NAMES, Export
from .desk import Desk
from .rights import JUDGE, Key

Shape = Annotated[str, Query(alias="as", max_length=40)]


def routes(desk: Desk) -> APIRouter:
    """The downloads of a project."""
    router = APIRouter(prefix="/lead/p/{project}")

    @router.get("/export")
    def export(request: Request, project: Key, shape: Shape = "log", pseudonyms: bool = False) -> StreamingResponse:
        """The project as JSON lines: the whole log, which can be imported again, or rows that trainers read."""
        desk.someone(request, project, JUDGE)
        desk.project(project)
        if shape not in NAMES:
            raise HTTPException(422, f"There is no such shape; there are {', '.join(NAMES)}.")

        def lines() -> Iterator[str]:
            for row in Export(store=desk.store, shape=shape, project=project, pseudonyms=pseudonyms):
                yield json.dumps(row, ensure_ascii=True) + "\n"

        named = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{project}-{shape}.jsonl')}"}
        return StreamingResponse(lines(), media_type="application/jsonl", headers=named)

    return router
