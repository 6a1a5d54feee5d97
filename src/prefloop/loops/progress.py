"""What a loop tells whoever is watching: a bar per stage, sentences, and what the policy writes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from ..text import Group


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

    def step(
        self, step: int, metrics: Mapping[str, float], groups: Sequence[Group], rewards: Sequence[Sequence[float]]
    ) -> None:
        """A policy has learnt from its own answers in `groups`, each paid so much where `rewards` are given."""
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

    def step(
        self, step: int, metrics: Mapping[str, float], groups: Sequence[Group], rewards: Sequence[Sequence[float]]
    ) -> None:
        """See `Progress.step`."""
