"""The command line."""

from __future__ import annotations

import os
import sys

import typer
from rich.console import Console

from ..errors import PrefloopError
from .heads import head
from .models import sample, track
from .people import export, import_, label
from .recipes import check, explain, methods, verify
from .rewards import reward
from .runs import align, demo, run
from .serving import serve
from .shared import escaped

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

app = typer.Typer(
    help="Close the loop of learning from human feedback: ask people, learn a reward, align, measure, ask again.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
for command in (demo, run, align, reward, head, explain, check, sample, track, label, import_, export, methods, verify):
    app.command(command.__name__.rstrip("_"))(command)
app.add_typer(serve, name="serve")


def main() -> None:
    """Run the command line: a user's mistake ends with its message and code 2, Ctrl-C with the way to go on."""
    try:
        app()
    except PrefloopError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)
