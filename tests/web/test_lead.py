"""The routes of who leads."""

import json
import re

import pytest
from asked_here import TEXTS, invite, project
from visitor import Visitor

from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects


class Lead:
    def __init__(self, client, store, role="lead", of="", who="lee"):
        self.client = client
        home = client.post(f"/join/{Members(store).invite(of, who, role, by='test')}")
        assert home.status_code == 200, home.text
        self.csrf = re.search(r'name="csrf" content="(\w+)"', home.text)[1]

    def post(self, path, files=None, **form):
        return self.client.post(f"/lead{path}", data={"csrf": self.csrf, **form}, files=files)

    def get(self, path):
        return self.client.get(f"/lead{path}")


@pytest.fixture
def lee(store, browser_of):
    return Lead(browser_of(), store)


def test_from_nothing_to_an_answer(store, browser_of, lee):
    board = lee.post("/projects", title="Tone of voice", kind="comparison", overlap="2", guidelines="Be **kind**.")
    assert board.status_code == 200, board.text
    assert "Tone of voice" in board.text
    link = re.search(r"/join/[\w-]+", lee.post("/p/tone-of-voice/invite").text)[0]
    browser = browser_of()
    assert "Your name" in browser.get(link).text
    page = browser.post(link, data={"name": "ada"})
    assert "Be <strong>kind</strong>" in page.text
    csrf = re.search(r'name="csrf" content="(\w+)"', page.text)[1]
    got = browser.post("/p/tone-of-voice/next", json={}, headers={"X-CSRF-Token": csrf}).json()
    assert got["kind"] == "comparison"


@pytest.mark.parametrize(
    "kind", ["comparison", "choice", "ranking", "rating", "thumbs", "spans", "edit", "demonstration"]
)
def test_the_demo_asks_every_kind(store, lee, kind):
    assert lee.post("/projects", title=kind, kind=kind).status_code == 200
    assert {q.kind for q in store.questions()} == {kind}


def test_a_file_becomes_a_project(store, lee):
    rows = "\n".join(json.dumps({"prompt": f"p{n}", "responses": ["a", "b"]}) for n in range(3))
    assert lee.post("/projects", title="mine", files={"file": ("rows.jsonl", rows.encode())}).status_code == 200
    assert [q.group.texts for q in store.questions()] == [("a", "b")] * 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.exe", b"MZ"),
        ("rows.jsonl", b"{"),
        ("../../etc/passwd", b"x"),
        ("rows.jsonl", b'{"prompt": 1, "responses": 2}'),
        ("a.csv", b"\xff\xfe"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_a_reason(store, lee, name, content):
    answer = lee.post("/projects", title="mine", files={"file": (name, content)})
    assert answer.status_code == 422
    assert 'class="problem"' in answer.text
    assert Projects(store).all() == []


def test_the_board_says_what_the_log_says(store, browser_of, lee):
    project(store, "comparison", items=2, overlap=2)
    for who in ("ada", "bob"):
        visitor = Visitor(browser_of(), "comparison", invite(store, "comparison", who))
        for _ in range(2):
            assert visitor.say(visitor.next()["lease"], {"better": 0, "strength": 7}).status_code == 200
    text = lee.get("/p/comparison").text
    assert re.search(r"Left picked</dt><dd>100 %", text)
    assert re.search(r"Answers</dt><dd>4<small>of 4 wanted", text)
    assert re.search(r"Median time</dt><dd>2.5 s", text)


def test_a_person_is_paused_and_goes_on(store, browser_of, lee):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    lee.post("/p/thumbs/pause", who="ada")
    assert ada.next() == {"none": "paused"}
    lee.post("/p/thumbs/pause", who="ada", on="yes")
    assert "lease" in ada.next()


def test_new_guidelines_are_stamped_on_what_comes_after(store, browser_of, lee):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    ada.say(ada.next()["lease"], [True, True])
    assert "Version 2, shown now" in lee.post("/p/thumbs/guidelines", text="Be strict.").text
    ada.say(ada.next()["lease"], [True, True])
    assert [e.guideline for e in store.events()] == [1, 2]


def test_items_and_what_was_said_of_one(store, browser_of, lee):
    project(store, "choice")
    ada = Visitor(browser_of(), "choice", invite(store, "choice"))
    ada.say(ada.next()["lease"], 1)
    page = lee.get("/p/choice/items").text
    assert "choice-3" in page
    one = lee.get(re.search(r"/lead(/p/choice/items/\d+)", page)[1]).text
    assert "ada" in one
    assert all(t.split("\n")[0].split("*")[0] in one for t in TEXTS)


def test_the_download_has_every_line(store, browser_of, lee):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    again = ada.say(ada.next()["lease"], [True, True]).json()["lease"]
    ada.say(again, event="undo")
    lines = [json.loads(line) for line in lee.get("/p/thumbs/export").text.splitlines()]
    assert [line["event"] for line in lines if line["record"] == "event"] == ["answer", "undo"]


@pytest.mark.parametrize("role", ["reviewer", "readonly", "annotator"])
def test_only_a_lead_changes_things(store, browser_of, role):
    project(store, "thumbs")
    if role == "annotator":
        client = browser_of()
        Visitor(client, "thumbs", invite(store, "thumbs"))
        assert client.get("/lead").status_code == 401
        return
    other = Lead(browser_of(), store, role=role, of="thumbs", who="rey")
    assert other.get("/p/thumbs").status_code == 200
    for path in ("/projects", "/p/thumbs/invite", "/p/thumbs/pause", "/p/thumbs/guidelines"):
        assert other.post(path, title="t", who="ada", text="x").status_code == 403


def test_a_lead_of_one_project_sees_no_other(store, browser_of):
    project(store, "thumbs")
    project(store, "choice")
    lee = Lead(browser_of(), store, of="thumbs")
    assert "choice" not in lee.get("").text
    for path in ("/p/choice", "/p/choice/items", "/p/choice/items/1", "/p/choice/export"):
        assert lee.get(path).status_code == 403
    assert lee.post("/p/choice/invite").status_code == 403


def test_strange_places_are_not_found(store, lee):
    project(store, "thumbs")
    for place in ("0", "-1", "99", str(2**80)):
        assert lee.get(f"/p/thumbs/items/{place}").status_code == 404
    assert lee.get("/p/none").status_code == 404
    assert lee.get("/p/..%2f..%2fetc").status_code == 404
