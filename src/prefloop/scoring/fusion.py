"""A reward steadied by those of the nearest answers that a model was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn.functional import normalize

from ..errors import ModelError
from ..models.decoder import Decoder
from ..text import Group
from .hidden import features_of
from .model import model_score

_FILE = Path("fusion", "items.safetensors")


@dataclass(frozen=True, slots=True)
class Fusion:
    """What a reward model read of the answers it was fitted to (N d), and what it paid them (N)."""

    features: Tensor
    rewards: Tensor

    def fused(self, features: Tensor, rewards: Tensor, *, neighbours: int, own: float) -> Tensor:
        """Rewards (...) of answers with these features (... d), fused with those of their nearest neighbours.

            own reward + (1 - own) mean of the rewards of the `neighbours` with the highest cosine

        >>> known = Fusion(torch.eye(2), torch.tensor([1.0, 3.0]))
        >>> known.fused(torch.tensor([[0.1, 2.0]]), torch.tensor([0.0]), neighbours=1, own=0.5)
        tensor([1.5000])
        """
        alike = normalize(features, dim=-1) @ normalize(self.features, dim=-1).T
        nearest = alike.topk(min(neighbours, len(self.rewards)), dim=-1).indices
        return own * rewards + (1 - own) * self.rewards[nearest].mean(-1)

    def save(self, folder: Path) -> None:
        """Write it beside the checkpoint in this folder."""
        (folder / _FILE).parent.mkdir(parents=True, exist_ok=True)
        save_file({"features": self.features.contiguous(), "rewards": self.rewards.contiguous()}, folder / _FILE)


def fusion_of(groups: Sequence[Group], *, model: Decoder) -> Fusion:
    """Of a reward model with one score, the answers it was fitted to.

    Raises:
        ModelError: it has channels.
    """
    if model.channels:
        raise ModelError(
            f"{model.name} gives {len(model.channels)} channels, and rewards are fused of a model with one."
        )
    there = torch.tensor([[k < len(g.responses) for k in range(max(len(g.responses) for g in groups))] for g in groups])
    return Fusion(features_of(groups, model)[there], model_score(groups, model=model)[there])


def fusion_score(
    groups: Sequence[Group], *, model: Decoder, folder: str, neighbours: int = 5, own: float = 0.5
) -> Tensor:
    """The score of every response (P K), fused with those of the nearest answers that the model was fitted to.

    In the form of RewardFusion (Shen et al. 2023, arXiv 2309.16155), which averages at inference with what was paid to
    the nearest training items. Here near is by the cosine of the hidden states that scores are read from, and the items
    are those that `fusion_of(...).save(folder)` wrote. `own` 1 is `model_score`.

    Raises:
        ModelError: nothing was written to the folder.
    """
    file = Path(folder) / _FILE
    if not file.is_file():
        raise ModelError(
            f"{folder} has no answers to fuse rewards with: write those that the model was fitted to, "
            "fusion_of(groups, model=model).save(folder)."
        )
    known = Fusion(**load_file(file))
    return known.fused(
        features_of(groups, model, keep=False), model_score(groups, model=model), neighbours=neighbours, own=own
    )
