"""What the page does for who answers: practice, examples, warnings, breaks, earlier answers, drafts, progress."""

import re

import pytest
from asked_here import ALL, OPTIONS, TEXTS, invite, project, question
from driven import KEYS, READY, playwright, press, saved

from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item
from prefloop.text import Question


def practice(store, kind, expected, count=1):
    items = []
    for n in range(count):
        asked = question(kind, 100 + n)
        why = f"Because of the **moon** ({n})."
        items.append(Item(question=asked, purpose="practice", expected=expected, explanation=why))
    Queue(store).add_items(kind, items)


def open_(store, visit, kind, who="ada", **options):
    page = visit(invite(store, kind, who), **options)
    page.wait_for_selector(READY)
    return page


def test_practice_comes_first_shows_what_is_right_and_does_not_count(store, visit):
    project(store, "choice", items=1, examples=1)
    practice(store, "choice", 0, count=3)
    page = open_(store, visit, "choice")
    page.get_by_text("Example 1").click()
    playwright.expect(page.locator(".example")).to_contain_text("Because of the moon (0).")
    page.locator("#item").focus()
    for right in (True, False):
        playwright.expect(page.locator(".practice")).to_contain_text("does not count")
        sides = page.locator(".side [data-shows=raw]").evaluate_all("all => all.map((n) => n.textContent)")
        best = next(n for n, text in enumerate(sides) if text.strip().startswith("The tide follows"))
        press(page, ["Escape", str(1 + (best if right else (best + 1) % 3)), "Enter"])
        playwright.expect(page.locator(".behind h2")).to_contain_text("is right" if right else "not what was expected")
        playwright.expect(page.locator(".behind")).to_contain_text("Because of the moon")
        assert page.locator("#undo").is_disabled()
        press(page, ["Escape", "Enter"])
        page.wait_for_selector(".behind", state="detached")
    playwright.expect(page.locator(".practice")).to_have_count(0)
    playwright.expect(page.locator("#done")).to_have_text("0")
    press(page, ["1", "Enter"])
    playwright.expect(page.locator("#done")).to_have_text("1")
    saved(page)
    assert len(list(store.events())) == 3
    assert len(store.choices()) == 1
    assert store.choices().left_out == {"practice": 2}


def test_who_wrote_what_is_shown_once_the_vote_is_closed(store, visit):
    project(store, "comparison", items=2, page={"reveal": True})
    page = open_(store, visit, "comparison")
    assert "secret-" not in page.content()
    press(page, ["1", "Enter"])
    playwright.expect(page.locator(".behind")).to_contain_text("secret-1")
    assert page.locator("fieldset:not(:disabled)").count() == 0
    press(page, ["u", "7", "Enter"])
    page.wait_for_selector(".behind", state="detached")
    assert [e.event for e in store.events()] == ["answer"]


def test_an_item_with_a_warning_is_out_of_reach_until_it_is_asked_for(store, visit):
    project(store, "thumbs", items=0)
    for n in range(4):
        plain = question("thumbs", n)
        options = {} if n == 3 else {"warning": "This one speaks of violence."}
        Queue(store).add_items(
            "thumbs", [Item(question=Question(id=plain.id, kind="thumbs", group=plain.group, options=options))]
        )
    page = visit(invite(store, "thumbs"))
    playwright.expect(page.locator(".warned")).to_contain_text("speaks of violence")
    assert page.locator(".content").evaluate("node => node.inert")
    assert page.locator("#submit").is_disabled()
    press(page, ["1", "1", "Control+Enter"])
    assert list(store.events()) == []
    page.keyboard.press("Enter")  # "Show it" has the focus
    playwright.expect(page.locator(".warned")).to_have_count(0)
    press(page, ["1", "1", "Control+Enter"])
    saved(page)
    page.get_by_role("button", name="Skip all items with a warning").click()
    playwright.expect(page.locator("#item")).to_contain_text("(3)")
    playwright.expect(page.locator("#avoided")).to_be_visible()
    saved(page)
    assert [(e.event, e.reason) for e in store.events()] == [
        ("answer", ""),
        ("skip", "I would rather not read this"),
        ("skip", "I would rather not read this"),
    ]


