"""Weights laid out for few rows at a time, while a model decodes.

A decode step multiplies a handful of rows by every weight of the model. oneDNN does that 1.3 to 2 times faster with
weights in its own blocked layout, which it would otherwise make anew at every call. The copy is as large as the model,
so it lasts for one batch of responses only.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn


def packable(weight: Tensor) -> bool:
    """Whether there is such a layout here: bf16 weights on a CPU with oneDNN."""
    return weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def linear(weight: Tensor, bias: Tensor | None, rows: int) -> Callable[[Tensor], Tensor]:
    """`x -> x @ weight.T + bias`, fastest for `rows` rows."""
    if not packable(weight):
        return lambda x: nn.functional.linear(x, weight, bias)
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.detach(), rows)
    return lambda x: torch.ops.mkldnn._linear_pointwise.default(x, packed, bias, "none", [], "")


@contextlib.contextmanager
def prepacked(model: nn.Module, rows: int) -> Iterator[None]:
    """Run every linear layer of `model` on packed weights; the weights must not change meanwhile."""
    layers: list[Any] = [m for m in model.modules() if type(m) is nn.Linear and packable(m.weight)]
    for layer in layers:
        layer.forward = linear(layer.weight, layer.bias, rows)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
