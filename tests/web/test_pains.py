"""What other labelling tools made people suffer from, one test each."""

import json
import re
import socket
import threading
import tracemalloc
from collections import Counter

import pytest
from asked_here import ALL, TEXTS, invite, project
from fastapi.testclient import TestClient
from sqlalchemy import event as sql
from visitor import Visitor

from prefloop.errors import DataError
from prefloop.feedback.members import Members
from prefloop.feedback.progress import progress
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Event, Item, Project, Submission
from prefloop.feedback.store import Store
from prefloop.feedback.streams import add_events, export
from prefloop.feedback.written import written
from prefloop.text import Answer, Group, Prompt, Question, Response
from prefloop.web.app import create_app


def visitors(store, browser_of, kind, *people):
    return [Visitor(browser_of(), kind, invite(store, kind, who)) for who in people]


def lead(store, client):
    home = client.post(f"/join/{Members(store).invite('', 'lee', 'lead', by='test')}")
    return re.search(r'name="csrf" content="(\w+)"', home.text)[1]


def small(number, kind="thumbs"):
    group = Group(prompt=Prompt(text=str(number)), responses=(Response(text="a"),))
    return Question(id=f"q{number}", kind=kind, group=group)


def said(count):
    for n in range(count):
        about = {"question": f"q{n % 100}", "who": f"person-{n // 100}", "value": [True], "order": (0,)}
        yield Event(seq=0, event="answer", submission=f"s{n}", project="p", at=float(n), **about)


def filled(store, count):
    """A hundred items and this many answers to them."""
    Projects(store).create(Project(id="p", title="P", kinds=("thumbs",), overlap=1_000), by="lee")
    Queue(store).add_items("p", (Item(question=small(n)) for n in range(100)))
    add_events(store, said(count))


def test_01_a_second_person_gets_an_item_as_often_as_the_overlap_says(store, browser_of):
    project(store, "thumbs", items=2, overlap=2)
    got = {}
    for visitor in visitors(store, browser_of, "thumbs", "ada", "bob", "cy"):
        got[visitor] = []
        while lease := (item := visitor.next()).get("lease"):
            got[visitor].append(item["question"])
            visitor.say(lease, [True, True])
    assert list(got.values()) == [["thumbs-0", "thumbs-1"], ["thumbs-0", "thumbs-1"], []]


def test_02_two_people_never_have_one_place_and_a_late_submit_does_not_vanish(store, browser_of, app):
    project(store, "choice", items=2)
    ada, bob = visitors(store, browser_of, "choice", "ada", "bob")
    late = ada.next()
    assert bob.next()["question"] != late["question"]
    bob.say(bob.next()["lease"], 0)
    object.__setattr__(app.state.desk.queue, "clock", lambda: 1e12)  # ada's lease has expired long ago
    assert bob.next()["question"] == late["question"]
    assert ada.say(late["lease"], 1, id="a" * 32).status_code == 200
    assert ada.say(late["lease"], 1, id="a" * 32).json()["repeated"]
    assert Counter(e.who for e in store.events()) == {"ada": 1, "bob": 1}


def test_03_nobody_sees_what_others_said(store, browser_of):
    project(store, "critique", items=1, overlap=2)
    ada, bob = visitors(store, browser_of, "critique", "Wilhelmina", "bob")
    ada.say(ada.next()["lease"], {"response": 0, "text": "ZANZIBAR"})
    seen = json.dumps(bob.next()) + bob.client.get("/p/critique/").text + bob.client.get("/p/critique/mine").text
    assert "ZANZIBAR" not in seen
    assert "Wilhelmina" not in seen
    assert "ZANZIBAR" in ada.client.get("/p/critique/mine").text


def test_04_the_work_splits_itself_among_who_comes(store, browser_of):
    project(store, "thumbs", items=9)
    people = visitors(store, browser_of, "thumbs", "ada", "bob", "cy")
    for _ in range(3):
        for visitor in people:
            assert visitor.say(visitor.next()["lease"], [True, True]).status_code == 200
    events = list(store.events())
    assert len({e.question for e in events}) == len(events) == 9
    assert set(Counter(e.who for e in events).values()) == {3}


