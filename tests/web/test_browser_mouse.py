"""Every kind of question by mouse alone, but for the words of a text."""

import pytest
from asked_here import ALL, TEXTS, invite, project
from driven import READY, playwright, saved

LONG = tuple(f"{text}\n\n" + "\n\n".join(f"Line {n}." for n in range(40 * (1 + k))) for k, text in enumerate(TEXTS))


def word(page, text):
    box = page.locator(".marking span", has_text=text).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def mark(page):
    page.mouse.move(*word(page, "tide"))
    page.mouse.down()
    page.mouse.move(*word(page, "**moon**"), steps=6)
    page.mouse.up()
    page.get_by_role("button", name="untrue").click()


def rank(page):
    """C from the pool into the list, B below it, A below that; then A dragged to the top, and C to the end."""
    for name in ("C", "B", "A"):
        end = {"x": 30, "y": page.locator(".ranked").bounding_box()["height"] - 8}
        page.get_by_role("button", name=f"Answer {name}", exact=True).drag_to(
            page.locator(".ranked"), target_position=end
        )
    chip = page.locator(".ranked .chip")
    playwright.expect(chip).to_have_text(["Answer C", "Answer B", "Answer A"])
    chip.nth(2).drag_to(chip.nth(0))
    playwright.expect(chip).to_have_text(["Answer A", "Answer C", "Answer B"])
    chip.nth(1).drag_to(chip.nth(2))
    playwright.expect(chip).to_have_text(["Answer A", "Answer B", "Answer C"])


def write(page):
    page.locator("#text").click()
    page.keyboard.type("No")


def click(*labels):
    def run(page):
        for group, label in labels:
            page.get_by_role("group", name=group).get_by_text(label, exact=True).click()

    return run


HANDS = {
    "comparison": (
        lambda page: page.get_by_text("B much better").click(),
        lambda o: {"better": o[1], "strength": 7},
    ),
    "choice": (lambda page: page.get_by_text("Answer B", exact=True).last.click(), lambda o: o[1]),
    "ranking": (rank, lambda o: [[o[0]], [o[1]], [o[2]]]),
    "rating": (
        click(("A: helpful", "5"), ("A: true", "0 no"), ("B: helpful", "1"), ("B: true", "1 yes")),
        lambda o: [[{"helpful": 5, "true": 0}, {"helpful": 1, "true": 1}][o.index(i)] for i in (0, 1)],
    ),
    "thumbs": (
        click(("Answer A", "👍 Good"), ("Answer B", "👎 Not good")),
        lambda o: [o.index(i) == 0 for i in (0, 1)],
    ),
    "spans": (mark, lambda o: [{"response": 0, "start": 4, "end": 30, "type": "untrue"}]),
    "edit": (
        lambda page: page.get_by_text("It needs no correction").click(),
        lambda o: {"response": 0, "text": TEXTS[0]},
    ),
    "critique": (write, lambda o: {"response": 0, "text": "No"}),
    "demonstration": (write, lambda o: {"text": "No"}),
}


@pytest.mark.parametrize("kind", ALL)
def test_the_whole_task_by_mouse(store, visit, kind):
    project(store, kind, items=1)
    page = visit(invite(store, kind))
    page.wait_for_selector(READY)
    hands, expected = HANDS[kind]
    hands(page)
    page.locator("#submit").click()
    saved(page)
    (event,) = store.events()
    assert event.value == expected(list(event.order))
    page.locator("#undo").click()
    page.wait_for_selector(READY)
    page.locator("#skip").click()
    page.get_by_text("The text is broken").click()
    page.get_by_role("button", name="Skip it").click()
    playwright.expect(page.locator("#item")).to_contain_text("nothing more for you")
    saved(page)
    assert [(e.event, e.reason) for e in store.events()][1:] == [("undo", ""), ("skip", "The text is broken")]


def test_panes_scroll_together_until_they_are_let_go(store, visit):
    project(store, "comparison", items=1, texts=LONG)
    page = visit(invite(store, "comparison"))
    page.wait_for_selector(READY)
    page.locator("#panes").click()
    sides = page.locator(".sides.panes .side")
    places = "all => all.map((side) => side.scrollTop / (side.scrollHeight - side.clientHeight))"
    sides.nth(0).hover()
    page.mouse.wheel(0, 500)
    page.wait_for_timeout(500)
    first, second = sides.evaluate_all(places)
    assert first > 0.1
    assert second == pytest.approx(first, abs=0.01)
    page.locator("#together").click()
    sides.nth(0).hover()
    page.mouse.wheel(0, 400)
    page.wait_for_timeout(500)
    alone, still = sides.evaluate_all(places)
    assert alone > first + 0.1
    assert still == pytest.approx(second)


def test_an_answer_is_copied(store, visit):
    project(store, "comparison", items=1)
    page = visit(invite(store, "comparison"), permissions=["clipboard-read", "clipboard-write"])
    page.wait_for_selector(READY)
    page.get_by_role("button", name="Copy answer B").click()
    playwright.expect(page.locator("#status")).to_have_text("Answer B is copied.")
    assert page.evaluate("navigator.clipboard.readText()") in TEXTS
    assert page.evaluate("navigator.clipboard.readText()") == page.evaluate(
        "document.querySelectorAll('[data-shows=raw]')[1].textContent.trim()"
    )
