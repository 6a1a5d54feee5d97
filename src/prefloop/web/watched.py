"""What a run is doing now, for the page beside it: told by the run's thread, read by the page's."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..feedback.browser import Coming
from ..loops.progress import Bar, Progress
from ..text import Group, Prompt

KEPT = 60
"""Samples that are remembered: a page that was away longer misses the ones before."""
OF_A_STEP = 3
"""Prompts of a step whose first answer is shown."""
WARNING = "warning: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """An answer of the policy as it learns; `number` counts them over the run, `reward` where it is known by answer.

    >>> Sampled(number=1, stage="round 1: rloo", step=1, prompt=Prompt(text="One"), text=" two").reward
    """

    number: int
    stage: str
    step: int
    prompt: Prompt
    text: str
    reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """One moment of a run.

    >>> Now(stage="round 1: ask", done=2, total=8, metrics={}, warnings=(), coming=None).total
    8
    """

    stage: str
    done: float
    total: float
    metrics: Mapping[str, float]
    warnings: tuple[str, ...]
    coming: Coming | None


class Watched:
    """A `loops.progress.Progress` that remembers what it is told, and passes it on.

    `rule` says when a round learns; `count`, once there is somebody to count, how many labels have come.

    >>> from prefloop.loops.progress import Silent
    >>> watched = Watched(Silent(), rule="")
    >>> with watched.stage("round 1: ask", 3) as bar:
    ...     bar.advance(2)
    >>> watched.now().done
    2.0
    """

    def __init__(self, told: Progress, *, rule: str) -> None:
        """Nothing has happened yet."""
        self.rule = rule
        self.project = ""
        self.count: Callable[[], Coming] | None = None
        self._told, self._lock = told, threading.Lock()
        self._stage, self._done, self._total = "starting", 0.0, 0.0
        self._metrics: dict[str, float] = {}
        self._warnings: list[str] = []
        self._samples: deque[Sampled] = deque(maxlen=KEPT)
        self._number = 0

    def now(self) -> Now:
        """Where the run is."""
        coming = self.count() if self.count is not None else None
        with self._lock:
            return Now(
                stage=self._stage,
                done=self._done,
                total=self._total,
                metrics=dict(self._metrics),
                warnings=tuple(self._warnings),
                coming=coming,
            )

    def samples(self, after: int = 0) -> list[Sampled]:
        """The samples that are remembered, oldest first: those after a number."""
        with self._lock:
            return [s for s in self._samples if s.number > after]

    def say(self, text: str) -> None:
        """See `Progress.say`; warnings are remembered."""
        if text.startswith(WARNING):
            with self._lock:
                self._warnings.append(text.removeprefix(WARNING))
        self._told.say(text)

    @contextlib.contextmanager
    def stage(self, title: str, total: float) -> Iterator[_Bar]:
        """See `Progress.stage`."""
        with self._lock:
            self._stage, self._done, self._total = title, 0.0, total
        with self._told.stage(title, total) as bar:
            yield _Bar(self, bar)

    def step(
        self, step: int, metrics: Mapping[str, float], groups: Sequence[Group], rewards: Sequence[Sequence[float]]
    ) -> None:
        """See `Progress.step`: the first answers of the first prompts are remembered."""
        with self._lock:
            self._metrics = {"step": step + 1, **metrics}
            for place, group in enumerate(groups[:OF_A_STEP]):
                self._number += 1
                sampled = Sampled(
                    number=self._number,
                    stage=self._stage,
                    step=step + 1,
                    prompt=group.prompt,
                    text=group.texts[0],
                    reward=rewards[place][0] if rewards else None,
                )
                self._samples.append(sampled)
        self._told.step(step, metrics, groups, rewards)

    def _advance(self, by: float) -> None:
        with self._lock:
            self._done += by


class _Bar:
    def __init__(self, watched: Watched, bar: Bar) -> None:
        self._watched, self._bar = watched, bar

    def advance(self, by: float = 1, note: str = "") -> None:
        """See `loops.progress.Bar.advance`."""
        self._watched._advance(by)
        self._bar.advance(by, note)
