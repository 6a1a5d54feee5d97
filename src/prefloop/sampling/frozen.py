"""Answers of a frozen model, beside those of the policy or of judged data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import RecipeError
from ..models.decoder import Decoder, WithoutAdapter
from ..recipe import Decoding
from ..text import Group, Prompt
from .generator import Generator
from .local import LocalGenerator

Drawer = Callable[[Any], Generator]
"""What makes of a frozen model that which draws its answers."""


def frozen_generator(network: Any) -> Generator:
    """The sampler of a frozen model in this process.

    Raises:
        RecipeError: it is no decoder, and cannot be sampled from here.
    """
    if isinstance(network, WithoutAdapter):
        return _BaseGenerator(network)
    if isinstance(network, Decoder) and network.head == "lm":
        return LocalGenerator(network)
    raise RecipeError(
        f"a frozen model is to draw answers (`draws`), and of a {type(network).__name__} nobody knows how: give "
        "`optimise` a `drawer`, which makes of it what draws them."
    )


@dataclass(frozen=True, slots=True)
class _BaseGenerator:
    """Draws from the model under a LoRA policy, with its adapter turned off meanwhile."""

    network: WithoutAdapter

    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Generator.sample`."""
        local = LocalGenerator(self.network.decoder)
        with self.network.decoder.model.disable_adapter():
            groups = local.sample(prompts, k=k, decoding=decoding, seed=seed, progress=progress)
        return [
            replace(g, responses=tuple(replace(r, model_version=self.network.version) for r in g.responses))
            for g in groups
        ]
