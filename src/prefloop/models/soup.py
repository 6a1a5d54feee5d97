"""Weights averaged: one model from several that began as the same one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ModelError
from ..recipe import Model
from .adapter import merged
from .load import load, save


def averaged(weights: Sequence[Mapping[str, Tensor]], *, shares: Sequence[float] = ()) -> dict[str, Tensor]:
    """The mean of several models' weights, name by name; with `shares` a weighted one.

        weight = sum_i shares_i weight_i / sum_i shares_i

    Model soups (Wortsman et al. 2022, arXiv 2203.05482). The models have to be of one shape and to come from one model,
    or what lies between them is none.

    Raises:
        ModelError: the models do not have the same weights, or there are not as many shares as models.

    >>> import torch
    >>> averaged([{"w": torch.tensor([0.0])}, {"w": torch.tensor([1.0])}], shares=(1.0, 3.0))
    {'w': tensor([0.7500])}
    """
    shares = tuple(shares) or (1.0,) * len(weights)
    if len(shares) != len(weights) or not weights:
        raise ModelError(f"{len(weights)} models and {len(shares)} shares of them: give a share for each model.")
    first = weights[0]
    for other in weights[1:]:
        odd = {n for n in {*first, *other} if n not in first or n not in other or first[n].shape != other[n].shape}
        if odd:
            raise ModelError(f"the models differ in `{min(odd)}`: only models of one kind can be averaged.")
    parts = [(share / sum(shares), w) for share, w in zip(shares, weights, strict=True)]
    return {n: torch.stack([share * w[n].double() for share, w in parts]).sum(0).to(first[n]) for n in first}


def soup(folders: Sequence[Path | str], out: Path, *, shares: Sequence[float] = ()) -> None:
    """Write the mean of several language models, adapters added, as one more model in the folder `out`."""
    models: list[Any] = [load(Model(source=str(f), dtype="float32"), name=str(f)) for f in folders]
    mean = averaged([merged(m.base) for m in models], shares=shares)
    first = models[0]
    first.base.load_state_dict(mean)
    save(first, out)
