"""The routes of somebody who answers."""

import json
import re

import pytest
from asked_here import ALL, OPTIONS, TEXTS, invite, project
from visitor import Visitor

SAID = {
    "comparison": {"better": 0, "strength": 2},
    "choice": 1,
    "ranking": [[1], [0, 2]],
    "rating": [{"helpful": 4, "true": 1}, {"helpful": 2, "true": 0}],
    "thumbs": [True, False],
    "spans": [{"response": 0, "start": 0, "end": 3, "type": "untrue"}],
    "edit": {"response": 0, "text": "The moon does."},
    "critique": {"response": 0, "text": "Too long."},
    "demonstration": {"text": "The moon does."},
}


def kept(value, order):
    """What the store has for the places on the page, worked out another way than the page does."""
    place = {shown: index for shown, index in enumerate(order)}
    if isinstance(value, list) and isinstance(value[0], list):
        return [sorted(place[p] for p in tier) for tier in value]
    if isinstance(value, list) and "response" not in (value[0] if isinstance(value[0], dict) else {}):
        return [value[list(order).index(i)] for i in range(len(order))]
    if isinstance(value, list):
        return [{**v, "response": place[v["response"]]} for v in value]
    if isinstance(value, int):
        return place[value]
    return {k: place[v] if k in ("better", "response") else v for k, v in value.items()}


@pytest.mark.parametrize("who", ["ada", "bob", "eve"])
@pytest.mark.parametrize("kind", ALL)
def test_an_answer_of_each_kind_is_kept_for_the_responses_that_were_shown(store, browser_of, kind, who):
    project(store, kind)
    ada = Visitor(browser_of(), kind, invite(store, kind, who))
    got = ada.next()
    answer = ada.say(got["lease"], SAID[kind])
    assert answer.status_code == 200, answer.text
    (event,) = store.events()
    shown = [store.questions()[0].group.texts[i] for i in event.order]
    assert got["texts"] == shown
    assert event.value == kept(SAID[kind], event.order)
    assert (event.who, event.seconds, event.guideline, event.revision) == (who, 2.5, 1, 0)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize(
    "value", [None, -1, 99, True, "x", [], {}, [[]], [None], [{}], {"better": 9}, {"response": "0"}]
)
def test_a_value_that_the_kind_does_not_take_is_refused_with_a_reason(store, browser_of, kind, value):
    if kind == "spans" and value == []:
        pytest.skip("nothing is wrong: an answer")
    project(store, kind)
    ada = Visitor(browser_of(), kind, invite(store, kind))
    answer = ada.say(ada.next()["lease"], value)
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert list(store.events()) == []


def test_which_model_wrote_what_and_what_an_item_is_for_are_told_to_nobody(store, browser_of):
    project(store, "comparison")
    got = Visitor(browser_of(), "comparison", invite(store, "comparison")).next()
    told = json.dumps(got) + repr(re.findall(r"[\w-]{20,}", got["lease"]))
    assert "secret-" not in told
    assert "gold" not in told
    assert "purpose" not in told


def test_both_sides_are_rendered_alike(store, browser_of):
    project(store, "comparison", texts=("**same**", "**same**", ""))
    html = Visitor(browser_of(), "comparison", invite(store, "comparison")).next()["html"]
    assert html.count("<p><strong>same</strong></p>") == 2


def test_the_next_item_can_be_fetched_while_one_is_held(store, browser_of):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    first = ada.next()
    second = ada.next(first["lease"])
    assert first["question"] != second["question"]
    assert ada.next()["question"] == first["question"], "after a reload the same item is there"


def test_two_people_never_have_the_same_place(store, browser_of):
    project(store, "choice", items=3)
    ada, bob = (Visitor(browser_of(), "choice", invite(store, "choice", who)) for who in ("ada", "bob"))
    seen = [v.next()["question"] for v in (ada, bob)]
    assert len(set(seen)) == 2
    assert [ada.say(ada.next()["lease"], 0).status_code, bob.say(bob.next()["lease"], 0).status_code] == [200, 200]
    assert {a.next().get("question") for a in (ada, bob)} - set(seen) != set()


def test_the_same_submission_twice_counts_once(store, browser_of):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    lease = ada.next()["lease"]
    receipts = [ada.say(lease, [True, True], id="a" * 32).json()["repeated"] for _ in range(3)]
    assert receipts == [False, True, True]
    assert len(list(store.events())) == 1


def test_an_answer_is_taken_back_and_given_anew(store, browser_of):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    first = ada.say(ada.next()["lease"], [True, True]).json()["lease"]
    undone = ada.say(first, event="undo").json()["lease"]
    assert ada.say(undone, [False, False]).status_code == 200
    assert [(e.event, e.revision) for e in store.events()] == [("answer", 0), ("undo", 1), ("answer", 2)]
    assert [a.value for a in store.answers()] == [[False, False]]


def test_two_windows_cannot_overwrite_each_other(store, browser_of):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    lease = ada.next()["lease"]
    assert ada.say(lease, [True, True]).status_code == 200
    other = ada.say(lease, [False, False])
    assert other.status_code == 422
    assert "another window" in other.json()["detail"]


def test_a_skip_has_its_reason(store, browser_of):
    project(store, "thumbs")
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    lease = ada.next()["lease"]
    assert ada.say(lease, event="skip", reason="I cannot tell").status_code == 200
    assert [(e.event, e.reason) for e in store.events()] == [("skip", "I cannot tell")]


def test_at_the_end_the_page_says_so(store, browser_of):
    project(store, "thumbs", items=1)
    ada = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    ada.say(ada.next()["lease"], [True, True])
    assert ada.next() == {"none": "done"}


def test_the_words_in_which_two_answers_differ(store, browser_of):
    project(store, "comparison", texts=("one two", "one three", ""))
    ada = Visitor(browser_of(), "comparison", invite(store, "comparison"))
    got = ada.next()
    sides = ada.post("compare", lease=got["lease"]).json()["sides"]
    assert [re.findall("<mark>(.*?)</mark>", s) for s in sides] == [[t.split()[1]] for t in got["texts"]]


def test_texts_of_every_kind_reach_the_page_without_acting(store, browser_of):
    attack = "<script>alert(1)</script>"
    for kind in ALL:
        project(store, kind, texts=(attack, attack, attack))
        html = Visitor(browser_of(), kind, invite(store, kind)).next()["html"]
        assert "<script" not in html
    assert len(TEXTS) == 3
    assert set(OPTIONS) <= set(ALL)
