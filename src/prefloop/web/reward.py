"""A reward model over HTTP: requests that come together are scored together."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import torch
from fastapi import FastAPI, Request, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send
from torch import Tensor

from ..errors import RunError
from ..models.decoder import Decoder
from ..scoring.model import AT_ONCE
from ..scoring.pooled import Full, Pool
from .guard import Capped, Headed
from .reward_rows import Answered, Asked, Contract, Problem, Reader, Refused, misread

OPEN = ("/health", "/openapi.json")
"""What is answered without the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is taken, and how long is waited.

    wait: seconds for which a sequence waits for others. tokens: of one forward. room: sequences that may be there at
    once, waiting or being read, and so in one request. bytes: of one request.
    """

    wait: float = 0.002
    tokens: int = AT_ONCE
    room: int = 4096
    bytes: int = 16 << 20


def create_app(model: Decoder, *, token: str = "", limits: Limits | None = None) -> FastAPI:
    """The reward model as an application: `/score`, `/model` and `/health`, described at `/openapi.json`.

    Args:
        model: with the head `score`; its scores are normalised as its checkpoint says.
        token: what a caller must show as `Authorization: Bearer`; without one anybody may ask who can reach it.
        limits: how much is taken at once.
    """
    limits = limits or Limits()
    reader = Reader(model)
    pool = Pool.of(model, wait=limits.wait, tokens=limits.tokens, room=limits.room)

    @asynccontextmanager
    async def scoring(app: FastAPI) -> AsyncIterator[None]:
        with pool.open():
            try:
                yield
            finally:
                pool.drop()  # the server has given them time: who waits still is gone, or was told to wait no longer

    app = FastAPI(
        title="prefloop reward",
        description="Scores of responses to prompts, by a reward model.",
        docs_url=None,
        redoc_url=None,
        lifespan=scoring,
    )
    if token:
        app.add_middleware(Known, token=token)
    app.add_middleware(Capped, most=limits.bytes)
    app.add_middleware(Headed)
    _routes(app, reader, pool, limits, secured=bool(token))
    _errors(app)
    return app


class Known:
    """Refuses whoever does not show the token, before a body is read."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        """Stand around this application."""
        self.app, self.expected = app, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that may come in."""
        shown = Headers(scope=scope).get("authorization", "").encode("latin-1") if scope["type"] == "http" else b""
        if scope["type"] != "http" or scope["path"] in OPEN or hmac.compare_digest(shown, self.expected):
            await self.app(scope, receive, send)
            return
        problem = Problem(detail="Show the token: `Authorization: Bearer ...`.")
        headers = {"WWW-Authenticate": "Bearer", "Connection": "close"}
        await JSONResponse(problem.model_dump(), status_code=401, headers=headers)(scope, receive, send)


def _routes(app: FastAPI, reader: Reader, pool: Pool, limits: Limits, *, secured: bool) -> None:
    needs = [Security(HTTPBearer(auto_error=False))] if secured else []
    unknown: dict[int | str, dict[str, Any]] = {401: _problem("No token, or another one.")} if secured else {}
    of_score: dict[int | str, dict[str, Any]] = {
        400: _problem("The body is no JSON."),
        403: {"description": "A page of another site sent it."},
        413: {"description": "The body is too long."},
        422: _problem("A row that cannot be scored, and which."),
        429: _problem("So much is waiting that nothing more is taken: ask again later."),
        500: _problem("The model failed on a row."),
        503: _problem("The server is being stopped."),
    }

    @app.get("/health")
    def health() -> dict[str, str]:
        """Whether requests are answered."""
        return {"status": "ok"}

    @app.get("/model", responses=unknown, dependencies=needs)
    def model() -> Contract:
        """How the model reads, what its scores are measured in, and how much it takes."""
        return reader.contract(most_responses=limits.room, most_bytes=limits.bytes)

    @app.post("/score", responses={**unknown, **of_score}, response_model=Answered, dependencies=needs)
    async def score(asked: Asked, request: Request) -> Response:
        """Score every response, in the order of the rows. A caller that goes away is scored no further."""
        count = sum(len(row.responses) for row in asked.rows)
        if count > limits.room:
            raise Refused(f"it has {count} responses and a request takes {limits.room}: send them in parts.")
        try:
            with pool.admitted(count):
                rows = await asyncio.to_thread(reader.singles, asked)
                scores = await _unless_gone(request, pool.submit(rows))
        except asyncio.CancelledError:  # the server is being stopped, and the time that it gave is over
            raise RunError("the reward model is stopped.") from None
        if scores is None:
            return Response(status_code=499)  # nobody is there to read it
        return _answer(asked, scores, reader)


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "model": Problem}


async def _unless_gone(request: Request, future: Future[Tensor]) -> Tensor | None:
    """What comes of it; nothing where the caller goes away before, and then it is cancelled."""
    answer = asyncio.wrap_future(future)
    gone = asyncio.create_task(_gone(request))
    answer.add_done_callback(lambda _: gone.cancel())
    try:
        await asyncio.wait({gone})
        return answer.result() if answer.done() else None
    finally:
        gone.cancel()
        answer.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(asked: Asked, scores: Tensor, reader: Reader) -> Response:
    parts = torch.split(scores, [len(row.responses) for row in asked.rows])
    for number, part in enumerate(parts):
        wrong = (~part.isfinite()).nonzero().tolist()
        if wrong:
            problem = Refused("the model gave no finite number.", number, wrong[0][0]).problem
            return JSONResponse(problem.model_dump(), status_code=500)
    channels = list(reader.model.channels)
    return JSONResponse({"scores": [p.tolist() for p in parts], "channels": channels, "version": reader.version})


def _errors(app: FastAPI) -> None:
    def told(problem: Problem, status: int, **headers: str) -> Response:
        return JSONResponse(problem.model_dump(), status_code=status, headers=headers)

    # None of these hops to another thread: when the server stops there is no time to come back from it.
    @app.exception_handler(RequestValidationError)
    async def of_body(request: Request, error: RequestValidationError) -> Response:
        errors = error.errors()
        return told(misread(errors), 400 if errors[0]["type"] == "json_invalid" else 422)

    @app.exception_handler(Refused)
    async def of_row(request: Request, error: Refused) -> Response:
        return told(error.problem, 422)

    @app.exception_handler(Full)
    async def of_room(request: Request, error: Full) -> Response:
        return told(Problem(detail=str(error)), 429, **{"Retry-After": "1"})

    @app.exception_handler(RunError)
    async def of_stop(request: Request, error: RunError) -> Response:
        return told(Problem(detail=str(error)), 503)

    @app.exception_handler(Exception)
    async def of_model(request: Request, error: Exception) -> Response:
        return told(Problem(detail=f"the model failed with {type(error).__name__}: {error}"), 500)
