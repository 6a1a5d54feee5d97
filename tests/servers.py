"""A PostgreSQL server of the tests' own, or the one that the environment names."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAMED = "PREFLOOP_TEST_POSTGRESQL"
"""The environment variable with the URL of a server on which the tests may make and drop schemas."""


def missing() -> str:
    """Why the tests on PostgreSQL cannot run; empty where they can."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "no driver: pip install 'prefloop[postgres]'"
    if NAMED in os.environ or _programs() is not None:
        return ""
    return f"no server: set {NAMED} to a URL, or install PostgreSQL (apt-get install postgresql)"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a server: the named one, or a new one in a folder of its own, on a socket, stopped at the end."""
    if NAMED in os.environ:
        yield os.environ[NAMED]
        return
    programs = _programs()
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="prefloop-pg-"))
    if os.getuid() == 0:  # which the server refuses to run as
        shutil.chown(folder, "postgres")
    data, socket = folder / "data", folder
    try:
        _run(programs / "initdb", "-D", data, "-U", "prefloop", "-A", "trust", "--no-sync", "-E", "UTF8")
        options = f"-k {socket} -c listen_addresses='' -c max_connections=200"
        _run(programs / "pg_ctl", "-D", data, "-o", options, "-l", folder / "log", "-w", "start")
        try:
            yield f"postgresql+psycopg://prefloop@/postgres?host={socket}"
        finally:
            _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder with `initdb` and `pg_ctl`: Debian keeps them out of the path."""
    found = shutil.which("initdb")
    folders = [
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),
        *([Path(found).parent] if found else []),
    ]
    return next((f for f in folders if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


def _run(*command: object) -> None:
    words = list(map(str, command))
    if os.getuid() == 0:
        words = ["runuser", "-u", "postgres", "--", *words]
    subprocess.run(
        words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, cwd="/"
    )
