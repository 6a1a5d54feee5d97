"""The lead's pages on which people are judged: disagreements, single persons, gold items, guidelines, rights."""

import json
import re
from dataclasses import replace

import pytest
from asked_here import invite, project, question
from test_lead import Lead
from visitor import Visitor

from prefloop.feedback.kinds import KINDS
from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item


@pytest.fixture
def lee(store, browser_of):
    return Lead(browser_of(), store)


def say_all(store, browser_of, kind, **values):
    """Each person answers all items with the value of theirs."""
    for who, value in values.items():
        visitor = Visitor(browser_of(), kind, invite(store, kind, who))
        while "lease" in (got := visitor.next()):
            assert visitor.say(got["lease"], value).status_code == 200


def split(store, browser_of, items=2):
    """On every item, ada and bob say the response that stands first in the log, cleo the other."""
    project(store, "comparison", items=items, overlap=3)
    for who, wanted in (("ada", 0), ("bob", 0), ("cleo", 1)):
        visitor = Visitor(browser_of(), "comparison", invite(store, "comparison", who))
        while "lease" in (got := visitor.next()):
            first_is_0 = got["texts"][0].startswith("The tide follows")
            place = wanted if first_is_0 else 1 - wanted
            assert visitor.say(got["lease"], {"better": place, "strength": 3}).status_code == 200


def place_of(lee, kind, number=0):
    return re.findall(rf"/lead(/p/{kind}/items/\d+)", lee.get(f"/p/{kind}/items").text)[number]


def test_a_disagreement_is_settled_and_training_sees_that_alone(store, browser_of, lee):
    split(store, browser_of)
    page = lee.get("/p/comparison/disagreements").text
    assert "67 % of pairs" in page
    assert "ada, bob" in page
    assert len(store.choices()) == 6
    there = place_of(lee, "comparison")
    after = lee.post(f"{there}/adjudicate", value='{"better": 1, "strength": 7}', then="next")
    assert after.status_code == 200
    assert re.search(r"Settled.*comparison-0.*Response 1, strength 7.*lee", after.text, re.DOTALL)
    seen = [(j.question, j.group.who) for j in store.choices()]
    assert seen == [("comparison-0", "lee"), *(("comparison-1", w) for w in ("ada", "bob", "cleo"))]
    assert store.choices()[0].group.texts[0].startswith("The tide is made by the wind")
    assert "Training sees this answer" in lee.post(f"{there}/adjudicate", best="0", reason="read again").text
    pairs = [json.loads(line) for line in lee.get("/p/comparison/export?as=pairs&pseudonyms=true").text.splitlines()]
    assert len(pairs) == 4
    assert {row["who"] for row in pairs} == {f"person-{n}" for n in range(1, 5)}
    lee.post(f"{there}/adjudicate", back="yes")
    assert len(store.choices()) == 6
    log = [json.loads(line) for line in lee.get("/p/comparison/export").text.splitlines()]
    assert [e["event"] for e in log if e.get("who") == "lee"] == ["adjudication"] * 3


def test_an_answer_that_the_kind_does_not_take_is_refused_with_a_reason(store, browser_of, lee):
    split(store, browser_of, items=1)
    there = place_of(lee, "comparison")
    for form in ({"best": "0", "strength": "9"}, {"best": "x"}, {"value": "{"}, {"back": "yes"}):
        answer = lee.post(f"{there}/adjudicate", **form)
        assert answer.status_code == 422, form
        assert 'class="problem"' in answer.text
    assert {e.event for e in store.events()} == {"answer"}


def test_the_effect_of_leaving_somebody_out_is_seen_and_undone(store, browser_of, lee):
    split(store, browser_of)
    seen = lee.get("/p/comparison/person?who=bob").text
    assert "2 of 6 answers" in seen
    assert "On 2 items, what most people say would change" in seen
    assert re.search(r"Response 0<br>.*no majority", seen, re.DOTALL)
    done = lee.post("/p/comparison/exclude", who="bob").text
    assert "bob is left out" in done
    assert {j.group.who for j in store.choices()} == {"ada", "cleo"}
    assert len(list(store.events())) == 6
    assert "left out" in lee.get("/p/comparison").text
    lee.post("/p/comparison/pause", who="bob", on="yes")
    assert {j.group.who for j in store.choices()} == {"ada", "bob", "cleo"}


