"""The feedback store keeps what was committed, and its views are what they say."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from prefloop.errors import DataError, RunError
from prefloop.feedback.members import Members
from prefloop.feedback.people import FOUR, Pool
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Project
from prefloop.feedback.store import Store
from prefloop.feedback.tables import METADATA
from prefloop.text import Answer, Group, Message, Prompt, Question, Response


def group(name: str, *texts: str, labels: tuple[float, ...] = ()) -> Group:
    return Group(prompt=Prompt(text=name), responses=tuple(Response(text=t) for t in texts), labels=labels)


def question(
    number: int, *, round: int = 0, split: str = "train", texts: tuple[str, ...] = ("a", "b c", "d")
) -> Question:
    return Question(id=f"q{number}", kind="choice", group=group(f"p{number}", *texts), round=round, split=split)


def answer(number: int, who: str = "ada", value: int = 0) -> Answer:
    return Answer(question=f"q{number}", who=who, value=value, order=(2, 0, 1), seconds=1.5, at=10.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feedback.sqlite"


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with Store.open(place, wait=0.2) as opened:
        yield opened


@pytest.fixture
def in_a_file(path: Path) -> Iterator[Store]:
    with Store.open(path, wait=0.2) as opened:
        yield opened


@pytest.fixture
def outsider(in_a_file: Store, path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def test_a_question_and_its_answers_come_back_exactly_as_they_were_given(place: Path | str) -> None:
    sampled = Response(
        text=' said "né" \n',
        ids=(4, 5),
        mask=(1, 0),
        logp=(-1.0 / 3.0, -1e-30),
        finish="length",
        model_version="round-1",
        sampling={"temperature": 0.7, "stop": ["\n"], "top_k": 50},
    )
    chat = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="Hi")))
    asked = Question(
        id="x",
        kind="comparison",
        group=Group(prompt=chat, prompt_ids=(1, 2, 3), responses=(sampled, Response(text=""))),
        why="least certain",
        round=3,
        split="held_out",
    )
    said = Answer(question="x", who="ada", value=1, order=(1, 0), seconds=0.1, at=1763690000.123456)
    with Store.open(place) as store:
        store.add_questions([asked])
        store.add_answers([said])
    with Store.open(place) as store:
        assert store.questions() == [asked]
        assert store.answers() == [said]


def test_adding_the_same_questions_and_answers_again_changes_nothing(store: Store) -> None:
    for _ in range(2):
        store.add_questions([question(1), question(2), question(1)])
        store.add_answers([answer(1, value=2), answer(1, value=0)])
    store.add_answers([answer(1, value=1)])
    assert store.questions() == [question(1), question(2)]
    assert store.answers() == [answer(1, value=2)]


def test_two_questions_may_be_asked_about_the_same_group(store: Store) -> None:
    same = group("p", "a", "b")
    asked = [Question(id=i, kind="comparison", group=same) for i in ("first", "second")]
    store.add_questions(asked[:1])
    store.add_questions(asked)
    assert store.questions() == asked


def test_more_questions_than_a_database_takes_in_one_list_are_added_in_one_call(in_a_file: Store) -> None:
    with in_a_file.engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 999)
    many = [question(i) for i in range(1_500)]
    in_a_file.add_questions(many)
    in_a_file.add_questions([*many, question(1_500)])
    in_a_file.add_answers([answer(i) for i in range(1_501)])
    assert [q.id for q in in_a_file.questions()] == [f"q{i}" for i in range(1_501)]
    assert len(in_a_file.answers()) == 1_501


def test_questions_and_answers_are_found_by_split_round_and_person(store: Store) -> None:
    store.add_questions([question(1), question(2, round=1), question(3, round=1, split="held_out")])
    store.add_answers([answer(2, "ben"), answer(3, "ada"), answer(2, "ada")])
    assert [q.id for q in store.questions(split="train")] == ["q1", "q2"]
    assert [q.id for q in store.questions(round=1)] == ["q2", "q3"]
    assert [q.id for q in store.questions(unanswered_by="ben")] == ["q1", "q3"]
    assert [q.id for q in store.questions(split="train", round=1, unanswered_by="ben")] == []
    assert store.answers(split="train", rounds=[0, 1]) == [answer(2, "ada"), answer(2, "ben")]
    assert store.answers(rounds=[0]) == []
    assert store.answers(who="ada") == [answer(2, "ada"), answer(3, "ada")]
    assert store.answers() == [answer(2, "ada"), answer(2, "ben"), answer(3, "ada")]


def test_a_choice_has_the_chosen_response_first_and_pairs_set_it_against_each_other_one(store: Store) -> None:
    store.add_questions([question(1, round=2), question(2, split="held_out")])
    store.add_answers([answer(1, "ben", 1), answer(2, "ben", 2)])
    (choice,) = store.choices()
    assert (choice.question, choice.round) == ("q1", 2)
    assert choice.group == replace(group("p1", "b c", "a", "d", labels=(1.0, 0.0, 0.0)), who="ben")
    pairs = [replace(group("p1", "b c", other, labels=(1.0, 0.0)), who="ben") for other in "ad"]
    assert [p.group for p in store.pairs()] == pairs
    assert [c.group.texts for c in store.choices(split="held_out")] == [("d", "a", "b c")]
    assert store.pairs(rounds=[0, 1]) == []


def test_notes_are_kept_in_order_under_a_key_that_may_be_used_again(store: Store) -> None:
    store.add_note("model", {"version": "round-1"})
    store.add_note("gate", None)
    store.add_note("model", {"version": "round-2"})
    assert [n.value for n in store.notes("model")] == [{"version": "round-1"}, {"version": "round-2"}]
    assert [n.key for n in store.notes()] == ["model", "gate", "model"]


@pytest.mark.parametrize(
    "table", ["groups", "responses", "questions", "events", "notes", "items", "projects", "members"]
)
def test_no_program_can_change_delete_or_replace_a_stored_row(store: Store, table: str) -> None:
    store.add_questions([question(1)])
    store.add_answers([answer(1)])
    store.add_note("k", 1)
    Projects(store).create(Project(id="p", title="P", kinds=("choice",)), by="lee")
    Members(store).invite("p", "ada", "annotator", by="lee")
    Queue(store).add_items("p", [Item(question=question(2))])
    with store.engine.connect() as outsider:
        before = outsider.exec_driver_sql(f"SELECT * FROM {table}").fetchall()
        column = next(iter(METADATA.tables[table].columns)).name
    same = "seq = seq + 1" if table == "items" else f"{column} = {column}"  # what an item is for may change
    changes = [f"UPDATE {table} SET {same}", f"DELETE FROM {table}"]
    if store.database.is_sqlite:
        changes.append(f"REPLACE INTO {table} SELECT * FROM {table}")
    else:
        changes.append(f"TRUNCATE {table} CASCADE")
    assert before
    for change in changes:
        with pytest.raises(DBAPIError, match="is append-only"), store.engine.begin() as outsider:
            outsider.exec_driver_sql(change)
    with store.engine.connect() as outsider:
        assert outsider.exec_driver_sql(f"SELECT * FROM {table}").fetchall() == before


def test_a_stored_question_cannot_be_replaced_by_one_of_the_same_id(
    in_a_file: Store, outsider: sqlite3.Connection
) -> None:
    in_a_file.add_questions([question(1)])
    with pytest.raises(sqlite3.IntegrityError, match="questions is append-only"):
        outsider.execute(
            "REPLACE INTO questions (id, kind, group_id, why, round, split) "
            "SELECT id, kind, group_id, 'another reason', round, split FROM questions"
        )


def test_a_refused_call_adds_nothing_at_all(store: Store) -> None:
    store.add_questions([question(1)])
    with pytest.raises(DataError, match=r"q1.*other responses"):
        store.add_questions([question(2), question(1, texts=("x", "y"))])
    with pytest.raises(DataError, match=r"q3.*other responses"):
        store.add_questions([question(3), question(3, texts=("x", "y"))])
    with pytest.raises(DataError, match=r"q7.*not in the feedback store"):
        store.add_answers([answer(1), answer(7)])
    assert [q.id for q in store.questions()] == ["q1"]
    assert store.answers() == []


@pytest.mark.parametrize(("value", "order"), [(3, (0, 1, 2)), (-1, (0, 1, 2)), (0, (0, 1)), (0, (0, 1, 1))])
def test_an_answer_that_does_not_fit_its_question_is_refused(store: Store, value: int, order: tuple[int, ...]) -> None:
    store.add_questions([question(1)])
    with pytest.raises(DataError, match="it has 3 responses"):
        store.add_answers([Answer(question="q1", who="ada", value=value, order=order, seconds=1.0, at=0.0)])


def test_a_file_that_is_no_database_is_named(path: Path) -> None:
    path.write_text("these are my notes, and they are longer than the header of a database would be\n" * 20)
    with pytest.raises(DataError, match=r"not an SQLite database .*feedback\.sqlite"):
        Store.open(path)
    assert path.read_text().startswith("these are my notes")


def test_a_damaged_file_is_named(path: Path) -> None:
    with Store.open(path) as store:
        store.add_questions([question(i) for i in range(200)])
    damaged = bytearray(path.read_bytes())
    damaged[4096:] = b"\xff" * (len(damaged) - 4096)
    path.write_bytes(damaged)
    with pytest.raises(DataError, match="it is damaged"):
        Store.open(path).questions()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be opened .*nowhere"):
        Store.open(tmp_path / "nowhere" / "feedback.sqlite")


def test_a_url_without_a_driver_is_named() -> None:
    with pytest.raises(RunError, match="somewhere/feedback") as raised:
        Store.open("oracles://me:my-secret@somewhere/feedback")
    assert "my-secret" not in str(raised.value)


def test_a_full_disk_stops_the_call_and_what_was_committed_stays_readable(in_a_file: Store) -> None:
    in_a_file.add_questions([question(1)])
    with in_a_file.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(RunError, match="disk is full"):
        in_a_file.add_questions([question(i) for i in range(2, 500)])
    assert in_a_file.questions() == [question(1)]


def test_a_store_held_by_another_process_says_so_and_stays_readable(
    in_a_file: Store, outsider: sqlite3.Connection
) -> None:
    in_a_file.add_questions([question(1)])
    outsider.execute("BEGIN IMMEDIATE")
    with pytest.raises(RunError, match="another process is holding it"):
        in_a_file.add_answers([answer(1)])
    assert in_a_file.questions() == [question(1)]
    outsider.execute("ROLLBACK")
    in_a_file.add_answers([answer(1)])
    assert in_a_file.answers() == [answer(1)]


def test_sqlite_is_opened_so_that_a_committed_row_survives_a_power_cut_and_belongs_to_a_question(
    in_a_file: Store,
) -> None:
    with in_a_file.engine.connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {p}").scalar() for p in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert settings == ["wal", 2, 1]  # 2 is FULL


def test_a_url_and_a_path_open_the_same_store(in_a_file: Store, path: Path) -> None:
    in_a_file.add_questions([question(1)])
    with Store.open(f"sqlite:///{path}") as by_url:
        assert by_url.questions() == [question(1)]


WRITER = """
import sys
from prefloop.feedback.store import Store
from prefloop.text import Answer, Group, Prompt, Question, Response

