"""The page in the same process as a run: a thread serves it while the policy learns."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from fastapi import FastAPI

from ..errors import DataError, RunError
from ..feedback.browser import Browser
from ..feedback.members import EVERYBODY, Members
from ..feedback.projects import Projects
from ..feedback.records import Project
from ..feedback.sources import Hire, Source
from ..feedback.store import Store
from ..loops.progress import Progress
from .app import create_app
from .session import secret_for
from .watched import Watched

if TYPE_CHECKING:
    from ..loops.rounds import Rounds

LEAD = "lead"
NOTE = "project"
"""The note in a run's store that says in which project of the page it asks."""
FETCH = 2.0
"""Seconds between two copies from a page's own store into the run's."""
GUIDELINES = "The model was given this task:\n\n> {task}\n\nPrefer the answer that does it better."
"""What people are told at first; the lead writes more."""


@contextlib.contextmanager
def beside(
    rounds: Rounds,
    *,
    named: str,
    where: str,
    host: str,
    port: int,
    secrets_in: Path,
    progress: Progress,
    say: Callable[[str], None],
    poll: float = 1.0,
) -> Iterator[tuple[Hire, Watched]]:
    """The people of a run on a page that is served while this is entered, and the progress that the page shows.

    Args:
        rounds: the run.
        named: what the project on the page is called after, usually the run's folder.
        where: the page's feedback store, a file or URL; the run's own where it is empty.
        host: 127.0.0.1 for this machine only.
        port: 0 takes a free one.
        secrets_in: the folder where the secret that signs the cookies is kept.
        progress: who else is told how the run goes.
        say: is told the links, each in a line that must not be broken.
        poll: seconds between two looks for new answers.

    Raises:
        RunError: the port cannot be had, or the store cannot be opened.
    """
    watched = Watched(progress, rule=rounds.wait.told)
    with contextlib.ExitStack() as closing:
        listening = closing.enter_context(_bound(host, port))
        elsewhere = closing.enter_context(Store.open(where)) if where else None

        def hire(store: Store) -> Source:
            page = elsewhere or store
            project = _project(rounds, store, page, named)
            people = Browser(store=store, page=page, project=project, wait=rounds.wait, say=watched.say, poll=poll)
            people.fetch()
            watched.project, watched.count = project, people.coming
            app = create_app(page, secret=secret_for(str(page.engine.url), secrets_in), watched=watched)
            closing.enter_context(_served(app, listening))
            if page is not store:
                closing.enter_context(_fetching(people))
            _links(Members(page), project, _address(host, listening), say)
            return people

        yield hire, watched


def _project(rounds: Rounds, store: Store, page: Store, named: str) -> str:
    """The project that the run asks in: made at first, found again by a note in the run's store."""
    for note in store.notes(NOTE):
        project = str(note.value)
    if not store.notes(NOTE):
        project = f"{re.sub(r'[^a-z0-9]+', '-', named.lower()).strip('-')[:48] or 'run'}-{secrets.token_hex(3)}"
        store.add_note(NOTE, project)
    made = Project(id=project, title=rounds.title, kinds=("comparison", "choice"), retire_after=1)
    if project not in {p.id for p in Projects(page).all()}:
        Projects(page).create(made, by="prefloop run", guidelines=GUIDELINES.format(task=rounds.task))
    return project


def _links(members: Members, project: str, address: str, say: Callable[[str], None]) -> None:
    lead = members.invite(project, LEAD, "lead", by="prefloop run")
    everybody = members.invite(project, EVERYBODY, "annotator", by="prefloop run")
    say(f"Who leads opens {address}/join/{lead}")
    say(f"Who answers opens {address}/join/{everybody} under a name of their own; send it to them.")
    say("Both links are new; who came in before goes on where they were.")


@contextlib.contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """The port, before anything heavy is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen()
        except OSError as error:
            raise RunError(
                f"the page cannot be served on port {port} of {host} ({error.strerror or error}): another program may "
                "have it; choose another with --port."
            ) from error
        yield listening


def _address(host: str, listening: socket.socket) -> str:
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listening.getsockname()[1]}"


@contextlib.contextmanager
def _served(app: FastAPI, listening: socket.socket) -> Iterator[None]:
    config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="page", daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)


@contextlib.contextmanager
def _fetching(people: Browser) -> Iterator[None]:
    """While the policy learns, what is said on a page with a store of its own comes into the run's all the same."""
    ended = threading.Event()

    def fetch() -> None:
        while not ended.wait(FETCH):
            with contextlib.suppress(RunError, DataError):  # it is tried again, and asking says what is wrong
                people.fetch()

    thread = threading.Thread(target=fetch, name="fetch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
