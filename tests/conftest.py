"""Shape annotations of the pure layer are enforced in every test; tiny models on disk are made once."""

import gc
import os
import signal

import pytest
from jaxtyping import install_import_hook

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # the workers have the cores between them

PURE = ("objectives", "shaping", "credit", "select", "ops", "reduce")

install_import_hook([f"prefloop.{module}" for module in PURE], "beartype.beartype")


def pytest_collection_finish():
    """What was loaded by now stays: the collector, which every stage of a run calls, need not go through it again."""
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_is_heard():
    """A shell starts what runs in the background deaf to Ctrl-C, and the runs under test would be deaf as well."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """What a test leaves in the cache folder is not the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFLOOP_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A language model with its tokenizer in Hugging Face format. Read only."""
    import tiny  # not above: it loads transformers, which the tests of the pure layer do without

    path = tmp_path_factory.mktemp("models") / "llama"
    tiny.network("llama-tied").save_pretrained(path)
    tiny.tokenizer().save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server for all tests of this process; skips where there can be none."""
    import servers

    if reason := servers.missing():
        pytest.skip(reason)
    with servers.postgresql() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path):
    """Where a feedback store of this test's own can be: a file of SQLite, and then a schema of PostgreSQL."""
    if request.param == "sqlite":
        yield tmp_path / "feedback.sqlite"
        return
    import sqlalchemy

    url = sqlalchemy.make_url(request.getfixturevalue("postgresql"))
    engine = sqlalchemy.create_engine(url)
    schema = f"test_{os.getpid()}_{abs(hash(request.node.nodeid))}"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    yield url.update_query_dict({"options": f"-csearch_path={schema}"}).render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {schema} CASCADE")
    engine.dispose()