path, who = sys.argv[1:]
pair = (Response(text="a"), Response(text="b"))
with Store.open(path) as store:
    for i in range(100):
        group = Group(prompt=Prompt(text=str(i)), responses=pair)
        store.add_questions([Question(id=f"q{i}", kind="comparison", group=group)])
        store.add_answers([Answer(question=f"q{i}", who=who, value=0, order=(0, 1), seconds=1.0, at=0.0)])
"""


def test_two_processes_that_write_at_once_lose_nothing(place: Path | str) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(place), who]) for who in ("ada", "ben")]
    assert [w.wait(timeout=120) for w in writers] == [0, 0]
    with Store.open(place) as store:
        assert len(store.questions()) == 100
        assert {(a.question, a.who) for a in store.answers()} == {
            (f"q{i}", who) for i in range(100) for who in ("ada", "ben")
        }
        assert len(store.answers()) == 200


ASKER = """
import json, sys
from prefloop.feedback.people import Pool
from prefloop.feedback.store import Store

def record(answers):
    store.add_answers(answers)
    print(json.dumps([[a.question, a.who, a.value] for a in answers]), " " * 400, flush=True)

with Store.open(sys.argv[1]) as store:
    Pool(taste=lambda prompt, response: len(response), seed=3).ask(store.questions(), record)