def test_somebody_who_is_left_out_gets_nothing_more(store, browser_of, lee):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    lee.post("/p/thumbs/exclude", who="ada")
    assert ada.next() == {"none": "paused"}


def test_a_person_is_erased_once_their_name_is_typed(store, browser_of, lee):
    split(store, browser_of)
    wrong = lee.post("/p/comparison/erase", who="ada", typed="adaa")
    assert wrong.status_code == 422
    assert "Nothing was erased" in wrong.text
    assert {e.who for e in store.events()} == {"ada", "bob", "cleo"}
    done = lee.post("/p/comparison/erase", who="ada", typed="ada", picks="withdraw")
    assert "2 lines of the log" in done.text
    assert not any(e.who == "ada" for e in store.events())
    assert {j.group.who for j in store.choices()} == {"bob", "cleo"}


def test_a_lead_of_one_project_erases_nobody(store, browser_of):
    split(store, browser_of, items=1)
    lee = Lead(browser_of(), store, of="comparison")
    assert "Only a lead of every project" in lee.get("/p/comparison/person?who=ada").text
    assert lee.post("/p/comparison/erase", who="ada", typed="ada").status_code == 403
    assert any(e.who == "ada" for e in store.events())


RIGHT = {
    "comparison": ({"best": "1", "strength": "2"}, {"better": 1, "strength": 2}),
    "choice": ({"best": "2"}, 2),
    "ranking": ({"rank-0": "2", "rank-1": "1", "rank-2": "2"}, [[1], [0, 2]]),
    "rating": (
        {"rate-0-0": "4", "rate-0-1": "1", "rate-1-0": "2", "rate-1-1": "0"},
        [{"helpful": 4, "true": 1}, {"helpful": 2, "true": 0}],
    ),
    "thumbs": ({"thumb-0": "up", "thumb-1": "down"}, [True, False]),
    "spans": (
        {"json": '[{"response": 0, "start": 1, "end": 2, "type": "untrue"}]'},
        [{"response": 0, "start": 1, "end": 2, "type": "untrue"}],
    ),
    "edit": ({"response": "0", "text": "Moon."}, {"response": 0, "text": "Moon."}),
    "critique": ({"response": "0", "text": "Short."}, {"response": 0, "text": "Short."}),
    "demonstration": ({"text": "The moon."}, {"text": "The moon."}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_of_any_kind_becomes_a_gold_item_by_its_form(store, lee, kind):
    project(store, kind, items=1)
    there = place_of(lee, kind)
    form, value = RIGHT[kind]
    page = lee.get(there).text
    assert all(f'name="{name}"' in page for name in form)
    turned = lee.post(f"{there}/purpose", purpose="gold", explanation="So it is.", **form)
    assert "It is a gold item" in turned.text
    [(_, item)] = Queue(store).items(kind)
    assert (item.purpose, item.expected, item.explanation) == ("gold", value, "So it is.")
    lee.post(f"{there}/purpose", purpose="work")
    [(_, item)] = Queue(store).items(kind)
    assert (item.purpose, item.expected) == ("work", None)


def test_what_was_said_of_an_item_that_became_gold_counts_as_gold(store, browser_of, lee):
    project(store, "choice", items=2, overlap=2)
    say_all(store, browser_of, "choice", ada=0)
    first = next(e for e in store.events() if e.question == "choice-0")
    assert "Gold right</dt><dd>\N{EN DASH}" in lee.get("/p/choice").text
    lee.post(f"{place_of(lee, 'choice')}/purpose", purpose="gold", best=str(first.value))
    assert "Gold right</dt><dd>100 %" in lee.get("/p/choice").text
    say_all(store, browser_of, "choice", bob=0)
    assert {e.question for e in store.events(who="bob")} == {
        "choice-1"
    }  # no share of gold is set, and one place is left


def test_a_habit_is_told_in_words(store, browser_of, lee):
    project(store, "comparison", items=12)
    say_all(store, browser_of, "comparison", ada=0)
    page = lee.get("/p/comparison").text
    assert "ada picked the left answer 100 % (76 to 100 %), more often than the 50 %" in page


def test_guidelines_show_what_each_version_changed(store, lee):
    project(store, "thumbs")
    page = lee.post("/p/thumbs/guidelines", text="Prefer the answer that is **short**.").text
    assert re.search(r"Version 2, shown now.*<mark>short</mark>.*Version 1", page, re.DOTALL)


def test_a_readers_item_page_says_who_to_nobody(store, browser_of, lee):
    split(store, browser_of, items=1)
    rey = Lead(browser_of(), store, role="readonly", of="comparison", who="rey")
    page = rey.get(place_of(lee, "comparison")).text
    assert "person 1" in page
    assert not re.search(r"\b(ada|bob|cleo)\b", page)


READ = ("", "/items", "/items/{place}", "/guidelines")
JUDGED = ("/disagreements", "/person?who=ada", "/export?as=pairs")
SETTLE = ("/items/{place}/adjudicate",)
LED = ("/items/{place}/purpose", "/invite", "/pause", "/exclude", "/guidelines", "/state")
ALLOWED = {
    "lead": {*READ, *JUDGED, *SETTLE, *LED},
    "reviewer": {*READ, *JUDGED, *SETTLE},
    "readonly": set(READ),
    "annotator": set(),
}


@pytest.mark.parametrize("role", ALLOWED)
def test_each_role_has_exactly_its_rights(store, browser_of, lee, role):
    split(store, browser_of, items=1)
    place = place_of(lee, "comparison").rpartition("/")[2]
    token = Members(store).invite("comparison", "rey", role, by="test")
    client = browser_of()
    home = client.post(f"/join/{token}")
    csrf = re.search(r'name="csrf" content="(\w+)"', home.text)[1]
    cookies = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in client.cookies.jar)}
    form = {"csrf": csrf, "who": "ada", "purpose": "work", "text": "x", "to": "open", "best": "0", "typed": "ada"}
    may = set()
    for path in (*READ, *JUDGED):
        got = client.get(f"/lead/p/comparison{path.format(place=place)}", headers=cookies)
        assert got.status_code in (200, 403)
        may |= {path} if got.status_code == 200 else set()
    for path in (*SETTLE, *LED, "/erase"):
        url = f"/lead/p/comparison{path.format(place=place)}"
        got = client.post(url, data=form, headers=cookies)
        assert got.status_code in (200, 403)
        may |= {path} if got.status_code == 200 else set()
        assert client.post(url, data={**form, "csrf": "0" * 64}, headers=cookies).status_code == 403
    assert may == ALLOWED[role]


