"""Models that others ask over the network."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated

import typer

from ..errors import RunError
from .shared import console

serve = typer.Typer(help="Serve a model over HTTP.", no_args_is_help=True)


@serve.callback()
def _serve() -> None:
    """Serve a model over HTTP.

    Example: `prefloop serve reward --model runs/reward/reward`
    """


@serve.command()
def reward(
    model: Annotated[str, typer.Option(help="A fitted reward model: a folder or hub id.")],
    host: Annotated[str, typer.Option(help="127.0.0.1: this machine only; 0.0.0.0: whoever reaches it.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 8100,
    wait: Annotated[float, typer.Option(min=0.0, help="Milliseconds that a sequence waits for others.")] = 2.0,
    tokens: Annotated[int, typer.Option(min=1, help="Tokens of one forward.")] = 8192,
    room: Annotated[int, typer.Option(min=1, help="Sequences that may wait at once.")] = 4096,
) -> None:
    """Score responses for other programs; a token, if there is to be one, stands in PREFLOOP_REWARD_TOKEN.

    Example: `prefloop serve reward --model runs/reward/reward`
    """
    try:
        from ..web.reward import Limits
        from ..web.serve_reward import serve_reward
    except ImportError as error:
        raise RunError(
            f"the server needs {error.name}, which is not installed: pip install 'prefloop[web]'."
        ) from error
    from ..scoring.remote import TOKEN

    limits = Limits(wait=wait / 1_000, tokens=tokens, room=room)
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    serve_reward(model, host=host, port=port, token=os.environ.get(TOKEN, ""), limits=limits, say=say)
