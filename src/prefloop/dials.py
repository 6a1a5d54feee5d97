"""Knobs that move during a run: schedules and controllers.

A dial is a pure value. The loop keeps its current setting, asks for the next one after every step, and writes the
setting into the checkpoint, so a resumed run goes on where it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@runtime_checkable
class Dial(Protocol):
    """A knob that moves."""

    def start(self) -> float:
        """The setting at the first step."""
        ...

    def next(self, now: float, *, step: int, steps: int, metrics: Mapping[str, float]) -> float:
        """The setting after `step` of `steps` (counted from 0) ended with these metrics."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A line from `begin` to `end` over the run, after a linear warm-up from 0 over the first `warmup` steps.

    >>> Linear(begin=1.0, end=0.0, warmup=2).start()
    0.5
    """

    begin: float
    end: float
    warmup: int = 0

    def at(self, step: int, steps: int) -> float:
        """The setting at a step."""
        if step < self.warmup:
            return self.begin * (step + 1) / self.warmup
        rest = max(1, steps - self.warmup)
        return self.begin + (self.end - self.begin) * min(1.0, (step - self.warmup) / rest)

    def start(self) -> float:
        """The setting at the first step."""
        return self.at(0, 1 + self.warmup)

    def next(self, now: float, *, step: int, steps: int, metrics: Mapping[str, float]) -> float:
        """The setting of the next step; metrics do not matter."""
        return self.at(step + 1, steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptiveKL:
    """The proportional controller of the KL weight.

        e    = clip(KL / target - 1, -0.2, 0.2)
        beta <- beta (1 + gain e)

    Ziegler et al. 2019 (arXiv 1909.08593), section 2.2. KL and target in nats per response.

    >>> AdaptiveKL(target=6.0).next(1.0, step=0, steps=10, metrics={"kl": 12.0})
    1.02
    """

    target: float
    begin: float = 0.1
    gain: float = 0.1
    clip: float = 0.2

    def start(self) -> float:
        """The setting at the first step."""
        return self.begin

    def next(self, now: float, *, step: int, steps: int, metrics: Mapping[str, float]) -> float:
        """The setting after the measured `kl`."""
        error = min(max(metrics["kl"] / self.target - 1, -self.clip), self.clip)
        return now * (1 + self.gain * error)


@dataclass(frozen=True, slots=True, kw_only=True)
class MovingAverage:
    """The mean of a metric over the steps so far, the latest counting most.

        average <- average + rate (metric - average)

    A baseline that lies outside the batch (Williams 1992). `paid` is what a response was paid with every
    penalty. `begin` is the average before anything was seen.

    >>> MovingAverage(rate=0.1).next(1.0, step=0, steps=10, metrics={"paid": 2.0})
    1.1
    """

    metric: str = "paid"
    rate: float = 0.1
    begin: float = 0.0

    def start(self) -> float:
        """The setting at the first step."""
        return self.begin

    def next(self, now: float, *, step: int, steps: int, metrics: Mapping[str, float]) -> float:
        """The setting after the measured metric."""
        return now + self.rate * (metrics[self.metric] - now)
