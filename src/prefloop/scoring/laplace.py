"""How sure a reward model is of its scores: a Gaussian around the weights of its last layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import DataError, ModelError
from ..folders import written_whole
from ..models.decoder import Decoder
from ..text import Group
from .hidden import features_of
from .model import model_score, normalisation

_FILE = "laplace.safetensors"


@dataclass(frozen=True, slots=True)
class Laplace:
    """The covariance (d d) of the weights of a last layer, by the curvature of the Bradley-Terry likelihood.

        covariance = (prior I + sum_n p_n (1 - p_n) delta_n delta_n^T)^-1
        p_n = sigmoid(lead_n)        delta_n = features of the preferred answer of pair n - those of the other

    MacKay 1992; on the last layer alone as in Kristiadi et al. 2020 (arXiv 2002.10118). The features are taken as they
    are, so that what the trunk does not know is not in it. `prior` is the precision of a Gaussian prior around 0, in
    one over the square of the weights' unit; the bias of a score is in no comparison.

    >>> apart = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    >>> known = Laplace.of(apart, torch.zeros(1, dtype=torch.float64), prior=1.0)
    >>> known.variance(torch.eye(2, dtype=torch.float64))
    tensor([0.5000, 1.0000], dtype=torch.float64)
    """

    covariance: Tensor

    @classmethod
    def of(cls, apart: Tensor, leads: Tensor, *, prior: float = 1.0) -> Laplace:
        """From how far apart the features of judged pairs are (N d) and how far the first ones lead (N), in float64.

        Raises:
            DataError: there is no pair, or the prior says nothing.
        """
        if not len(apart) or not prior > 0:
            raise DataError(
                f"a Laplace approximation was given {len(apart)} pairs and the prior {prior}: give it the pairs that "
                "the reward model was fitted to, and a precision above 0, such as 1."
            )
        apart, p = apart.double(), leads.double().sigmoid()
        precision = (apart * (p * (1 - p)).unsqueeze(-1)).T @ apart
        precision.diagonal().add_(prior)
        return cls(torch.cholesky_inverse(torch.linalg.cholesky(precision)))

    def variance(self, features: Tensor) -> Tensor:
        """The variance of the score of an answer with these features (... d), or of a lead by their difference."""
        x = features.to(self.covariance)
        return ((x @ self.covariance) * x).sum(-1)

    def preferred(self, lead: Tensor, apart: Tensor) -> Tensor:
        """The probability that the first of two answers is preferred, with the weights integrated out.

            P = sigmoid( lead / sqrt(1 + pi variance / 8) )

        MacKay's approximation of the integral of a logistic function over a Gaussian.
        """
        found: Tensor = (lead / (1 + math.pi * self.variance(apart).to(lead) / 8).sqrt()).sigmoid()
        return found

    def save(self, folder: Path) -> None:
        """Write it into the folder of the reward model it belongs to, or any other."""
        with written_whole(folder / "laplace") as scratch:
            save_file({"covariance": self.covariance.contiguous()}, scratch / _FILE)


def read_laplace(folder: Path) -> Laplace:
    """The covariance that `Laplace.save` wrote.

    Raises:
        ModelError: there is none.
    """
    file = folder / "laplace" / _FILE
    if not file.is_file():
        raise ModelError(
            f"{folder} has no Laplace approximation: fit one to the pairs the model learnt from, "
            "laplace_of(pairs, model=model).save(folder)."
        )
    return Laplace(load_file(file)["covariance"])


def laplace_of(pairs: Sequence[Group], *, model: Decoder, prior: float = 1.0) -> Laplace:
    """Of a fitted reward model with one score, by the pairs it was fitted to, the preferred answer first."""
    if model.channels:
        raise ModelError(f"{model.name} gives {len(model.channels)} channels, and a Laplace approximation is of one.")
    features = features_of(pairs, model)
    _, std = normalisation(model)
    leads = model_score(pairs, model=model).diff(dim=1).squeeze(1).neg() * std
    return Laplace.of(features[:, 0] - features[:, 1], leads, prior=prior)


def laplace_score(groups: Sequence[Group], *, model: Decoder, folder: str, deviations: float = 1.0) -> Tensor:
    """The score of every response (P K), minus some of its deviations by the Laplace approximation in a folder.

        reward = (score - deviations sqrt(variance)) as normalised

    A lower confidence bound, with one model in place of an ensemble. `deviations` 0 is `model_score`.
    """
    known = read_laplace(Path(folder))
    _, std = normalisation(model)
    spread = known.variance(features_of(groups, model, keep=False)).sqrt()
    return model_score(groups, model=model) - deviations * spread.float() / std
