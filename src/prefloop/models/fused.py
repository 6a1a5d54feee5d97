"""Norms and gated feed-forwards with their own backward, in place of those of a stock decoder.

    RMSNorm    y = x r w,  r = 1 / sqrt(mean(x^2) + eps)         dx = r (g w - x r^2 mean(g w x))
    gated      y = act(gate) up,  act(t) = t sigmoid(t)          dgate = g up s (1 + gate (1 - s)),  dup = g gate s

Autograd would keep every intermediate of these and go through each again; here what is kept for the backward is the
inputs. A stock module is replaced only if it is seen to compute the same.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .compiled import compiled


def fuse(stock: nn.Module) -> None:
    """Replace the forward of every module of `stock` that computes one of these."""
    for module in stock.modules():
        if type(module).__name__.endswith("RMSNorm"):
            _fuse_norm(module)
        elif all(hasattr(module, part) for part in ("gate_proj", "up_proj", "down_proj", "act_fn")):
            _fuse_gated(module)


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """RMSNorm over the last axis, with fp32 reductions (arXiv 1910.07467, equation 4).

    >>> rms_norm(torch.tensor([[3.0, 4.0]]), torch.ones(2), 0.0)
    tensor([[0.8485, 1.1314]])
    """
    if not torch.is_grad_enabled():
        return _norm(x, weight, eps)[0]
    return _Norm.apply(x, weight, eps)  # type: ignore[no-any-return, no-untyped-call]


def swiglu(gate: Tensor, up: Tensor) -> Tensor:
    """SiLU-gated product (arXiv 2002.05202, equation 6).

    >>> swiglu(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    tensor([0.0000, 1.4621])
    """
    return _Gated.apply(gate, up)  # type: ignore[no-any-return, no-untyped-call]


def _fuse_norm(module: nn.Module) -> None:
    weight: Any = module.get_parameter("weight")
    eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
    if not isinstance(eps, float):
        return
    # So small that eps counts.
    x = torch.linspace(-1, 1, 3 * len(weight)).view(3, -1).to(weight) * eps**0.5
    with torch.no_grad():
        wanted = module(x)
        if _same(rms_norm(x, weight, eps), wanted):
            module.forward = partial(_plain_norm, module, eps)
        elif _same(rms_norm(x, 1 + weight, eps), wanted):  # Gemma's
            module.forward = partial(_gemma_norm, module, eps)


def _fuse_gated(module: Any) -> None:
    t = torch.linspace(-5, 5, 64)
    if _same(module.act_fn(t), nn.functional.silu(t)):
        module.forward = partial(_gated_forward, module)


# A deep copy of a module copies what a `partial` holds and reads its own weights; a closure would keep the first ones.


def _plain_norm(module: Any, eps: float, x: Tensor) -> Tensor:
    return rms_norm(x, module.weight, eps)


def _gemma_norm(module: Any, eps: float, x: Tensor) -> Tensor:
    return rms_norm(x, 1 + module.weight, eps)


def _gated_forward(module: Any, x: Tensor) -> Tensor:
    return module.down_proj(swiglu(module.gate_proj(x), module.up_proj(x)))  # type: ignore[no-any-return]


def _same(a: Tensor, b: Tensor) -> bool:
    return a.dtype == b.dtype and torch.allclose(a, b, rtol=0.02 if a.dtype.itemsize == 2 else 1e-5, atol=1e-5)


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        out, r = _norm(x, weight, eps)
        ctx.save_for_backward(x, weight, r)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return *_norm_back(grads[0], *ctx.saved_tensors), None


@compiled
def _norm(x: Tensor, weight: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    exact = x.to(torch.promote_types(x.dtype, torch.float32))
    r = (exact.square().mean(-1, keepdim=True) + eps).rsqrt()
    return (exact * r * weight).to(x.dtype), r


@compiled
def _norm_back(grad: Tensor, x: Tensor, weight: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    normed, exact = x * r, grad.to(r.dtype)
    d_weight = (exact * normed).flatten(0, -2).sum(0)
    exact = exact * weight
    d_x = (exact - normed * (exact * normed).mean(-1, keepdim=True)) * r
    return d_x.to(x.dtype), d_weight.to(weight.dtype)


class _Gated(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return _gated(gate, up)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        return _gated_back(grads[0], *ctx.saved_tensors)


@compiled
def _gated(gate: Tensor, up: Tensor) -> Tensor:
    return nn.functional.silu(gate) * up


@compiled
def _gated_back(grad: Tensor, gate: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
    t = gate.to(torch.promote_types(gate.dtype, torch.float32))
    s = t.sigmoid()
    return (grad * up * s * (1 + t * (1 - s))).to(gate.dtype), (grad * t * s).to(up.dtype)
