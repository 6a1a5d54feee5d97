"""People: the page on which they answer."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from ..errors import RunError
from .shared import console


def label(
    store: Annotated[str, typer.Option(help="The feedback store: a file, or a database's URL.")] = "feedback.sqlite",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port of the page.")] = 8000,
    host: Annotated[str, typer.Option(help="127.0.0.1: this machine only; 0.0.0.0: whoever reaches it.")] = "127.0.0.1",
) -> None:
    """Ask people on a page: make projects, invite annotators, watch how it goes.

    Example: `prefloop label --store answers.sqlite`
    """
    from ..models.load import cache

    try:
        from ..web.serve import serve
    except ImportError as error:
        raise RunError(f"the page needs {error.name}, which is not installed: pip install 'prefloop[web]'.") from error
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    serve(store, host=host, port=port, secrets_in=cache() / "label", say=say)
