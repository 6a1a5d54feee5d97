"""Objectives of reward models that know that some judgements are turned round."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import share_of_flips
from ..ops import lead


def known_flips(score: Float[Tensor, "P 2"], *, flips: float = 0.1) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison that was turned round in a known share of cases.

        loss = -log( (1 - flips) sigmoid(score_0 - score_1) + flips sigmoid(score_1 - score_0) )

    `bradley_terry` through a symmetric channel of noise. `flips` is the share of preferences that were recorded the
    wrong way round, from 0 to below 1/2. No single pair can cost more than -log `flips`, so that a wrong label does not
    pull for ever; the likelihood is not concave any more.

    Raises:
        RecipeError: `flips` is not a share below 1/2.

    >>> import torch
    >>> known_flips(torch.tensor([[2.0, 1.0], [0.0, 50.0]]), flips=0.1)
    tensor([0.3786, 2.3026])
    """
    share_of_flips("known_flips", flips=flips)
    sure = torch.tensor(flips, dtype=score.dtype, device=score.device)
    return _through_noise(score, (-sure).log1p(), sure.log())


def annotator_flips(
    score: Float[Tensor, "P 2"], traits: Float[Tensor, "P 1"], *, begin: float = 0.1
) -> Float[Tensor, "P"]:
    """Negative log-likelihood of a comparison, with a learnt share of flips for everybody who judged.

        loss    = -log( (1 - f_who) sigmoid(score_0 - score_1) + f_who sigmoid(score_1 - score_0) )
        f_who   = sigmoid(trait_who + log(begin / (1 - begin)))

    Crowd-BT (Chen, Bennett, Collins-Thompson and Horvitz 2013, Pairwise ranking aggregation in a crowdsourced setting)
    without its priors: its reliability is 1 - f. Everybody begins at the share `begin`. A share above 1/2 is somebody
    who prefers the worse; which of the two camps is right the likelihood does not say, and `begin` below 1/2 starts at
    the majority. Of one person alone a share of flips and a flat reward can hardly be told apart.

    Raises:
        RecipeError: `begin` is not a share below 1/2.

    >>> import torch
    >>> annotator_flips(torch.tensor([[2.0, 1.0]] * 2), torch.tensor([[0.0], [20.0]]))
    tensor([0.3786, 1.3133])
    """
    share_of_flips("annotator_flips", begin=begin)
    odds = traits[:, 0] + math.log(begin / (1 - begin))
    return _through_noise(score, logsigmoid(-odds), logsigmoid(odds))


def _through_noise(score: Tensor, kept: Tensor, turned: Tensor) -> Tensor:
    """Minus the log-probability of what was recorded, by the logs of how often it was kept and turned round."""
    return -torch.logaddexp(kept + logsigmoid(lead(score)), turned + logsigmoid(-lead(score)))
