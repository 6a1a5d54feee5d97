"""What the command line shows: bars with remaining time on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from .text import Group


@contextlib.contextmanager
def resumable(console: Console, command: str) -> Iterator[None]:
    """Say after Ctrl-C by which command a run goes on, and end."""
    try:
        yield
    except KeyboardInterrupt:
        console.print("\nStopped. Everything so far is kept; go on with:")
        console.print(f"  {command}", highlight=False, markup=False, soft_wrap=True)  # one line, to be copied
        raise typer.Exit(130) from None


class Shown:
    """Progress on a console (`loops.progress.Progress`)."""

    def __init__(self, console: Console) -> None:
        """Show it here."""
        self.console = console

    def say(self, text: str) -> None:
        """See `Progress.say`."""
        self.console.print(text, highlight=False, markup=False)

    @contextlib.contextmanager
    def stage(self, title: str, total: float) -> Iterator[_Bar | _Line]:
        """See `Progress.stage`."""
        began = time.monotonic()
        if not self.console.is_terminal:
            line = _Line()
            yield line
            self.say(f"{title}: done in {time.monotonic() - began:.0f} s{line.note}")
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.console) as shown:
            yield _Bar(shown, shown.add_task(title, total=total, note=""))

    def step(
        self, step: int, metrics: Mapping[str, float], groups: Sequence[Group], rewards: Sequence[Sequence[float]]
    ) -> None:
        """See `Progress.step`. The bar says what there is to say of a step."""


class _Bar:
    def __init__(self, shown: Progress, task: TaskID) -> None:
        self._shown, self._task = shown, task

    def advance(self, by: float = 1, note: str = "") -> None:
        """See `loops.progress.Bar.advance`."""
        self._shown.advance(self._task, by)
        if note:
            self._shown.update(self._task, note=note)


class _Line:
    note = ""

    def advance(self, by: float = 1, note: str = "") -> None:
        """See `loops.progress.Bar.advance`."""
        self.note = f" ({note})" if note else self.note
