"""The page of a run that goes on: what it shows to whom, and how it looks in a browser."""

import pytest
from asked_here import invite, project
from visitor import Visitor

from prefloop.feedback.browser import Coming
from prefloop.feedback.projects import Projects
from prefloop.loops.progress import Silent
from prefloop.text import Group, Prompt, Response
from prefloop.web.app import create_app
from prefloop.web.watched import KEPT, OF_A_STEP, Watched

RULE = "A round learns when 90 % of the labels asked for so far have come."
OPENINGS = (
    "The old harbour lay quiet in the rain, and the boats that had gone out in the morning",
    "When the letter came, she put it on the table next to the lamp and",
    "The road to the garden was",
)
ANSWERS = (
    " came home one by one, their lamps bright over the water, to a crowd that cheered each of them.",
    " smiled: **everybody** she had ever loved was coming to the house by the river.",
    " long and dry, and nobody had walked it since the summer.",
)


def groups(answers=ANSWERS):
    return [
        Group(prompt=Prompt(text=p), responses=(Response(text=a), Response(text="other")))
        for p, a in zip(OPENINGS, answers, strict=True)
    ]


def took(watched, step, answers=ANSWERS, rewards=((0.91, 0.1), (0.74, 0.2), (-0.35, 0.3))):
    watched.step(step, {"reward": 0.43, "kl": 1.25}, groups(answers), rewards)


@pytest.fixture
def watched(store):
    project(store, "comparison")
    made = Watched(Silent(), rule=RULE)
    made.project, made.count = "comparison", lambda: Coming(asked=24, come=17)
    return made


@pytest.fixture
def app(store, watched):
    return create_app(store, secret="s" * 32, watched=watched)


@pytest.fixture
def ada(store, browser_of):
    return Visitor(browser_of(), "comparison", invite(store, "comparison"))


@pytest.fixture
def lead(store, browser_of):
    client = browser_of()
    assert client.post(f"/join/{invite(store, 'comparison', 'lee', 'lead')}").status_code == 200
    return client


def allow(lead, on="1"):
    page = lead.get("/lead/p/comparison/live").text
    csrf = page.partition('name="csrf" value="')[2].partition('"')[0]
    return lead.post("/lead/p/comparison/live", data={"csrf": csrf, "on": on})


def test_the_lead_sees_where_the_run_is_and_what_the_policy_writes(watched, lead):
    assert 'href="/lead/p/comparison/live"' in lead.get("/lead/p/comparison").text
    with watched.stage("round 1: rloo", 16) as bar:
        took(watched, 4)
        bar.advance(5)
        told = lead.get("/lead/p/comparison/live.json").json()
    assert {k: told["now"][k] for k in ("stage", "done", "labels", "step", "reward", "kl", "health")} == {
        "stage": "round 1: rloo",
        "done": "5 of 16",
        "labels": "17 of 24",
        "step": "5",
        "reward": "0.43",
        "kl": "1.25 nats",
        "health": "No warnings",
    }
    assert [s["number"] for s in told["samples"]] == [1, 2, 3]
    first = told["samples"][0]["html"]
    assert "round 1: rloo, step 5, reward 0.91" in first
    assert OPENINGS[0] in first
    assert ANSWERS[0].strip() in first
    assert "<strong>everybody</strong>" in told["samples"][1]["html"]
    took(watched, 5)
    assert [s["number"] for s in lead.get("/lead/p/comparison/live.json?after=3").json()["samples"]] == [4, 5, 6]
    assert RULE in lead.get("/lead/p/comparison/live").text


def test_warnings_are_shown_and_passed_on(watched, lead):
    heard = []
    watched._told.say = heard.append
    watched.say("model: here")
    watched.say("warning: <b>All answers</b> were cut.")
    told = lead.get("/lead/p/comparison/live.json").json()["now"]
    assert (told["health"], told["warnings"]) == ("Warnings: 1", ["<b>All answers</b> were cut."])
    assert "&lt;b&gt;All answers&lt;/b&gt; were cut." in lead.get("/lead/p/comparison/live").text
    assert heard == ["model: here", "warning: <b>All answers</b> were cut."]


def test_annotators_see_the_samples_only_where_the_lead_allows_it(store, watched, ada, lead):
    took(watched, 0)

    def seen():
        return len(ada.client.get("/p/comparison/live.json").json()["samples"])

    assert 'href="/p/comparison/live"' in ada.client.get("/p/comparison/").text
    assert ada.client.get("/p/comparison/live.json").json()["now"]["labels"] == "17 of 24"
    assert seen() == 0
    assert 'id="samples"' not in ada.client.get("/p/comparison/live").text
    assert allow(lead).status_code == 200
    assert seen() == OF_A_STEP
    assert 'id="samples"' in ada.client.get("/p/comparison/live").text
    allow(lead, "")
    assert seen() == 0
    assert Projects(store).get("comparison").kinds == ("comparison",)


def test_nobody_else_comes_in(store, watched, ada, browser_of):
    took(watched, 0)
    assert ada.client.get("/lead/p/comparison/live.json").status_code == 401
    assert browser_of().get("/p/comparison/live.json").status_code == 401
    refused = ada.client.post("/lead/p/comparison/live", data={"csrf": ada.csrf, "on": "1"})
    assert refused.status_code == 401
    reader = browser_of()
    reader.post(f"/join/{invite(store, 'comparison', 'rea', 'readonly')}")
    assert len(reader.get("/lead/p/comparison/live.json").json()["samples"]) == OF_A_STEP
    assert allow(reader).status_code == 403
    assert not Projects(store).get("comparison").page


def test_a_change_brings_a_token_along(lead):
    assert lead.post("/lead/p/comparison/live", data={"csrf": "guessed", "on": "1"}).status_code == 403


def test_a_project_that_no_run_asks_in_has_no_such_page(store, browser_of):
    project(store, "thumbs")
    other = Visitor(browser_of(), "thumbs", invite(store, "thumbs"))
    assert other.client.get("/p/thumbs/live").status_code == 404
    assert other.client.get("/p/thumbs/live.json").status_code == 404
    assert "/live" not in other.client.get("/p/thumbs/").text


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\0\ud800", "![x](http://a/b.png)", "", "<img src=x>"])
def test_what_the_model_wrote_is_text(watched, lead, text):
    took(watched, 0, answers=(text,) * 3, rewards=())
    told = lead.get("/lead/p/comparison/live.json")
    assert told.status_code == 200
    html = told.json()["samples"][0]["html"]
    assert not any(tag in html for tag in ("<script", "<img", "\ud800"))
    assert "reward" not in html.partition("</p>")[0]


def test_a_long_run_keeps_the_newest_samples_only(watched, lead):
    for step in range(KEPT):
        took(watched, step)
    told = lead.get("/lead/p/comparison/live.json").json()["samples"]
    assert [s["number"] for s in told] == list(range(OF_A_STEP * KEPT - KEPT + 1, OF_A_STEP * KEPT + 1))
