"""A lead's first two minutes in a browser, and what the lead's pages are like to look at and to hear."""

import json
import time

import pytest
from asked_here import invite, project
from driven import AXE, READY, playwright, press, saved, violations

from prefloop.feedback.members import Members
from prefloop.feedback.projects import Projects
from prefloop.feedback.records import Stop

PAGES = ("", "/items", "/disagreements", "/guidelines", "/person?who=ada")


def lead(store, visit, **options):
    page = visit(Members(store).invite("", "lee", "lead", by="test"), **options)
    page.wait_for_url("**/lead")
    return page


def rows():
    work = [{"prompt": f"Say {n}.", "responses": ["One.", f"It is {n}."]} for n in range(6)]
    gold = {"prompt": "Is ice cold?", "responses": ["Yes.", "No."], "expected": {"better": 0, "strength": 7}}
    return "\n".join(map(json.dumps, [*work, gold, {**work[0], "responses": ["it is 0.", "ONE."]}])).encode()


def test_a_leads_first_two_minutes(store, visit):
    begun = time.monotonic()
    page = lead(store, visit)
    page.get_by_label("Title").fill("Plain words")
    page.locator("#file").set_input_files(
        files=[{"name": "rows.jsonl", "mimeType": "application/jsonl", "buffer": rows()}]
    )
    preview = page.locator("#preview")
    playwright.expect(preview).to_contain_text("8 items: 7 to be labelled, 1 gold")
    playwright.expect(preview).to_contain_text("1 questions, normalised")
    page.get_by_label("Share of gold items").fill("50")
    page.get_by_label("Answers", exact=True).fill("5")
    page.get_by_label("Guidelines").fill("Prefer the **plainer** one.")
    page.get_by_role("button", name="Create it").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator(".link").inner_text()
    found = Projects(store).get("plain-words")
    assert (found.gold_share, found.stop) == (0.5, Stop(labels=5))
    ada = page.context.browser.new_context().new_page()
    ada.goto(link)
    ada.get_by_label("Your name").fill("ada")
    ada.get_by_role("button", name="Start").click()
    for _ in range(2):
        ada.wait_for_selector(READY)
        press(ada, ["1", "Control+Enter"])
        saved(ada)
    ada.context.close()
    page.goto(page.url.rpartition("/invite")[0])
    playwright.expect(page.locator(".facts").first).to_contain_text("Gold right")
    said = [e.question for e in store.events()]
    assert len(said) == 2
    assert "plain-words-7" in said  # half of what each sees is gold, and there is one
    playwright.expect(page.get_by_role("row", name="ada")).to_contain_text("annotator")
    assert time.monotonic() - begun < 120


def test_the_form_shows_the_options_of_its_kind_alone(store, visit):
    page = lead(store, visit)
    for kind, shown in (
        ("comparison", "Steps of strength"),
        ("rating", "Axes of a rating"),
        ("spans", "Kinds of error"),
    ):
        page.get_by_label("Kind of question").select_option(kind)
        others = {"Steps of strength", "Axes of a rating", "Kinds of error"} - {shown}
        playwright.expect(page.get_by_label(shown)).to_be_visible()
        for other in others:
            playwright.expect(page.get_by_label(other)).to_be_hidden()


def test_an_item_is_settled_by_keyboard(store, visit, url):
    disagreeing(store, visit)
    page = lead(store, visit)
    page.goto(f"{url}/lead/p/comparison/disagreements")
    page.get_by_role("button", name="This is the answer").first.focus()
    page.keyboard.press("Enter")
    playwright.expect(page.get_by_role("heading", name="Settled")).to_be_visible()
    assert [e.event for e in store.events()][-1] == "adjudication"


def disagreeing(store, visit):
    project(store, "comparison", items=2, overlap=2)
    for who, side in (("ada", "The tide follows"), ("bob", "The tide is made")):
        page = visit(invite(store, "comparison", who))
        for _ in range(2):
            page.wait_for_selector(READY)
            first = page.locator(".side .text").first.inner_text().startswith(side)
            press(page, ["1" if first else "2", "Control+Enter"])
            saved(page)


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_of_the_lead_scrolls_sideways_or_complains(store, visit, url, width):
    disagreeing(store, visit)
    page = lead(store, visit)
    page.set_viewport_size({"width": width, "height": 800})
    for path in ("/lead", *(f"/lead/p/comparison{p}" for p in PAGES)):
        page.goto(url + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.skipif(not AXE, reason="PREFLOOP_AXE does not name an axe.min.js (npm pack axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_on_the_leads_pages(store, visit, url, scheme):
    disagreeing(store, visit)
    page = lead(store, visit, color_scheme=scheme)
    found = []

    def check(path):
        page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
        found.extend((path, *one) for one in violations(page))

    check("/lead")
    for path in PAGES:
        page.goto(f"{url}/lead/p/comparison{path}")
        check(path)
    page.goto(f"{url}/lead/p/comparison/items")
    page.get_by_role("link", name="comparison-0").click()
    check("item")
    page.get_by_label("Explanation").fill("It is true.")
    page.get_by_role("button", name="Use this right answer").click()
    check("gold item")
    page.goto(f"{url}/lead/p/comparison/person?who=ada")
    page.locator("#erase + details summary").click()
    page.get_by_label("Type the name to confirm").fill("ada")
    page.get_by_role("button", name="Delete for ever").click()
    check("deleted")
    assert found == []
