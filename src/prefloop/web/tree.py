"""Conversation trees for who leads: making a project of them, and looking at what grew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from ..errors import DataError
from ..feedback import streams
from ..feedback.forest import stored_trees
from ..feedback.formats import oasst
from ..feedback.records import Item, Project, Stop
from ..feedback.tree_settings import FLAG, SCALE, TreeSettings, check_tree
from ..feedback.tree_tasks import first_prompt, given
from ..feedback.trees import KINDS, Tree, Turn
from ..text import Group
from .desk import Desk
from .label import Key

CONVERSATION = "conversation"
"""What the form calls a project of trees: it is three kinds of question."""
LOOK = ("lead", "reviewer", "readonly")
STATES = {
    "prompt": "waits for its prompt",
    "review": "prompt under review",
    "growing": "growing",
    "ranking": "being ranked",
    "ready": "ready",
    "aborted": "prompt refused",
    "halted": "halted: too many skipped it",
}
_Count = Annotated[int, Form(ge=1, le=1_000)]
_Labels = Annotated[str, Form(max_length=1_000)]


def tree_settings(
    goal: _Count = 12,
    depth: _Count = 3,
    replies: _Count = 3,
    reviews: _Count = 3,
    rankings: _Count = 3,
    message_labels: _Labels = "spam?, lang_mismatch?, quality",
    reply_labels: _Labels = "fails_task?, helpfulness",
) -> TreeSettings:
    """What the form says of trees. A label with a question mark is answered with no or yes, others with 1 to 5."""
    labels = _axes(message_labels)
    return TreeSettings(
        goal=goal,
        depth=depth,
        assistant_replies=replies,
        reviews=reviews,
        rankings=rankings,
        labels=labels,
        assistant_labels=_axes(reply_labels),
        against=[name for name in TreeSettings().against if name in labels],
    )


def _axes(named: str) -> dict[str, tuple[int, int]]:
    found = [name.strip() for name in named.split(",") if name.strip()]
    return {name.rstrip("? "): FLAG if name.endswith("?") else SCALE for name in found}


def conversations(
    key: str, title: str, settings: TreeSettings, groups: list[Group], prompts: int, stop: Stop
) -> tuple[Project, list[Item]]:
    """A project of trees, and what they begin with: the prompts of these groups, or so many that people are to write.

    Raises:
        DataError: the settings make no sense, or a prompt ends with what the assistant says.
    """
    check_tree(settings)
    made = Project(id=key, title=title, kinds=KINDS, tree=settings, stop=stop)
    if not groups:
        return made, [Item(question=first_prompt(f"{key}-{n}")) for n in range(1, prompts + 1)]
    items = []
    for number, prompt in enumerate(dict.fromkeys(group.prompt for group in groups), 1):
        turns = prompt.messages
        if turns and turns[-1].role != "user":
            raise DataError(f"prompt {number} ends with what the {turns[-1].role} says: a prompt ends with the user.")
        text = turns[-1].content if turns else prompt.text or ""
        items.append(Item(question=given(f"{key}-{number}", text, settings, path=turns[:-1])))
    return made, items


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
