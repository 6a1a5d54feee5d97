import pytest

pytest.importorskip("fastapi", reason="the page needs the extra `web`")

from fastapi.testclient import TestClient

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
