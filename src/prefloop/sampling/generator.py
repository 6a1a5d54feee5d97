"""What draws responses: one protocol, so that the loops never know which."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Protocol, runtime_checkable

from ..models.decoder import Decoder
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


Begun = tuple[Prompt, tuple[int, ...]]
"""A prompt, and the first tokens of an answer to it, by somebody else."""


@runtime_checkable
class Continuing(Generator, Protocol):
    """A generator that can go on with answers that somebody else began."""

    def go_on(
        self,
        begun: Sequence[Begun],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """K responses to each prompt that all have this beginning, with a mask of 0 there; see `sample`."""
        ...


Sampler = Callable[[Decoder], Generator]
"""What makes of a policy that which draws its responses: how a run samples, which no recipe says."""


def end_tokens(decoder: Decoder) -> set[int]:
    """The tokens that end a response: those of the model's generation config and the tokenizer's own."""
    config = decoder.base.generation_config
    ends = config.eos_token_id if config is not None else None
    ends = ends if isinstance(ends, list) else [ends]
    return {i for i in (*ends, decoder.tokenizer.eos_token_id) if i is not None}


def settings_of(decoding: Decoding) -> dict[str, float | int | str | list[str]]:
    """How responses were drawn, as each of them records it.

    >>> settings_of(Decoding(stop=("end",)))["stop"]
    ['end']
    """
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(decoding).items()}
