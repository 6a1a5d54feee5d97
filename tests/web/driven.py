"""What the tests that drive a browser share: the browser, the keys of each kind, and axe."""

import os
import shutil
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")
CHROMIUM = os.environ.get("PREFLOOP_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
AXE = os.environ.get("PREFLOOP_AXE", "")  # the path of axe.min.js, from `npm pack axe-core`
if not Path(CHROMIUM).exists():
    pytest.skip("there is no Chromium: install it, or set PREFLOOP_CHROMIUM", allow_module_level=True)

PATIENCE = 60_000  # milliseconds: a busy machine is slow, and what never comes fails all the same
playwright.expect.set_options(timeout=PATIENCE)

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


def press(page, keys):
    for key in keys:
        page.keyboard.press(key)


def saved(page):
    playwright.expect(page.locator("#status")).to_have_text("Saved.")


def violations(page):
    """What axe-core finds wrong with the page as it is, each with where."""
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    return [(v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in found]


def sideways(page):
    """How far the page scrolls sideways, in pixels."""
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
