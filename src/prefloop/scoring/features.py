"""A small reward model on numbers that an expert names: it needs few judgements, and says what it goes by."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..errors import DataError
from ..learning.convex import solve
from ..text import Group

Feature = Callable[[str, str], float]
"""A number of a prompt and an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureReward:
    """A reward that is a weighted sum of named numbers, each in units of its deviation on the answers it was fitted to.

    The reward model on domain features of Nath et al. 2024 (arXiv 2402.15473), which is a small network there; here it
    is linear, so that a weight says what its feature adds.
    """

    features: Mapping[str, Feature]
    weights: tuple[float, ...]
    units: tuple[float, ...]

    def score(self, prompt: str, answer: str) -> float:
        """The reward of one answer; as a scorer, `bind(reward_of)` of your own function that calls it."""
        return sum(self.explained(prompt, answer).values())

    def explained(self, prompt: str, answer: str) -> dict[str, float]:
        """What each feature adds."""
        parts = zip(self.features.items(), self.weights, self.units, strict=True)
        return {name: weight * feature(prompt, answer) / unit for (name, feature), weight, unit in parts}

    def save(self, file: Path) -> None:
        """Write the weights and units by name; the features are code, and are given again to `read`."""
        rows = zip(self.features, self.weights, self.units, strict=True)
        file.write_text(json.dumps({n: {"weight": w, "unit": u} for n, w, u in rows}, indent=1), encoding="utf-8")


def read(file: Path, features: Mapping[str, Feature]) -> FeatureReward:
    """The reward that `save` wrote, with the functions of its features.

    Raises:
        DataError: they are not the ones it was fitted with, by name.
    """
    rows = json.loads(file.read_text(encoding="utf-8"))
    if set(rows) != set(features):
        raise DataError(f"{file} was fitted to {', '.join(rows)}, and here there are {', '.join(features)}.")
    return FeatureReward(
        features={name: features[name] for name in rows},
        weights=tuple(row["weight"] for row in rows.values()),
        units=tuple(row["unit"] for row in rows.values()),
    )


def fit_features(pairs: Sequence[Group], features: Mapping[str, Feature], *, price: float = 1e-3) -> FeatureReward:
    """Fit a reward on named numbers to pairs, the better answer first, in one solve (`learning.convex`).

    Raises:
        DataError: a feature says the same of every answer, or something that is no finite number.

    >>> from prefloop.text import Prompt, Response
    >>> pair = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> fitted = fit_features([pair], {"letters": lambda prompt, answer: float(len(answer))})
    >>> fitted.score("One", " two") > fitted.score("One", " 2")
    True
    """
    numbers = torch.stack([_of(group, features) for group in pairs])
    units = numbers.flatten(0, 1).std(0, correction=0)
    for name, unit in zip(features, units.tolist(), strict=True):
        if unit == 0:
            raise DataError(f"the feature `{name}` says the same of every answer, and teaches nothing: leave it out.")
    found = solve(numbers[:, 0] / units, numbers[:, 1] / units, price=price)
    return FeatureReward(features=features, weights=tuple(found.weights.tolist()), units=tuple(units.tolist()))


def _of(group: Group, features: Mapping[str, Feature]) -> Tensor:
    """The features of the two answers of a pair (2 D)."""
    rows = [[float(f(group.prompt.shown, text)) for f in features.values()] for text in group.texts[:2]]
    return torch.tensor(rows, dtype=torch.float64)
