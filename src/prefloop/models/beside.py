"""Small heads beside a stock model: what tells degrees apart, and what weighs channels, each in a file of its own.

The file lies in a folder beside the stock checkpoint and not among its weights: some servers load every safetensors
file they find there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..errors import ModelError

FILE = Path("degree_head", "model.safetensors")
"""Where the head that tells degrees apart lies in the folder of a checkpoint."""
GATE = Path("gate", "model.safetensors")
"""Where the gate lies."""


class Gate(nn.Module):
    """A network of one hidden layer: how much each channel counts, by the hidden state at the end of a prompt.

    It begins with all channels alike.

    >>> import torch
    >>> Gate(hidden=3, width=4, channels=2)(torch.ones(1, 3)).tolist()
    [[0.5, 0.5]]
    """

    def __init__(self, *, hidden: int, width: int, channels: int) -> None:
        """A gate so wide, for so many channels."""
        super().__init__()
        self.first, self.last = nn.Linear(hidden, width), nn.Linear(width, channels)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """The weights of the channels, which add up to 1."""
        logits: Tensor = self.last(self.first(hidden).relu())
        return logits.softmax(-1)


def degree_head(stock: Any, degrees: int, folder: Path) -> nn.Linear:
    """The head saved in this folder; where there is none, a new one, to which every degree is as likely.

    It is as wide as the hidden state that the language-model head of `stock` reads, and of that head's type.

    Raises:
        ModelError: the one in the folder tells another number of degrees apart, or reads another hidden state.
    """
    like = stock.get_output_embeddings().weight
    head = nn.Linear(like.shape[1], degrees, device=like.device, dtype=like.dtype)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    saved = _saved(folder / FILE)
    if saved and saved["weight"].shape != head.weight.shape:
        found, width = saved["weight"].shape
        raise ModelError(
            f"{folder / FILE} tells {found} degrees apart by a hidden state of {width} numbers, and here it is to tell "
            f"{degrees} by one of {like.shape[1]}: ask for degrees={found}, or take the file away to begin anew."
        )
    head.load_state_dict(saved or head.state_dict())
    return head


def gate(score: nn.Linear, width: int | None, folder: Path) -> Gate | None:
    """The gate saved in this folder for the channels of a `score` layer, or a new one where a `width` is asked for.

    Raises:
        ModelError: the one in the folder is of another width, or weighs other channels.
    """
    saved = _saved(folder / GATE)
    if not saved and width is None:
        return None
    channels, hidden = score.weight.shape
    found = Gate(hidden=hidden, width=width or len(saved["first.bias"]), channels=channels).to(score.weight)
    if saved and any(saved[n].shape != w.shape for n, w in found.state_dict().items()):
        raise ModelError(
            f"{folder / GATE} is {len(saved['first.bias'])} wide and weighs {len(saved['last.bias'])} channels, and "
            f"here it is to be {width} wide and to weigh {channels}: ask for what is there, or take the file away to "
            "begin anew."
        )
    found.load_state_dict(saved or found.state_dict())
    return found


def save_beside(head: nn.Module, folder: Path, file: Path) -> None:
    """Write a small head beside the checkpoint in this folder."""
    (folder / file).parent.mkdir()
    save_file({name: weight.contiguous() for name, weight in head.state_dict().items()}, folder / file)


def _saved(file: Path) -> Mapping[str, Tensor]:
    """The weights in a file; none where there is no such file."""
    return load_file(file) if file.is_file() else {}
