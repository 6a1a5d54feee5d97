"""Importing: nothing is lost unsaid, nothing comes twice, bad rows stop nothing, on SQLite and PostgreSQL."""

import json
import subprocess
import sys

import pytest

from prefloop.errors import DataError
from prefloop.feedback.files import stream
from prefloop.feedback.importing import import_file, preview
from prefloop.feedback.progress import progress
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Project
from prefloop.feedback.store import Store


def pair(prompt="Sky?", chosen="Blue.", rejected="Green.", **more):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


@pytest.fixture
def file(tmp_path):
    """A file of JSON lines with these rows; a text is a line as it stands."""

    def write(*rows, name="rows.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), encoding="utf-8")
        return path

    return write


@pytest.fixture
def store(place):
    with Store.open(place) as opened:
        yield opened


def test_a_second_import_changes_nothing_and_a_file_that_grew_adds_what_is_new(store, file):
    rows = [pair(str(n), who="ada" if n % 2 else None) for n in range(5)]
    done = import_file(store, file(*rows))
    assert (done.questions, done.answers) == (5, 5)
    assert (again := import_file(store, file(*rows, name="copy.jsonl"))).answers == again.questions == 0
    done = import_file(store, file(*rows, pair("5")))
    assert (done.questions, done.answers) == (1, 1)
    assert len(store.answers()) == 6


def test_bad_rows_are_named_and_counted_and_the_others_come(store, file):
    bad = [
        "{not json",
        "[1]",
        {"prompt": "One", "chosen": "a"},
        pair(chosen=4),
        pair(target=3),
        pair(chosen="nul \0 nul"),
        pair(seconds="soon"),
        pair(chosen=[{"role": "user"}]),
    ]
    found = preview(file(pair("good"), *bad, pair("last")))
    assert (found.rows, found.answers, found.problem_count) == (2, 2, len(bad))
    for line, problem in enumerate(found.problems, start=2):
        assert problem.startswith(f"rows.jsonl, line {line}"), problem
    done = import_file(store, file(pair("good"), *bad, pair("last")))
    assert done.questions == 2
    assert done.preview.problems == found.problems
    assert {q.group.prompt.text for q in store.questions()} == {"good", "last"}


def test_ten_problems_are_shown_and_all_are_counted(file):
    found = preview(file(pair(), *(pair(target=9) for _ in range(25))))
    assert (len(found.problems), found.problem_count, found.rows) == (10, 25, 1)


def test_a_file_that_breaks_off_gives_what_comes_before(store, tmp_path):
    (tmp_path / "rows.json").write_text('[{"prompt": "One", "chosen": "a", "rejected": "b"}, {"prompt": ')
    done = import_file(store, tmp_path / "rows.json")
    assert (done.questions, done.preview.problem_count) == (1, 1)
    assert "rows.json is not JSON" in done.preview.problems[0]
    assert done.preview.problems[0].endswith("What comes after it was not read.")


def test_a_file_of_which_nothing_can_be_read_is_refused_and_leaves_nothing(store, file):
    with pytest.raises(DataError, match=r"^rows\.jsonl, line 1 is not JSON"):
        import_file(store, file("no json at all"))
    with pytest.raises(DataError, match="has no rows"):
        import_file(store, file(""))
    with pytest.raises(DataError, match="no known format"):
        import_file(store, file({"colour": "blue"}))
    assert store.questions() == []


def test_what_a_person_says_again_is_a_revision_and_people_without_a_name_are_not_one(store, file):
    turned = pair(chosen="Green.", rejected="Blue.")
    done = import_file(store, file(pair(who="ada"), {**turned, "who": "ada"}, pair(), turned))
    assert (done.questions, done.answers) == (1, 4)
    assert done.preview.contradictory == 2
    said = [(e.who, e.revision) for e in store.events()]
    assert said == [("ada", 0), ("ada", 1), ("unnamed in rows.jsonl", 0), ("unnamed in rows.jsonl, 2", 0)]
    [question] = store.questions()
    by = {a.who: question.group.texts[a.value] for a in store.answers()}
    assert by == {"ada": "Green.", "unnamed in rows.jsonl": "Blue.", "unnamed in rows.jsonl, 2": "Green."}


def test_what_somebody_says_in_another_file_does_not_collide(store, file):
    import_file(store, file(pair(who="ada", at=1.0)))
    done = import_file(store, file(pair(who="ada", at=2.0), name="later.jsonl"))
    assert done.answers == 1
    assert [(e.revision, e.at) for e in store.events()] == [(0, 1.0), (1, 2.0)]


def test_duplicates_are_counted_as_they_are_and_normalised(file):
    rows = [
        pair("Sky?"),
        pair("Sky?"),
        pair("  SKY ?".replace(" ?", "?")),
        pair("Sea?", "Blue.", "blue"),
        pair("Sea?", "x", "x"),
    ]
    found = preview(file(*rows))
    assert found.duplicates == {
        "prompts": 2,
        "prompts, normalised": 3,
        "questions": 1,
        "questions, normalised": 2,
        "answers": 1,
        "answers, normalised": 2,
    }
    assert found.contradictory == 0


def test_columns_that_are_not_kept_are_counted(file):
    found = preview(file(pair(colour="blue", empty=None), pair(colour="red", who="ada")))
    assert found.lost == {"column `colour`": 2}


def test_a_project_is_made_and_nobody_is_asked_what_is_answered(store, file):
    rows = [pair("answered", who="ada"), pair("too", who="ada")]
    done = import_file(store, file(*rows), project="sky", by="lee")
    assert Projects(store).get("sky").kinds == ("comparison",)
    assert done.questions == 2
    far = progress(store, "sky")
    assert (far.items, far.finished) == (2, 2)
    queue = Queue(store)
    assert queue.next_item("sky", "ben") is None
    import_file(store, file({"prompt": "open", "responses": ["a", "b"]}, name="open.jsonl"), project="sky")
    assert queue.next_item("sky", "ben").question.group.prompt.text == "open"


def test_the_same_file_may_be_asked_about_in_two_projects(store, file):
    path = file(pair(who="ada"))
    for project in ("one", "two"):
        assert import_file(store, path, project=project).questions == 1
    assert [e.project for e in store.events()] == ["one", "two"]


def test_a_kind_that_the_project_does_not_ask_is_a_problem_of_its_row(store, file):
    Projects(store).create(Project(id="sky", title="Sky", kinds=("thumbs",)), by="lee")
    done = import_file(store, file(pair()), project="sky")
    assert (done.questions, done.answers) == (0, 0)
    assert "rows.jsonl, line 1: it is a comparison, and project `sky` asks thumbs" in done.preview.problems[0]
    done = import_file(store, file(pair()), project="sky", kind="thumbs")
    assert (done.questions, done.answers) == (1, 0)
    assert done.preview.lost == {"answers, because these are asked anew as thumbs": 1}


def test_rows_are_asked_anew_with_the_options_of_another_kind(file):
    found = preview(file(pair()), kind="rating", options={"axes": {"true": [0, 1]}})
    assert (dict(found.kinds), found.answers) == ({"rating": 1}, 0)
    assert found.first[0].options == {"axes": {"true": [0, 1]}}
    found = preview(file(pair()), kind="rating")
    assert (found.rows, found.problem_count) == (0, 1)
    assert "`axes` is None" in found.problems[0]
    found = preview(file(pair()), kind="edit")
    assert found.lost["responses beside the first"] == 1
    with pytest.raises(DataError, match="there is no kind `compare`"):
        preview(file(pair()), kind="compare")


def test_an_id_that_the_store_has_with_other_content_is_a_problem_and_not_an_answer_to_it(store, file):
    about = {"kind": "comparison", "value": "0", "places": [0, 1], "size": 2, "who": "ada", "submission": "s"}
    import_file(store, file(pair(**about, question_id="q1")))
    done = import_file(store, file(pair("Sea?", **{**about, "submission": "t"}, question_id="q1"), name="b.jsonl"))
    assert (done.questions, done.answers) == (0, 0)
    assert "b.jsonl, line 1: question `q1` is in the store already with another prompt" in done.preview.problems[0]


def test_an_exported_row_that_somebody_changed_is_refused(file):
    about = {"kind": "comparison", "value": "0", "places": [1, 0], "size": 2, "question_id": "q1"}
    found = preview(file(pair(), pair(**about)))
    assert found.problem_count == 1
    assert "say different things. Take the column `value` out" in found.problems[0]


def test_an_event_about_a_question_that_is_not_there_is_a_problem(store, file):
    event = {"record": "event", "event": "answer", "submission": "s", "question": "q", "who": "ada", "at": 0.0}
    done = import_file(store, file({**event, "value": 0, "order": [0, 1]}))
    assert done.answers == 0
    assert "ada spoke of question `q`, which is not in the store" in done.preview.problems[0]


def test_an_import_leaves_a_note_of_what_it_did(store, file):
    import_file(store, file(pair(colour="blue"), "{"))
    [note] = store.notes("import")
    assert note.value["file"] == "rows.jsonl"
    assert (note.value["questions"], note.value["answers"], note.value["bad rows"]) == (1, 1, 1)
    assert note.value["lost"] == {"column `colour`": 1}


def test_where_a_question_came_from_has_no_folder_in_it(store, file):
    import_file(store, file(pair()), name="sent.jsonl")
    assert store.questions()[0].why == "sent.jsonl, line 1"


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv"])
def test_a_long_file_is_read_in_bounded_memory(ending, tmp_path):
    """Twenty megabytes take less than ten more than a file of one row."""
    row = {"prompt": "One", "chosen": "a" * 1_000, "rejected": "b" * 1_000}
    count, path = 10_000, tmp_path / f"long.{ending}"
    with path.open("w") as handle:
        if ending == "csv":
            handle.write(",".join(row) + "\n")
        for n in range(count):
            text = ",".join(row.values()) if ending == "csv" else json.dumps(row)
            handle.write({"json": "[" if not n else ",", "jsonl": "", "csv": ""}[ending] + text + "\n")
        handle.write("]" if ending == "json" else "")
    code = (
        "import sys, tracemalloc; from pathlib import Path; from prefloop.feedback.files import stream\n"
        "tracemalloc.start()\n"
        "print(sum(1 for _ in stream(Path(sys.argv[1]))), tracemalloc.get_traced_memory()[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    rows, peak = map(int, done.stdout.split())
    assert rows == count
    assert peak < 10e6


def test_importing_loads_no_torch():
    code = "import sys, prefloop.feedback.importing, prefloop.feedback.export_files; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("split_at", range(1, 40, 3))
def test_an_array_is_read_the_same_wherever_its_blocks_end(split_at, tmp_path, monkeypatch):
    rows = [{"a": '\\"]}, [é', "n": 12345}, {}, {"b": [1, {"c": None}]}]
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")
    monkeypatch.setattr("prefloop.feedback.readers._BLOCK", split_at)
    assert [dict(row.values) for row in stream(tmp_path / "a.json")] == rows