def test_a_warning_of_the_project_stands_before_every_item(store, visit):
    project(store, "thumbs", items=2, page={"warning": "Some of this is harsh."})
    page = visit(invite(store, "thumbs"))
    playwright.expect(page.locator(".warned")).to_contain_text("harsh")
    assert page.get_by_role("button", name="Skip all").count() == 0
    page.get_by_role("button", name="Show it").click()
    press(page, ["1", "1", "Control+Enter"])
    playwright.expect(page.locator(".warned")).to_contain_text("harsh")


def test_a_break_is_proposed_after_so_many_minutes_of_work(store, url, chromium):
    project(store, "thumbs", items=2, page={"break_minutes": 20})
    page = chromium.new_context().new_page()
    page.clock.install()
    page.goto(f"{url}/join/{invite(store, 'thumbs')}")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(READY)
    for _ in range(6):  # somebody away for longer than five minutes has had a break
        page.clock.fast_forward(600_000)
        page.keyboard.press("Escape")
    assert page.locator("#break").is_hidden()
    for _ in range(11):
        page.clock.fast_forward(120_000)
        page.keyboard.press("Escape")
    playwright.expect(page.locator("#break")).to_contain_text("worked for 2")
    page.locator("#break button").click()
    assert page.locator("#break").is_hidden()
    page.context.close()


@pytest.mark.parametrize("kind", ALL)
def test_an_earlier_answer_is_found_and_changed(store, visit, kind):
    project(store, kind, items=2)
    page = open_(store, visit, kind)
    press(page, KEYS[kind][0])
    page.keyboard.press("Control+Enter")
    saved(page)
    page.get_by_role("link", name="1 done").click()
    playwright.expect(page.locator(".mine li")).to_have_count(1)
    page.get_by_role("link", name=re.compile("Change it")).click()
    page.wait_for_selector(READY)
    page.keyboard.press("Control+Enter")  # what was said is there, and can be sent as it is
    saved(page)
    first, second = store.events()
    assert (second.value, second.order, second.revision) == (first.value, first.order, 1)
    playwright.expect(page.locator("#done")).to_have_text("1")
    assert "again" not in page.url


def test_what_is_pasted_is_counted_in_the_page(store, visit):
    project(store, "demonstration", items=1)
    page = open_(store, visit, "demonstration", permissions=["clipboard-read", "clipboard-write"])
    page.evaluate("navigator.clipboard.writeText('twelve chars')")
    page.locator("#text").focus()
    page.keyboard.type("abc")
    page.keyboard.press("Control+v")
    page.reload()  # drafts keep the counts, too
    page.wait_for_selector(READY)
    page.keyboard.type("d")
    page.keyboard.press("Control+Enter")
    saved(page)
    (event,) = store.events()
    assert event.value == {"text": "abctwelve charsd"}
    assert event.telemetry == {"keystrokes": 4, "pastes": 1, "pasted": 12}


def test_the_time_that_is_left_is_told_and_goes_down(store, visit):
    project(store, "thumbs", items=9)
    page = open_(store, visit, "thumbs")
    playwright.expect(page.locator("#left")).to_have_text("9 left")
    for n in range(1, 6):
        press(page, ["1", "1", "Control+Enter"])
        playwright.expect(page.locator("#done")).to_have_text(str(n))
        page.wait_for_timeout(150)
    playwright.expect(page.locator("#left")).to_have_text("4 left")
    saved(page)
    page.reload()
    playwright.expect(page.locator("#left")).to_have_text("4 left, about 1 min")


@pytest.mark.parametrize("kind", ALL)
def test_a_draft_of_every_kind_outlives_a_reload(store, visit, kind):
    project(store, kind, items=2)
    page = open_(store, visit, kind)
    press(page, KEYS[kind][0])
    page.wait_for_timeout(50)
    page.reload()
    page.wait_for_selector(READY)
    page.keyboard.press("Control+Enter")
    saved(page)
    assert len(list(store.events())) == 1


def test_hidden_names_keep_marks_at_their_places(store, visit):
    texts = ("I am ChatGPT and the tide is made by wind.", "", "")
    project(store, "spans", items=1, texts=texts)
    page = open_(store, visit, "spans")
    assert "ChatGPT" not in page.content()
    press(page, ["ArrowRight"] * 5 + ["1", "Control+Enter"])
    saved(page)
    ((mark,),) = (e.value for e in store.events())
    assert texts[0][mark["start"] : mark["end"]] == "tide"
    assert mark["type"] == OPTIONS["spans"]["types"][0]
    assert len(TEXTS) == 3