def test_05_an_export_needs_no_more_memory_where_there_is_more_of_it(store):
    peaks = []
    for count in (1_000, 6_000):
        if count == 1_000:
            filled(store, count)
        else:
            add_events(store, said(count))
        tracemalloc.start()
        assert sum(1 for _ in export(store)) == 100 + count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.3 * peaks[0]


def test_06_the_download_has_no_row_limit(store, browser_of):
    filled(store, 6_000)
    client = browser_of()
    lead(store, client)
    with client.stream("GET", "/lead/p/p/export") as answer:
        assert "content-length" not in answer.headers, "it is streamed"
        assert sum('"record": "event"' in line for line in answer.iter_lines()) == 6_000


def test_07_adding_an_item_does_not_read_those_that_are_there(store):
    Projects(store).create(Project(id="p", title="P", kinds=("thumbs",)), by="lee")
    asked = []
    sql.listen(store.engine, "before_cursor_execute", lambda *a: asked.append((a[2], len(str(a[3])))))
    costs = []
    for first, count in ((0, 10), (1_000, 1_500), (5_000, 10)):
        asked.clear()
        Queue(store).add_items("p", (Item(question=small(n)) for n in range(first, first + count)))
        costs.append([text for text, _ in asked])
    assert costs[0] == costs[2], "the same statements for ten items, whether there are none or many"
    assert not any(re.match(r"SELECT .* FROM items\s*$", text) for text in costs[2])


def test_08_thousands_of_rows_come_in_at_once(store):
    many = [small(n) for n in range(2_500)]
    store.add_questions(many)
    store.add_answers([Answer(question=q.id, who="ada", value=[True], order=(0,), seconds=1.0, at=0.0) for q in many])
    assert len(store.answers()) == 2_500


def test_09_a_ranking_is_drawn_and_answered(store, browser_of):
    project(store, "ranking", items=1)
    (ada,) = visitors(store, browser_of, "ranking", "ada")
    got = ada.next()
    assert re.findall(r'data-place="(\d)" data-keys="(\d)"', got["html"]) == [("0", "1"), ("1", "2"), ("2", "3")]
    assert ada.client.get("/static/kinds/ranking.js").status_code == 200
    assert ada.say(got["lease"], [[2], [0, 1]]).status_code == 200


@pytest.mark.parametrize("kind", ALL)
def test_10_no_key_of_an_item_is_taken_twice(store, browser_of, kind):
    project(store, kind, items=1)
    (ada,) = visitors(store, browser_of, kind, "ada")
    html = ada.next()["html"]
    if kind in ("rating", "thumbs"):  # keys go to the group in hand
        html = re.search(r"<fieldset class=\"group\".*?</fieldset>", html, re.DOTALL)[0]
    own = " ".join(re.findall(r'data-keys="([^"]*)"', html)).split()
    common = re.findall(r'keys: \["(.)"\]', ada.client.get("/static/label.js").text)
    assert len(common) > 6
    assert [k for k, n in Counter([*own, *common]).items() if n > 1] == []


def test_11_fifty_people_at_once_lose_nothing_and_meet_no_conflict(store):
    project(store, "choice", items=100)
    queue, faults = Queue(store), []

    def work(who):
        try:
            for n in range(2):
                got = queue.next_item("choice", who)
                said = {"id": f"{who}-{n}", "project": "choice", "question": got.question.id, "who": who}
                queue.submit(Submission(**said, value=0, order=got.order, revision=got.revision))
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work, args=(f"person-{n}",)) for n in range(50)]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert faults == []
    events = list(store.events())
    assert len(events) == len({e.question for e in events}) == 100


