"""What a report shows, as values: filled in by the loop, drawn by `report`, kept as `summary.json`.

Nothing is computed here. Scores are those of held-out prompts, none of which the optimiser or the reward model has
learned from; the reference is the model as it was before the first round.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, is_dataclass
from math import isfinite
from typing import Any, get_args, get_origin, get_type_hints

from ..statistics import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A quantity before and after, with the paired difference: the same prompts answered by both models."""

    before: Interval
    after: Interval
    difference: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The result. `gold` and `win_rate` (ties count half) are None where nobody knows the people's true taste.

    `reward` is the reward model's own opinion, which the policy was paid for: evidence of optimisation, not of gain.
    `kl` is in nats per response, `length` in tokens.
    """

    gold: Change | None = None
    win_rate: Interval | None = None
    reward: Change | None = None
    kl: Interval
    length: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One turn of the loop. `labels` are the answers to what that round asked.

    `learnt` are the answers, of all rounds so far, that its reward model was fitted to; `late` those of `labels` that
    came or changed after that, which a later round learnt from.

    `accuracy` is the reward model's on held-out answers; `agreement` is how often the people agree with each other on
    them, and so about what any model can reach; `longest` is what picking the longest response gets, and `chance` what
    guessing gets. None: not measured, such as the agreement of one person alone.
    """

    number: int
    labels: int
    accuracy: Interval | None = None
    agreement: Interval | None = None
    longest: Interval | None = None
    chance: float
    gold: Interval | None = None
    kl: Interval | None = None
    learnt: int | None = None
    late: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotator:
    """One person's habits: rates of agreeing with the others, and of picking the first shown and the longest."""

    name: str
    answers: int
    agreement: Interval | None = None
    first: Interval
    longest: Interval
    median_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One value of a learning curve. `step` counts on from round to round; `low` and `high` are a 95 % interval."""

    step: float
    value: float
    round: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KLPoint:
    """The policy at one moment: how far it went from the reference (nats per response) and what both scores say."""

    kl: float
    reward: Interval
    gold: Interval
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BestOf:
    """What the best of `n` of the reference's answers, by the reward model, scores; its KL is log n - (n - 1) / n."""

    n: int
    kl: float
    reward: float
    gold: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One answer as shown beside another; `length` in tokens."""

    text: str
    length: int
    gold: float | None = None
    reward: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One held-out prompt answered by both models. Samples are drawn with the run's seed, never picked."""

    prompt: str
    before: Side
    after: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What the run took. `people_seconds` is the time people spent, simulated where they are; `stages` is wall time."""

    labels: int
    people_seconds: float
    stages: dict[str, float]
    tokens_sampled: int
    tokens_trained: int
    peak_memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Everything a report shows.

    `gold_scale` says in a few words what the gold score is; `people` who answered, and `wait` how long each round
    waited for them, where they answered in their own time. `curves` are learning curves by
    name; those named in `charts.CURVES` get its titles and units. `files` is path -> what it holds.
    """

    title: str
    task: str
    method: str
    paper: str
    model: str
    model_source: str
    people: str
    gold_scale: str
    seed: int
    date: str
    versions: dict[str, str]
    held_out: HeldOut
    rounds: tuple[Round, ...]
    annotators: tuple[Annotator, ...] = ()
    curves: dict[str, tuple[Point, ...]] = field(default_factory=dict)
    over_kl: tuple[KLPoint, ...] = ()
    best_of: tuple[BestOf, ...] = ()
    samples: tuple[Sample, ...] = ()
    warnings: tuple[str, ...] = ()
    costs: Costs
    command: str
    files: dict[str, str] = field(default_factory=dict)
    wait: str = ""

    def to_json(self) -> dict[str, Any]:
        """The summary as plain values. JSON has no NaN: a number that is not finite becomes null."""
        return plain_values(asdict(self))  # type: ignore[no-any-return]

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Summary:
        """The summary that `to_json` wrote."""
        return typed(cls, plain)  # type: ignore[no-any-return]


def plain_values(value: Any) -> Any:
    """The value as JSON has it: lists for tuples, and null for a number that is not finite."""
    if isinstance(value, dict):
        return {key: plain_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def typed(kind: Any, plain: Any) -> Any:
    """`plain` as the annotated type: the one place that knows how JSON loses types."""
    if kind is float:
        return float("nan") if plain is None else float(plain)
    if is_dataclass(kind):
        kinds = get_type_hints(kind)
        return kind(**{f.name: typed(kinds[f.name], plain[f.name]) for f in fields(kind)})  # type: ignore[operator]
    inner = get_args(kind)
    if get_origin(kind) is tuple:
        return tuple(typed(inner[0], item) for item in plain)
    if get_origin(kind) is dict:
        return {key: typed(inner[1], item) for key, item in plain.items()}
    if inner:
        return None if plain is None else typed(inner[0], plain)
    return plain
