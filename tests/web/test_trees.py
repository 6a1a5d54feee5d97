"""Conversation trees on the pages: made in the form, grown by keyboard, looked at by the lead."""

import json
import re

import pytest
from test_lead import Lead
from visitor import Visitor

from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Project
from prefloop.feedback.tree_settings import FLAG, SCALE, TreeSettings
from prefloop.feedback.tree_tasks import given
from prefloop.feedback.trees import KINDS

LABELS = {"spam": FLAG, "lang_mismatch": FLAG, "quality": SCALE}
SETTINGS = TreeSettings(
    goal=3, depth=1, assistant_replies=2, reviews=1, rankings=1, labels=LABELS, assistant_labels={"helpfulness": SCALE}
)
GOOD = {"spam": 0, "lang_mismatch": 0, "quality": 4, "helpfulness": 5}
ATTACK = "<script>alert(1)</script>"


def project(store, settings=SETTINGS, prompt="Why is the sky **blue**?"):
    Projects(store).create(Project(id="sky", title="Sky", kinds=KINDS, tree=settings), by="lee")
    Queue(store).add_items("sky", [Item(question=given("sky-1", prompt, settings))])


def invite(store, who, role="annotator"):
    return Members(store).invite("sky", who, role, by="lee")


@pytest.fixture
def lee(store, browser_of):
    return Lead(browser_of(), store)


@pytest.fixture
def person(store, browser_of):
    return lambda who: Visitor(browser_of(), "sky", invite(store, who))


def grow(person, texts=("Dust.", "The air scatters it.")):
    """Two write, a third labels both and ranks them."""
    ada, ben, cy = map(person, ("ada", "ben", "cy"))
    for who, text in zip((ada, ben), texts, strict=True):
        assert who.say(who.next()["lease"], {"text": text}).status_code == 200
    for _ in texts:
        got = cy.next()
        assert got["kind"] == "rating"
        assert cy.say(got["lease"], [GOOD]).status_code == 200
    got = cy.next()
    assert got["kind"] == "ranking"
    best = got["texts"].index(texts[1])
    assert cy.say(got["lease"], [[best], [1 - best]]).status_code == 200
    return got


def test_from_the_form_to_a_tree_that_is_ready(store, lee, person):
    prompts = (
        b'{"prompt": "Why is the sky blue?"}\n{"prompt": "Why is the sky blue?"}\n{"prompt": "And grass green?"}\n'
    )
    board = lee.post(
        "/projects", title="Sky", kind="conversation", goal="3", depth="1", replies="2", reviews="1", rankings="1",
        message_labels="spam?, lang_mismatch?, quality", reply_labels="helpfulness",
        files={"file": ("prompts.jsonl", prompts)},
    )  # fmt: skip
    assert board.status_code == 200, board.text
    assert "/lead/p/sky/trees" in board.text
    assert Projects(store).get("sky").tree == SETTINGS
    assert [q.group.texts for q in store.questions() if not q.parent] == [
        ("Why is the sky blue?",),
        ("And grass green?",),
    ]
    listed = lee.get("/p/sky/trees").text
    assert listed.count("<td>growing</td>") == 2


def test_without_a_file_people_write_the_prompts(store, lee, person):
    lee.post("/projects", title="Sky", kind="conversation", prompts="2")
    assert [q.kind for q in store.questions()] == ["demonstration"] * 2
    got = person("ada").next()
    assert "Write the first message of a conversation, as the user." in got["html"]
    assert 'class="prompt"' not in got["html"]
    assert "waits for its prompt" in lee.get("/p/sky/trees").text


@pytest.mark.parametrize(
    ("values", "why"),
    [({"message_labels": ","}, "no `labels`"), ({"goal": "0"}, "goal"), ({"kind": "conversations"}, "no kind")],
)
def test_a_form_that_makes_no_sense_is_refused_with_a_reason(store, lee, values, why):
    answer = lee.post("/projects", **{"title": "Sky", "kind": "conversation", **values})
    assert answer.status_code == 422
    assert why in answer.text
    assert Projects(store).all() == []


def test_the_tree_is_shown_in_the_order_on_which_the_rankings_agree(store, lee, person):
    project(store)
    grow(person)
    html = lee.get("/p/sky/trees/1").text
    assert html.index("The air scatters it.") < html.index("Dust.")
    said = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", html))
    assert "Ready." in said
    assert "rank 1 of 2" in said
    assert "quality 0.75" in said
    assert "ben" in said
    assert "2 of 3" not in lee.get("/p/sky").text
    assert lee.get("/p/sky/trees/2").status_code == 404
    assert lee.get("/p/sky/trees/0").status_code == 404


def test_the_trees_are_downloaded_in_open_assistants_format(store, lee, person):
    project(store)
    grow(person)
    [line] = lee.get("/p/sky/trees.jsonl").text.splitlines()
    tree = json.loads(line)
    assert tree["tree_state"] == "ready_for_export"
    assert {r["text"]: r["rank"] for r in tree["prompt"]["replies"]} == {"Dust.": 1, "The air scatters it.": 0}


def test_nobody_is_told_who_wrote_what_and_only_a_lead_sees_the_tree(store, browser_of, person):
    project(store)
    Projects(store).create(Project(id="grass", title="Grass", kinds=KINDS, tree=SETTINGS), by="lee")
    got = grow(person)
    assert not {"ada", "ben"} & set(re.findall(r"\w+", json.dumps(got)))
    dee, other = person("dee"), Lead(browser_of(), store, of="grass", who="kim")
    for path in ("trees", "trees/1", "trees.jsonl"):
        assert dee.client.get(f"/lead/p/sky/{path}").status_code == 401
        assert other.get(f"/p/sky/{path}").status_code == 403


def test_what_people_write_reaches_no_page_as_anything_but_text(store, lee, person):
    project(store, prompt=ATTACK)
    got = grow(person, texts=(ATTACK, f"{ATTACK} again"))
    for html in (got["html"], lee.get("/p/sky/trees/1").text, lee.get("/p/sky/trees").text):
        assert "<script>alert" not in html
        assert "alert(1)" in html
