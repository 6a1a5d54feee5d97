"""The pages of items: all of them, each with what was said of it, those that people disagree on, what each is for."""

from __future__ import annotations

from typing import Annotated, Any, get_args

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ..errors import DataError
from ..feedback.history import of_question
from ..feedback.kinds import json_text
from ..feedback.members import Member
from ..feedback.purposes import turn
from ..feedback.records import Item, Purpose
from ..feedback.rows import ADJUDICATION
from ..feedback.shared import Shared
from .desk import Desk
from .drawing import drawn
from .rights import CHANGE, JUDGE, LOOK, Key, Text, fields
from .said import from_fields, in_words

PAGE = 50
MOST = 10
Fields = Annotated[dict[str, str], Depends(fields)]


def routes(desk: Desk) -> APIRouter:
    """The pages under `/lead/p/PROJECT/items`."""
    router = APIRouter(prefix="/lead/p/{project}")
    _reading(router, desk)
    _changing(router, desk)
    return router


def _reading(router: APIRouter, desk: Desk) -> None:
    @router.get("/items", response_class=HTMLResponse)
    def listed(request: Request, project: Key, after: int = 0) -> HTMLResponse:
        """The items, some at a time."""
        member = desk.someone(request, project, LOOK)
        found = desk.project(project)
        some = desk.queue.items(project, after=min(max(after, 0), 2**53), limit=PAGE)
        last = some[-1][0] if len(some) == PAGE else None
        return desk.page(request, "lead/items.html", member=member, project=found, items=some, last=last)

    @router.get("/items/{place}", response_class=HTMLResponse)
    def one(request: Request, project: Key, place: int) -> HTMLResponse:
        """One item with everything that was said of it."""
        return _one(desk, request, project, place)

    @router.get("/disagreements", response_class=HTMLResponse)
    def disagreements(request: Request, project: Key) -> HTMLResponse:
        """The items whose answers disagree, worst first, and what was settled already."""
        member = desk.someone(request, project, JUDGE)
        found = desk.project(project)
        apart = desk.adjudications.open(project, limit=MOST)
        settled = desk.adjudications.standing(project)
        places = desk.adjudications.places(project, [e.question for e in settled])
        shown_as = {place: _item(desk, project, place).question.kind for place in places.values()}
        return desk.page(
            request,
            "lead/disagreements.html",
            member=member,
            project=found,
            apart=[(one, _html(desk, _item(desk, project, one.place)), _answers(one)) for one in apart],
            settled=[(p, e, in_words(shown_as[p], e.value)) for e in settled for p in [places[e.question]]],
            most=MOST,
        )


def _changing(router: APIRouter, desk: Desk) -> None:
    @router.post("/items/{place}/adjudicate")
    def adjudicate(request: Request, project: Key, place: int, csrf: Text, form: Fields) -> Response:
        """Say what the answer is, or that what was said so no longer stands."""
        member = desk.checked(request, project, JUDGE, csrf)
        item = _item(desk, project, place)
        try:
            value = None if form.get("back") else from_fields(item.question, form)
            reason = form.get("reason", "")
            desk.adjudications.adjudicate(project, item.question.id, value, who=member.who, reason=reason)
        except DataError as error:
            return _one(desk, request, project, place, problem=str(error))
        back = "disagreements" if form.get("then") == "next" else f"items/{place}"
        return RedirectResponse(f"/lead/p/{project}/{back}", status_code=303)

    @router.post("/items/{place}/purpose")
    def purpose(request: Request, project: Key, place: int, csrf: Text, form: Fields) -> Response:
        """Make it an item to be labelled, a gold item, or one to practise on."""
        member = desk.checked(request, project, CHANGE, csrf)
        item = _item(desk, project, place)
        try:
            wanted = form.get("purpose", "")
            if wanted not in get_args(Purpose):
                raise DataError(f"an item is for one of {', '.join(get_args(Purpose))}.")
            expected = None if wanted == "work" else from_fields(item.question, form)
            explanation = form.get("explanation", "").strip()
            turn(
                desk.store,
                project,
                item.question.id,
                wanted,  # type: ignore[arg-type]
                by=member.who,
                expected=expected,
                explanation=explanation,
            )
        except DataError as error:
            return _one(desk, request, project, place, problem=str(error))
        return RedirectResponse(f"/lead/p/{project}/items/{place}", status_code=303)


def _one(desk: Desk, request: Request, project: str, place: int, problem: str = "") -> HTMLResponse:
    member = desk.someone(request, project, LOOK)
    found = desk.project(project)
    item = _item(desk, project, place)
    events = of_question(desk.store, item.question.id)
    judged = [e for e in events if e.event == ADJUDICATION]
    return desk.page(
        request,
        "lead/item.html",
        status=422 if problem else 200,
        member=member,
        project=found,
        place=place,
        item=item,
        events=events,
        names=_names(member, [e.who for e in events]),
        judged=judged[-1] if judged and judged[-1].value is not None else None,
        html=_html(desk, item),
        problem=problem,
    )


def _answers(one: Shared) -> list[tuple[Any, list[str]]]:
    """The different answers to an item, the most frequent first, each with who gave it."""
    found: dict[str, tuple[Any, list[str]]] = {}
    for who, value in one.said.items():
        found.setdefault(json_text(value, "an answer"), (value, []))[1].append(who)
    return sorted(found.values(), key=lambda said: -len(said[1]))


def _names(member: Member, people: list[str]) -> dict[str, str]:
    """Who is called what on the page: a reader sees that two people answered, and not which two."""
    distinct = list(dict.fromkeys(people))
    return {who: who if member.role in JUDGE else f"person {n}" for n, who in enumerate(distinct, 1)}


def _item(desk: Desk, project: str, place: int) -> Item:
    some = desk.queue.items(project, after=min(max(place, 1), 2**53) - 1, limit=1)
    if not some or some[0][0] != place:
        raise HTTPException(404, "There is no such item.")
    return some[0][1]


def _html(desk: Desk, item: Item) -> str:
    order = tuple(range(len(item.question.group.responses)))
    return drawn(desk, item.question, order, template="lead/_question.html")
