"""A conversation grown by keyboard alone, and every page of it for everybody."""

import pytest
from driven import AXE, READY, playwright, press, saved, violations
from test_trees import GOOD, grow, invite, person, project  # noqa: F401

from prefloop.feedback.forest import stored_trees
from prefloop.feedback.members import Members

LABELS = "#item [data-axis]"


def write(page, text):
    page.wait_for_selector(READY)
    playwright.expect(page.locator("#text")).to_be_focused()
    page.keyboard.type(text)
    page.keyboard.press("Control+Enter")
    saved(page)


def leave(page):
    """Close a page that waits for work, so that it holds none that others are to get."""
    playwright.expect(page.locator("#item")).to_contain_text("nothing more for you")
    page.close()


def label(page):
    page.wait_for_selector(LABELS)
    assert page.get_by_role("heading", name="Label this message of the assistant.").count() == 1
    assert page.get_by_role("group", name="lang mismatch").get_by_role("radio", name="0 no").count() == 1
    press(page, ["0", "0", "4", "5", "Control+Enter"])
    saved(page)


def test_writing_labelling_and_ranking_by_keyboard(store, visit):
    project(store)
    ada, ben = visit(invite(store, "ada")), visit(invite(store, "ben"))
    for page, text in ((ada, "Dust."), (ben, "The air scatters it.")):
        page.wait_for_selector(READY)
        assert page.get_by_label("Write the next message, as the assistant.").count() == 1
        assert page.get_by_role("heading", name="Prompt").count() == 1
        write(page, text)
        if page is ada:
            leave(ada)
    label(ben)
    cy = visit(invite(store, "cy"))
    label(cy)
    cy.wait_for_selector(".ranking")
    assert [e.value for e in store.events()][2:] == [[GOOD], [GOOD]]
    first = cy.locator(".side[data-place='1'] .text").first.inner_text()
    press(cy, ["2", "1", "Control+Enter"])
    playwright.expect(cy.locator("#item")).to_contain_text("nothing more for you")
    [tree] = stored_trees(store, "sky")
    assert tree.state == "ready"
    assert [r.text for r in tree.prompt.replies if r.rank == 0] == [first]


def test_a_draft_of_a_message_outlives_a_reload(store, visit):
    project(store)
    page = visit(invite(store, "ada"))
    page.wait_for_selector(READY)
    page.keyboard.type("Half a thought")
    page.reload()
    page.wait_for_selector(READY)
    assert page.locator("#text").input_value() == "Half a thought"


def lead_pages(store, visit, url, **options):
    lee = visit(Members(store).invite("", "lee", "lead", by="test"), **options)
    lee.wait_for_url("**/lead")
    lee.locator("#kind").select_option("conversation")
    yield "form", lee
    for path in ("/lead/p/sky", "/lead/p/sky/trees", "/lead/p/sky/trees/1"):
        lee.goto(url + path)
        yield path, lee


def test_no_page_of_a_conversation_scrolls_sideways_on_a_narrow_screen(store, visit, url, person):  # noqa: F811
    long = "word" * 100
    project(store, prompt=long)
    ada = visit(invite(store, "ada"))
    ada.set_viewport_size({"width": 360, "height": 740})
    ada.wait_for_selector(READY)
    assert ada.evaluate("document.documentElement.scrollWidth") <= 360
    ada.keyboard.press("Escape")
    press(ada, ["n", "Enter"])
    leave(ada)
    grow(lambda who: person(f"{who}-2"), texts=(long, long + "!"))
    for path, lee in lead_pages(store, visit, url):
        lee.set_viewport_size({"width": 360, "height": 740})
        assert lee.evaluate("document.documentElement.scrollWidth") <= 360, path


@pytest.mark.skipif(not AXE, reason="PREFLOOP_AXE does not name an axe.min.js (npm pack axe-core)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_a_conversation(store, visit, url, person, scheme):  # noqa: F811
    found = []

    def check(page, what):
        found.extend((what, *one) for one in violations(page))

    project(store)
    ada, ben = (visit(invite(store, who), color_scheme=scheme) for who in ("ada", "ben"))
    for page, text in ((ada, "Dust."), (ben, "The air.")):
        page.wait_for_selector(READY)
        check(page, "writing")
        write(page, text)
        if page is ada:
            leave(ada)
    label(ben)
    cy = visit(invite(store, "cy"), color_scheme=scheme)
    cy.wait_for_selector(LABELS)
    check(cy, "labels")
    label(cy)
    cy.wait_for_selector(".ranking")
    check(cy, "ranking")
    press(cy, ["2", "1", "Control+Enter"])
    playwright.expect(cy.locator("#item")).to_contain_text("nothing more for you")
    for path, lee in lead_pages(store, visit, url, color_scheme=scheme):
        check(lee, path)
    assert found == []
