"""AdamW on fp32 master weights, whatever precision the forward runs in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..recipe import Optimiser


class MasterAdamW:
    """AdamW whose weights, moments and gradient sums are fp32, for a model that may run in bf16.

    A bf16 weight has 8 bits of mantissa: a step of 1e-5 relative would be rounded away, so the steps are taken on an
    fp32 copy and the model gets its rounding. Gradients of micro-batches are added in fp32, as they are produced, and
    the model's own are dropped at once. For fp32 and fp64 models the master copy is the model itself.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], settings: Optimiser, *, head: Collection[nn.Parameter] = ()
    ) -> None:
        """Take the weights to train; those of a new `head` move `settings.head` times as fast."""
        self.parameters, self.settings = list(parameters), settings
        self._master = [p if p.dtype in (torch.float32, torch.float64) else p.detach().float() for p in self.parameters]
        new = {id(p) for p in head}
        by_pace: dict[float, list[Tensor]] = {}
        for p, master in zip(self.parameters, self._master, strict=True):
            by_pace.setdefault(settings.head if id(p) in new else 1.0, []).append(master)
        self._adam = torch.optim.AdamW(
            [{"params": weights, "pace": pace} for pace, weights in by_pace.items()],
            lr=0.0,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        self._hooks = [
            p.register_post_accumulate_grad_hook(_Collect(master))  # type: ignore[no-untyped-call]
            for p, master in zip(self.parameters, self._master, strict=True)
            if master is not p
        ]

    def step(self, lr: float) -> float:
        """One step at this rate; the gradients' norm before clipping."""
        norm = float(nn.utils.clip_grad_norm_(self._master, self.settings.clip))
        if torch.isfinite(torch.tensor(norm)):
            for group in self._adam.param_groups:
                group["lr"] = lr * group["pace"]
            self._adam.step()
            with torch.no_grad():
                for p, master in zip(self.parameters, self._master, strict=True):
                    if master is not p:
                        p.copy_(master)
        self.zero()
        return norm

    def close(self) -> None:
        """Leave the gradients to whoever trains these weights next: until then they are all collected here."""
        for hook in self._hooks:
            hook.remove()

    def zero(self) -> None:
        """Forget the gradients, keeping their memory for the next step."""
        self._adam.zero_grad(set_to_none=False)

    def state(self) -> dict[str, Tensor]:
        """Master weights and moments as flat named tensors."""
        tensors: dict[str, Tensor] = {}
        for i, master in enumerate(self._master):
            tensors[f"master.{i}"] = master.detach()
            for name, value in self._adam.state.get(master, {}).items():
                tensors[f"{name}.{i}"] = torch.as_tensor(value)
        return tensors

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        with torch.no_grad():
            for i, (p, master) in enumerate(zip(self.parameters, self._master, strict=True)):
                master.copy_(tensors[f"master.{i}"])
                if master is not p:
                    p.copy_(master)
                names = [n.rpartition(".")[0] for n in tensors if n.endswith(f".{i}") and not n.startswith("master.")]
                state: dict[str, Any] = {n: tensors[f"{n}.{i}"].clone() for n in names}
                if state:
                    self._adam.state[master] = state


class _Collect:
    """Adds a bf16 gradient to its fp32 master's and drops it."""

    def __init__(self, master: Tensor) -> None:
        self.master = master

    def __call__(self, parameter: nn.Parameter | Tensor) -> None:
        grad = parameter.grad
        if grad is not None:
            if self.master.grad is None:
                self.master.grad = grad.to(self.master.dtype)
            else:
                self.master.grad.add_(grad)
            parameter.grad = None
