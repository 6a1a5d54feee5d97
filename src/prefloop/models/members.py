"""An ensemble of reward models that are adapters on one model: each speaks in turn, and the model is there once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..batch import Batch
from ..errors import ModelError
from ..recipe_models import Lora, Model
from .adapter import add_adapter, holds_adapter, put_on
from .decoder import Decoder

_FIRST = "default"
"""The name that peft saves at the top of a folder; the others lie in folders of their own."""


def adapter_names(count: int) -> tuple[str, ...]:
    """The names of so many adapters on one model.

    >>> adapter_names(3)
    ('default', 'member-2', 'member-3')
    """
    return (_FIRST, *(f"member-{n}" for n in range(2, count + 1)))


def add_members(stock: Any, lora: Lora, *, apart: bool) -> Any:
    """A model with new adapters, each with a head of its own, which begins with random numbers if they are `apart`."""
    model = add_adapter(stock, lora, "score")
    for name in adapter_names(lora.members)[1:]:
        model.add_adapter(name, model.peft_config[_FIRST], autocast_adapter_dtype=False)
    if apart:
        for name in adapter_names(lora.members):
            nn.init.normal_(heads(model)[name].weight, std=stock.config.initializer_range)
    return model


def put_on_members(stock: Any, folder: Path, count: int, *, train: bool) -> Any:
    """A model with the adapters from a folder."""
    model = put_on(stock, folder, train=train)
    for name in adapter_names(count)[1:]:
        model.load_adapter(folder / name, name, is_trainable=train, autocast_adapter_dtype=False)
    return model


def with_members(stock: Any, model: Model, folder: Path | None, count: int) -> Any:
    """A model with the adapters from a folder, or without one with the new ones that are declared."""
    if folder is not None:
        return put_on_members(stock, folder, count, train=model.train)
    return add_members(stock, model.adapter, apart=model.start == "random") if model.adapter else stock


def members_in(folder: Path) -> int:
    """How many adapters a folder holds."""
    return int(holds_adapter(folder)) + sum(holds_adapter(f) for f in folder.glob("member-*"))


def heads(model: Any) -> Any:
    """The heads of the adapters by name."""
    stock = model.get_base_model()
    return (getattr(stock, "score", None) or stock.classifier).modules_to_save


class Members(Decoder):
    """A reward model whose channels are adapters on one model: `scores` (P K D), and their `diversity` (P)."""

    def __init__(self, model: Any, tokenizer: Any, *, channels: Sequence[str], train: bool, name: str) -> None:
        """Wrap a peft model with an adapter for every channel."""
        super().__init__(model, tokenizer, head="score", name=name)
        self.channels, self.adapters = tuple(channels), adapter_names(len(channels))
        mine = {f".{a}." for a in self.adapters}
        named = [(n, p) for n, p in model.named_parameters() if any(a in n for a in mine)]
        self._moving = [p for _, p in named] if train else []
        self._wake()

    def _wake(self) -> None:
        """Let every adapter learn: peft puts those to sleep that do not speak."""
        for p in self._moving:
            p.requires_grad_(True)

    def outputs(self, batch: Batch, want: Collection[str], **how: Any) -> dict[str, Tensor]:
        """See `Network.outputs`; one forward for every adapter."""
        foreign = set(want) - {"scores", "diversity"}
        if foreign:
            raise ModelError(f"{self.name} is an ensemble of adapters and cannot give {', '.join(sorted(foreign))}.")
        found: dict[str, Tensor] = {}
        if "scores" in want:
            found["scores"] = torch.stack([self._said_by(a, batch, **how) for a in self.adapters], -1)
        if "diversity" in want:
            found["diversity"] = self.diversity().expand(len(batch))
        return found

    def _said_by(self, adapter: str, batch: Batch, **how: Any) -> Tensor:
        self.model.set_adapter(adapter, inference_mode=not self._moving)
        channels, self.channels = self.channels, ()
        try:
            return super().outputs(batch, ("score",), **how)["score"]
        finally:
            self.channels = channels
            self._wake()

    def diversity(self) -> Tensor:
        """The nuclear norm of what the adapters read, one below the other, as the mean over the adapted layers.

            diversity = mean over layers of || [A_1; ...; A_k] ||_*        A_i (rank d) the down-projection of adapter i

        In the form of UP-RLHF (Zhai et al. 2024, arXiv 2401.00243), on the down-projections: the up-projections are all
        0 at first. Of rows of given lengths it is highest where they are at right angles.
        """
        layers = [m.lora_A for m in self.model.modules() if isinstance(getattr(m, "lora_A", None), nn.ModuleDict)]
        side = [torch.cat([layer[a].weight for a in self.adapters]).float() for layer in layers if len(layer)]
        return torch.stack([torch.linalg.matrix_norm(x, ord="nuc") for x in side]).mean()

    def row(self, channel: int) -> list[float]:
        """All weights of one adapter and its head."""
        name = f".{self.adapters[channel]}."
        return [float(x) for n, p in self.model.named_parameters() if name in n for x in p.detach().flatten()]
