"""The pages of somebody who answers: what is next, what they said, what they took back."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from ..feedback.own import again, earlier, own
from ..feedback.practice import examples, solved
from ..feedback.records import Event, Project, Submission
from ..feedback.rows import read_questions
from ..feedback.tables import QUESTIONS
from ..feedback.telemetry import FINAL, NAMED
from ..feedback.written import KINDS_WRITTEN
from ..text import Question
from . import render
from .desk import Desk
from .drawing import blinded, drawn, opened, shown, solution, sources, value_on_page
from .settings import PageSettings
from .values import in_group
from .wording import in_words

ROLES = ("annotator",)
Csrf = Annotated[str, Header(alias="X-CSRF-Token")]
Key = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[\w.-]+$")]
Lease = Annotated[str, Field(max_length=4_000)]
Count = Annotated[int, Field(ge=0, le=10_000_000)]


class Next(BaseModel):
    """What the page has already, so that it gets something else."""

    holding: list[Lease] = Field(default=[], max_length=8)


class Writing(BaseModel):
    """How a text was written: keys that were pressed, pastes, and characters that were pasted."""

    keystrokes: Count = 0
    pastes: Count = 0
    pasted: Count = 0


class Said(BaseModel):
    """An answer, a skip or an undo, under an id of the page's own."""

    id: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[\w-]+$")]
    lease: Lease
    event: Literal["answer", "skip", "undo"] = "answer"
    value: Any = None
    seconds: Annotated[float, Field(ge=0, le=1e7, allow_inf_nan=False)] = 0.0
    reason: Annotated[str, Field(max_length=2_000)] = ""
    writing: Writing | None = None


class Compared(BaseModel):
    """The item whose two answers are to be compared word by word."""

    lease: Lease


class Again(BaseModel):
    """An earlier item of one's own."""

    question: Annotated[str, Field(min_length=1, max_length=500)]


def routes(desk: Desk) -> APIRouter:
    """The pages under `/p/PROJECT`."""
    router = APIRouter(prefix="/p/{project}")
    _pages(router, desk)
    _given(router, desk)
    _said(router, desk)
    return router


def _pages(router: APIRouter, desk: Desk) -> None:
    @router.get("/", response_class=HTMLResponse)
    def label(request: Request, project: Key) -> HTMLResponse:
        """The page that somebody answers on."""
        member = desk.someone(request, project, ROLES)
        found = desk.project(project)
        return desk.page(
            request,
            "label.html",
            member=member,
            project=found,
            settings=PageSettings.of(found),
            guidelines=desk.projects.guidelines(project),
            examples=_examples(desk, found),
            own=own(desk.store, project, member.who, now=time.time()),
        )

    @router.get("/mine", response_class=HTMLResponse)
    def mine(request: Request, project: Key) -> HTMLResponse:
        """What somebody said last, and how far they are."""
        member = desk.someone(request, project, ROLES)
        found = desk.project(project)
        said = earlier(desk.store, project, member.who)
        asked = _questions(desk, [event.question for event in said])
        rows = [_row(event, asked[event.question]) for event in said]
        far = own(desk.store, project, member.who, now=time.time())
        return desk.page(request, "mine.html", member=member, project=found, rows=rows, own=far)


