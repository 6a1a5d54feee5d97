"""One update: from a scored batch to an optimiser step, for any recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from ..batch import Batch
from ..binding import Bound
from ..dials import Dial, State, setting
from ..errors import PrefloopError, RecipeError, RewardError
from ..metrics import measure
from ..planning import Plan
from ..recipe import Recipe, Term
from ..reduce import weights
from .learner import Learner, Loss, Network


class Dials:
    """What is kept of every knob of a recipe that moves, by its path in the recipe: above all its current setting."""

    def __init__(self, recipe: Recipe) -> None:
        """Find the dials of a recipe and set each to its start."""
        self.dials: dict[str, Dial] = {}
        pieces = [(f"derive.{i}", b) for i, b in enumerate(recipe.derive)]
        pieces += [(f"{path}.objective", t.objective) for path, t in terms(recipe).items()]
        for path, bound in pieces:  # grows by the pieces that a piece wraps
            pieces += [(f"{path}.{k}", knob) for k, knob in bound.knobs.items() if isinstance(knob, Bound)]
            self.dials |= {f"{path}.{k}": v for k, v in bound.knobs.items() if isinstance(v, Dial)}
        for path, term in terms(recipe).items():
            if isinstance(term.weight, Dial):
                self.dials[f"{path}.weight"] = term.weight
        if isinstance(recipe.optimiser.lr, Dial):
            self.dials["optimiser.lr"] = recipe.optimiser.lr
        if recipe.ascent is not None and isinstance(recipe.ascent.rate, Dial):
            self.dials["ascent.rate"] = recipe.ascent.rate
        self.now: dict[str, State] = {path: dial.start() for path, dial in self.dials.items()}

    def get(self, path: str, fixed: float | Dial) -> float:
        """The setting at a path, or the fixed number that stands there."""
        return setting(self.now[path]) if isinstance(fixed, Dial) else fixed

    def knobs(self, path: str, bound: Bound) -> dict[str, Any]:
        """The moving knobs of one piece, and the pieces it wraps where theirs move."""
        found: dict[str, Any] = {k: setting(self.now[f"{path}.{k}"]) for k in bound.knobs if f"{path}.{k}" in self.now}
        for k, knob in bound.knobs.items():
            if isinstance(knob, Bound) and (moving := self.knobs(f"{path}.{k}", knob)):
                found[k] = Bound(knob.function, {**knob.knobs, **moving})
        return found

    def turn(self, *, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        """Move every dial on, after a step ended with these metrics."""
        self.now = {
            path: dial.next(self.now[path], step=step, steps=steps, metrics=metrics)
            for path, dial in self.dials.items()
        }


def terms(recipe: Recipe) -> dict[str, Term]:
    """Every term of what a recipe minimises, by its path in the recipe."""
    found = {f"objective.{i}": term for i, term in enumerate(recipe.objective)}
    beside = {"mix": recipe.mix, "ascent": recipe.ascent}
    return found | {f"{name}.term": one.term for name, one in beside.items() if one is not None}


class ReadLogp(Protocol):
    """Asks a model for the log-probabilities of a batch: anew, or for those that are kept."""

    def __call__(self, network: Network, batch: Batch, *, tokens: int, temperature: float = 1.0) -> Tensor:
        """See `logp_in_parts`."""
        ...


def selected(recipe: Recipe, batch: Batch) -> Batch:
    """What a recipe's selections let go on, one after the other."""
    for select in recipe.select:
        batch = batch.selected(select(batch.tensors))
    return batch


@torch.no_grad()
def logp_in_parts(network: Network, batch: Batch, *, tokens: int, temperature: float = 1.0) -> Tensor:
    """A model's log-probabilities of a batch, at most so many `tokens` at a time and without gradient."""
    parts = (batch.rows(a, b) for a, b in batch.split(tokens))
    return torch.cat([network.outputs(part, ("logp",), temperature=temperature)["logp"] for part in parts])


def with_frozen(
    batch: Batch,
    plan: Plan,
    networks: Mapping[str, Network],
    *,
    tokens: int,
    temperature: float,
    read: ReadLogp = logp_in_parts,
) -> Batch:
    """The batch with `<role>_logp` of every frozen model the recipe reads."""

    def logp(role: str) -> Tensor:
        return read(networks[role], batch.read_by(role), tokens=tokens, temperature=temperature)

    return batch.having(**{f"{role}_logp": logp(role) for role in plan.frozen})


def update(
    recipe: Recipe, learner: Learner, batch: Batch, dials: Dials, *, seed: int, mixed: Batch | None = None
) -> dict[str, float]:
    """Minimise the recipe's objective on one batch, in all its passes and minibatches; `mixed` is that of its `mix`.

    The derived tensors are computed once, from the outputs as they are before anything moves. Metrics of the batch are
    those before the update; the loss, the gradient norms and how far ratios went are those of its last step.
    """
    lr = dials.get("optimiser.lr", recipe.optimiser.lr)
    if recipe.passes == recipe.minibatches == 1:
        # Nothing moves in between: the outputs of the update itself are the old ones.
        tensors: dict[str, Tensor] = {}
        scored: dict[str, Tensor] = {}

        def first(outputs: Mapping[str, Tensor]) -> Tensor:
            for kept, found in zip((tensors, scored), _derived(recipe, batch, outputs, dials), strict=True):
                kept.update(found)
            return loss(recipe, outputs, tensors, dials)

        outputs = _learnt(recipe, learner, batch, first, dials)
        seen = measure({**tensors, **outputs, **scored})
        seen["loss"] = float(loss(recipe, outputs, tensors, dials))
        return {**seen, **_mixed_in(recipe, learner, mixed, dials), **_norms(learner.step(lr)), "lr": lr}

    full, scored = _derived(recipe, batch, learner.infer(batch), dials)
    whole = batch.having(**full)
    metrics: dict[str, float] = {}
    for turn in range(recipe.passes):
        order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(seed + turn)).tolist()
        parts = [order[i :: recipe.minibatches] for i in range(recipe.minibatches)]
        for some in (whole.take(part) for part in parts if part):  # selection may have left fewer prompts than parts

            def again(outputs: Mapping[str, Tensor], some: Batch = some) -> Tensor:
                return loss(recipe, outputs, some.tensors, dials)

            outputs = _learnt(recipe, learner, some, again, dials)
            metrics = {
                **measure({**some.tensors, **outputs}),
                "loss": float(again(outputs)),
                **_mixed_in(recipe, learner, mixed, dials),
                **_norms(learner.step(lr)),
            }
    return {**metrics, **measure({**full, **scored}), "lr": lr}


