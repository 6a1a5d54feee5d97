"""A frozen model that follows a trained one: its weights are the moving average of the other's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ModelError
from ..recipe import Follows


class Follower:
    """Moves the weights of a frozen model after those of a trained one.

    The average is kept in fp32 where the model runs in less: a bf16 weight has 8 bits of mantissa, and a hundredth of a
    small step would be rounded away for ever.
    """

    def __init__(
        self, network: Any, leader: Any, exact: Mapping[nn.Parameter, Tensor], how: Follows, *, role: str
    ) -> None:
        """Start at the weights that the leader has now; `exact` are those of its parameters that are trained.

        Raises:
            ModelError: the leader does not train every weight that the follower has.
        """
        self.network, self._how = network, how
        theirs = _named(leader)
        self._weights: list[tuple[nn.Parameter, Tensor, Tensor]] = []
        for name, parameter in _named(network).items():
            led = theirs.get(name)
            if led is None or led not in exact or led.shape != parameter.shape:
                raise ModelError(
                    f"`{role}` cannot follow a model that does not train the weight `{name}` of its shape: only a "
                    "model that is trained whole, without an adapter, is followed, and by a copy of itself."
                )
            whole = parameter.dtype in (torch.float32, torch.float64)
            average = parameter.detach() if whole else parameter.detach().float()
            self._weights.append((parameter, average, exact[led]))
        self._go(0.0)

    def after(self, steps: int) -> None:
        """The leader has taken so many steps."""
        if steps % self._how.every == 0:
            self._go(self._how.decay)

    @torch.no_grad()
    def _go(self, decay: float) -> None:
        for parameter, average, led in self._weights:
            average.lerp_(led.to(average), 1 - decay)
            parameter.copy_(average)

    def state(self) -> dict[str, Tensor]:
        """The average as flat named tensors."""
        return {f"average.{i}": average for i, (_, average, _) in enumerate(self._weights)}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from what `state` gave."""
        for i, (parameter, average, _) in enumerate(self._weights):
            average.copy_(tensors[f"average.{i}"])
            parameter.copy_(average)


def _named(network: Any) -> dict[str, nn.Parameter]:
    """The weights of a network by name: of a decoder, those of the model it wraps."""
    return dict(getattr(network, "model", network).named_parameters())