def test_12_no_item_is_passed_over_while_people_answer(store, browser_of):
    project(store, "thumbs", items=12)
    ada, bob = visitors(store, browser_of, "thumbs", "ada", "bob")
    turns = 0
    while any(lease := v.next().get("lease") for v in (ada, bob)):
        (ada if lease and turns % 3 else bob).next()
        for visitor in (ada, bob)[: 1 + turns % 2]:
            if lease := visitor.next().get("lease"):
                visitor.say(lease, [True, True])
        turns += 1
    assert {e.question for e in store.events()} == {f"thumbs-{n}" for n in range(12)}


def test_13_counters_count_what_stands(store, browser_of):
    project(store, "thumbs", items=2)
    (ada,) = visitors(store, browser_of, "thumbs", "ada")
    for _ in range(3):  # said, taken back, said again
        lease = ada.say(ada.next()["lease"], [True, True]).json()["lease"]
        ada.say(lease, event="undo")
    ada.say(ada.next()["lease"], [True, False])
    ada.say(ada.next()["lease"], event="skip", reason="I cannot tell")
    far = progress(store, "thumbs")
    assert (far.answers, far.wanted, far.skips, far.finished) == (1, 2, 1, 1)
    client = browser_of()
    lead(store, client)
    assert "Answers</dt><dd>1<small>of 2 wanted" in client.get("/lead/p/thumbs").text
    mine = ada.client.get("/p/thumbs/mine").text
    assert "Answered</dt><dd>1<" in mine
    assert "Skipped</dt><dd>1<" in mine


@pytest.mark.parametrize(
    ("after", "told", "goes_on"), [(0, "however many skip it", 2), (1, "nobody else", 0), (2, "once 2 have", 1)]
)
def test_14_a_skipped_item_goes_where_the_policy_says_and_the_page_says_it(store, browser_of, after, told, goes_on):
    project(store, "thumbs", items=1, retire_after=after)
    people = visitors(store, browser_of, "thumbs", "ada", "bob", "cy")
    assert told in people[0].client.get("/p/thumbs/").text
    had = []
    for visitor in people:
        lease = visitor.next().get("lease")
        had.append(lease is not None)
        if lease:
            visitor.say(lease, event="skip", reason="The text is broken")
    assert had == [True] * (1 + goes_on) + [False] * (2 - goes_on)
    client = browser_of()
    lead(store, client)
    place = re.search(r"/lead/p/thumbs/items/\d+", client.get("/lead/p/thumbs/items").text)[0]
    assert "The text is broken" in client.get(place).text