def _learnt(recipe: Recipe, learner: Learner, batch: Batch, value: Loss, dials: Dials) -> dict[str, Tensor]:
    """Add the gradient of a loss where the weights are, or at the end of the recipe's `ascent`; the outputs there."""
    ascent = recipe.ascent
    if ascent is None:
        return learner.update(batch, value)

    def lower(outputs: Mapping[str, Tensor]) -> Tensor:
        return -_reduced("ascent.term", ascent.term, {**batch.tensors, **outputs}, dials)

    learner.update(batch, lower)
    with learner.ahead(dials.get("ascent.rate", ascent.rate)):
        return learner.update(batch, value)


def _norms(norms: Mapping[str, float]) -> dict[str, float]:
    """Gradient norms by model; `skipped` is 1 where one was not finite, and its step was not taken."""
    skipped = float(not all(math.isfinite(norm) for norm in norms.values()))
    return {**{f"gradient_{role}": norm for role, norm in norms.items()}, "skipped": skipped}


def derived(recipe: Recipe, batch: Batch, outputs: Mapping[str, Tensor], dials: Dials) -> dict[str, Tensor]:
    """The batch's tensors, the outputs frozen as `old_`, and everything the recipe derives from them."""
    return _derived(recipe, batch, outputs, dials)[0]


@torch.no_grad()
def _derived(
    recipe: Recipe, batch: Batch, outputs: Mapping[str, Tensor], dials: Dials
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What `derived` gives, and the `reward` of the scorer, which shaping gives anew with every penalty.

    Where the scorer gave several channels, it is the first reward that was made one of them.
    """
    frozen = {f"old_{n}": o.detach() for n, o in outputs.items() if n in ("logp", "value")}
    tensors = {**batch.tensors, **{n: o.detach() for n, o in outputs.items() if n == "entropy"}, **frozen}
    scored = {n: t for n, t in batch.tensors.items() if n == "reward"}
    for i, bound in enumerate(recipe.derive):
        result = _called(bound, tensors, dials.knobs(f"derive.{i}", bound))
        results = result if isinstance(result, tuple) else (result,)
        if len(results) != len(bound.gives):
            raise RecipeError(f"`{bound.name}` returned {len(results)} tensors and is marked to give {bound.gives}.")
        tensors.update(zip(bound.gives, results, strict=True))
        scored = {n: tensors[n] if t.dim() > 2 else t for n, t in scored.items()}
    return tensors, scored


def _called(bound: Bound, tensors: Mapping[str, Tensor], knobs: Mapping[str, Any]) -> Any:
    try:
        return bound(tensors, knobs)
    except PrefloopError:
        raise
    except Exception as error:
        shapes = ", ".join(f"{n} {tuple(tensors[n].shape)}" for n in bound.inputs)
        raise RewardError(f"`{bound.name}` raised {type(error).__name__}: {error}. It was given {shapes}.") from error


def loss(recipe: Recipe, outputs: Mapping[str, Tensor], tensors: Mapping[str, Tensor], dials: Dials) -> Tensor:
    """The recipe's objective: every term times its share, summed."""
    named = {**tensors, **outputs}
    total = torch.zeros((), dtype=next(iter(outputs.values())).dtype)
    for i, term in enumerate(recipe.objective):
        total = total + _reduced(f"objective.{i}", term, named, dials)
    return total


def _reduced(path: str, term: Term, named: Mapping[str, Tensor], dials: Dials) -> Tensor:
    """One term times its share, summed."""
    seen = {n: t[:, : term.first] if t.dim() > 1 else t for n, t in named.items()} if term.first else named
    values = _called(term.objective, seen, dials.knobs(f"{path}.objective", term.objective))
    if not isinstance(values, Tensor):
        raise RewardError(f"the objective `{term.objective.name}` returned {values!r}, which is no tensor.")
    share = weights(values.shape, seen["mask"], per=term.per, constant=term.constant, importance=seen.get("weight"))
    return dials.get(f"{path}.weight", term.weight) * (share.to(values) * values).sum()


def _mixed_in(recipe: Recipe, learner: Learner, mixed: Batch | None, dials: Dials) -> dict[str, float]:
    """Add the gradient of a recipe's `mix` on this batch to what is there; what was minimised."""
    if recipe.mix is None or mixed is None:
        return {}
    term = recipe.mix.term

    def value(outputs: Mapping[str, Tensor]) -> Tensor:
        return _reduced("mix.term", term, {**mixed.tensors, **outputs}, dials)

    return {"mix_loss": float(value(learner.update(mixed, value)))}
