"""Stores of earlier versions open, people can be erased, and everything goes out and in again."""

from __future__ import annotations

import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from prefloop.errors import DataError
from prefloop.feedback import schema, streams
from prefloop.feedback.database import Database
from prefloop.feedback.erasure import erase
from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Event, Item, Note, Project, Submission
from prefloop.feedback.store import Store
from prefloop.feedback.streams import add_events, add_questions, export, load, questions
from prefloop.feedback.tables import METADATA
from prefloop.text import Answer, Group, Message, Prompt, Question, Response

FIRST = Path(__file__).parent / "data" / "store_0001.sql"
"""A store as prefloop 0.1.0 wrote it: `sqlite3.Connection.iterdump` of three answers to two questions, and a note."""
SAID = [
    Answer(question="q2", who="ada", value=2, order=(2, 0, 1), seconds=1.5, at=10.25),
    Answer(question="q1", who="ada", value=0, order=(0, 1), seconds=3.0, at=12.0),
    Answer(question="q1", who="ben", value=1, order=(1, 0), seconds=2.5, at=11.0),
]


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


def question(number: int, kind: str = "comparison", **options: object) -> Question:
    pair = (Response(text="a"), Response(text="b"))
    group = Group(prompt=Prompt(text=str(number)), responses=pair)
    return Question(id=f"q{number}", kind=kind, group=group, options=options)


def event(number: int, who: str = "ada", **more: object) -> Event:
    values = {"submission": f"{who}-{number}", "question": f"q{number}", "value": 1, "order": (0, 1), "at": 1.0}
    return Event(**{"seq": 0, "event": "answer", "who": who, **values, **more})


@pytest.mark.parametrize("times", [1, 2])
def test_a_store_of_the_first_version_opens_with_all_it_held(tmp_path: Path, times: int) -> None:
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST.read_text(encoding="utf-8"))
    for _ in range(times):
        with Store.open(path) as store:
            assert store.answers() == SAID
            assert [q.id for q in store.questions()] == ["q2", "q1"]
            assert store.questions()[1].group.prompt.messages == (Message(role="user", content="Hi"),)
            assert store.choices(split="held_out")[1].group.texts == ("Yes?", "Hello.")
            assert [(n.key, n.value) for n in store.notes()] == [("model", {"version": "round-1"})]
            with pytest.raises(DBAPIError, match="append-only"), store.engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM events")


def test_an_old_store_on_either_database_comes_to_the_tables_a_new_one_has(place: Path | str) -> None:
    database = Database.open(place, wait=1.0)
    with database.writing() as connection:
        schema.migrate(connection, None, to="0001")
        rows = [s for s in FIRST.read_text(encoding="utf-8").split(";\n") if s.startswith("INSERT")]
        for table in ("groups", "responses", "questions", "answers", "notes"):
            for row in (r for r in rows if f'INTO "{table}"' in r):
                connection.execute(text(row.replace(":", "\\:")))
        schema.migrate(connection, "0001")
        differences = compare_metadata(MigrationContext.configure(connection), METADATA)
    database.engine.dispose()
    assert [d for d in differences if "alembic_version" not in str(d)] == []
    with Store.open(place) as store:
        assert store.answers() == SAID


def test_a_store_of_a_later_version_is_refused_with_the_mend(store: Store, place: Path | str) -> None:
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DataError, match=r"version 9999.*Upgrade prefloop"):
        Store.open(place)


def labelled(store: Store) -> None:
    """Ada and Ben in one project: picks, texts, a skip; one free text names Ada."""
    Projects(store).create(Project(id="p", title="P", kinds=("comparison", "edit", "spans"), overlap=2), by="lee")
    queue = Queue(store)
    queue.add_items(
        "p", [Item(question=q) for q in (question(0), question(1, "edit"), question(2, "spans", types=["x"]))]
    )
    queue.add_items("p", [Item(question=question(3), explanation="Ada-Lovelace said so")])
    for who in ("Ada-Lovelace", "ben"):
        Members(store).invite("p", who, "annotator", by="lee")
        marked = {"response": 0, "start": 0, "end": 1, "type": "x", "note": who}
        values = [1, {"response": 0, "text": f"I, {who}, say c"}, [marked]]
        for number, value in enumerate(values):
            queue.next_item("p", who)
            said = Submission(
                id=f"{number}{who[0]}", project="p", question=f"q{number}", who=who, value=value, order=(0, 1)
            )
            queue.submit(said)
        queue.next_item("p", who)
        queue.submit(replace(said, id=f"3{who[0]}", question="q3", event="skip", value=None, reason=f"{who} tires"))


