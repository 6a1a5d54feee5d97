"""What a run needs to go on: tensors as safetensors, everything else as JSON, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..folders import recover, written_whole

_TENSORS, _FACTS = "tensors.safetensors", "facts.json"


def write(folder: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write a checkpoint in place of the last one.

    Raises:
        RunError: the disk is full or cannot be written; the last checkpoint is untouched.
    """
    with written_whole(folder) as scratch:
        save_file({n: t.detach().contiguous().cpu() for n, t in tensors.items()}, scratch / _TENSORS)
        (scratch / _FACTS).write_text(json.dumps(facts), encoding="utf-8")


def read(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The checkpoint in a folder, or `None` when there is none."""
    recover(folder)
    if not (folder / _FACTS).is_file():
        return None
    return load_file(folder / _TENSORS), json.loads((folder / _FACTS).read_text(encoding="utf-8"))


def trained_weights(network: Any) -> dict[str, Tensor]:
    """The trained weights of a decoder by name: all of them, or its adapter's."""
    return {n: p for n, p in network.model.named_parameters() if p.requires_grad}


@torch.no_grad()
def load_weights(network: Any, tensors: Mapping[str, Tensor]) -> None:
    """Put stored weights into a decoder of the same shape."""
    for name, parameter in network.model.named_parameters():
        if name in tensors:
            parameter.copy_(tensors[name])
