"""What is believed of somebody who has said little, what to ask them, and how they are served."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..ops import over_normal

_NEWTON = 50  # steps; a concave function of a few numbers takes under ten


@dataclass(frozen=True, slots=True, kw_only=True)
class Belief:
    """A normal distribution over the numbers that say how somebody differs: the middle (D) and the covariance (D D).

    Answers are given as the channels of their scores (n 2 1+D): everybody's reward first, and then one for each number,
    as `personal_preference` and `latent_preference` take them.
    """

    mean: Tensor
    covariance: Tensor

    @classmethod
    def of_anybody(cls, dimensions: int) -> Belief:
        """The prior N(0, I) of variational preference learning."""
        return cls(mean=torch.zeros(dimensions).double(), covariance=torch.eye(dimensions).double())

    @classmethod
    def of_people(cls, rows: Tensor) -> Belief:
        """That somebody new is like those who are known already: the mean and covariance of their numbers (people D).

        The people are few, so that the covariance is drawn towards its diagonal, by as much as one more person.
        """
        rows = rows.detach().double()
        apart = rows - rows.mean(0)
        scatter = apart.T @ apart
        own = scatter.diagonal().clamp(min=1e-6).diag()
        return cls(mean=rows.mean(0), covariance=(scatter + own / len(rows)) / (len(rows) + 1))

    def after(self, scores: Tensor) -> Belief:
        """What is believed after some comparisons, the preferred first: the highest point, and the curve there.

            z = argmax  sum_i log sigmoid(c_i + z a_i) - 1/2 (z - mean)' covariance^-1 (z - mean)

        with c_i how far the preferred is ahead for everybody and a_i for each number: Laplace's approximation. It is of
        the prior and all answers at once, or of one after the other.
        """
        shared, ways = _ahead(scores)
        precision = torch.linalg.inv(self.covariance)
        z = self.mean.clone()
        for _ in range(_NEWTON):
            p = (shared + ways @ z).sigmoid()
            slope = precision @ (z - self.mean) - ways.T @ (1 - p)
            curve = precision + (ways * (p * (1 - p)).unsqueeze(1)).T @ ways
            step = torch.linalg.solve(curve, slope)
            step = step / max(1.0, float(step.norm()))  # far out the curve is flat, and a whole step goes too far
            z = z - step
            if float(step.abs().max()) < 1e-10:
                break
        p = (shared + ways @ z).sigmoid()
        curve = precision + (ways * (p * (1 - p)).unsqueeze(1)).T @ ways
        return Belief(mean=z, covariance=torch.linalg.inv(curve))

    def chance(self, scores: Tensor) -> Tensor:
        """How probable it is that the first of each pair is preferred (n)."""
        return over_normal(torch.sigmoid, *self._ahead(scores))

    def information(self, scores: Tensor) -> Tensor:
        """What the answer to each pair is expected to tell of the person (n), in nats.

            I = H( E[p] ) - E[ H(p) ]        p = sigmoid(c + z a),  z as it is believed to be

        The mutual information of the answer and z, by which VPL (Poddar et al. 2024, arXiv 2408.10075) chooses what to
        ask; of a lead that is normal it is one integral, where the paper draws z.
        """
        mean, deviation = self._ahead(scores)
        p = over_normal(torch.sigmoid, mean, deviation)
        return _entropy(p.logit()) - over_normal(_entropy, mean, deviation)

    def _ahead(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of how far the first of each pair is ahead."""
        shared, ways = _ahead(scores)
        variance = torch.einsum("nd,de,ne->n", ways, self.covariance, ways)
        return shared + ways @ self.mean, variance.clamp(min=0).sqrt()


def _ahead(scores: Tensor) -> tuple[Tensor, Tensor]:
    apart = (scores[:, 0] - scores[:, 1]).detach().double()
    return apart[:, 0], apart[:, 1:]


def _entropy(lead: Tensor) -> Tensor:
    """The entropy of an answer by its log-odds, in nats."""
    return -(lead.sigmoid() * logsigmoid(lead) + (-lead).sigmoid() * logsigmoid(-lead))
