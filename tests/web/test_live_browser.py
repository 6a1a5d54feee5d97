"""The page of a run in a browser: samples come in, it can be paused by keyboard, and it says when the run has ended."""

import os

import pytest
from asked_here import invite, project
from driven import AXE, playwright, violations
from serve import served
from test_live import RULE, took

from prefloop.feedback.browser import Coming
from prefloop.loops.progress import Silent
from prefloop.web.app import create_app
from prefloop.web.watched import Watched

PICTURES = os.environ.get("PREFLOOP_PICTURES", "")  # a folder where pictures of the page are left


@pytest.fixture
def watched(store):
    project(store, "comparison")
    made = Watched(Silent(), rule=RULE)
    made.project, made.count = "comparison", lambda: Coming(asked=24, come=17)
    return made


@pytest.fixture
def led(store, watched, chromium):
    """Opens the page as the lead; what the browser complains of fails the test."""
    complaints, contexts = [], []
    with served(create_app(store, secret="s" * 32, watched=watched)) as url:

        def open_(width=1280, **options):
            token = invite(store, "comparison", "lee", "lead")
            contexts.append(chromium.new_context(viewport={"width": width, "height": 800}, **options))
            page = contexts[-1].new_page()
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
            page.goto(f"{url}/join/{token}")
            page.get_by_role("button", name="Start").click()
            page.goto(f"{url}/lead/p/comparison/live")
            return page

        yield open_
        for context in contexts:
            context.close()
    assert complaints == []


def test_samples_come_in_and_stop_when_they_are_told_to(watched, led):
    page = led()
    playwright.expect(page.locator("#none")).to_be_visible()
    with watched.stage("round 2: rloo", 16) as bar:
        took(watched, 4)
        bar.advance(5)
        samples = page.locator("#samples > li")
        playwright.expect(samples).to_have_count(3)
        playwright.expect(page.locator("#none")).to_be_hidden()
        playwright.expect(page.locator("[data-shows=stage]")).to_have_text("round 2: rloo")
        playwright.expect(page.locator("[data-shows=done]")).to_have_text("5 of 16")
        assert page.locator("#samples").get_attribute("aria-live") == "polite"
        page.locator("body").press("p")
        playwright.expect(page.get_by_role("button", name="Pause")).to_have_attribute("aria-pressed", "true")
        took(watched, 5)
        playwright.expect(page.locator("#status")).to_have_text("Paused. 3 new answers wait.")
        playwright.expect(page.locator("[data-shows=step]")).to_have_text("6")  # the figures go on
        playwright.expect(samples).to_have_count(3)
        page.get_by_role("button", name="Pause").focus()
        page.keyboard.press("Enter")
        playwright.expect(samples).to_have_count(6)
        playwright.expect(samples.first).to_contain_text("step 6")
        for step in range(6, 16):
            took(watched, step)
        playwright.expect(samples).to_have_count(20)  # the oldest make room
    watched.say("warning: All answers of a step were cut.")
    playwright.expect(page.locator("#warnings")).to_have_text("All answers of a step were cut.")
    page.context.set_offline(True)
    playwright.expect(page.locator("#status")).to_contain_text("The run does not answer")
    page.context.set_offline(False)
    playwright.expect(page.locator("#status")).to_have_text("The run answers again.")


def filled(watched, page):
    took(watched, 4)
    took(watched, 5, rewards=((1.02, 0), (0.80, 0), (-0.12, 0)))
    playwright.expect(page.locator("#samples > li")).to_have_count(6)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_the_page_fits_its_screen_and_axe_finds_nothing(watched, led, width, scheme):
    page = led(width, color_scheme=scheme)
    with watched.stage("round 2: rloo", 16) as bar:
        bar.advance(6)
        filled(watched, page)
        watched.say("warning: All answers of a step were cut at 24 tokens, none ended by itself (`truncated`).")
        playwright.expect(page.locator("#warnings li")).to_have_count(1)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if PICTURES:
            page.screenshot(path=f"{PICTURES}/live-{width}-{scheme}.png")
        if AXE:
            assert violations(page) == []
