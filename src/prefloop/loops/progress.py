"""What a loop tells whoever is watching: a bar per stage, and sentences."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Bar(Protocol):
    """One stage under way."""

    def advance(self, by: float = 1, note: str = "") -> None:
        """So much more is done; `note` is shown beside the bar."""
        ...


class Progress(Protocol):
    """Whoever is watching."""

    def say(self, text: str) -> None:
        """Show a sentence."""
        ...

    def stage(self, title: str, total: float) -> contextlib.AbstractContextManager[Bar]:
        """A bar for a stage with this much to do."""
        ...


class Silent:
    """Nobody is watching."""

    def say(self, text: str) -> None:
        """See `Progress.say`."""

    @contextlib.contextmanager
    def stage(self, title: str, total: float) -> Iterator[Bar]:
        """See `Progress.stage`."""
        yield self

    def advance(self, by: float = 1, note: str = "") -> None:
        """See `Bar.advance`."""
