"""What the commands share: the console, options that several take, and how text and tables are shown."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape as escaped
from rich.table import Table

console = Console()

Set = Annotated[
    list[str] | None, typer.Option("--set", help="Change the recipe: path=value, for example optimiser.lr=1e-5.")
]
Out = Annotated[Path, typer.Option(help="The run folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")]
Sampler = Annotated[
    str,
    typer.Option(help="local, or a vLLM server: its URL, or the command to start one, such as a path of `vllm`."),
]
Trained = Annotated[str, typer.Option(help="What is trained: a folder, hub id, .gguf file or wheel:NAME.")]
HeldOut = Annotated[float, typer.Option(help="The share of prompts that is only measured on.")]
Split = Annotated[str, typer.Option(help="Part of a folder, of a hub's data set or of a store.")]
As = Annotated[
    str, typer.Option("--as", help="Turn them into pairs, thumbs or rankings, also where something is lost.")
]
RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A method's name, a .yaml file, module:name or file.py:name.")
]


def table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    """A table of plain cells."""
    shown = Table(*columns, title=title or None, title_justify="left", title_style="bold")
    for row in rows:
        shown.add_row(*(escaped(str(cell)) for cell in row))
    return shown


__all__ = [
    "As",
    "HeldOut",
    "Out",
    "RecipeName",
    "Resume",
    "Sampler",
    "Set",
    "Split",
    "Trained",
    "console",
    "escaped",
    "table",
]
