"""Objectives of reward models that learn from numbers people gave to single responses."""

import torch
from jaxtyping import Float, Num
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from ..binding import learns_from
from ..errors import DataError
from ..ops import present


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
    >>> ordinal(torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2, 1), label, lowest=1)
    tensor([[0.8814, 1.7627]])
    """
    gaps = softplus(numbers[:, 1:]).cumsum(-1)
    gaps = torch.cat([torch.zeros_like(numbers[:, :1]), gaps], -1)
    theta = numbers[:, :1] + gaps - gaps.mean(-1, keepdim=True)
    there, grade = present(mask), _grades(label, present(mask), lowest=lowest, count=numbers.shape[1] + 1)
    # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)), of which no part is lost to rounding.
    above = torch.cat([theta, torch.full_like(theta[:, :1], torch.inf)], -1).gather(1, grade) - score
    below = torch.cat([torch.full_like(theta[:, :1], -torch.inf), theta], -1).gather(1, grade) - score
    return -torch.where(there, logsigmoid(above) + logsigmoid(-below) + (-(below - above).exp()).log1p(), 0.0)


def _grades(label: Float[Tensor, "P K"], there: Tensor, *, lowest: float, count: int) -> Tensor:
    """How many grades lie below each label; 0 for missing responses."""
    grade = torch.where(there, label - lowest, 0.0)
    wrong = (grade < 0) | (grade > count - 1) | (grade != grade.round())
    if bool(wrong.any()):
        raise DataError(
            f"an answer is rated {float(label[wrong][0]):g}, and the grades are the {count} whole numbers from "
            f"{lowest:g} to {lowest + count - 1:g}: say which there are (lowest=..., highest=...), or learn from the "
            "distances of the ratings with `interval`."
        )
    return grade.long()


@learns_from("ratings")
def interval(
    score: Float[Tensor, "P K"],
    numbers: Float[Tensor, "P 2"],
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
    gap = (label - middle) / unit - numbers[:, :1] - score
    return torch.where(present(mask), (gap / numbers[:, 1:].exp()).square() / 2 + numbers[:, 1:], 0.0)