def _given(router: APIRouter, desk: Desk) -> None:
    @router.post("/next")
    def next_item(request: Request, project: Key, body: Next, csrf: Csrf = "") -> dict[str, Any]:
        """The next item, or why there is none."""
        member = desk.checked(request, project, ROLES, csrf)
        if member.state != "active":
            return {"none": "paused"}
        found = desk.project(project)
        held = [opened(desk, lease, member, project)["question"] for lease in body.holding]
        leased = desk.queue.next_item(project, member.who, holding=held)
        if leased is None:
            return {"none": "done" if found.state == "open" else "closed"}
        return shown(desk, found, member, leased)

    @router.post("/again")
    def earlier_item(request: Request, project: Key, body: Again, csrf: Csrf = "") -> dict[str, Any]:
        """An item that this person spoke of before, with what they said, to say it anew."""
        member = desk.checked(request, project, ROLES, csrf)
        found = desk.project(project)
        leased, said = again(desk.store, project, member.who, body.question)
        value = value_on_page(leased.question.kind, said.value, said.order)
        return {**shown(desk, found, member, leased), "value": value}

    @router.post("/compare")
    def compare(request: Request, project: Key, body: Compared, csrf: Csrf = "") -> dict[str, Any]:
        """The two answers with the words that only one of them has marked, in the order in which they are shown."""
        member = desk.checked(request, project, ROLES, csrf)
        lease = opened(desk, body.lease, member, project)
        question = _questions(desk, [lease["question"]])[lease["question"]]
        if len(lease["order"]) != 2:
            raise HTTPException(422, "Two answers can be compared.")
        texts, _ = blinded(question, PageSettings.of(desk.project(project)))
        first, second = (texts[i] for i in lease["order"])
        return {"sides": render.differences(first, second)}


def _said(router: APIRouter, desk: Desk) -> None:
    @router.post("/submit")
    def submit(request: Request, project: Key, body: Said, csrf: Csrf = "") -> dict[str, Any]:
        """Keep what was said; it is on the disk when this answers. A lease for saying more of it comes back."""
        member = desk.checked(request, project, ROLES, csrf)
        lease = opened(desk, body.lease, member, project)
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
            telemetry=_telemetry(lease, body),
        )
        receipt = desk.queue.submit(said)
        behind = _behind(desk, lease, value) if lease["final"] and body.event == "answer" else {}
        lease["revision"] = receipt.revision + 1
        return {**asdict(receipt), "lease": desk.sessions.sealer.dumps(lease), **behind}


def _telemetry(lease: dict[str, Any], body: Said) -> dict[str, Any]:
    """How an answer came about; of a skip or an undo there is nothing to say."""
    if body.event != "answer":
        return {}
    wrote = body.writing.model_dump() if body.writing and lease["kind"] in KINDS_WRITTEN else {}
    named = {NAMED: lease["named"]} if lease["named"] else {}
    return wrote | named | ({FINAL: True} if lease["final"] else {})


def _behind(desk: Desk, lease: dict[str, Any], value: Any) -> dict[str, Any]:
    """What is shown once an answer is final: what is right of a practice item, who wrote what of another."""
    item = solved(desk.store, lease["question"])
    if item is not None:
        return {"solution": solution(item, lease["order"], value)}
    question = _questions(desk, [lease["question"]])[lease["question"]]
    return {"sources": sources(question, lease["order"])}


def _examples(desk: Desk, project: Project) -> list[dict[str, Any]]:
    """The worked examples, each with its question as HTML, what is right and why."""
    settings, made = PageSettings.of(project), []
    for item in examples(desk.queue, project):
        order = tuple(range(len(item.question.group.responses)))
        texts, _ = blinded(item.question, settings)
        html = drawn(desk, item.question, order, template="_example.html", texts=texts)
        right = in_words(item.question, item.expected, order)
        made.append({"html": html, "right": right, "why": item.explanation})
    return made


def _row(event: Event, question: Question) -> dict[str, Any]:
    """A line of the list of one's own answers."""
    said = in_words(question, event.value, event.order) if event.event == "answer" else event.reason
    closed = bool(event.telemetry.get(FINAL))
    return {"event": event, "prompt": _last_turn(question), "said": said, "closed": closed}


def _last_turn(question: Question) -> str:
    """What a question's answers answer: the prompt, or its last message."""
    prompt = question.group.prompt
    return prompt.messages[-1].content if prompt.messages else prompt.text or ""


def _questions(desk: Desk, keys: list[str]) -> dict[str, Question]:
    with desk.store.database.reading() as connection:
        return read_questions(connection, [QUESTIONS.c.id.in_(keys)])
