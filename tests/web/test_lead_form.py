"""The form of a new project: its fields, the file with gold and practice items, and the look at it before."""

import json

import pytest
from test_lead import Lead

from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Price, Stop


@pytest.fixture
def lee(store, browser_of):
    return Lead(browser_of(), store)


def sent(*rows, name="rows.jsonl"):
    return {"file": (name, "\n".join(json.dumps(row) for row in rows).encode())}


WORK = {"prompt": "Say one.", "responses": ["One.", "1"]}
FORM = {
    "overlap": "3",
    "gold": "12.5",
    "labels": "40",
    "money": "20",
    "width": "10",
    "price": "15",
    "per": "hour",
    "lease": "30",
    "retire": "0",
    "per_minute": "9",
    "strengths": "4",
    "ask": "Which is plainer?",
}


def test_every_field_of_the_form_is_kept(store, lee):
    assert lee.post("/projects", title="All", files=sent(WORK), **FORM).status_code == 200
    found = Projects(store).get("all")
    assert (found.overlap, found.gold_share, found.lease_seconds, found.retire_after) == (3, 0.125, 1800, 0)
    assert (found.stop, found.price) == (Stop(labels=40, money=20.0, width=0.1), Price(amount=15.0, per="hour"))
    assert found.per_minute == 9
    [(_, item)] = Queue(store).items("all")
    assert item.question.options == {"strengths": 4, "ask": "Which is plainer?"}


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("gold", "100", "gold_share"),
        ("gold", "x", "share of gold"),
        ("overlap", "0", "overlap"),
        ("overlap", "1.5", "people for each item"),
        ("money", "3", "price"),
        ("width", "200", "stop.width"),
        ("lease", "-1", "lease_seconds"),
        ("labels", "-1", "stop.labels"),
        ("title", " ", "title"),
        ("kind", "guess", "no kind"),
    ],
)
def test_a_field_that_makes_no_sense_is_named_and_nothing_is_lost(store, lee, field, value, word):
    form = {"title": "Mine", "guidelines": "Be kind.", field: value}
    answer = lee.post("/projects", **form)
    assert answer.status_code == 422
    assert word in answer.text.partition('class="problem"')[2].partition("</p>")[0]
    assert "Be kind.</textarea>" in answer.text
    assert Projects(store).all() == []


def test_axes_have_scales_of_their_own(store, lee):
    lee.post("/projects", title="rate", kind="rating", axes="helpful, true 0-1, heat -2 to 2")
    assert store.questions()[0].options == {"axes": {"helpful": [1, 5], "true": [0, 1], "heat": [-2, 2]}}


GOLD = {**WORK, "prompt": "Say two.", "expected": {"better": 0, "strength": 7}}
PRACTICE = {**GOLD, "prompt": "Say three.", "purpose": "practice", "explanation": "It is a word."}


def test_columns_make_gold_and_practice_items(store, lee):
    assert lee.post("/projects", title="mine", files=sent(WORK, GOLD, PRACTICE)).status_code == 200
    found = [(i.purpose, i.expected, i.explanation) for _, i in Queue(store).items("mine")]
    right = {"better": 0, "strength": 7}
    assert found == [("work", None, ""), ("gold", right, ""), ("practice", right, "It is a word.")]


def test_a_table_has_right_answers_in_cells(store, lee):
    table = 'prompt,responses,expected\nSay one.,"[""One."", ""1""]",tie\nSay two.,"[""Two."", ""2""]",\n'
    assert lee.post("/projects", title="mine", files={"file": ("rows.csv", table.encode())}).status_code == 200
    assert [(i.purpose, i.expected) for _, i in Queue(store).items("mine")] == [("gold", "tie"), ("work", None)]


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({**WORK, "expected": 2}, "line 2: question `mine-2` was answered with 2"),
        ({**WORK, "purpose": "gold"}, "line 2"),
        ({**WORK, "purpose": "fun"}, "`purpose` is 'fun'"),
        ({**GOLD, "purpose": "work"}, "make it gold or practice"),
        ({**WORK, "responses": ["alone"]}, "line 2"),
    ],
)
def test_a_row_that_cannot_be_asked_about_is_named_before_anything_is_written(store, lee, row, word):
    for path in ("/projects", "/projects/preview"):
        answer = lee.post(path, title="mine", files=sent(WORK, row))
        assert answer.status_code == 422
        told = answer.text.partition('class="problem"')[2].partition("</p>")[0].replace("&#39;", "'")
        assert word.replace("mine-2", "preview-2" if "preview" in path else "mine-2") in told
        assert "/tmp" not in told
    assert Projects(store).all() == []


def test_a_look_at_a_file_writes_nothing_and_says_what_it_holds(store, lee):
    seen = lee.post("/projects/preview", files=sent(WORK, GOLD, {**WORK, "prompt": "say  ONE."}, PRACTICE)).text
    assert "4 items" in seen
    assert all(words in seen for words in ("2 to be labelled", "1 gold", "1 to practise on"))
    assert "1 questions, normalised" in seen
    assert "expected" not in seen
    assert list(store.questions()) == []
    assert Projects(store).all() == []


def test_a_file_of_judged_pairs_is_asked_anew(store, lee):
    rows = [{"prompt": "p", "chosen": "a", "rejected": "b"}, {"prompt": "q", "chosen": "c", "rejected": "d"}]
    seen = lee.post("/projects/preview", kind="thumbs", files=sent(*rows)).text
    assert "2 items" in seen
    assert "Not taken over" in seen
    assert lee.post("/projects", title="mine", kind="thumbs", files=sent(*rows)).status_code == 200
    assert {q.kind for q in store.questions()} == {"thumbs"}
    assert list(store.events()) == []


def test_what_is_in_a_file_is_text_in_the_look(store, lee):
    seen = lee.post("/projects/preview", files=sent({**WORK, "prompt": "<script>alert(1)</script>"})).text
    assert "<script>" not in seen
    assert "&lt;script&gt;" in seen


@pytest.mark.parametrize("role", ["reviewer", "readonly"])
def test_only_a_lead_looks_at_files(store, browser_of, lee, role):
    lee.post("/projects", title="mine", files=sent(WORK))
    other = Lead(browser_of(), store, role=role, of="mine", who="rey")
    assert other.post("/projects/preview", files=sent(WORK)).status_code == 403
    assert other.post("/projects", title="theirs").status_code == 403
