"""The second head of a language model, which tells degrees apart: a linear layer in a small file of its own.

The file lies in a folder beside the stock checkpoint and not among its weights: some servers load every safetensors
file they find there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ..errors import ModelError

FILE = Path("degree_head", "model.safetensors")
"""Where it lies in the folder of a checkpoint."""


def degree_head(stock: Any, degrees: int, folder: Path) -> nn.Linear:
    """The head saved in this folder; where there is none, a new one, to which every degree is as likely.

    It is as wide as the hidden state that the language-model head of `stock` reads, and of that head's type.

    Raises:
        ModelError: the one in the folder tells another number of degrees apart, or reads another hidden state.
    """
    like = stock.get_output_embeddings().weight
    head = nn.Linear(like.shape[1], degrees, device=like.device, dtype=like.dtype)
    saved = load_file(folder / FILE) if (folder / FILE).is_file() else None
    if saved is not None and saved["weight"].shape != head.weight.shape:
        found, width = saved["weight"].shape
        raise ModelError(
            f"{folder / FILE} tells {found} degrees apart by a hidden state of {width} numbers, and here it is to tell "
            f"{degrees} by one of {like.shape[1]}: ask for degrees={found}, or take the file away to begin anew."
        )
    with torch.no_grad():
        for name, weight in head.named_parameters():
            weight.zero_() if saved is None else weight.copy_(saved[name])
    return head


def save_degree_head(head: nn.Linear, folder: Path) -> None:
    """Write it beside the checkpoint in this folder."""
    (folder / FILE).parent.mkdir()
    save_file({name: weight.contiguous() for name, weight in head.state_dict().items()}, folder / FILE)