def test_somebody_who_sends_too_much_waits_and_loses_nothing(store, browser_of):
    project(store, "thumbs", items=4, per_minute=2)
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    leases = [ada.next()["lease"]]
    assert ada.say(leases[0], [True, True], id="a" * 32).status_code == 200
    assert ada.say(ada.next()["lease"], [True, True]).status_code == 200
    third = ada.next()["lease"]
    assert ada.say(third, [True, True]).status_code == 429
    assert ada.say(leases[0], [True, True], id="a" * 32).status_code == 200  # the same again is no new one
    found = Projects(store).get("thumbs")
    Projects(store).change(replace(found, per_minute=3), by="lee")
    assert ada.say(third, [True, True]).status_code == 200


def test_model_text_is_text_on_every_page(store, browser_of, lee):
    evil = '<script>alert(1)</script><img src=x onerror="alert(1)">'
    project(store, "choice", items=0, overlap=2)
    Queue(store).add_items("choice", [Item(question=question("choice", 0, (evil, "b", evil + "c")))])
    say_all(store, browser_of, "choice", ada=0, bob=1)
    say_all(store, browser_of, "choice", cleo=2)
    lee.post("/p/choice/guidelines", text=evil)
    for path in (
        place_of(lee, "choice"),
        "/p/choice/disagreements",
        "/p/choice/guidelines",
        "/p/choice/person?who=ada",
    ):
        page = lee.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
