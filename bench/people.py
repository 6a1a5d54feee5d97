"""People at work on one store, a thread each: straight through the queue, or over HTTP through the pages.

A person takes an item, thinks for one second and an exponentially distributed time more, answers, and takes the next.
Every tenth submission is sent twice. Fifty people who think for four seconds on average give some twelve answers a
second: more than people give who read two answers of sixty words.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import random
import re
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Leased, Project, Submission
from prefloop.feedback.store import Store

from .questions import question

PROJECT = "bench"
OVERLAP = 2


class Person(Protocol):
    """Somebody who can ask for an item and answer it."""

    def next(self) -> Any: ...

    def submit(self, item: Any, key: str, value: int) -> None: ...


@dataclass
class AtQueue:
    """Somebody in the same process as the queue."""

    queue: Queue
    who: str

    def next(self) -> Leased | None:
        return self.queue.next_item(PROJECT, self.who)

    def submit(self, item: Leased, key: str, value: int) -> None:
        said = Submission(
            id=key, project=PROJECT, question=item.question.id, who=self.who, value=value, order=item.order
        )
        self.queue.submit(said)


class AtPage:
    """Somebody's browser: a cookie from an invitation, and a connection that stays open."""

    def __init__(self, port: int, token: str) -> None:
        self.line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        joined, _ = self._ask("POST", f"/join/{token}", {})
        self.headers = {"Cookie": (joined.getheader("Set-Cookie") or "").split(";")[0]}
        _, page = self._ask("GET", f"/p/{PROJECT}/", self.headers)
        found = re.search(rb'name="csrf" content="(\w+)"', page)
        assert found is not None, page[:500]
        self.headers |= {"X-CSRF-Token": found[1].decode(), "Content-Type": "application/json"}

    def next(self) -> dict[str, Any] | None:
        given: dict[str, Any] = self._post("next", {})
        return None if "none" in given else given

    def submit(self, item: dict[str, Any], key: str, value: int) -> None:
        self._post("submit", {"id": key, "lease": item["lease"], "value": value, "seconds": 4.0})

    def _post(self, what: str, body: dict[str, Any]) -> Any:
        answer, content = self._ask("POST", f"/p/{PROJECT}/{what}", self.headers, json.dumps(body))
        if answer.status != 200:
            raise OSError(f"{what}: {answer.status} {content[:200]!r}")
        return json.loads(content)

    def _ask(self, verb: str, path: str, headers: dict[str, str], body: str = "") -> tuple[Any, bytes]:
        for last in (False, True):
            try:
                self.line.request(verb, path, body.encode(), headers)
                answer = self.line.getresponse()
                return answer, answer.read()
            except (ConnectionError, http.client.HTTPException):  # the server hung up on who was idle, as servers do
                self.line.close()
                if last:
                    raise
        raise AssertionError


@dataclass
class Seen:
    """What the people of one process went through; times in seconds."""

    nexts: list[float] = field(default_factory=list)
    submits: list[float] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def people(
    store_at: str, *, count: int, seconds: float, items: int, think: float, processes: int, over_http: bool
) -> dict[str, object]:
    """Have people work, and then look: every acknowledged answer is there once, no item has more than its overlap."""
    tokens = set_up(store_at, count, items)
    context = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[Seen] = context.Queue()
    with served(store_at) if over_http else _nothing() as port:
        shares = [tokens[n::processes] for n in range(processes)]
        workers = [context.Process(target=work, args=(store_at, s, port, seconds, think, done)) for s in shares]
        for worker in workers:
            worker.start()
        parts = [done.get() for _ in workers]
        for worker in workers:
            worker.join()
    nexts = sorted(x for part in parts for x in part.nexts)
    submits = sorted(x for part in parts for x in part.submits)
    acknowledged = [key for part in parts for key in part.acknowledged]
    return {
        "over": "http" if over_http else "the queue",
        "people": count,
        "processes": processes,
        "seconds": seconds,
        "mean think s": think,
        "items": items,
        "answers": len(acknowledged),
        "answers a second": round(len(acknowledged) / seconds, 1),
        **{f"next ms {name}": ms(nexts, share) for name, share in SHARES.items()},
        **{f"submit ms {name}": ms(submits, share) for name, share in SHARES.items()},
        **found(store_at, acknowledged, items),
        "errors": Counter(error for part in parts for error in part.errors),
    }


SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "worst": 1.0}


def set_up(store_at: str, count: int, items: int) -> list[tuple[str, str]]:
    """A project with its items, one in a hundred more as gold; the names and tokens of its people."""
    with Store.open(store_at) as store:
        made = Project(id=PROJECT, title="Bench", kinds=("comparison",), overlap=OVERLAP, gold_share=0.05)
        Projects(store).create(made, by="bench")
        queue = Queue(store)
        queue.add_items(PROJECT, (Item(question=question(n)) for n in range(items)))
        gold = range(items, items + max(1, items // 100))
        queue.add_items(PROJECT, (Item(question=question(n), purpose="gold", expected=1) for n in gold))
        names = [f"w{n}" for n in range(count)]
        return [(who, Members(store).invite(PROJECT, who, "annotator", by="bench")) for who in names]


def found(store_at: str, acknowledged: list[str], items: int) -> dict[str, int]:
    """What is in the store that should not be, and the other way round."""
    with Store.open(store_at) as store:
        kept = list(store.events(project=PROJECT))
    submissions = Counter(e.submission for e in kept)
    each = Counter(e.question for e in kept if int(e.question[1:]) < items)
    return {
        "lost": len(set(acknowledged) - set(submissions)),
        "twice": sum(n > 1 for n in submissions.values()),
        "twice by one person": sum(n > 1 for n in Counter((e.question, e.who) for e in kept).values()),
        "kept but not acknowledged": len(set(submissions) - set(acknowledged)),
        "items over their overlap": sum(n > OVERLAP for n in each.values()),
    }


def work(
    store_at: str, named: list[tuple[str, str]], port: int | None, seconds: float, think: float, done: Any
) -> None:
    """The people of one process, a thread each."""
    seen = Seen()
    with Store.open(store_at) as store:
        queue = Queue(store)
        made = [AtQueue(queue, who) if port is None else AtPage(port, token) for who, token in named]
        end = time.monotonic() + seconds
        threads = [
            threading.Thread(target=one, args=(person, random.Random(who), end, think, seen))
            for person, (who, _) in zip(made, named, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    done.put(seen)


def one(person: Person, draw: random.Random, end: float, think: float, seen: Seen) -> None:
    """One person's work, until the time is up or there is nothing left."""
    time.sleep(draw.random() * think)
    while time.monotonic() < end:
        try:
            item = timed(person.next, seen.nexts)
            if item is None:
                return
            time.sleep(1.0 + draw.expovariate(1 / (think - 1.0)) if think > 1.0 else think)
            key, value = uuid.uuid4().hex, draw.randrange(2)
            for _ in range(1 + (draw.random() < 0.1)):
                timed(lambda: person.submit(item, key, value), seen.submits)  # noqa: B023
            seen.acknowledged.append(key)
        except Exception as error:
            seen.errors.append(f"{type(error).__name__}: {error}"[:200])


def timed(work: Callable[[], Any], times: list[float]) -> Any:
    begun = time.perf_counter()
    got = work()
    times.append(time.perf_counter() - begun)
    return got


def ms(sorted_seconds: list[float], share: float) -> float:
    place = min(len(sorted_seconds) - 1, int(share * len(sorted_seconds)))
    return round(1_000 * sorted_seconds[place], 1)


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


@contextmanager
def served(store_at: str) -> Iterator[int]:
    """The pages on a port, by a process of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(store_at, port), daemon=True)
    process.start()
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    try:
        yield port
    finally:
        process.terminate()
        process.join()


def serve(store_at: str, port: int) -> None:
    import uvicorn

    from prefloop.web.app import create_app

    with Store.open(store_at) as store:
        uvicorn.run(create_app(store, secret="bench"), host="127.0.0.1", port=port, log_level="warning")
