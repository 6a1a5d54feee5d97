"""Shape annotations of the pure layer are enforced in every test; tiny models on disk are made once."""

import os
import signal

import pytest
from jaxtyping import install_import_hook

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"  # the workers have the cores between them

PURE = ("objectives", "shaping", "credit", "select", "ops", "reduce")

install_import_hook([f"prefloop.{module}" for module in PURE], "beartype.beartype")


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
