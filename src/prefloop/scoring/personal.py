"""Rewards of one person, by a latent vector read from a few of their judgements, on hidden states of a decoder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import DataError, ModelError
from ..folders import written_whole
from ..learning.latent_people import LatentPeople, by_person, fitted_latent
from ..learning.newcomers import Belief
from ..models.decoder import Decoder
from ..models.encode import encode
from ..text import Group
from .directions import person_of
from .hidden import features_of

_FILE, _PEOPLE = "model.safetensors", "people.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalReward:
    """What people reward, on features in units of their deviations, and what is known of each by name.

    `others` (n 1+D) are the channels of answers that people have judged, which `scaled` compares with.
    """

    model: LatentPeople
    centre: Tensor
    unit: Tensor
    others: Tensor
    people: Mapping[str, tuple[float, ...]]
    settings: Mapping[str, int]

    @torch.no_grad()
    def channels(self, features: Tensor) -> Tensor:
        """Everybody's reward of answers (... d), and one for each dimension of z (... 1+D), in float64."""
        return self.model.scores((features.double() - self.centre) / self.unit)

    @torch.no_grad()
    def read(self, pairs: Tensor) -> tuple[float, ...]:
        """The mean of z of somebody by features of pairs that they judged (n 2 d), the preferred first."""
        x = (pairs.double() - self.centre) / self.unit
        z, _ = self.model.traits(x.unsqueeze(0), torch.ones(1, len(x)).double())[0].tensor_split(2)
        return tuple(z.tolist())

    def belief(self, pairs: Tensor) -> Belief:
        """What is believed of somebody new after some pairs (n 2 d), which tells what to ask them next."""
        return Belief.of_anybody(self.others.shape[-1] - 1).after(self.channels(pairs))

    def score(self, features: Tensor, z: Sequence[float]) -> Tensor:
        """The reward of answers (... d) for somebody with this z."""
        return self.channels(features) @ _ways(z)

    def scaled(self, features: Tensor, z: Sequence[float]) -> Tensor:
        """The share of all answers that somebody with this z would prefer an answer to (... d): from 0 to 1.

            scaled(y, z) = mean over y' of sigmoid(r(y, z) - r(y', z))

        The expected likelihood by which VPL (Poddar et al. 2024, arXiv 2408.10075) scales the rewards of different
        people, which comparisons leave without a common unit, as in self-play preference optimisation; y' are
        the answers it was fitted to, whatever their prompts.
        """
        beside = self.others @ _ways(z)
        return (self.score(features, z).unsqueeze(-1) - beside).sigmoid().mean(-1)

    def paid(self, groups: Sequence[Group], *, model: Decoder, who: str = "", scaled: bool = True) -> Tensor:
        """What each response is paid (P K), by the model it was fitted on: see `personal_score`."""
        if who and who not in self.people:
            some = ", ".join(list(self.people)[:5])
            raise DataError(f"nothing is known of {who!r}, but of {len(self.people)} people: {some}, ...")
        told = [(self.people[who], g.prompt) if who else person_of(g.prompt) for g in groups]
        zs, before = zip(*told, strict=True)
        numbers = self.settings["dimensions"]
        if wrong := {len(z) for z in zs} - {numbers}:
            raise DataError(f"a prompt tells of somebody by {wrong.pop()} numbers; people are {numbers} here.")
        if not who:  # the tokens of the answers stay as they were sampled, where the two models share them
            asked = zip(groups, before, strict=True)
            groups = [replace(g, prompt=p, prompt_ids=encode(p, model.tokenizer)) for g, p in asked]
        features = features_of(groups, model, keep=False)
        there = torch.tensor([[k < len(g.responses) for k in range(features.shape[1])] for g in groups])
        pay = self.scaled if scaled else self.score
        reward = torch.stack([pay(row, z) for row, z in zip(features, zs, strict=True)])
        return torch.where(there, reward, 0.0).float()

    def save(self, folder: Path) -> None:
        """Write it into the folder `personal` of another one."""
        tensors = {"centre": self.centre, "unit": self.unit, "others": self.others}
        tensors |= {f"model.{name}": weight for name, weight in self.model.state_dict().items()}
        with written_whole(folder / "personal") as scratch:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, scratch / _FILE)
            said = {"settings": dict(self.settings), "people": dict(self.people)}
            (scratch / _PEOPLE).write_text(json.dumps(said, indent=1), encoding="utf-8")


def fit_personal(
    features: Tensor, who: Sequence[str], *, dimensions: int = 1, width: int = 32, **how: Any
) -> PersonalReward:
    """Fit VPL to features of pairs (P 2 d), the preferred first, that several people judged (`learning.latent_people`).

    `how` are the further knobs of `fitted_latent`.

    Raises:
        DataError: one person judged everything, or features are no finite numbers.
    """
    names = list(dict.fromkeys(who))
    at = torch.tensor([names.index(name) for name in who])
    answers = features.double().flatten(0, 1)
    centre, unit = answers.mean(0), answers.std(0, correction=0)
    unit = torch.where(unit > 0, unit, 1.0) * answers.shape[-1] ** 0.5  # of length 1: there may be many features
    x = (features.double() - centre) / unit
    model = fitted_latent(x, at, dimensions=dimensions, width=width, **how).requires_grad_(False)
    judged, there = by_person(x, at)
    known, _ = model.traits(judged, there).tensor_split(2, 1)
    return PersonalReward(
        model=model,
        centre=centre,
        unit=unit,
        others=model.scores(x.flatten(0, 1)),
        people={name: tuple(z) for name, z in zip(names, known.tolist(), strict=True)},
        settings={"features": x.shape[-1], "dimensions": dimensions, "width": width},
    )


def read_personal(folder: Path) -> PersonalReward:
    """What `PersonalReward.save` wrote.

    Raises:
        ModelError: there is none.
    """
    place = folder / "personal"
    if not (place / _FILE).is_file():
        raise ModelError(f"{folder} has no personal reward: fit one with `fit_personal(...).save(folder)`.")
    tensors, said = load_file(place / _FILE), json.loads((place / _PEOPLE).read_text(encoding="utf-8"))
    model = LatentPeople(**said["settings"]).double().requires_grad_(False)
    model.load_state_dict({n.removeprefix("model."): w for n, w in tensors.items() if n.startswith("model.")})
    return PersonalReward(
        model=model,
        centre=tensors["centre"],
        unit=tensors["unit"],
        others=tensors["others"],
        people={name: tuple(z) for name, z in said["people"].items()},
        settings=said["settings"],
    )


def personal_score(
    groups: Sequence[Group], *, model: Decoder, folder: str, who: str = "", scaled: bool = True
) -> Tensor:
    """The reward of every response (P K) for one person, by the personal reward in a folder.

        reward = scaled(y, z)       z that of `who`, or of the person told in the prompt x; y after x without that

    As a scorer: `bind(personal_score, model="reward", folder="runs/people", who="ada")`, where `reward` is the role of
    the model it was fitted on. Without `who` each prompt says for whom it is to be answered (`directions.with_person`),
    which is how `vpl-policy` is paid. scaled: by `PersonalReward.scaled`, so that people are alike in how much they are
    paid.

    Raises:
        DataError: nobody of that name was learnt from; or a prompt tells of nobody, or by another count of numbers.
    """
    return read_personal(Path(folder)).paid(groups, model=model, who=who, scaled=scaled)


def _ways(z: Sequence[float]) -> Tensor:
    return torch.tensor([1.0, *z], dtype=torch.float64)
