"""The few tensor operations that every formula is written in. Pure: torch and nothing else.

Shapes use the letters of `names.py`. A mask is 1 where the model chose the token and 0 elsewhere.
"""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from .errors import DataError, RecipeError

_NODES = 32  # of a quadrature: log sigmoid is exact to 1e-5 up to a deviation of 3


def tsum(x: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """Sum over the tokens of each response that the model chose.

    >>> tsum(torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[[1, 0, 1]]]))
    tensor([[5.]])
    """
    return torch.where(mask.bool(), x, 0.0).sum(-1)


def tmean(x: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K"]:
    """Mean over the tokens of each response that the model chose; 0 for a missing response.

    >>> tmean(torch.tensor([[[1.0, 2.0, 5.0]]]), torch.tensor([[[1, 0, 1]]]))
    tensor([[3.]])
    """
    return tsum(x, mask) / mask.sum(-1).clamp(min=1)


def wmean(
    x: Float[Tensor, "P K T"], weight: Float[Tensor, "P K T"], mask: Num[Tensor, "P K T"]
) -> Float[Tensor, "P K"]:
    """Mean over the tokens of each response that the model chose, by weight; 0 where none of them has any.

    >>> wmean(torch.tensor([[[1.0, 9.0, 5.0]]]), torch.tensor([[[1.0, 1.0, 3.0]]]), torch.tensor([[[1, 0, 1]]]))
    tensor([[4.]])
    """
    total = tsum(weight, mask)
    return tsum(weight * x, mask) / torch.where(total == 0, 1.0, total)


def soft_min(x: Float[Tensor, "... D"], *, softness: float) -> Float[Tensor, "..."]:
    """The soft minimum of the last axis: between the least of its numbers and their mean.

        soft_min = -softness log( 1/D sum_d exp(-x_d / softness) )

    `softness` is in the unit of the numbers and above 0: towards 0 it is the minimum, towards infinity the mean. Equal
    numbers give that number.

    >>> soft_min(torch.tensor([0.0, 1.0]), softness=0.1)
    tensor(0.0693)
    """
    count = torch.tensor(x.shape[-1], dtype=x.dtype, device=x.device)
    return -softness * ((-x / softness).logsumexp(-1) - count.log())


def sinkhorn(x: Float[Tensor, "N D"], *, rounds: int) -> Float[Tensor, "N D"]:
    """Rows shared out among columns, of which each gets as much: by turns, columns and rows of exp(x) made to add up.

        q = Diag(u) exp(x) Diag(v)        sum_d q_nd = 1,  sum_n q_nd = N / D

    The algorithm of Sinkhorn and Knopp 1967, on logarithms. The last turn is that of the rows, which add up exactly;
    columns do in the limit of many `rounds`.

    >>> sinkhorn(torch.tensor([[2.0, 0.0], [3.0, 0.0]]), rounds=50)
    tensor([[0.3775, 0.6225],
            [0.6225, 0.3775]])
    """
    for _ in range(rounds):
        x = x.log_softmax(0).log_softmax(1)
    return x.exp()


def over_normal(
    function: Callable[[Tensor], Tensor], mean: Float[Tensor, "P"], deviation: Float[Tensor, "P"]
) -> Float[Tensor, "P"]:
    """The mean of a function of one number over a normal distribution of it, by Gauss-Hermite quadrature.

        E f(mean + deviation e),  e ~ N(0, 1)

    >>> over_normal(torch.square, torch.tensor([3.0]), torch.tensor([2.0]))
    tensor([13.])
    """
    at, share = (torch.as_tensor(x).to(mean) for x in np.polynomial.hermite_e.hermegauss(_NODES))
    return function(mean.unsqueeze(-1) + deviation.unsqueeze(-1) * at) @ (share / share.sum())


def lead(x: Num[Tensor, "P 2"]) -> Num[Tensor, "P"]:
    """How far the first of two is ahead of the second.

    >>> lead(torch.tensor([[3.0, 1.0]]))
    tensor([2.])
    """
    return x[:, 0] - x[:, 1]


def round_about(v: Float[Tensor, "P 2 D"]) -> Float[Tensor, "P"]:
    """How far the first of two embeddings is ahead of the second, going round: the opposite for the other order.

        sum_m (v_0,2m v_1,2m+1 - v_0,2m+1 v_1,2m)        the D = 2 m channels are taken two by two

    Raises:
        RecipeError: the number of channels is odd.

    >>> round_about(torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]))
    tensor([ 1., -1.])
    """
    if v.shape[-1] % 2:
        raise RecipeError(
            f"an embedding has {v.shape[-1]} channels, and they are taken two by two: give the model one more or one "
            'less, Model(head="score", channels=(...), ...).'
        )
    even, odd = v[..., 0::2], v[..., 1::2]
    return (even[:, 0] * odd[:, 1] - odd[:, 0] * even[:, 1]).sum(-1)


def grades(label: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"], *, lowest: float, steps: int) -> Int[Tensor, "P K"]:
    """How many grades lie below each label, of whole ones from the lowest up by so many steps; 0 where one is missing.

    Raises:
        DataError: a label is none of the grades.

    >>> grades(torch.tensor([[3.0, 1.0]]), torch.ones(1, 2, 1), lowest=1.0, steps=4)
    tensor([[2, 0]])
    """
    grade = torch.where(present(mask), label - lowest, 0.0)
    wrong = (grade < 0) | (grade > steps) | (grade != grade.round())
    if bool(wrong.any()):
        raise DataError(
            f"an answer is rated {float(label[wrong][0]):g}, and the grades are the {steps + 1} whole numbers from "
            f"{lowest:g} to {lowest + steps:g}: say which there are (lowest=..., highest=...), or learn from the "
            "distances of the ratings with `interval`."
        )
    return grade.long()


def log_odds(logp: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """log( p / (1 - p) ) of a log-probability; where p rounds to 1, it is as near to 1 as numbers of this type can be.

        log_odds = logp - log(1 - exp(logp))

    >>> log_odds(torch.tensor([0.5, 1e-9]).log())
    tensor([  0.0000, -20.7233])
    """
    below_one = logp.clamp(max=-torch.finfo(logp.dtype).eps)
    return below_one - (-below_one.expm1()).log()


def present(mask: Num[Tensor, "P K T"]) -> Bool[Tensor, "P K"]:
    """True where a response is there: where at least one of its tokens was chosen by the model.

    >>> present(torch.tensor([[[1, 0], [0, 0]]]))
    tensor([[ True, False]])
    """
    return mask.bool().any(-1)


def best(x: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Bool[Tensor, "P K"]:
    """True for the highest of the responses to a prompt that are there, the first of several equals.

    >>> best(torch.tensor([[1.0, 3.0, 9.0]]), torch.tensor([[[1], [1], [0]]]))
    tensor([[False,  True, False]])
    """
    there = present(mask)
    highest = x.masked_fill(~there, -torch.inf).argmax(-1, keepdim=True)
    return torch.zeros_like(there).scatter(-1, highest, True) & there


def final(mask: Num[Tensor, "P K T"]) -> Int[Tensor, "P K"]:
    """Position of the last token that the model chose; 0 for a missing response.

    >>> final(torch.tensor([[[1, 0, 1, 0], [0, 0, 0, 0]]]))
    tensor([[2, 0]])
    """
    positions = torch.arange(mask.shape[-1], device=mask.device)
    return torch.where(mask.bool(), positions, 0).amax(-1)


def at_final(x: Float[Tensor, "P K"], mask: Num[Tensor, "P K T"]) -> Float[Tensor, "P K T"]:
    """Place one number per response at its last chosen token, 0 elsewhere and for missing responses.

    >>> at_final(torch.tensor([[7.0]]), torch.tensor([[[1, 1, 0]]]))
    tensor([[[0., 7., 0.]]])
    """
    spread = torch.zeros(mask.shape, dtype=x.dtype, device=x.device)
    return spread.scatter(-1, final(mask).unsqueeze(-1), torch.where(present(mask), x, 0.0).unsqueeze(-1))


def whiten(x: Float[Tensor, "..."], mask: Num[Tensor, "..."], *, eps: float = 1e-8) -> Float[Tensor, "..."]:
    """Shift and scale to mean 0 and (population) variance 1 over the masked entries; 0 elsewhere.

    >>> whiten(torch.tensor([1.0, 3.0, 99.0]), torch.tensor([1, 1, 0]))
    tensor([-1.,  1.,  0.])
    """
    chosen = mask.bool()
    n = chosen.sum().clamp(min=1)
    mean = torch.where(chosen, x, 0.0).sum() / n
    centred = torch.where(chosen, x - mean, 0.0)
    return centred / (centred.square().sum() / n + eps).sqrt()
