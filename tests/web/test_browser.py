"""The page in a browser by keyboard alone: every kind, two people at once, lost networks, drafts."""

import pytest
from asked_here import ALL, invite, project
from driven import KEYS, PATIENCE, READY, playwright, press, saved


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
    page.wait_for_load_state("networkidle")  # the next item is fetched ahead
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
    page.reload()  # a busy browser may let a request by that comes at once
    page.wait_for_selector(READY)
    press(page, ["1", "1", "Control+Enter"])
    saved(page)
    assert len(lost) == 2
    assert len(list(store.events())) == 1


def test_the_page_says_saved_only_of_what_the_server_has(store, visit):
    project(store, "thumbs", items=3)
    page = visit(invite(store, "thumbs"))
    page.wait_for_selector(READY)
    press(page, ["1", "1", "Control+Enter"])
    saved(page)
    held = []
    page.route("**/submit", lambda route: held.append(route))
    press(page, ["1", "1", "Control+Enter"])
    playwright.expect(page.locator("#done")).to_have_text("2")
    playwright.expect(page.locator("#status")).to_have_text("Saving…")
    for _ in range(PATIENCE // 50):  # until the request has come this far
        if held:
            break
        page.wait_for_timeout(50)
    held[0].continue_()
    saved(page)
    assert len(list(store.events())) == 2


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
    page.reload()
    page.wait_for_selector(READY)
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