"""


def test_a_process_killed_while_asking_keeps_what_it_committed_and_resumes_to_the_same_answers(
    place: Path | str,
) -> None:
    asked = [question(i) for i in range(3_000)]
    with Store.open(place) as store:
        store.add_questions(asked)
    with subprocess.Popen([sys.executable, "-c", ASKER, str(place)], stdout=subprocess.PIPE, text=True) as asker:
        assert asker.stdout is not None
        promised = [json.loads(asker.stdout.readline()) for _ in range(50)]  # the full pipe stops it soon after
        asker.kill()
        promised += [json.loads(line) for line in asker.stdout if line.endswith("\n")]
    whole: list[Answer] = []
    pool = Pool(people=FOUR, taste=lambda prompt, response: len(response), seed=3)
    pool.ask(asked, whole.extend)
    with Store.open(place) as store:
        kept = {(a.question, a.who, a.value) for a in store.answers()}
        assert {tuple(row) for rows in promised for row in rows} <= kept
        assert 50 <= len(kept) < len(asked)
        pool.ask(asked[-10:], store.add_answers)
        pool.ask(asked[:200], store.add_answers)
        assert {(a.question, a.who, a.value) for a in store.answers()} <= {(a.question, a.who, a.value) for a in whole}
        assert {f"q{i}" for i in [*range(200), *range(2_990, 3_000)]} <= {a.question for a in store.answers()}


@pytest.mark.parametrize("character", ["\0", "\ud800"])
def test_a_character_that_no_database_holds_is_refused_and_what_was_there_stays(
    place: Path | str, character: str
) -> None:
    def asked(key: str, prompt: str = "p", first: str = "a") -> Question:
        pair = (Response(text=first), Response(text="b"))
        return Question(id=key, kind="comparison", group=Group(prompt=Prompt(text=prompt), responses=pair))

    odd = f"x{character}y"
    with Store.open(place) as store:
        store.add_questions([asked("q0")])
        Projects(store).create(Project(id="p", title="P", kinds=("comparison",)), by="lee")
        queue = Queue(store)
        attempts: list[Callable[[], object]] = [
            lambda: store.add_questions([asked(odd)]),
            lambda: store.add_questions([asked("q1", first=odd)]),
            lambda: store.add_answers(
                [Answer(question="q0", who=odd, value=1, order=(0, 1), seconds=1.0, at=0.0)],
            ),
            lambda: store.add_note(odd, 1),
            lambda: Projects(store).add_guidelines("p", odd, by="lee"),
            lambda: queue.add_items("p", [Item(question=asked("q2"), explanation=odd)]),
            lambda: queue.next_item("p", odd),
        ]
        if character == "\0":  # half of a surrogate pair can be written in JSON
            attempts += [
                lambda: store.add_questions([asked("q1", prompt=odd)]),
                lambda: store.add_note("k", [{"a": odd}]),
            ]
        for attempt in attempts:
            with pytest.raises(DataError, match="cannot be kept: "):
                attempt()
        assert [q.id for q in store.questions()] == ["q0"]
        assert store.notes() == []
