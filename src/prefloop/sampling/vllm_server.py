"""A vLLM server: one that runs already, or one that is started here and ends with this process."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import RunError

NEEDED = ("--enable-scale-out", "--logprobs-mode", "processed_logprobs", "--generation-config", "vllm")
"""Options: tokens in and out, log-probabilities at the temperature, no settings from the model's generation config."""
NEEDED_ON_CPU = ("--no-enable-chunked-prefill",)
"""Where responses have seeds, a CPU worker fails on a prompt that is read in parts ("does not use offset")."""
DEVELOPMENT = {"VLLM_SERVER_DEV_MODE": "1"}
"""What opens the addresses that take new weights."""


class Server:
    """A vLLM server that is reached over HTTP."""

    def __init__(self, url: str, log: str = "where it was started") -> None:
        """The server at an address such as `http://127.0.0.1:8000`; `log` says where its log is."""
        self.url, self.log = url.rstrip("/"), log

    def call(self, path: str, body: Any = None) -> Any:
        """What the server answers, as JSON, to a GET, or to a POST where there is a `body`.

        Raises:
            RunError: it does not answer, or refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:600]
            mend = (
                f"It must have been started with VLLM_SERVER_DEV_MODE=1 and {' '.join(NEEDED)}."
                if error.code in (403, 404)
                else f"Its log says more ({self.log})."
            )
            raise RunError(f"the vLLM server at {self.url} answered {error.code} to {path}: {said}. {mend}") from error
        except (OSError, ValueError) as error:
            raise RunError(
                f"the vLLM server at {self.url} gave no answer to {path} ({error}): see that it runs (its log: "
                f"{self.log}), and go on with --resume."
            ) from error


def start(command: Sequence[str], folder: Path, options: Sequence[str]) -> Server:
    """Start `vllm serve` on the model in a folder, and wait until it answers.

    `command` is the executable, and options of the user's own after it, which come last. The server ends with this
    process, or when nobody holds it any more.

    Raises:
        RunError: there is no such executable, or the server ended; the message has the end of its log.
    """
    executable = shutil.which(command[0])
    if executable is None:
        raise RunError(
            f"there is no executable `{command[0]}`: install vLLM in an environment of its own and give the path of "
            "its `vllm`, or give the URL of a server."
        )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ("--host", "127.0.0.1", "--port", str(port))
    handle, log = tempfile.mkstemp(prefix="prefloop-vllm-", suffix=".log")
    process = subprocess.Popen(
        [executable, "serve", str(folder), *place, *options, *command[1:]],
        env={**os.environ, **DEVELOPMENT},
        stdin=subprocess.DEVNULL,
        stdout=handle,
        stderr=handle,
        preexec_fn=_end_with_parent(),
        start_new_session=True,  # Ctrl-C asks the run to stop after its step, which still needs the server
    )
    os.close(handle)
    server = Server(f"http://127.0.0.1:{port}", log)
    weakref.finalize(server, _stop, process)
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"{server.url}/health").close()
            return server
        except OSError:
            time.sleep(0.5)
    tail = "\n".join(Path(log).read_text(errors="replace").splitlines()[-15:])
    raise RunError(f"`{executable} serve` ended with code {process.returncode} ({log}):\n{tail}")


def _end_with_parent() -> Callable[[], Any] | None:
    """Have Linux end the server should this process be killed, when nothing here can end it."""
    return partial(ctypes.CDLL(None).prctl, 1, signal.SIGTERM) if sys.platform == "linux" else None  # PR_SET_PDEATHSIG


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server with the processes it has started."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
