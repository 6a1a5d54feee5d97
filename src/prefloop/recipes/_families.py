"""What the methods of a family share; a method's own file names only what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict, Unpack

from ..binding import Bound, bind
from ..credit import rloo as leave_one_out
from ..dials import Dial
from ..objectives.policy import reinforce
from ..recipe import Decoding, Draws, Family, Head, Lora, Model, Optimiser, Recipe, Sample, Term
from ..scoring.model import LOG_DEVIATION, MEMBER, model_score
from ..select import best_and_worst
from ..shaping import kl_in_reward, total_reward
from ..shaping.references import drawn_baseline
from . import SMOLLM2

LONGEST = 64
"""Tokens at which an answer is cut, unless a recipe says otherwise."""


class Online(TypedDict, total=False):
    """The knobs of every method that learns from its own samples.

    model: where the policy comes from. reward: what pays it, a reward model by default. k: answers to each prompt.
    """

    model: str
    reward: Bound | None
    k: int
    lr: float | Dial
    batch: int
    steps: int
    max_tokens: int


def online(
    *,
    name: str,
    paper: str,
    summary: str,
    objective: tuple[Term, ...],
    derive: tuple[Bound, ...] = (),
    select: tuple[Bound, ...] = (),
    family: Family = "online",
    models: Mapping[str, Model] | None = None,
    draws: int = 0,
    greedy: bool = False,
    refill: int = 0,
    head: float = 1.0,
    passes: int = 1,
    minibatches: int = 1,
    checkpoint: int = 25,
    explore: float = 1.0,
    model: str = SMOLLM2,
    reward: Bound | None = None,
    k: int = 4,
    lr: float | Dial = 1e-5,
    batch: int = 8,
    steps: int = 100,
    max_tokens: int = LONGEST,
) -> Recipe:
    """A policy that samples k answers to each prompt, is paid for them, and learns from that.

    `draws` more are drawn from the reference.
    """
    decoding = Decoding(max_tokens=max_tokens)
    return Recipe(
        name=name,
        family=family,
        paper=paper,
        summary=summary,
        models={
            "policy": Model(source=model, train=True),
            **(models or {}),
            "reward": Model(source="reward", head="score"),
        },
        sample=Sample(k=k, decoding=decoding, explore=explore, greedy=greedy, refill=refill),
        draws=Draws(k=draws, decoding=decoding) if draws else None,
        score={"reward": reward or bind(model_score, model="reward")},
        select=select,
        derive=derive,
        objective=objective,
        optimiser=Optimiser(lr=lr, head=head),
        batch=batch,
        steps=steps,
        passes=passes,
        minibatches=minibatches,
        checkpoint=checkpoint,
    )


REFERENCE = {"ref": Model(source="policy")}
"""A frozen copy of the policy as it is at the start."""


def beside_reference(
    *, name: str, paper: str, summary: str, paid: Bound, beta: float | Dial, draws: int, **common: Unpack[Online]
) -> Recipe:
    """RLOO paid by how its answers stand beside as many `draws` of the reference: `paid` makes of both a reward."""
    return online(
        name=name,
        paper=paper,
        summary=summary,
        models=REFERENCE,
        draws=draws,
        derive=(bind(drawn_baseline), paid, bind(kl_in_reward, beta=beta), bind(total_reward), bind(leave_one_out)),
        objective=(Term(objective=bind(reinforce), per="constant", constant=1.0),),
        **common,
    )


class InRounds(Online, total=False):
    """The knobs of a method that may draw many answers at once and learn from them for a while.

    explore: how much hotter than the policy itself answers are drawn. checkpoint: steps between two states on disk.
    """

    passes: int
    minibatches: int
    checkpoint: int
    explore: float


def own_pairs(
    *, name: str, paper: str, summary: str, objective: Bound, price: float = 0.0, **common: Unpack[InRounds]
) -> Recipe:
    """A loss on pairs of the policy's own answers: the best-paid and the worst-paid of k to each prompt.

    A `price` of a token is taken off before they are compared.
    """
    common.setdefault("k", 2)
    return online(
        name=name,
        paper=paper,
        summary=summary,
        models=REFERENCE,
        select=(bind(best_and_worst, **({"price": price} if price else {})),),
        objective=(Term(objective=objective),),
        **common,
    )


class Direct(TypedDict, total=False):
    """The knobs of every method that learns from judged answers without a reward model."""

    model: str
    lr: float | Dial
    batch: int
    epochs: int


def direct(
    *,
    name: str,
    paper: str,
    summary: str,
    objective: tuple[Term, ...],
    select: tuple[Bound, ...] = (),
    derive: tuple[Bound, ...] = (),
    compare: tuple[Bound, ...] = (),
    score: Mapping[str, Bound] | None = None,
    models: Mapping[str, Model] = REFERENCE,
    draws: Draws | None = None,
    degrees: int | None = None,
    head: float = 1.0,
    model: str = SMOLLM2,
    lr: float | Dial = 1e-5,
    batch: int = 16,
    epochs: int = 1,
) -> Recipe:
    """A policy that learns from judged answers, held to a reference unless `models` names none."""
    return Recipe(
        name=name,
        family="direct",
        paper=paper,
        summary=summary,
        models={"policy": Model(source=model, train=True, degrees=degrees), **models},
        draws=draws,
        score=score or {},
        select=select,
        derive=derive,
        compare=compare,
        objective=objective,
        optimiser=Optimiser(lr=lr, head=head),
        batch=batch,
        epochs=epochs,
    )


class Fitted(TypedDict, total=False):
    """The knobs of every reward model.

    head: how many times faster the new head learns than the trunk. ending: text read after an answer, before its score.
    """

    model: str
    lr: float | Dial
    head: float
    batch: int
    epochs: int
    ending: str | None


def fitted(
    *,
    name: str,
    paper: str,
    summary: str,
    objective: Bound,
    channels: tuple[str, ...] = (),
    start: Literal["zero", "random"] = "zero",
    beside: Mapping[str, Model] | None = None,
    reads: Head = "score",
    gate: int | None = None,
    weights: tuple[float, ...] = (),
    draws: Draws | None = None,
    score: Mapping[str, Bound] | None = None,
    select: tuple[Bound, ...] = (),
    derive: tuple[Bound, ...] = (),
    further: tuple[Term, ...] = (),
    adapter: Lora | None = None,
    model: str = SMOLLM2,
    lr: float | Dial = 1e-5,
    head: float = 20.0,
    batch: int = 8,
    epochs: int = 1,
    ending: str | None = None,
) -> Recipe:
    """A reward model with a new scalar head, or one of these channels, fitted to judged answers.

    `beside` it stand tables, and frozen models that pay or answer. reads: which head it is; `token_score` reads parts
    of answers. gate, weights: as of a `Model`. further: more terms.
    """
    return Recipe(
        name=name,
        family="reward",
        paper=paper,
        summary=summary,
        models={
            "reward": Model(
                source=model,
                head=reads,
                train=True,
                adapter=adapter,
                ending=ending,
                channels=channels,
                start=start,
                gate=gate,
                weights=weights,
            ),
            **(beside or {}),
        },
        draws=draws,
        score=score or {},
        select=select,
        derive=derive,
        objective=(Term(objective=objective), *further),
        optimiser=Optimiser(lr=lr, head=head),
        batch=batch,
        epochs=epochs,
    )


VOTERS = ("vote1", "vote2", "vote3")
"""Roles, and folders unless they are set, of the reward models that vote on judged pairs."""


def voted(
    *,
    name: str,
    paper: str,
    summary: str,
    objective: Bound,
    voters: tuple[str, ...],
    select: tuple[Bound, ...] = (),
    derive: tuple[Bound, ...] = (),
    **common: Unpack[Fitted],
) -> Recipe:
    """A reward model fitted to pairs on which others, fitted to the same pairs before, have voted."""
    return fitted(
        name=name,
        paper=paper,
        summary=summary,
        objective=objective,
        beside={role: Model(source=role, head="score") for role in voters},
        score={"reward": bind(model_score, model=voters)},
        select=select,
        derive=derive,
        **common,
    )


def members_of(count: int) -> tuple[str, ...]:
    """Names for the members of an ensemble."""
    return tuple(f"{MEMBER} {n}" for n in range(1, count + 1))


def planes_of(count: int) -> tuple[str, ...]:
    """Names for the two channels of each plane of an embedding."""
    return tuple(f"plane {m} {axis}" for m in range(1, count + 1) for axis in ("x", "y"))


def groups_of(count: int) -> tuple[str, ...]:
    """Names for the rewards of so many groups of people."""
    return tuple(f"group {g}" for g in range(1, count + 1))


def prototypes_of(count: int) -> tuple[str, ...]:
    """Names for so many prototypes."""
    return tuple(f"prototype {n}" for n in range(1, count + 1))


def gaussians_of(count: int) -> tuple[str, ...]:
    """Names for the mean and the logarithm of the deviation that each of some heads has."""
    return tuple(f"{what} {n}" for n in range(1, count + 1) for what in ("mean", LOG_DEVIATION))
