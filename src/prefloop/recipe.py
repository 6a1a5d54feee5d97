"""A method as a value: which models, what is sampled, how it is paid, credited and minimised.

No recipe holds a tensor or a weight. `planning.py` reads what its functions ask for and says what must be loaded;
`recipe_file.py` writes it down as YAML and reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from .binding import Bound
from .dials import Dial
from .errors import RecipeError
from .parts import SENTENCES
from .recipe_models import Critics as Critics
from .recipe_models import Follows as Follows
from .recipe_models import Head as Head
from .recipe_models import Lora as Lora
from .recipe_models import Model as Model
from .recipe_models import above_zero, at_least
from .reduce import Per

Family = Literal["direct", "online", "imitation", "reward"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """How responses are drawn: the temperature and the cuts, in this order: top-k, top-p, min-p.

    >>> Decoding(max_tokens=24).temperature
    1.0
    """

    max_tokens: int = 64
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    stop: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        at_least(1, max_tokens=self.max_tokens)
        at_least(0, temperature=self.temperature, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many responses the policy draws for each prompt, and how.

    explore: how much hotter than the policy itself the answers are drawn, which is learnt at the temperature of
    `decoding` all the same: drawn at `explore` times that. What is above 1 shows more of what the policy hardly says.
    greedy: whether it also gives its most probable answer to each prompt. That is paid like the others, its reward is
    the `baseline`, and nothing is learnt from it. refill: how often a step draws once more for the prompts of which
    nothing is left to learn from, as many prompts as are missing; what is missing after that stays so. resets: the
    share of prompts, by chance, in whose place a judged one is taken with a beginning of its preferred answer (`data`),
    any length short of all of it as likely; the policy goes on from there, and learns from what it says itself.

    >>> Sample(k=4).decoding.max_tokens
    64
    """

    k: int = 4
    decoding: Decoding = field(default_factory=Decoding)
    explore: float = 1.0
    greedy: bool = False
    refill: int = 0
    resets: float = 0.0

    def __post_init__(self) -> None:
        at_least(1, k=self.k)
        above_zero(explore=self.explore)
        at_least(0, refill=self.refill, resets=self.resets)
        if self.resets > 1:
            raise RecipeError(f"`resets` is {self.resets}: it is a share, at most 1.")

    @property
    def drawing(self) -> Decoding:
        """How the answers are drawn, with `explore`."""
        return replace(self.decoding, temperature=self.explore * self.decoding.temperature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """What becomes of a reward function that fails.

    attempts: how often it is called for one answer, with a pause of 1, 2, 4, ... seconds, before it counts as failed.
    Only what may pass is tried again: no answer in time, an `OSError`, as of a connection, and what libraries raise of
    their own. Python's other errors, such as a KeyError, are mistakes in the function. timeout: seconds a call may
    take; without it, any time. failed: the run stops, or the step skips the prompt with all its answers; a step in
    which every prompt fails stops the run all the same.

    >>> Scoring(timeout=30).attempts
    3
    """

    attempts: int = 3
    timeout: float | None = None
    failed: Literal["stop", "skip"] = "stop"

    def __post_init__(self) -> None:
        at_least(1, attempts=self.attempts)
        above_zero(timeout=self.timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Answers that a frozen model adds to those of each prompt, put last and marked `calibrated`.

    Online they are drawn anew at every step, beside the policy's own; offline once, before anything is learnt.

    >>> Draws(k=2).by
    'ref'
    """

    by: str = "ref"
    k: int = 1
    decoding: Decoding = field(default_factory=Decoding)

    def __post_init__(self) -> None:
        at_least(1, k=self.k)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One term of the loss: an objective, its weight, and what it is averaged over (`reduce.weights`).

    first: of the responses to each prompt it sees only so many, the first ones, as a loss on pairs has to where others
    stand beside the pair.
    """

    objective: Bound
    weight: float | Dial = 1.0
    per: Per | None = None
    constant: float | None = None
    first: int | None = None

    def __post_init__(self) -> None:
        at_least(1, first=self.first)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """Judged answers that a recipe which samples learns from as well, at each of its optimiser steps.

    Of each judged group the preferred answer is read. `term` is what is minimised of them, a function of what the
    policy alone gives; `batch` how many groups a step takes. With `nll` it is the pretraining mix of PPO-ptx (Ouyang et
    al. 2022, arXiv 2203.02155, equation 2), and `term.weight` its coefficient, here of a mean over tokens.

    >>> from prefloop.objectives.imitation import nll
    >>> from prefloop.binding import bind
    >>> Mix(term=Term(objective=bind(nll), weight=0.5)).batch
    8
    """

    term: Term
    batch: int = 8

    def __post_init__(self) -> None:
        at_least(1, batch=self.batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascent:
    """A step ahead, at whose end every gradient of the objective is taken: up the slope of another term.

        ahead    = weights + rate grad term(weights)
        weights <- the optimiser's step from `weights`, with grad objective(ahead)

    The first-order step of MetaRM (`meta-rm`), a plain one and the same for all weights. `term` reads what the trained
    models give and what is in the batch, and nothing that is derived.

    >>> from prefloop.objectives.spread import told_apart
    >>> from prefloop.binding import bind
    >>> Ascent(term=Term(objective=bind(told_apart)), rate=1e-3).term.weight
    1.0
    """

    term: Term
    rate: float | Dial

    def __post_init__(self) -> None:
        above_zero(rate=self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimiser:
    """AdamW with gradient clipping by global norm.

    `head` is how many times faster a new head learns than the trained trunk under it: it starts from nothing. `tables`
    is the rate of tables (`traits`, `numbers`), and is no multiple of `lr`: a step of AdamW is about as long as its
    rate, whatever the gradient, so that a threshold that begins at 0 and belongs at 2 is 2 / rate steps away, while a
    trunk learns much with weights that hardly move. `tokens` is how many tokens one backward pass may hold; a larger
    batch is pushed through in parts, with the same gradient.

    >>> Optimiser(lr=1e-5).betas
    (0.9, 0.95)
    """

    lr: float | Dial = 1e-5
    betas: tuple[float, float] = (0.9, 0.95)
    weight_decay: float = 0.0
    clip: float = 1.0
    head: float = 1.0
    tables: float = 0.02
    tokens: int = 4096


Form = Literal["pairs", "thumbs", "rankings", "ratings", "choices", "parts"]
"""What people said of answers: which of two is better; liked or not; from best to worst; a number; the best of some;
or which of their parts are right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Judged answers: where they are, and the form they are wanted in.

    source: a .json, .jsonl, .jsonl.gz, .csv or .parquet file, a folder of them, a feedback store, or the id of a data
    set on the Hugging Face hub. split: which part of a folder or of such a data set, or which view of a store's
    answers, such as `rankings`. form: turn them into this form, also where something is lost on the way; without it
    they are only turned where nothing is. about: of marks that people put on answers, the types that count as errors;
    without it all do. ends: where the parts end that are right or wrong by the marks in them, as `prefloop.parts`.

    >>> Data(source="ratings.jsonl", form="pairs").split is None
    True
    """

    source: str
    split: str | None = None
    form: Form | None = None
    about: tuple[str, ...] = ()
    ends: str = SENTENCES


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One method.

    Online (with `sample`): each step draws `batch` prompts, samples, scores, selects, derives, and minimises the
    `objective` in `passes` passes over the batch, each cut into `minibatches` optimiser steps. Offline (without):
    `batch` judged groups a step.

    ascent: a step ahead at whose end the gradients are taken.
    compare: functions of the policy's whole next-token distribution and frozen models', one number a token; what they
    give is differentiated, and only objectives read it. draws: answers of a frozen model, beside those of the policy or
    of the data. scoring: what becomes of a reward that fails. mix: judged answers to learn from beside the samples.
    steps: batches in all. epochs: passes over the data, for offline recipes, in place of `steps`. checkpoint: steps
    between two states on disk. kl_budget: KL(policy || ref) in nats per response, estimated on the samples of a step,
    beyond which an online run stops and goes back to its last weights within it. data: where the judged answers are, as
    the `source` of `Data` or with all it can say.
    """

    name: str
    family: Family
    paper: str
    summary: str = ""
    models: Mapping[str, Model]
    sample: Sample | None = None
    draws: Draws | None = None
    score: Mapping[str, Bound] = field(default_factory=dict)
    scoring: Scoring = field(default_factory=Scoring)
    select: tuple[Bound, ...] = ()
    derive: tuple[Bound, ...] = ()
    compare: tuple[Bound, ...] = ()
    objective: tuple[Term, ...] = ()
    ascent: Ascent | None = None
    mix: Mix | None = None
    optimiser: Optimiser = field(default_factory=Optimiser)
    batch: int = 8
    steps: int | None = None
    epochs: int | None = None
    passes: int = 1
    minibatches: int = 1
    checkpoint: int = 25
    kl_budget: float | None = None
    prompts: str | None = None
    data: str | Data | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        counts = ("batch", "steps", "epochs", "passes", "minibatches", "checkpoint")
        at_least(1, **{name: getattr(self, name) for name in counts})
        above_zero(kl_budget=self.kl_budget)

    @property
    def answers(self) -> int:
        """How many answers to each prompt are drawn in a step, by the policy and beside it."""
        return (self.sample.k if self.sample else 0) + (self.draws.k if self.draws else 0)

    @property
    def takes_both(self) -> bool:
        """Whether it samples, and reads judged answers as well."""
        return self.sample is not None and (self.mix is not None or self.sample.resets > 0)
