"""Conversation trees for who leads: what grew, and as a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from ..feedback import streams
from ..feedback.forest import stored_trees
from ..feedback.formats import oasst
from ..feedback.trees import Tree, Turn
from .desk import Desk
from .rights import LOOK, Key

STATES = {
    "prompt": "waits for its prompt",
    "review": "prompt under review",
    "growing": "growing",
    "ranking": "being ranked",
    "ready": "ready",
    "aborted": "prompt refused",
    "halted": "halted: too many skipped it",
}


def routes(desk: Desk) -> APIRouter:
    """The pages under `/lead/p/PROJECT/trees`."""
    router = APIRouter(prefix="/lead/p/{project}")

    @router.get("/trees", response_class=HTMLResponse)
    def listed(request: Request, project: Key) -> HTMLResponse:
        """The trees, and how far each is."""
        member = desk.someone(request, project, LOOK)
        found = desk.project(project)
        trees = stored_trees(desk.store, project)
        return desk.page(request, "lead/trees.html", member=member, project=found, trees=trees, states=STATES)

    @router.get("/trees/{number}", response_class=HTMLResponse)
    def one(request: Request, project: Key, number: int) -> HTMLResponse:
        """One tree with what was said of each message."""
        member = desk.someone(request, project, LOOK)
        found = desk.project(project)
        tree = _numbered(stored_trees(desk.store, project), number)
        about = {"number": number, "states": STATES, "ordered": _best_first}
        return desk.page(request, "lead/tree.html", status=200, member=member, project=found, tree=tree, **about)

    @router.get("/trees.jsonl")
    def export(request: Request, project: Key) -> StreamingResponse:
        """The trees in Open Assistant's format, a tree a line."""
        desk.someone(request, project, LOOK)
        found = desk.project(project)

        def lines() -> Iterator[str]:
            asked = streams.questions(desk.store, project=project)
            yield from oasst.write(asked, desk.store.events(project=project), settings=found.tree)

        named = {"Content-Disposition": 'attachment; filename="trees.jsonl"'}
        return StreamingResponse(lines(), media_type="application/jsonl", headers=named)

    return router


def _best_first(replies: Sequence[Turn]) -> list[Turn]:
    return sorted(replies, key=lambda turn: len(replies) if turn.rank is None else turn.rank)


def _numbered(trees: list[Tree], number: int) -> Tree:
    if not 1 <= number <= len(trees):
        raise HTTPException(404, "There is no such tree.")
    return trees[number - 1]
