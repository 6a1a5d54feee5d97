"""Objectives of reward models that learn from numbers people gave to single responses."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid, pad, softplus

from ..binding import learns_from
from ..ops import grades, present


@learns_from("ratings")
def ordinal(
    score: Float[Tensor, "P K"],
    numbers: Float[Tensor, "P D"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    *,
    lowest: float,
) -> Float[Tensor, "P K"]:
    """Negative log-likelihood of a grade, of which only the order is meant: a 5 is better than a 4, not by how much.

        P(label <= lowest + c) = sigmoid(theta_c - score)        c = 0 to D - 1, D + 1 grades in all
        theta_c = number_0 + g_c - mean(g),   g_c = sum_{1 <= d <= c} log(1 + exp(number_d))

    The cumulative link model with proportional odds (McCullagh 1980, Regression models for ordinal data). The
    thresholds theta are learnt, and in order by construction; number_0 is their mean. A constant added to the scores
    and to number_0 changes nothing. Missing responses give 0.

    Raises:
        DataError: a label is no whole number of steps above `lowest`, or beyond the grades.

    >>> import torch
    >>> label = torch.tensor([[1.0, 2.0]])
    >>> ordinal(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2, 1), label, lowest=1.0)
    tensor([[0.8814, 1.7627]])
    """
    first, gaps = numbers[:, 0:1], softplus(numbers[:, 1:])
    steps = torch.cat([torch.zeros_like(first), gaps], 1).cumsum(1)
    theta = first + steps - steps.mean(1, keepdim=True)
    ends = pad(pad(theta, (1, 0), value=-torch.inf), (0, 1), value=torch.inf)
    grade = grades(label, mask, lowest=lowest, count=theta.shape[1] + 1)
    above, below = ends.gather(1, grade + 1) - score, ends.gather(1, grade) - score
    # sigmoid(above) - sigmoid(below), as a product of which no part is lost to rounding
    found = logsigmoid(above) + logsigmoid(-below) + (-(below - above).exp()).log1p()
    return -torch.where(present(mask), found, 0.0)


@learns_from("ratings")
def interval(
    score: Float[Tensor, "P K"],
    numbers: Float[Tensor, "P D"],
    mask: Num[Tensor, "P K T"],
    label: Float[Tensor, "P K"],
    *,
    middle: float = 0.0,
    unit: float = 1.0,
) -> Float[Tensor, "P K"]:
    """Negative log-likelihood of a rating that is the score and Gaussian noise, but for the constant log(2 pi) / 2.

        loss = (z - number_0 - score)^2 / (2 sigma^2) + log sigma
        z    = (label - middle) / unit,   sigma = exp(number_1)

    Regression on ratings whose distances are meant, with a learnt offset and a learnt noise, the same for all answers.
    `middle` and `unit` put the ratings where the score begins. Where the noise is known this is least squares. Missing
    responses give 0.

    >>> import torch
    >>> interval(torch.tensor([[1.0]]), torch.zeros(1, 2), torch.ones(1, 1, 1), torch.tensor([[5.0]]), middle=3.0)
    tensor([[0.5000]])
    """
    offset, log_sigma = numbers[:, 0:1], numbers[:, 1:2]
    gap = (label - middle) / unit - offset - score
    return torch.where(present(mask), (gap / log_sigma.exp()).square() / 2 + log_sigma, 0.0)
