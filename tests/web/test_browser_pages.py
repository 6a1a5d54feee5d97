"""Every page there is: nothing scrolls sideways, and axe-core finds nothing, light and dark, wide and narrow."""

import re

import pytest
from asked_here import ALL, invite, project, question
from driven import AXE, KEYS, READY, playwright, press, saved, sideways, violations

from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Project

WIDE = ("word" * 200 + " $x^2$", "| a | b |\n|-|-|\n| 1 | 2 |", "c")
SIZES = {1280: 800, 640: 400, 360: 740}
"""Widths in CSS pixels: 640 by 400 is what 1280 by 800 becomes at a zoom of 200 %."""


@pytest.mark.parametrize("width", [640, 360])
def test_no_page_of_who_answers_scrolls_sideways(store, visit, width):
    for kind in ALL:
        project(store, kind, items=2, texts=WIDE)
        page = visit(invite(store, kind))
        page.set_viewport_size({"width": width, "height": SIZES[width]})
        page.wait_for_selector(READY)
        assert sideways(page) <= 0, kind
        submit = page.locator("#submit").bounding_box()
        assert submit["y"] + submit["height"] <= SIZES[width], kind
        press(page, KEYS[kind][0])
        page.keyboard.press("Control+Enter")
        saved(page)
        page.goto(page.url.split("?")[0] + "mine")
        assert sideways(page) <= 0, kind


@pytest.mark.parametrize("kind", ["comparison", "ranking", "spans"])
def test_twice_the_letters_still_fit(store, visit, kind):
    project(store, kind, items=1)
    page = visit(invite(store, kind))
    page.wait_for_selector(READY)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert sideways(page) <= 0
    assert page.locator("#submit").is_visible()


@pytest.mark.skipif(not AXE, reason="PREFLOOP_AXE does not name an axe.min.js (npm pack axe-core)")
@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_any_page(store, app, visit, url, scheme, width):
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": SIZES[width]}}
    found = []
    for page, what in (*answering(store, visit, options), *leading(store, app, visit, url, options)):
        found += [(what, *violation) for violation in violations(page)]
        found += [(what, "scrolls sideways")] if sideways(page) > 0 else []
    assert found == []


def answering(store, visit, options):
    """Each page of who answers, in each of its states."""
    for kind in ALL:
        project(store, kind, items=2, examples=1)
        page = visit(invite(store, kind), **options)
        page.wait_for_selector(READY)
        yield page, kind
        press(page, KEYS[kind][0])
        yield page, f"{kind} with an answer"
        page.keyboard.press("Control+Enter")
        saved(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    yield page, "keys"
    press(page, ["Escape", "n"])
    yield page, "skip"
    page.keyboard.press("Enter")
    playwright.expect(page.locator("#item")).to_contain_text("nothing more for you")
    yield page, "the end"
    page.goto(page.url + "mine")
    yield page, "one's own answers"
    right = [
        Item(question=question("comparison", n), purpose="practice", expected="tie", explanation="**So**.")
        for n in (7, 8)
    ]
    Queue(store).add_items("comparison", right)
    page = visit(invite(store, "comparison", "bob"), **options)
    page.wait_for_selector(READY)
    if width_of(options) < 900:
        page.locator("#examples > summary").click()
    page.locator(".example summary").click()
    page.locator("#panes").click()
    yield page, "practice, with examples and panes"
    press(page, ["Escape", "4", "Control+Enter"])
    page.wait_for_selector(".behind")
    yield page, "practice with what is right"
    project_with_warning(store)
    page = visit(invite(store, "warned"), **options)
    page.wait_for_selector(".warned")
    yield page, "a warning"


def width_of(options):
    return options["viewport"]["width"]


def project_with_warning(store):
    made = Project(id="warned", title="Warned", kinds=("thumbs",), page={"warning": "Some of this is harsh."})
    Projects(store).create(made, by="lee")
    Queue(store).add_items("warned", [Item(question=question("thumbs", 99))])


def leading(store, app, visit, url, options):
    """Each page of who leads that the server has, and those of nobody."""
    page = visit(Members(store).invite("", "lee", "lead", by="test"), **options)
    page.wait_for_url("**/lead")
    paths = [path for path, ways in app.openapi()["paths"].items() if "get" in ways and path.startswith("/lead")]
    assert len(paths) > 4
    for path in paths:
        if path.endswith(("jsonl", "export")):
            continue
        page.goto(f"{url}/lead/p/critique/items")
        place = re.search(r"items/(\d+)", page.content())[1]
        answer = page.goto(url + path.format(project="critique", place=place, number=1))
        if "html" in answer.headers["content-type"]:
            yield page, path
    for path in ("/", "/none", f"/join/{Members(store).invite('ranking', '*', 'annotator', by='test')}", "/join/none"):
        page.goto(url + path)
        yield page, path
