"""What the next item and an answer cost does not grow with the items, the answers, or what the person has done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Leased, Project, Submission
from prefloop.feedback.store import Store
from prefloop.text import Group, Prompt, Question, Response

STATEMENTS = {"next": 11, "submit": 9}
"""With the one that begins the transaction; what SQLAlchemy spends on each is most of what the queue costs."""


class Meter:
    """Counts the instructions of SQLite's machine, which depend on nothing but the data and the plans."""

    def __init__(self, store: Store) -> None:
        self.steps = self.statements = 0
        self.plans: list[str] = []
        event.listen(store.engine, "before_cursor_execute", self._explain)

    def _explain(self, connection: Any, cursor: Any, statement: str, values: Any, *_: Any) -> None:
        self.statements += 1
        if not statement.startswith("BEGIN"):
            rows = connection.connection.driver_connection.execute("EXPLAIN QUERY PLAN " + statement, values).fetchall()
            self.plans += [f"{row[3]}: {statement}" for row in rows]
        connection.connection.driver_connection.set_progress_handler(self._step, 1)

    def _step(self) -> int:
        self.steps += 1
        return 0

    def cost(self, work: Callable[[], Any]) -> int:
        self.steps = self.statements = 0
        self.plans.clear()
        work()
        return self.steps


def question(number: int) -> Question:
    pair = (Response(text="a"), Response(text="b"))
    return Question(id=f"q{number}", kind="comparison", group=Group(prompt=Prompt(text=str(number)), responses=pair))


@contextmanager
def queue_of(path: Path, items: int) -> Any:
    with Store.open(path) as store:
        Projects(store).create(Project(id="p", title="P", kinds=("comparison",), overlap=2), by="lee")
        queue = Queue(store)
        queue.add_items("p", (Item(question=question(n)) for n in range(items)))
        yield queue


def say(queue: Queue, who: str, leased: Leased) -> None:
    key = f"{who}-{leased.question.id}"
    queue.submit(Submission(id=key, project="p", question=leased.question.id, who=who, value=0, order=leased.order))


def work(queue: Queue, who: str, count: int) -> None:
    for _ in range(count):
        leased = queue.next_item("p", who)
        assert leased is not None
        say(queue, who, leased)


def costs(path: Path, items: int, done: int, others: tuple[str, ...] = ()) -> tuple[int, int]:
    with queue_of(path, items) as queue:
        for who in ("ada", *others):
            work(queue, who, done)
        meter, got = Meter(queue.store), []
        first = meter.cost(lambda: got.append(queue.next_item("p", "ada")))
        assert meter.statements <= STATEMENTS["next"]
        assert not [p for p in meter.plans if p.startswith("SCAN") and "COVERING" not in p]
        assert got[0] is not None
        second = meter.cost(lambda: say(queue, "ada", got[0]))
        assert meter.statements <= STATEMENTS["submit"]
        assert not [p for p in meter.plans if p.startswith("SCAN") and "COVERING" not in p]
    return first, second


def test_what_was_said_of_one_item_is_found_by_its_question(tmp_path: Path) -> None:
    with queue_of(tmp_path / "a.sqlite", 30) as queue:
        work(queue, "ada", 20)
        meter = Meter(queue.store)
        meter.cost(lambda: list(queue.store.events(project="p", question="q3")))
        assert [p.split(":")[0] for p in meter.plans if "SEARCH" in p] == [
            "SEARCH events USING INDEX sqlite_autoindex_events_2 (question=?)"
        ]


def test_the_log_of_a_project_is_read_in_its_order_and_never_sorted(tmp_path: Path) -> None:
    with queue_of(tmp_path / "a.sqlite", 30) as queue:
        work(queue, "ada", 20)
        meter = Meter(queue.store)
        for look in (lambda: queue.store.log("p"), lambda: list(queue.store.events(project="p"))):
            meter.cost(look)
            assert meter.plans
            assert not [p for p in meter.plans if "TEMP B-TREE" in p]


@pytest.mark.parametrize("others", [(), ("ben",), ("ben", "cy")])
def test_more_items_and_more_answers_cost_nothing(tmp_path: Path, others: tuple[str, ...]) -> None:
    few = costs(tmp_path / "few.sqlite", items=40, done=20, others=others)
    many = costs(tmp_path / "many.sqlite", items=800, done=400, others=others)
    assert all(b < 1.2 * a for a, b in zip(few, many, strict=True))
