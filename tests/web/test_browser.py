"""The page in a browser: every kind by keyboard alone, two people at once, lost networks, and accessibility."""

import os
import re
import shutil
from pathlib import Path

import pytest
from asked_here import ALL, invite, project
from serve import served

from prefloop.feedback.members import Members

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = os.environ.get("PREFLOOP_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
AXE = os.environ.get("PREFLOOP_AXE", "")  # the path of axe.min.js, from `npm pack axe-core`
if not Path(CHROMIUM).exists():
    pytest.skip("there is no Chromium: install it, or set PREFLOOP_CHROMIUM", allow_module_level=True)

FLAGS = (
    "--no-sandbox --headless --disable-gpu --disable-background-networking --disable-component-update --disable-sync"
)
READY = "#item fieldset, #item textarea, #item .marking"
KEYS = {
    "comparison": (["2"], {"strength": 5}),
    "choice": (["3"], None),
    "ranking": (["2", "=", "1", "3"], None),
    "rating": (["4", "1", "2", "0"], [{"helpful": 4, "true": 1}, {"helpful": 2, "true": 0}]),
    "thumbs": (["1", "0"], [True, False]),
    "spans": (["ArrowRight", "Shift+ArrowRight", "2"], [{"start": 4, "end": 16, "type": "unclear"}]),
    "edit": (["Control+a", "Delete", "M", "o", "o", "n"], {"text": "Moon"}),
    "critique": (["N", "o"], {"text": "No"}),
    "demonstration": (["N", "o"], {"text": "No"}),
}


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield browser
        browser.close()


@pytest.fixture
def url(app):
    with served(app) as address:
        yield address


@pytest.fixture
def visit(chromium, url):
    """Opens an invitation by keyboard, in a window of its own; what a page complains of fails the test."""
    contexts, complaints = [], []

    def open_(token, **options):
        contexts.append(chromium.new_context(viewport={"width": 1280, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{url}/join/{token}")
        page.get_by_role("button", name="Start").focus()
        page.keyboard.press("Enter")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


def saved(page):
    playwright.expect(page.locator("#status")).to_have_text("Saved.")


@pytest.mark.parametrize("kind", ALL)
def test_the_whole_task_by_keyboard(store, visit, kind):
    project(store, kind, items=2)
    page = visit(invite(store, kind))
    page.wait_for_selector(READY)
    first = page.locator("#item").inner_text()
    keys, expected = KEYS[kind]
    press(page, keys)
    page.keyboard.press("Control+Enter")
    saved(page)
    page.wait_for_selector(READY)
    assert page.locator("#item").inner_text() != first
    (event,) = store.events()
    shown = event.order
    if kind == "ranking":
        assert event.value == [sorted([shown[1], shown[0]]), [shown[2]]]
    elif kind == "choice":
        assert event.value == shown[2]
    elif kind == "comparison":
        assert event.value == {"better": shown[0], **expected}
    elif kind in ("rating", "thumbs"):
        assert [event.value[i] for i in shown] == expected
    elif kind == "spans":
        assert event.value == [{"response": 0, **expected[0]}]
    else:
        assert {k: event.value[k] for k in expected} == expected
    assert 0 < event.seconds < 60
    # skip the next one with a reason, then take both back
    page.keyboard.press("Escape")
    press(page, ["n", "2", "Enter"])
    playwright.expect(page.locator("#item")).to_contain_text("nothing more for you")
    press(page, ["u"])
    page.wait_for_selector(READY)
    page.keyboard.press("Escape")
    press(page, ["u"])
    playwright.expect(page.locator("#item")).to_contain_text("(0)" if "(0)" in first else "(1)")
    page.keyboard.press("Control+Enter")  # what was said is still there
    saved(page)
    assert [e.event for e in store.events()] == ["answer", "skip", "undo", "undo", "answer"]
    last = list(store.events())[-1]
    assert (last.value, last.revision) == (event.value, 2)


def test_two_annotators_at_once_never_have_the_same_item(store, visit):
    project(store, "choice", items=6)
    pages = [visit(invite(store, "choice", who)) for who in ("ada", "bob")]
    for _ in range(3):
        for page in pages:
            page.wait_for_selector(READY)
        prompts = [page.locator(".prompt").inner_text() for page in pages]
        assert prompts[0] != prompts[1]
        for page in pages:
            press(page, ["1", "Enter"])
            saved(page)
    for page in pages:
        playwright.expect(page.locator("#item")).to_contain_text("nothing more for you")
    events = list(store.events())
    assert len(events) == len({e.question for e in events}) == 6


def test_a_lost_network_loses_nothing(store, visit):
    project(store, "thumbs", items=3)
    page = visit(invite(store, "thumbs"))
    page.wait_for_selector(READY)
    page.wait_for_timeout(1_000)  # the next item is fetched ahead
    page.context.set_offline(True)
    press(page, ["1", "1", "Control+Enter"])
    playwright.expect(page.locator("#status")).to_contain_text("waits on this device")
    assert list(store.events()) == []
    page.wait_for_selector(READY)
    press(page, ["0", "0", "Control+Enter"])
    playwright.expect(page.locator("#status")).to_contain_text("2 answers wait")
    page.context.set_offline(False)
    saved(page)
    page.wait_for_selector(READY)
    assert [e.value for e in store.events()] == [[True, True], [False, False]]


def test_an_answer_whose_receipt_is_lost_counts_once(store, visit):
    project(store, "thumbs", items=2)
    page = visit(invite(store, "thumbs"))
    page.wait_for_selector(READY)
    lost = []

    def lose(route):
        route.fetch()
        lost.append(1)
        route.abort()

    page.route("**/submit", lose, times=2)
    press(page, ["1", "1", "Control+Enter"])
    saved(page)
    assert len(lost) == 2
    assert len(list(store.events())) == 1


def test_a_draft_outlives_a_reload(store, visit):
    project(store, "critique", items=2)
    page = visit(invite(store, "critique"))
    page.wait_for_selector(READY)
    page.keyboard.type("Half a thought")
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("#text").input_value() == "Half a thought"


def test_an_answer_that_waits_outlives_a_reload(store, visit):
    project(store, "thumbs", items=3)
    page = visit(invite(store, "thumbs"))
    page.wait_for_selector(READY)
    page.route("**/submit", lambda route: route.abort())
    press(page, ["1", "1", "Control+Enter"])
    playwright.expect(page.locator("#status")).to_contain_text("waits on this device")
    page.unroute("**/submit")
    page.reload()
    saved(page)
    assert len(list(store.events())) == 1


def test_keys_are_shown_and_changed(store, visit):
    project(store, "comparison", items=2)
    page = visit(invite(store, "comparison"))
    page.wait_for_selector(READY)
    page.keyboard.press("?")
    page.locator("dialog[open] [data-action=skip]").focus()
    press(page, ["Enter", "k", "Escape", "n"])
    assert page.locator("#skipping[open]").count() == 0
    page.keyboard.press("k")
    assert page.locator("#skipping[open]").count() == 1


def test_raw_text_and_differences(store, visit):
    project(store, "comparison", items=1)
    page = visit(invite(store, "comparison"))
    page.wait_for_selector(READY)
    page.keyboard.press("v")
    playwright.expect(page.locator(".side pre.raw:visible").first).to_be_visible()
    page.keyboard.press("w")
    playwright.expect(page.locator(".side mark:visible").first).to_be_visible()


def test_idle_time_is_left_out(store, visit, url, chromium):
    project(store, "thumbs", items=2)
    page = chromium.new_context().new_page()
    page.clock.install()
    page.goto(f"{url}/join/{invite(store, 'thumbs')}")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(READY)
    page.clock.fast_forward(3_600_000)
    press(page, ["1", "1", "Control+Enter"])
    saved(page)
    (event,) = store.events()
    assert 30 <= event.seconds < 60
    page.context.close()


def test_no_page_scrolls_sideways_on_a_narrow_screen(store, visit, url):
    for kind in ALL:
        project(store, kind, items=1, texts=("word" * 200 + " $x^2$", "| a | b |\n|-|-|\n| 1 | 2 |", "c"))
        page = visit(invite(store, kind))
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_selector(READY)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, kind


@pytest.mark.skipif(not AXE, reason="PREFLOOP_AXE does not name an axe.min.js (npm pack axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_any_page(store, visit, url, scheme):
    violations = []

    def check(page, what):
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
        found = page.evaluate("async () => (await axe.run()).violations")
        violations.extend((what, v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found)

    for kind in ALL:
        project(store, kind, items=2)
        page = visit(invite(store, kind), color_scheme=scheme)
        page.wait_for_selector(READY)
        check(page, kind)
        if kind in ("ranking", "spans", "comparison"):
            press(page, KEYS[kind][0])
            check(page, f"{kind} with an answer")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        check(page, f"keys of {kind}")
        page.keyboard.press("Escape")
        page.keyboard.press("n")
        check(page, f"skip of {kind}")
        page.keyboard.press("Escape")
    lead = visit(Members(store).invite("", "lee", "lead", by="test"), color_scheme=scheme)
    lead.wait_for_url("**/lead")
    check(lead, "projects")
    for path in ("/lead/p/ranking", "/lead/p/ranking/items", "/lead/p/ranking/items/1", "/", "/none"):
        lead.goto(url + path)
        if path.endswith("items/1"):
            lead.goto(url + re.search(r"/lead/p/ranking/items/\d+", lead_items(lead, url))[0])
        check(lead, path)
    lead.goto(f"{url}/join/{Members(store).invite('ranking', '*', 'annotator', by='test')}")
    check(lead, "join")
    assert violations == []


def lead_items(page, url):
    page.goto(f"{url}/lead/p/ranking/items")
    return page.content()
