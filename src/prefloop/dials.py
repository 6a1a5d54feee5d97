"""Knobs that move during a run: schedules and controllers.

A dial is a pure value. The loop keeps its current setting, asks for the next one after every step, and writes the
setting into the checkpoint, so a resumed run goes on where it was. A controller that remembers more than its setting
keeps it in a list, with the setting first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

State = float | list[float]
"""What is kept of a dial between steps: its setting, or a list of numbers that begins with it."""


@runtime_checkable
class Dial(Protocol):
    """A knob that moves."""

    def start(self) -> State:
        """The setting at the first step, and what else is to be remembered."""
        ...

    def next(self, now: Any, *, step: int, steps: int, metrics: Mapping[str, float]) -> State:
        """The setting after `step` of `steps` (counted from 0) ended with these metrics; `now` is what was kept."""
        ...


def setting(now: State) -> float:
    """The setting in what is kept of a dial.

    >>> setting(0.5), setting([0.5, 9.0])
    (0.5, 0.5)
    """
    return now[0] if isinstance(now, list) else now


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
class After:
    """0 for so many steps, and `value` from then on: the weight of a term that waits, as the policy's for its critic.

    >>> After(steps=2).start(), After(steps=2).next(0.0, step=1, steps=10, metrics={})
    (0.0, 1.0)
    """

    steps: int
    value: float = 1.0

    def start(self) -> float:
        """The setting at the first step."""
        return 0.0 if self.steps > 0 else self.value

    def next(self, now: float, *, step: int, steps: int, metrics: Mapping[str, float]) -> float:
        """The setting of the next step; metrics do not matter."""
        return self.value if step + 1 >= self.steps else 0.0


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
class PidKL:
    """The controller of the KL weight that also looks at how long and how fast the KL has been off its target.

        e    = clip(KL / target - 1, -clip, clip)
        beta = begin exp(proportional e + integral sum e + derivative (e - e before))

    In the form of PID Lagrangian methods (Stooke et al. 2020, arXiv 2007.03964), with the weight on a logarithmic
    scale, so that it stays above 0 and the gains have no unit. With the integral alone it is `AdaptiveKL`, up to second
    order in its gain. The derivative brakes: the weight rises while the KL is still below its target but growing. KL
    and target in nats per response.

    >>> now = PidKL(target=6.0).start()
    >>> [round(x, 3) for x in PidKL(target=6.0).next(now, step=0, steps=10, metrics={"kl": 12.0})]
    [0.138, 0.2, 0.2]
    """

    target: float
    begin: float = 0.1
    proportional: float = 1.0
    integral: float = 0.1
    derivative: float = 0.5
    clip: float = 0.2

    def start(self) -> list[float]:
        """The setting at the first step, the sum of the errors and the error before."""
        return [self.begin, 0.0, 0.0]

    def next(self, now: list[float], *, step: int, steps: int, metrics: Mapping[str, float]) -> list[float]:
        """The setting after the measured `kl`, the sum of the errors and this error."""
        _, total, before = now
        error = min(max(metrics["kl"] / self.target - 1, -self.clip), self.clip)
        total += error
        push = self.proportional * error + self.integral * total + self.derivative * (error - before)
        return [self.begin * math.exp(push), total, error]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveShare:
    """As much of a knob as the batch can be trusted: times the share of its tokens that count in effect.

        setting = full max(floor, share)        share = (sum_t w_t)^2 / (n sum_t w_t^2), w_t = pi / sampler of token t

    Trust from the normalised effective sample size, for a learning rate or the range of a clip: the idea of "Trust the
    Batch, On- or Off-Policy", not its exact objective. Where every sample is the policy's own of now, the share is 1;
    the staler it is and the less the sampler agrees with the trainer, the nearer to 1/n. Read off the metric
    `effective_share` of the step before.

    >>> EffectiveShare(full=0.2).next(0.2, step=0, steps=9, metrics={"effective_share": 0.5})
    0.1
    """

    full: float
    floor: float = 0.1

    def start(self) -> float:
        """The setting at the first step."""
        return self.full

    def next(self, now: float, *, step: int, steps: int, metrics: Mapping[str, float]) -> float:
        """The setting after the measured `effective_share`."""
        return self.full * max(self.floor, metrics["effective_share"])


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
