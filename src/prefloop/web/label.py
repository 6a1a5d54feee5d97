"""The pages of somebody who answers: what is next, what they said, what they took back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import HTMLResponse
from itsdangerous import BadSignature
from pydantic import BaseModel, Field

from ..feedback.kinds import KINDS
from ..feedback.members import Member
from ..feedback.progress import Share, progress
from ..feedback.records import Leased, Project, Submission
from ..feedback.rows import read_questions
from ..feedback.tables import QUESTIONS
from ..feedback.trees import GIVEN
from ..text import Message, Question
from . import render
from .desk import Desk
from .values import in_group

ROLES = ("annotator",)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Csrf = Annotated[str, Header(alias="X-CSRF-Token")]
Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")]
Lease = Annotated[str, Field(max_length=4_000)]


class Next(BaseModel):
    """What the page has already, so that it gets something else."""

    holding: list[Lease] = Field(default=[], max_length=8)


class Said(BaseModel):
    """An answer, a skip or an undo, under an id of the page's own."""

    id: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[\w-]+$")]
    lease: Lease
    event: Literal["answer", "skip", "undo"] = "answer"
    value: Any = None
    seconds: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] = 0.0
    reason: Annotated[str, Field(max_length=2_000)] = ""


class Compared(BaseModel):
    """The item whose two answers are to be compared word by word."""

    lease: Lease


def routes(desk: Desk) -> APIRouter:
    """The pages under `/p/PROJECT`."""
    router = APIRouter(prefix="/p/{project}")

    @router.get("/", response_class=HTMLResponse)
    def label(request: Request, project: Key) -> HTMLResponse:
        """The page that somebody answers on."""
        member = desk.someone(request, project, ROLES)
        found = desk.project(project)
        guidelines = desk.projects.guidelines(project)
        mine = progress(desk.store, project).people.get(member.who, Share())
        done = mine.answers + mine.gold
        return desk.page(request, "label.html", member=member, project=found, guidelines=guidelines, done=done)

    @router.post("/next")
    def next_item(request: Request, project: Key, body: Next, csrf: Csrf = "") -> dict[str, Any]:
        """The next item, or why there is none."""
        member = desk.checked(request, project, ROLES, csrf)
        if member.state == "paused":
            return {"none": "paused"}
        found = desk.project(project)
        held = [_opened(desk, lease, member, project)["question"] for lease in body.holding]
        leased = desk.queue.next_item(project, member.who, holding=held)
        if leased is None:
            return {"none": "done" if found.state == "open" else "closed"}
        return _shown(desk, found, member, leased)

    @router.post("/submit")
    def submit(request: Request, project: Key, body: Said, csrf: Csrf = "") -> dict[str, Any]:
        """Keep what was said; it is on the disk when this answers. A lease for saying more of it comes back."""
        member = desk.checked(request, project, ROLES, csrf)
        lease = _opened(desk, body.lease, member, project)
        value = in_group(lease["kind"], body.value, lease["order"]) if body.event == "answer" else None
        said = Submission(
            id=body.id,
            project=project,
            question=lease["question"],
            who=member.who,
            event=body.event,
            value=value,
            order=tuple(lease["order"]),
            seconds=body.seconds,
            guideline=lease["guideline"],
            revision=lease["revision"],
            reason=body.reason,
        )
        receipt = desk.queue.submit(said)
        lease["revision"] = receipt.revision + 1
        return {**asdict(receipt), "lease": desk.sessions.sealer.dumps(lease)}

    @router.post("/compare")
    def compare(request: Request, project: Key, body: Compared, csrf: Csrf = "") -> dict[str, Any]:
        """The two answers with the words that only one of them has marked, in the order in which they are shown."""
        member = desk.checked(request, project, ROLES, csrf)
        lease = _opened(desk, body.lease, member, project)
        question = _question(desk, lease["question"])
        if len(lease["order"]) != 2:
            raise HTTPException(422, "Two answers can be compared.")
        first, second = (question.group.texts[i] for i in lease["order"])
        return {"sides": render.differences(first, second)}

    return router


def _opened(desk: Desk, lease: str, member: Member, project: str) -> dict[str, Any]:
    """What we sealed into a lease, for this person and project."""
    try:
        found: dict[str, Any] = desk.sessions.sealer.loads(lease)
    except BadSignature as error:
        raise HTTPException(422, "This lease was not given by this page.") from error
    if (found["who"], found["project"]) != (member.who, project):
        raise HTTPException(403, "This item was given to somebody else.")
    return found


def _question(desk: Desk, key: str) -> Question:
    with desk.store.database.reading() as connection:
        return read_questions(connection, [QUESTIONS.c.id == key])[key]


def _shown(desk: Desk, project: Project, member: Member, leased: Leased) -> dict[str, Any]:
    """An item as the page gets it. Nothing in it says which response is whose, nor what the item is for."""
    question = leased.question
    lease = {
        "question": question.id,
        "kind": question.kind,
        "order": leased.order,
        "guideline": leased.guideline,
        "revision": leased.revision,
        "who": member.who,
        "project": project.id,
    }
    return {
        "lease": desk.sessions.sealer.dumps(lease),
        "question": question.id,
        "kind": question.kind,
        "html": drawn(desk, question, leased.order),
        "texts": [render.sendable(question.group.texts[i]) for i in leased.order],
        "guideline": leased.guideline,
    }


def drawn(desk: Desk, question: Question, order: tuple[int, ...], template: str = "") -> str:
    """A question as HTML, its responses in this order, by its kind's template or another."""
    kind = KINDS[question.kind]
    prompt = question.group.prompt
    return desk.templates.get_template(template or f"kinds/{kind.draw}.html").render(
        ask=question.options.get("ask") or kind.asks,
        turns=prompt.messages or (Message(role="user", content=prompt.text or ""),),
        sides=[
            {"name": _letter(n), "title": _title(question, n), "text": question.group.texts[i]}
            for n, i in enumerate(order)
        ],
        options={**kind.options, **question.options},
    )


def _title(question: Question, place: int) -> str:
    """What a response is called: of a tree, it is a message or a reply."""
    in_tree = question.parent or question.why == GIVEN
    name = "Answer" if not in_tree else "Reply" if question.kind == "ranking" else "Message"
    return f"{name} {_letter(place)}" if len(question.group.responses) > 1 else name


def _letter(place: int) -> str:
    return LETTERS[place] if place < len(LETTERS) else str(place + 1)
