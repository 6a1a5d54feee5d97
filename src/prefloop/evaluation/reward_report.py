"""What is known of a fitted reward model: as a record, as one sentence, and as a page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..scoring.contributions import Part
from ..statistics import Interval
from .calibration import Calibration, Tempered
from .part_quality import Told
from .report import drawn, replace_text
from .reward_quality import HeldOut, Slice
from .rewarded import Rewarded
from .summary import plain_values, typed
from .wording import SPACE, number, percent

REWARD, PAGE = "reward.json", "reward.html"
"""The files in the run folder: the record, and the page."""
UNKNOWN = "unknown: no held-out answers were compared by two people"


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """Held-out accuracy after so many judgements, and the wall-clock seconds it took to learn from them."""

    judgements: int
    accuracy: Interval
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One of the numbers that a model gives: its own accuracy, and what it adds to the gap of a comparison."""

    name: str
    accuracy: Interval
    adds: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An answer, its score, and the parts it comes from: by sentence (leave one out), by token (input x gradient)."""

    text: str
    score: float
    sentences: tuple[Part, ...]
    tokens: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Two held-out answers to a prompt, the preferred one first. Drawn with the run's seed, never picked."""

    prompt: str
    better: Explained
    worse: Explained


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardReport:
    """Everything that is stored of a fitted reward model.

    `held_out` has the accuracy on all held-out prompts first. `over_longer` is how far that is above picking the longer
    answer. `rewarded` is None, and there are no `channels` and `examples`, of a model that compares answers in pairs
    and has no score for one alone. `finds` is what it finds, in words, and `plain` the rule that it is held against
    (`HeldOut.longer`). `told` is how near it comes to what people said by the kind of thing they said; `by_group` the
    accuracy for each group of people, the worst first. `reads` is how the checkpoint says it reads, `normalisation` its
    mean and deviation on reference text, in short.
    """

    kind: str
    paper: str
    summary: str
    model: str
    data: str
    what: str
    finds: str
    plain: str
    seed: int
    learnt: int
    seconds: float
    held_out_people: tuple[str, ...]
    before: Interval
    held_out: tuple[HeldOut, ...]
    over_longer: Interval
    calibration: Calibration
    tempered: Tempered | None
    slices: tuple[Slice, ...]
    told: tuple[Told, ...]
    by_group: tuple[HeldOut, ...]
    curve: tuple[CurvePoint, ...]
    channels: tuple[Channel, ...]
    rewarded: Rewarded | None
    examples: tuple[Example, ...]
    reads: dict[str, str]
    normalisation: dict[str, str]
    warnings: tuple[str, ...]
    command: str

    def to_json(self) -> dict[str, Any]:
        """The record as plain values."""
        return plain_values(asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> RewardReport:
        """The record that `to_json` wrote."""
        return typed(cls, plain)  # type: ignore[no-any-return]


def headline(report: RewardReport) -> str:
    """The result in one sentence. What cannot be told from picking the longer answer is said to be no better."""
    first = report.held_out[0]
    people = f"people predict each other {_rate(first.people)}" if first.people else "how well people do is unknown"
    gain = report.over_longer
    beside = (
        "which is better than"
        if gain.low > 0
        else "which is worse than"
        if gain.high < 0
        else "which cannot be told from"
    )
    apart = report.by_group
    worst = f"; worst served is {apart[0].name}, {_rate(apart[0].accuracy)}" if len(apart) > 1 else ""
    return (
        f"On held-out prompts the model finds {report.finds} {_rate(first.accuracy)}, {beside} {report.plain}, "
        f"{percent(first.longer.estimate)}; {people}{worst}."
    )


def write_reward_report(report: RewardReport, folder: Path) -> Path:
    """Write `reward.json` and `reward.html` into `folder`, each whole or not at all; the page's path.

    Raises:
        RunError: the disk refuses, or what draws the page is not installed.
    """
    replace_text(folder / REWARD, json.dumps(report.to_json(), indent=1, allow_nan=False))
    return replace_text(folder / PAGE, render_reward(report))


def render_reward(report: RewardReport) -> str:
    """The page as text; everything in it that a model or a person wrote is escaped."""
    return drawn("reward.html.jinja", REWARD, r=report, headline=headline(report), unknown=UNKNOWN)


def _rate(rate: Interval) -> str:
    return f"{percent(rate.estimate)} of the time ({number(100 * rate.low, 0)} to {number(100 * rate.high, 0)}{SPACE}%)"
