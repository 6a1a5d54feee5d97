"""AdamW as one loop over the elements of a weight.

    m = m + (1 - b1) (g - m)                v = v + (1 - b2) (g^2 - v)
    w = (1 - lr decay) w - lr / (1 - b1^t)  m / (sqrt(v / (1 - b2^t)) + eps)

Loshchilov and Hutter 2019, arXiv 1711.05101, algorithm 2, with the decay times the rate, as torch has it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.compiled import compiled


def dials(*, scale: float, lr: float, step: int, betas: tuple[float, float], decay: float, eps: float = 1e-8) -> Tensor:
    """The numbers of one step, as a tensor so that no new value is compiled anew.

    What gradients are multiplied by, the shares of the new in m and v, what is left of w, the rate, what makes v
    unbiased, and eps.
    """
    one, two = betas
    rate, unbiased = lr / (1 - one**step), (1 - two**step) ** -0.5
    return torch.tensor([scale, 1 - one, 1 - two, 1 - lr * decay, rate, unbiased, eps], dtype=torch.float64)


@compiled
def adamw(weight: Tensor, grad: Tensor, m: Tensor, v: Tensor, rounded: Tensor | None, dials: Tensor) -> None:
    """One step: `weight`, `m` and `v` change in place, and `rounded`, a coarser copy if there is one, follows."""
    scale, new_m, new_v, left, rate, unbiased, eps = dials.to(weight.dtype).unbind()
    g = grad.to(weight.dtype) * scale
    m.add_((g - m) * new_m)
    v.add_((g * g - v) * new_v)
    weight.copy_(weight * left - rate * m / (v.sqrt() * unbiased + eps))
    if rounded is not None:
        rounded.copy_(weight)


@compiled
def square_sum(x: Tensor) -> Tensor:
    """The sum of the squares of a tensor, in fp32 at least.

    >>> square_sum(torch.tensor([3.0, 4.0]))
    tensor(25.)
    """
    return x.to(torch.promote_types(x.dtype, torch.float32)).square().sum()
