"""The pages that show a run while it goes on: for who leads it, and as far as they allow for who answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from ..feedback.records import Project
from ..text import Message
from .desk import Desk
from .label import ROLES, Key
from .rights import CHANGE, LOOK
from .watched import Sampled, Watched

SHOWN = "live_samples"
"""What `Project.page` says where annotators see the samples too."""
NONE = "\N{EN DASH}"
After = Annotated[int, Query(ge=0, le=2**53)]


def routes(desk: Desk, watched: Watched) -> APIRouter:
    """The pages `/p/PROJECT/live` and `/lead/p/PROJECT/live` of the project that the run asks in."""
    router = APIRouter()

    def found(project: str) -> Project:
        if project != watched.project:
            raise HTTPException(404, "No run goes on beside this page that asks in this project.")
        return desk.project(project)

    def page(request: Request, roles: tuple[str, ...], project: str) -> HTMLResponse:
        member = desk.someone(request, project, roles)
        shown = found(project)
        leads = member.role != "annotator"
        back = f"/lead/p/{project}" if leads else f"/p/{project}/"
        allowed, now = bool(shown.page.get(SHOWN)), _told(watched)
        shows = {"member": member, "project": shown, "back": back, "leads": leads}
        values: dict[str, Any] = shows | {"allowed": allowed, "now": now, "rule": watched.rule}
        return desk.page(request, "live.html", **values)

    def data(request: Request, roles: tuple[str, ...], project: str, after: int) -> dict[str, Any]:
        member = desk.someone(request, project, roles)
        allowed = member.role != "annotator" or found(project).page.get(SHOWN)
        samples = watched.samples(after) if found(project) and allowed else []
        return {"now": _told(watched), "samples": [{"number": s.number, "html": _drawn(desk, s)} for s in samples]}

    @router.get("/p/{project}/live", response_class=HTMLResponse)
    def for_annotators(request: Request, project: Key) -> HTMLResponse:
        """Where the run is, and its samples where the lead allows it."""
        return page(request, ROLES, project)

    @router.get("/p/{project}/live.json")
    def told_to_annotators(request: Request, project: Key, after: After = 0) -> dict[str, Any]:
        """The same, for the page to ask again and again."""
        return data(request, ROLES, project, after)

    @router.get("/lead/p/{project}/live", response_class=HTMLResponse)
    def for_leads(request: Request, project: Key) -> HTMLResponse:
        """Where the run is, and its newest samples."""
        return page(request, LOOK, project)

    @router.get("/lead/p/{project}/live.json")
    def told_to_leads(request: Request, project: Key, after: After = 0) -> dict[str, Any]:
        """The same, for the page to ask again and again."""
        return data(request, LOOK, project, after)

    @router.post("/lead/p/{project}/live")
    def allow(
        request: Request, project: Key, csrf: Annotated[str, Form()], on: Annotated[str, Form()] = ""
    ) -> Response:
        """Let annotators see the samples, or no more."""
        member = desk.checked(request, project, CHANGE, csrf)
        shown = found(project)
        desk.projects.change(replace(shown, page={**shown.page, SHOWN: bool(on)}), by=member.who)
        return RedirectResponse(f"/lead/p/{project}/live", status_code=303)

    return router


def _told(watched: Watched) -> dict[str, Any]:
    """The run's state as the words of the page, by the name of the place where they stand."""
    now = watched.now()
    step, reward, kl = (now.metrics.get(name) for name in ("step", "reward", "kl"))
    coming = now.coming
    return {
        "stage": now.stage,
        "done": f"{now.done:.0f} of {now.total:.0f}" if now.total else NONE,
        "step": NONE if step is None else f"{step:.0f}",
        "reward": NONE if reward is None else f"{reward:.2f}",
        "kl": NONE if kl is None else f"{kl:.2f} nats",
        "labels": NONE if coming is None else f"{coming.come} of {coming.asked}",
        "health": "No warnings" if not now.warnings else f"Warnings: {len(now.warnings)}",
        "warnings": list(now.warnings),
    }


def _drawn(desk: Desk, sampled: Sampled) -> str:
    """A sample as HTML. What the model wrote, and what it was asked, is text of which nobody knows what it holds."""
    turns = sampled.prompt.messages or (Message(role="user", content=sampled.prompt.text or ""),)
    return desk.templates.get_template("_sample.html").render(sample=sampled, turns=turns)
