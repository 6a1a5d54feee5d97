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
RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A method's name, a .yaml file, module:name or file.py:name.")
]


def table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    """A table of plain cells."""
    shown = Table(*columns, title=title or None, title_justify="left", title_style="bold")
    for row in rows:
        shown.add_row(*(escaped(str(cell)) for cell in row))
    return shown


__all__ = ["Out", "RecipeName", "Resume", "Sampler", "Set", "console", "escaped", "table"]
