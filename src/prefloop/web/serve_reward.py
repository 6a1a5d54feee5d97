"""Starting a reward model's server."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import torch
import uvicorn

from ..errors import ModelError, RunError
from ..models.decoder import Decoder
from ..models.load import load
from ..recipe_models import Model
from .reward import Limits, create_app

GRACE = 30
"""Seconds that requests have to be answered in once the server is stopped."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def served_model(source: str, *, say: Callable[[str], None]) -> Decoder:
    """The reward model at a place.

    Raises:
        ModelError: it cannot be had, or has no score of its own yet.
    """
    model = load(Model(source=source, head="score"), name="reward", say=say)
    if not any(bool(torch.any(weight)) for weight in model.new_head()):
        raise ModelError(
            f"{source} has never been fitted to give scores: `prefloop reward` fits it, and writes `reward/`."
        )
    return model


def listening(host: str, port: int) -> socket.socket:
    """A socket on which connections wait; port 0 is one that is free.

    Raises:
        RunError: something else listens there, or the address is none of this machine's.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise RunError(
            f"nothing can listen at {host} port {port}: {error.strerror or error}. Give another `--port`, 0 for one "
            "that is free, or another `--host`."
        ) from error


def server_of(model: Decoder, *, token: str = "", limits: Limits | None = None, grace: int = GRACE) -> uvicorn.Server:
    """A server of the model's scores, to be run on a socket; once it is told to stop it gives `grace` seconds."""
    app = create_app(model, token=token, limits=limits)
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=grace)
    )


def serve_reward(source: str, *, host: str, port: int, token: str, limits: Limits, say: Callable[[str], None]) -> None:
    """Serve a reward model until Ctrl-C; what has been asked by then is still answered.

    The port is taken before the model is loaded, so that one that is in use is told at once; who comes meanwhile waits.
    """
    with listening(host, port) as place:
        server = server_of(served_model(source, say=say), token=token, limits=limits)
        named = f"[{host}]" if ":" in host else host
        say(f"Scores at http://{named}:{place.getsockname()[1]}/score, described at /openapi.json.")
        if host not in LOOPBACK and not token:
            say("warning: whoever reaches this machine may ask; PREFLOOP_REWARD_TOKEN sets a token.")
        with contextlib.suppress(KeyboardInterrupt):  # which the server passes on once it has ended
            server.run(sockets=[place])
