"""What a loop needs of whoever holds the weights: named outputs, their gradients back, and a step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from torch import Tensor

from ..batch import Batch
from ..models.places import Comparison, Places

Loss = Callable[[Mapping[str, Tensor]], Tensor]


class Network(Protocol):
    """Anything with named, differentiable outputs: a `Decoder`, a tabular model, a network of the user's own."""

    version: str

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """The outputs called `want`, for every response of the batch."""
        ...


class Speaker(Network, Protocol):
    """A network whose whole next-token distributions can be compared with another's."""

    def places(self, batch: Batch) -> Places:
        """The places before the chosen tokens of the batch, in the order of its mask."""
        ...

    def outputs(
        self,
        batch: Batch,
        want: Collection[str],
        *,
        temperature: float = 1.0,
        compare: Sequence[Comparison] = (),
    ) -> dict[str, Tensor]:
        """The outputs called `want`, and what every comparison gives."""
        ...


class Learner(Protocol):
    """Holds the trained models and knows nothing of the method."""

    def infer(self, batch: Batch) -> dict[str, Tensor]:
        """All outputs of the trained models, without gradient."""
        ...

    def push(self, batch: Batch, gradients: Mapping[str, Tensor]) -> None:
        """Back-propagate a given gradient of each output, adding to what is there."""
        ...

    def update(self, batch: Batch, loss: Loss) -> dict[str, Tensor]:
        """Add the gradient of `loss(outputs)`, however many parts the batch needs; the outputs it was taken at."""
        ...

    def ahead(self, rate: float) -> AbstractContextManager[None]:
        """Take a plain gradient step for as long as this lasts, and forget its gradient; then be back, to the bit."""
        ...

    def step(self, lr: float) -> dict[str, float]:
        """One optimiser step; the gradient norm of each model."""
        ...
