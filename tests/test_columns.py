"""The log as columns says what the log says, however it came to be and however often it was looked at."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from math import comb
from pathlib import Path
from statistics import median

import pytest

from prefloop.feedback import log
from prefloop.feedback.columns import EVENT, PURPOSE, Columns
from prefloop.feedback.erasure import erase
from prefloop.feedback.kinds import preferred
from prefloop.feedback.progress import progress
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Event, Item, Project
from prefloop.feedback.rows import event_row
from prefloop.feedback.stopping import raw_agreement
from prefloop.feedback.store import Store
from prefloop.feedback.streams import add_events, add_questions
from prefloop.text import Group, Prompt, Question, Response

PEOPLE = ("ada", "ben", "cy")
VALUES = (0, 1, {"better": 0, "strength": 3}, {"better": 1, "strength": 7}, "tie", "both-bad")


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


def item(number: int) -> Item:
    """Gold where the number is a multiple of four; the second response is the longer one but for every third item."""
    texts = ("one", "two") if number % 3 == 0 else ("one", "three")
    pair = tuple(Response(text=t) for t in texts)
    asked = Question(id=f"q{number}", kind="comparison", group=Group(prompt=Prompt(text=str(number)), responses=pair))
    return Item(
        question=asked, purpose="work" if number % 4 else "gold", expected=None if number % 4 else number % 8 // 4
    )


def project(store: Store, items: int) -> dict[str, Item]:
    Projects(store).create(Project(id="p", title="P", kinds=("comparison",), overlap=2), by="lee")
    made = [item(n) for n in range(items)]
    Queue(store).add_items("p", made)
    return {i.question.id: i for i in made}


def said(number: int, who: str, draw: random.Random, revision: int = 0, project: str = "p") -> Event:
    kind = draw.choices(("answer", "skip", "undo"), (8, 1, 1))[0]
    return Event(
        seq=0,
        event=kind,
        submission=f"{who}-{number}-{revision}",
        project=project,
        question=f"q{number}",
        who=who,
        revision=revision,
        value=draw.choice(VALUES) if kind == "answer" else None,
        order=draw.choice([(0, 1), (1, 0)]),
        seconds=draw.random(),
        at=draw.random(),
    )


def look(store: Store, items: dict[str, Item]) -> None:
    """Every column against the events themselves."""
    events = [e for e in store.events(project="p") if e.question in items]
    last = {(e.question, e.who): e for e in sorted(events, key=lambda e: e.revision)}
    stand = [e for e in last.values() if e.event == "answer"]
    found = store.log("p")
    assert Counter(found.people[n] for n in found.lines["who"]) == Counter(e.who for e in events)
    assert sorted(found.answers()["seconds"]) == sorted(e.seconds for e in stand)
    for purpose in PURPOSE:
        assert found.answers(purpose).size == sum(items[e.question].purpose == purpose for e in stand)
    best = {id(e): preferred(e.value) for e in stand}
    picked = [e for e in stand if best[id(e)] is not None]
    uneven = [e for e in picked if len({len(t) for t in items[e.question].question.group.texts}) > 1]
    gold = [(e, items[e.question].expected) for e in stand if items[e.question].purpose == "gold"]
    expected = {
        "tie": [best[id(e)] is None for e in stand],
        "left": [best[id(e)] == e.order[0] for e in picked],
        "longer": [best[id(e)] == 1 for e in uneven],
        "right": [best[id(e)] == right for e, right in gold],
    }
    for name, hits in expected.items():
        shown = found.answers()[name]
        assert Counter(shown[shown >= 0].tolist()) == Counter(map(int, hits)), name
    by: defaultdict[str, list[Event]] = defaultdict(list)
    for e in stand:
        if items[e.question].purpose == "work":
            by[e.question].append(e)
    _agreement(found, [[e.value if best[id(e)] is None else best[id(e)] for e in some] for some in by.values()])
    far = progress(store, "p")
    assert far.finished == sum(len(some) >= 2 for some in by.values())
    assert far.answers == sum(map(len, by.values()))
    assert far.skips == sum(e.event == "skip" for e in last.values())
    assert set(far.people) == {e.who for e in events}
    assert sum(s.gold for s in far.people.values()) == len(gold)


def _agreement(found: object, verdicts: list[list[object]]) -> None:
    several = [some for some in verdicts if len(some) > 1]
    shares = [sum(a == b for a, b in combinations(some, 2)) / comb(len(some), 2) for some in several]
    interval = raw_agreement(found)  # type: ignore[arg-type]
    assert (interval.n if interval else 0) == len(several)
    assert not interval or interval.estimate == pytest.approx(sum(shares) / len(several))


def test_every_column_says_what_the_events_say_as_the_log_grows(store: Store) -> None:
    items, draw = project(store, 12), random.Random(0)
    look(store, items)
    for revision in range(3):
        for who in PEOPLE:
            some = draw.sample(range(12), 5) if revision else range(0, 12, 1 + PEOPLE.index(who))
            known = Counter((e.question, e.who) for e in store.events())
            add_events(store, [said(n, who, draw, known[f"q{n}", who]) for n in some])
            look(store, items)
    add_events(store, [replace(said(1, "dee", draw), project="other", submission="x")])
    look(store, items)
    assert median(store.log("p").answers()["seconds"]) > 0


def test_revisions_that_are_imported_the_wrong_way_round_stand_as_they_are_numbered(store: Store) -> None:
    items, draw = project(store, 2), random.Random(1)
    for revision in (1, 0):
        add_events(store, [said(1, "ada", draw, revision)])
        look(store, items)
    assert store.log("p").standing["revision"].tolist() == [1]


def test_an_erasure_is_seen_and_so_are_events_whose_items_come_later(store: Store) -> None:
    draw = random.Random(2)
    add_questions(store, [item(n).question for n in range(6)])
    add_events(store, [said(n, who, draw) for n in range(6) for who in PEOPLE])
    assert store.log("p").lines.size == 0
    items = project(store, 6)
    look(store, items)
    assert store.log("p").lines.size == 18
    gone = erase(store, "ada", by="lee", withdraw=True)
    look(store, items)
    assert set(store.log("p").people) == {gone.pseudonym, "ben", "cy"}
    mine = store.log("p").people.index(gone.pseudonym)
    assert EVENT.index("answer") not in store.log("p").lines["event"][store.log("p").lines["who"] == mine]


def test_a_second_look_reads_only_what_is_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    project(store, 8)
    draw = random.Random(3)
    add_events(store, [said(n, "ada", draw) for n in range(8)])
    first = store.log("p")
    assert store.log("p") is first
    add_events(store, [said(3, "ben", draw)])
    read: list[int] = []
    whole = Columns.of.__globals__["_lines"]
    monkeypatch.setitem(Columns.of.__globals__, "_lines", lambda *a: read.append(a[2]) or whole(*a))
    assert store.log("p").lines.size == 9
    assert read == [8]


def test_lines_that_are_committed_in_another_order_than_they_are_numbered_all_count(store: Store) -> None:
    items, draw = project(store, 4), random.Random(4)
    add_events(store, [said(0, "ada", draw)])
    looked = threading.Event()

    def one() -> None:
        store.log("p")
        looked.set()

    watching = threading.Thread(target=one)
    with store.database.writing() as slow:
        log.append(slow, [event_row(said(1, "ada", draw))])
        if not store.database.is_sqlite:  # on which nobody else writes meanwhile
            add_events(store, [said(1, "ben", draw)])
        watching.start()
        assert looked.wait(0.3) == store.database.is_sqlite
    watching.join()
    look(store, items)
    assert store.log("p").lines.size == 2 + (not store.database.is_sqlite)
