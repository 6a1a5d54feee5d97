import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `web`")

from fastapi.testclient import TestClient
from serve import served

from prefloop.feedback.store import Store
from prefloop.web.app import create_app

SECRET = "s" * 32


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "feedback.sqlite") as opened:
        yield opened


@pytest.fixture
def app(store):
    return create_app(store, secret=SECRET)


@pytest.fixture
def browser_of(app):
    """Makes clients, each with cookies of its own."""
    opened = []

    def make():
        opened.append(TestClient(app, follow_redirects=True))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture(scope="session")
def chromium():
    from driven import CHROMIUM, FLAGS, playwright  # not above: they skip where there is no browser

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
    from driven import PATIENCE

    contexts, complaints = [], []

    def open_(token, **options):
        contexts.append(chromium.new_context(**{"viewport": {"width": 1280, "height": 800}, **options}))
        contexts[-1].set_default_timeout(PATIENCE)
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
