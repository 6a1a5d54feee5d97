"""What draws responses: one protocol, so that the loops never know which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ..recipe import Decoding
from ..text import Group, Prompt


class Generator(Protocol):
    """Draws K responses to each prompt."""

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """One group per prompt, in order; the same seed gives the same responses."""
        ...
