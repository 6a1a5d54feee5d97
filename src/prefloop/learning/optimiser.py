"""AdamW on fp32 weights, whatever precision the forward runs in."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..recipe import Optimiser
from .adamw import adamw, dials, square_sum


class MasterAdamW:
    """AdamW whose weights and moments are fp32, for a model that may run in bf16.

    A bf16 weight has 8 bits of mantissa: a step of 1e-5 relative would be rounded away, so the steps are taken on an
    fp32 copy and the model gets its rounding. The gradient of a single backward pass stays as it came; those of several
    are added in fp32, as they are produced. For fp32 and fp64 models the copy is the model itself.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        settings: Optimiser,
        *,
        head: Collection[nn.Parameter] = (),
        rate: float | None = None,
    ) -> None:
        """Take the weights to train; those of a new `head` move `settings.head` times as fast.

        With a `rate` they all move at that one, whatever rate a step is asked for.
        """
        self.settings, self.steps, self.rate = settings, 0, rate
        new = {id(p) for p in head}
        self._weights = [_Weight(p, pace=settings.head if id(p) in new else 1.0) for p in parameters]

    @torch.no_grad()
    def step(self, lr: float) -> float:
        """One step at this rate; the gradients' norm before clipping."""
        moved = [(w, w.grad) for w in self._weights if w.grad is not None]
        norm = float(torch.stack([square_sum(grad) for _, grad in moved]).sum().sqrt()) if moved else 0.0
        lr = lr if self.rate is None else self.rate
        if math.isfinite(norm):
            self.steps += 1
            at = {pace: self._dials(lr * pace, norm) for pace in {w.pace for w, _ in moved}}
            for w, grad in moved:
                w.step(grad, at[w.pace])
        self.zero()
        return norm

    def _dials(self, lr: float, norm: float) -> Tensor:
        settings = self.settings
        scale = min(1.0, settings.clip / (norm + 1e-6))
        return dials(scale=scale, lr=lr, step=self.steps, betas=settings.betas, decay=settings.weight_decay)

    def exact(self) -> dict[nn.Parameter, Tensor]:
        """The weights as exactly as they are known here, by the model's parameter; they change with every step."""
        return {w.parameter: w.exact for w in self._weights}

    def close(self) -> None:
        """Leave the gradients to whoever trains these weights next: until then they are all collected here."""
        for w in self._weights:
            w.close()

    def zero(self) -> None:
        """Forget the gradients."""
        for w in self._weights:
            w.forget()

    @torch.no_grad()
    def lean(self, rate: float) -> None:
        """Move the model's weights by -`rate` times their gradient, and forget it, until `straighten` is called."""
        for w in self._weights:
            w.aside = w.parameter.clone()
            if w.grad is not None:
                w.parameter.copy_(w.exact - rate * w.grad.to(w.exact))
        self.zero()

    @torch.no_grad()
    def straighten(self) -> None:
        """Give the model back the weights that it had before `lean`."""
        for w in self._weights:
            if w.aside is not None:
                w.parameter.copy_(w.aside)
            w.aside = None

    @torch.no_grad()
    def put_back(self, tensors: Sequence[Tensor]) -> None:
        """Give every weight, in order, the value it had; the moments stay."""
        for w, tensor in zip(self._weights, tensors, strict=True):
            w.exact.copy_(tensor)
            w.parameter.copy_(tensor)

    def state(self) -> dict[str, Tensor]:
        """The number of steps, fp32 weights and moments as flat named tensors."""
        tensors = {"steps": torch.tensor(self.steps)}
        for i, w in enumerate(self._weights):
            tensors |= {f"master.{i}": w.exact, f"exp_avg.{i}": w.m, f"exp_avg_sq.{i}": w.v}
        return tensors

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        self.steps = int(tensors["steps"])
        for i, w in enumerate(self._weights):
            w.restore(*(tensors[f"{name}.{i}"] for name in ("master", "exp_avg", "exp_avg_sq")))


class _Weight:
    """One trained weight, its exact value, its moments and its gradient."""

    def __init__(self, parameter: nn.Parameter, *, pace: float) -> None:
        self.parameter, self.pace = parameter, pace
        whole = parameter.dtype in (torch.float32, torch.float64)
        self.exact = parameter.detach() if whole else parameter.detach().float()
        self.m, self.v = torch.zeros_like(self.exact), torch.zeros_like(self.exact)
        self.aside: Tensor | None = None
        self._sum: Tensor | None = None
        self._hook: Any = None if whole else parameter.register_post_accumulate_grad_hook(self._collect)  # type: ignore[no-untyped-call]

    def _collect(self, parameter: Tensor) -> None:
        """Take a gradient from the model: as it is, or added in fp32 to those that came before."""
        grad, parameter.grad = parameter.grad, None
        if self._sum is None or grad is None:
            self._sum = grad
        else:
            self._sum = self._sum.to(self.exact.dtype).add_(grad)

    @property
    def grad(self) -> Tensor | None:
        return self.parameter.grad if self._hook is None else self._sum

    def forget(self) -> None:
        self.parameter.grad = self._sum = None

    def step(self, grad: Tensor, dials: Tensor) -> None:
        adamw(self.exact, grad, self.m, self.v, None if self._hook is None else self.parameter, dials)

    def close(self) -> None:
        if self._hook is not None:
            self._hook.remove()

    @torch.no_grad()
    def restore(self, exact: Tensor, m: Tensor, v: Tensor) -> None:
        for kept, given in ((self.exact, exact), (self.m, m), (self.v, v), (self.parameter, exact)):
            kept.copy_(given)