@pytest.mark.parametrize("withdraw", [False, True])
def test_an_erased_person_is_nowhere_left_and_nobody_else_is_touched(store: Store, withdraw: bool) -> None:
    labelled(store)
    ben = list(store.events(who="ben"))
    token = Members(store).invite("p", "Ada-Lovelace", "annotator", by="lee")
    done = erase(store, "Ada-Lovelace", by="lee", reason="asked for it", withdraw=withdraw)
    assert done.events == 4
    assert done.kept == ("1 rows of `items` whose explanation has the name",)
    assert list(store.events(who="ben")) == ben
    assert list(store.events(who="Ada-Lovelace")) == []
    assert Members(store).authenticate(token) is None
    left = [(a.question, a.value) for a in store.answers(who=done.pseudonym)]
    assert left == ([] if withdraw else [("q0", 1), ("q2", [{"response": 0, "start": 0, "end": 1, "type": "x"}])])
    with store.engine.connect() as connection:
        for table in METADATA.sorted_tables:
            if table.name != "items":
                assert "Ada" not in str(connection.execute(table.select()).all())
        log = connection.execute(METADATA.tables["erasures"].select()).mappings().one()
    assert (log["pseudonym"], log["events"], log["by"], log["reason"]) == (done.pseudonym, 4, "lee", "asked for it")
    with pytest.raises(DataError, match="nobody called"):
        erase(store, "Ada-Lovelace", by="lee")


def test_the_bytes_of_an_erased_person_are_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "feedback.sqlite"
    with Store.open(path) as store:
        store.add_questions([question(0, "demonstration")])
        store.add_answers(
            [Answer(question="q0", who="Ada-Lovelace", value={"text": "my secret"}, order=(0, 1), seconds=1.0, at=0.0)]
        )
        erase(store, "Ada-Lovelace", by="lee")
        files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"Lovelace" not in files
    assert b"secret" not in files


def test_the_gate_of_the_log_lets_an_erasure_through_and_nothing_else(store: Store) -> None:
    labelled(store)
    gate = "INSERT INTO erasing (who, pseudonym) VALUES ('ben', 'erased-1')"

    def attempt(change: str) -> None:
        with store.engine.begin() as connection:
            connection.execute(text(gate))
            connection.execute(text(change))

    for change in (
        "UPDATE events SET who = 'erased-1', seconds = 99 WHERE who = 'ben'",
        "UPDATE events SET who = 'erased-2' WHERE who = 'ben'",
        "UPDATE events SET value = NULL WHERE who = 'ben'",
        "UPDATE events SET who = 'erased-1' WHERE who = 'Ada-Lovelace'",
        "DELETE FROM events WHERE who = 'ben'",
    ):
        with pytest.raises(DBAPIError, match="append-only"):
            attempt(change)


def test_what_is_exported_can_be_imported_with_nothing_lost_and_again_with_nothing_changed(
    store: Store, tmp_path: Path
) -> None:
    labelled(store)
    chat = Prompt(messages=(Message(role="user", content="Hi\u2028"),))
    sampled = Response(text=' "né"\n', ids=(4, 5), mask=(1, 0), logp=(-1 / 3, -1e-30), sampling={"top_k": 50})
    group = Group(prompt=chat, prompt_ids=(1,), responses=(sampled,))
    store.add_questions([Question(id="x", kind="thumbs", group=group, why="w", round=2, split="held_out", parent="q0")])
    add_events(store, [event(1, "zoë", project="p", value={"response": 0, "text": "né \\u00e9\n"})])
    lines = list(export(store))
    assert [json.loads(line)["value"] for line in lines if "zoë" in line] == [{"response": 0, "text": "né \\u00e9\n"}]
    assert any("né " in line for line in lines if "zoë" in line)
    with Store.open(tmp_path / "other.sqlite") as other:
        for _ in range(2):
            assert load(other, lines) == (5, 9)
            assert other.questions() == store.questions()
            assert list(export(other)) == lines
    assert len(list(export(store, project="p"))) == len(lines) - 1
    assert [q.id for q in questions(store, project="p")] == ["q0", "q1", "q2", "q3"]


def test_a_line_that_is_no_record_is_named(store: Store) -> None:
    good = list(export(store))
    for bad, number in (("{", 1), ('{"record": "event"}', 1), ('{"record": "question", "id": 3}', 1), ("[]", 1)):
        with pytest.raises(DataError, match=f"line {number} is no question or event"):
            load(store, [*good, bad])
    add_questions(store, [question(0)])
    with pytest.raises(DataError, match="`q7`"):
        add_events(store, [event(7)])
    with pytest.raises(DataError, match="it has 2 responses"):
        add_events(store, [event(0, value=2)])
    assert list(store.events()) == []


def test_the_memory_of_import_and_export_does_not_grow_with_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_AT_ONCE", 250)

    def peak(count: int) -> int:
        with Store.open(tmp_path / f"{count}.sqlite") as store:
            tracemalloc.start()
            add_questions(store, (question(n) for n in range(count)))
            add_events(store, (event(n, who) for n in range(count) for who in ("ada", "ben")))
            found = sum(len(line) for line in export(store))
            top = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert found > 100 * count
        return top

    peak(50)  # what is loaded and compiled once
    few, many = peak(1_200), peak(3_600)
    assert many < 1.3 * few


def test_an_export_that_is_not_read_to_its_end_leaves_the_store_free(store: Store) -> None:
    add_questions(store, (question(n) for n in range(1_200)))
    assert len(list(islice(export(store), 3))) == 3
    store.add_note("k", 1)
    assert [n.value for n in store.notes() if isinstance(n, Note)] == [1]
