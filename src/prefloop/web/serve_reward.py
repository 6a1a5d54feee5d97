"""Starting a reward model's server."""

from __future__ import annotations

from collections.abc import Callable

import torch
import uvicorn

from ..errors import ModelError
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


def serve_reward(source: str, *, host: str, port: int, token: str, limits: Limits, say: Callable[[str], None]) -> None:
    """Serve a reward model until Ctrl-C; what has been asked by then is still answered."""
    app = create_app(served_model(source, say=say), token=token, limits=limits)
    say(f"Scores at http://{f'[{host}]' if ':' in host else host}:{port}/score, described at /openapi.json.")
    if host not in LOOPBACK and not token:
        say("warning: whoever reaches this machine may ask; PREFLOOP_REWARD_TOKEN sets a token.")
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=GRACE)