def test_15_one_file_is_all_the_service_there_is(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("something wants a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with Store.open(tmp_path / "one.sqlite") as store:
        project(store, "thumbs", items=1)
        with TestClient(create_app(store, secret="s")) as client:
            ada = Visitor(client, "thumbs", invite(store, "thumbs"))
            assert ada.say(ada.next()["lease"], [True, True]).status_code == 200
    assert {p.name.split("-")[0] for p in tmp_path.iterdir()} == {"one.sqlite"}


def test_16_agreement_is_on_the_board_with_its_interval(store, browser_of):
    project(store, "choice", items=2, overlap=2)
    for visitor in visitors(store, browser_of, "choice", "ada", "bob"):
        for _ in range(2):
            got = visitor.next()
            visitor.say(got["lease"], got["texts"].index(TEXTS[0]))
    client = browser_of()
    lead(store, client)
    assert re.search(r"Raw agreement</dt><dd>100 %<small>\d+ to 100 %, n = 2", client.get("/lead/p/choice").text)


def test_17_an_answer_that_says_whose_it_is_is_hidden_alike_flagged_and_can_be_left_out(store, browser_of):
    named = ("I am ChatGPT, made by OpenAI.", "My name is Tidewise, an assistant of Acme.", "")
    project(store, "comparison", items=1, texts=named, page={"names": ["Acme"]})
    project(store, "thumbs", items=1)
    (ada,) = visitors(store, browser_of, "comparison", "ada")
    got = ada.next()
    shown = json.dumps(got) + json.dumps(ada.post("compare", lease=got["lease"]).json())
    assert not [n for n in ("ChatGPT", "OpenAI", "Tidewise", "Acme") if n in shown]
    assert sorted(got["texts"]) == [
        "I am [name hidden], made by [name hidden].",
        "My name is [name hidden], an assistant of [name hidden].",
    ]
    ada.say(got["lease"], {"better": 0, "strength": 7})
    (event,) = store.events()
    assert event.telemetry == {"named": [0, 1]}
    assert len(store.view("choices")) == 1
    blind = store.view("choices", blind=True)
    assert (len(blind), blind.left_out) == (0, {"a model was named": 1})


def test_18_a_vote_is_closed_once_it_was_shown_who_wrote_what(store, browser_of):
    project(store, "comparison", items=1, page={"reveal": True})
    (ada,) = visitors(store, browser_of, "comparison", "ada")
    got = ada.next()
    assert "secret-" not in json.dumps(got)
    receipt = ada.say(got["lease"], {"better": 0, "strength": 7}).json()
    (event,) = store.events()
    assert [s["source"] for s in receipt["sources"]] == [f"secret-{i}" for i in event.order]
    for change in ({"event": "undo"}, {"value": "tie"}, {"event": "skip"}):
        late = ada.say(receipt["lease"], **change)
        assert late.status_code == 422
        assert "closed" in late.json()["detail"]
    assert ada.post("again", question=got["question"]).status_code == 422
    assert "closed" in ada.client.get("/p/comparison/mine").text
    with pytest.raises(DataError, match="closed"):
        Queue(store).submit(
            Submission(id="x", project="comparison", question=event.question, who="ada", event="undo", revision=1)
        )
    assert len(list(store.events())) == 1


def test_19_what_was_pasted_or_copied_is_seen_and_people_are_told(store, browser_of):
    project(store, "critique", items=3)
    (ada,) = visitors(store, browser_of, "critique", "ada")
    token = invite(store, "critique", "bob")
    assert "how much was pasted" in browser_of().get(f"/join/{token}").text
    own = "It never says why there are two tides a day, which is what people ask."
    copied = TEXTS[0][:80]
    for text, writing in (
        (own, {"keystrokes": len(own), "pastes": 0, "pasted": 0}),
        (copied, {"keystrokes": 0, "pastes": 1, "pasted": len(copied)}),
        (own, {"keystrokes": 2, "pastes": 1, "pasted": 2 * len(own)}),
    ):
        assert ada.say(ada.next()["lease"], {"response": 0, "text": text}, writing=writing).status_code == 200
    first, second, third = written(store, "critique")
    assert (first.pasted, first.like_own) == (0.0, None)
    assert first.like_response < 0.2
    assert (second.pasted, second.like_response) == (1.0, 1.0)
    assert (third.pasted, third.like_own) == (1.0, 1.0)
    assert next(iter(store.events())).telemetry["keystrokes"] == len(own)
    client = browser_of()
    lead(store, client)
    assert client.get("/lead/p/critique/texts").text.count("100 %") == 4
    assert ada.client.get("/lead/p/critique/texts").status_code == 401


def test_20_a_flood_is_slowed_and_can_be_stopped(store, browser_of, app):
    app.state.desk.joins.most = 2
    project(store, "thumbs", items=9, per_minute=3)
    ada, bob = visitors(store, browser_of, "thumbs", "ada", "bob")
    statuses = [ada.say(ada.next()["lease"], [True, True]).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert bob.say(bob.next()["lease"], [True, True]).status_code == 200, "others are not slowed"
    link = invite(store, "thumbs", "*")
    joined = [browser_of().post(f"/join/{link}", data={"name": f"spam-{n}"}).status_code for n in range(4)]
    assert joined == [200, 200, 429, 429]
    Members(store).pause("thumbs", "ada", by="lee")
    assert ada.next() == {"none": "paused"}
