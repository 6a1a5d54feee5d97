"""The application: the pages, the ways in, and what everything is guarded by."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles

from ..errors import DataError, PrefloopError
from ..feedback.members import EVERYBODY, Member
from ..feedback.pace import TooFast
from ..feedback.store import Store
from . import exports, guide, items, label, lead, live, people, texts, tree
from .desk import STATIC, Desk
from .guard import Capped, Headed
from .watched import Watched


def create_app(store: Store, *, secret: str, secure: bool = False, watched: Watched | None = None) -> FastAPI:
    """The pages over a store.

    Args:
        store: where the questions are and the answers go.
        secret: signs the cookies; whoever has it can be anybody.
        secure: whether cookies are sent over https only.
        watched: the run that goes on beside the page, where there is one.

    >>> with Store.open("sqlite://") as store:
    ...     create_app(store, secret="s").title
    'prefloop'
    """
    desk = Desk.of(store, secret=secret)
    app = FastAPI(title="prefloop", docs_url=None, redoc_url=None)
    app.state.desk = desk
    app.add_middleware(Capped)
    app.add_middleware(Headed)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    _ways_in(app, desk, secure)
    for pages in (label, lead, people, items, guide, exports, texts, tree):
        app.include_router(pages.routes(desk))
    desk.templates.globals["live"] = watched.project if watched else ""
    if watched is not None:
        app.include_router(live.routes(desk, watched))
    _errors(app, desk)
    return app


def _ways_in(app: FastAPI, desk: Desk, secure: bool) -> None:
    @app.get("/", response_class=HTMLResponse)
    def home(request: Request) -> HTMLResponse:
        """Where to go."""
        return desk.page(request, "message.html", title="prefloop", text="Open the link of your invitation.")

    @app.get("/join/{token}", response_class=HTMLResponse)
    def invitation(request: Request, token: str) -> HTMLResponse:
        """What somebody is invited to. Nothing is set yet: a mail program that looks at the link changes nothing."""
        member = _invited(desk, request, token)
        title = desk.project(member.project).title if member.project else "every project"
        return desk.page(request, "join.html", member=member, title=title, open=member.who == EVERYBODY, problem="")

    @app.post("/join/{token}")
    def join(request: Request, token: str, name: Annotated[str, Form(max_length=200)] = "") -> Response:
        """Come in, under a name of one's own where the invitation is open."""
        member = _invited(desk, request, token)
        if member.who == EVERYBODY:
            address = request.client.host if request.client else ""
            if desk.joins.must_wait(address):
                raise HTTPException(429, "Too many people joined from here within a minute: wait a minute.")
            desk.joins.count(address)
            try:
                token = desk.members.join(token, name.strip())
            except DataError as error:
                title = desk.project(member.project).title
                return desk.page(
                    request, "join.html", status=422, member=member, title=title, open=True, problem=str(error)
                )
        labels = member.role == "annotator"
        path = f"/p/{member.project}/" if labels else "/lead"
        response = RedirectResponse(path, status_code=303)
        desk.sessions.begin(response, token, path=path, secure=secure)
        return response


def _invited(desk: Desk, request: Request, token: str) -> Member:
    address = request.client.host if request.client else ""
    if desk.tries.must_wait(address):
        raise HTTPException(429, "Too many links that do not work came from here: wait a minute.")
    member = desk.members.authenticate(token)
    if member is None:
        desk.tries.count(address)
        raise HTTPException(404, "This invitation is not valid or has expired. Ask the person who sent it for another.")
    return member


def _errors(app: FastAPI, desk: Desk) -> None:
    """A page for people and JSON for scripts, with words for who made the mistake."""

    def told(request: Request, status: int, text: str) -> Response:
        if "application/json" in request.headers.get("accept", "") or request.headers.get("x-csrf-token"):
            return JSONResponse({"detail": text}, status_code=status)
        return desk.page(request, "message.html", status=status, title="That did not work", text=text)

    @app.exception_handler(HTTPException)
    def of_http(request: Request, error: HTTPException) -> Response:
        return told(request, error.status_code, str(error.detail))

    @app.exception_handler(404)
    def of_nothing(request: Request, error: HTTPException) -> Response:
        return told(request, 404, str(error.detail) if error.detail != "Not Found" else "There is no such page.")

    @app.exception_handler(RequestValidationError)
    def of_form(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        return told(request, 422, f"{'.'.join(str(p) for p in first['loc'][1:])}: {first['msg']}")

    @app.exception_handler(PrefloopError)
    def of_ours(request: Request, error: PrefloopError) -> Response:
        status = 429 if isinstance(error, TooFast) else 422 if isinstance(error, DataError) else 503
        return told(request, status, str(error))
