"""A reward head of two layers on a frozen decoder as a scorer: no stock transformers class has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import ModelError
from ..folders import written_whole
from ..learning.heads import Head
from ..models.decoder import Decoder
from ..text import Group
from .hidden import features_of

_FILE = "model.safetensors"
_NUMBERS = ("price", "gradient", "short")


def save_head(head: Head, folder: Path) -> None:
    """Write a head into the folder `convex` of the model whose features it was fitted to, or of any other folder."""
    tensors = {"centre": head.centre, "unit": head.unit, "weights": head.weights}
    tensors |= {name: torch.tensor(getattr(head, name), dtype=torch.float64) for name in _NUMBERS}
    if head.gates is not None:
        tensors["gates"] = head.gates
    with written_whole(folder / "convex") as scratch:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, scratch / _FILE)


def read_head(folder: Path) -> Head:
    """The head that `save_head` wrote.

    Raises:
        ModelError: there is none.
    """
    file = folder / "convex" / _FILE
    if not file.is_file():
        raise ModelError(f"{folder} has no head of its own: fit one with `prefloop head --gates 32 --out {folder}`.")
    saved = load_file(file)
    return Head(
        centre=saved["centre"],
        unit=saved["unit"],
        weights=saved["weights"],
        gates=saved.get("gates"),
        **{name: float(saved[name]) for name in _NUMBERS},
    )


def convex_score(groups: Sequence[Group], *, model: Decoder, folder: str) -> Tensor:
    """The reward of every response (P K) by the head in a folder, on the hidden states of the model it was fitted to.

    As a scorer: `bind(convex_score, model="reward", folder="runs/head")`, where `reward` is the role of that model.

    Raises:
        ModelError: no head is there, or it reads another hidden state.
    """
    head = read_head(Path(folder))
    features = features_of(groups, model, keep=False)
    if features.shape[-1] != len(head.unit):
        raise ModelError(
            f"the head in {folder} reads {len(head.unit)} numbers, and the hidden state of {model.name} has "
            f"{features.shape[-1]}: give it the model that it was fitted to."
        )
    there = torch.tensor([[k < len(g.responses) for k in range(features.shape[1])] for g in groups])
    return torch.where(there, head.score(features), 0.0).float()
