"""Reads a recipe's signatures and works out who provides every tensor, before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .binding import Bound
from .errors import RecipeError, nearest
from .names import VOCABULARY, frozen_role, lookup
from .recipe import GIVEN_BY_HEAD, Head, Model, Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One tensor of a run: who provides it and who reads it."""

    tensor: str
    shape: str
    producer: str
    consumers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a recipe needs, worked out from its signatures.

    `outputs` are the differentiable outputs to compute, by role of the trained model; `frozen` the roles whose
    log-probabilities are read; `pairwise` whether it learns from exactly two responses a prompt; `judged` what it
    reads of what people said (`label`, `target`); `old` the outputs to freeze at the start of an update; `mismatched`
    the model asked for each log-probability after another prompt; `scorers` the roles that score.
    """

    outputs: dict[str, tuple[str, ...]]
    pairwise: bool
    judged: tuple[str, ...]
    frozen: tuple[str, ...]
    old: tuple[str, ...]
    mismatched: dict[str, str]
    scorers: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """Every model that is loaded."""
        return (*self.outputs, *self.frozen, *self.scorers)


def plan(recipe: Recipe) -> Plan:
    """The plan of a recipe.

    Raises:
        RecipeError: a function asks for a tensor nobody provides, a trained model nobody reads, or a name that is not
            in the vocabulary. The message says which function, what is there, and the line to add.
    """
    return _Planner(recipe).plan()


@dataclass(slots=True)
class _Use:
    """A tensor as provided at one point of the chain."""

    tensor: str
    producer: str
    consumers: list[str]


class _Planner:
    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.uses: list[_Use] = []
        self.now: dict[str, _Use] = {}
        self.trained: dict[str, str] = {}
        for role, model in recipe.models.items():
            if not model.train:
                continue
            for tensor in GIVEN_BY_HEAD[model.head]:
                if tensor in self.trained:
                    raise RecipeError(
                        f"two trained models of `{recipe.name}` give `{tensor}`: {self.trained[tensor]} and {role}. "
                        "A recipe trains one model of each head."
                    )
                self.trained[tensor] = role

    def plan(self) -> Plan:
        recipe = self.recipe
        if not recipe.objective and not recipe.select:
            raise RecipeError(f"the recipe `{recipe.name}` has no objective: give it at least one Term.")
        self._check_sizes()
        online = recipe.sample is not None
        self._provide("ids", "sampler" if online else "data")
        self._provide("mask", "sampler" if online else "data")
        if online:
            self._provide("sampled_logp", "sampler")
        else:
            self._provide("label", "data")
            self._provide("target", "data")
        for name, scorer in recipe.score.items():
            self._known(name, f"score.{name}")
            self._provide(name, scorer.name)
        if recipe.sample is not None and recipe.sample.greedy:
            if "reward" not in recipe.score:
                raise RecipeError(
                    f"`{recipe.name}` draws a greedy answer, and nothing pays it: add "
                    'score={"reward": bind(my_reward)}, or leave out `greedy`.'
                )
            self._provide("baseline", "the greedy answer's reward")
        for bound in (*recipe.select, *recipe.derive):
            self._apply(bound)
        for term in recipe.objective:
            self._consume(term.objective)
        outputs = {
            role: tuple(sorted({u.tensor for u in self.uses if self.trained.get(u.tensor) == role}))
            for role in dict.fromkeys(self.trained.values())
        }
        for role, read in outputs.items():
            if not read:
                raise RecipeError(
                    f"the recipe `{recipe.name}` trains the model `{role}` and no objective reads what it gives "
                    f"({', '.join(GIVEN_BY_HEAD[recipe.models[role].head])}): drop the model or add a Term."
                )
        used = [u.tensor for u in self.uses]
        return Plan(
            outputs=outputs,
            pairwise=any(t.objective.pairwise for t in recipe.objective),
            judged=tuple(
                u.tensor for u in self.uses if u.tensor in ("label", "target") and u.producer == "data" and u.consumers
            ),
            frozen=tuple(dict.fromkeys(r for t in used if (r := frozen_role(t)))),
            old=tuple(t for t in dict.fromkeys(used) if t in ("old_logp", "old_value")),
            mismatched={t: frozen_role(t) or self.trained["logp"] for t in used if t.endswith("mismatched_logp")},
            scorers=tuple(self._scorers()),
            rows=tuple(
                Row(tensor=u.tensor, shape=self._shape(u.tensor), producer=u.producer, consumers=tuple(u.consumers))
                for u in self.uses
                if u.consumers or u.producer not in ("data", "sampler")
            ),
        )

    def _check_sizes(self) -> None:
        recipe = self.recipe
        if recipe.minibatches > recipe.batch:
            raise RecipeError(
                f"`{recipe.name}` cuts a batch of {recipe.batch} prompts into {recipe.minibatches} minibatches: lower "
                "`minibatches` or raise `batch`."
            )
        if recipe.sample is not None and recipe.objective and recipe.sample.decoding.temperature <= 0:
            raise RecipeError(
                f"`{recipe.name}` learns from its own samples at temperature 0, where every answer has probability 1 "
                "and there is nothing to learn: raise `sample.decoding.temperature`."
            )

    def _shape(self, tensor: str) -> str:
        found = lookup(tensor)
        return found.shape if found else "?"

    def _scorers(self) -> Iterator[str]:
        for name, scorer in self.recipe.score.items():
            role = scorer.knobs.get("model")
            if isinstance(role, str):
                if role not in self.recipe.models:
                    raise RecipeError(
                        f"`score.{name}` ({scorer.name}) reads the model `{role}`, which the recipe does not declare: "
                        f'add models={{..., "{role}": Model(source="...", head="score")}}. '
                        f"Declared: {', '.join(self.recipe.models)}."
                    )
                yield role

    def _apply(self, bound: Bound) -> None:
        self._consume(bound)
        for name in bound.gives:
            self._known(name, bound.name)
            self._provide(name, bound.name)

    def _provide(self, tensor: str, producer: str) -> None:
        use = _Use(tensor, producer, [])
        self.uses.append(use)
        self.now[tensor] = use

    def _consume(self, bound: Bound) -> None:
        for tensor in bound.inputs:
            if tensor not in self.now:
                self._provide(tensor, self._unasked(tensor, bound))
            self.now[tensor].consumers.append(bound.name)

    def _unasked(self, tensor: str, bound: Bound) -> str:
        """Who provides a tensor that no earlier piece of the recipe gave."""
        self._known(tensor, bound.name)
        models = self.recipe.models
        if tensor in self.trained:
            return self.trained[tensor]
        if tensor.endswith("mismatched_logp") and self.recipe.sample is not None:
            raise RecipeError(f"`{bound.name}` asks for `{tensor}`, and only judged data has it: leave out `sample`.")
        if tensor == "mismatched_logp" and "logp" in self.trained:
            return f"{self.trained['logp']}, after another prompt"
        if tensor in ("old_logp", "old_value") and tensor.removeprefix("old_") in self.trained:
            return f"{self.trained[tensor.removeprefix('old_')]}, before the update"
        role = frozen_role(tensor)
        if role is not None:
            if role in models and not models[role].train and models[role].head == "lm":
                return role
            frozen = [r for r, m in models.items() if not m.train and m.head == "lm"]
            raise RecipeError(
                f"`{bound.name}` asks for `{tensor}`, and the recipe `{self.recipe.name}` has no frozen model named "
                f"`{role}` (frozen language models declared: {', '.join(frozen) or 'none'}). "
                f'Add models={{..., "{role}": Model(source="policy")}}.'
            )
        raise RecipeError(f"`{bound.name}` asks for `{tensor}`, and nobody provides it. {self._hint(tensor)}")

    def _hint(self, tensor: str) -> str:
        source = VOCABULARY[tensor].source
        heads: dict[str, Head] = {
            "value": "value",
            "old_value": "value",
            "score": "score",
            "token_score": "token_score",
        }
        if tensor in heads:
            head = heads[tensor]
            return f'Add models={{..., "{source or head}": Model(source="...", head="{head}", train=True)}}.'
        if tensor in ("logp", "entropy", "old_logp", "mismatched_logp"):
            return 'Add models={..., "policy": Model(source="...", train=True)}.'
        if source == "scorer":
            return f'Add score={{"{tensor}": bind(my_reward)}}, a function (prompt, response) -> float.'
        if source == "feedback":
            return "Judged data carries the order of preference (best first) and `label`, samples neither."
        if tensor == "baseline":
            return (
                "Add sample=Sample(greedy=True), or a function to `derive` that gives it, before the one that reads it."
            )
        if source == "sampler":
            return "Only a recipe that samples has it: add sample=Sample(k=4)."
        return "Add a function to `derive` that gives it, before the one that reads it."

    def _known(self, tensor: str, where: str) -> None:
        if lookup(tensor) is None:
            raise RecipeError(
                f"`{where}` speaks of `{tensor}`, which is not in the vocabulary (prefloop/names.py)."
                f"{nearest(tensor, VOCABULARY)} Knobs go after `*` in the signature."
            )


def model_of(recipe: Recipe, role: str) -> Model:
    """The declaration of a role, following `source` to the role it copies."""
    model = recipe.models[role]
    if model.source == role:
        raise RecipeError(
            f"the model `{role}` of `{recipe.name}` comes from outside (in the whole loop it is the fitted one): say "
            f"which, for example --set models.{role}.source=runs/demo/{role}"
            + (", or pay by a function of your own: --set score.reward=my_reward.py:name." if role == "reward" else ".")
        )
    seen = {role}
    while model.source in recipe.models:
        if model.source in seen:
            raise RecipeError(f"the models {', '.join(sorted(seen))} copy each other: give one of them a real source.")
        seen.add(model.source)
        model = recipe.models[model.source]
    return model
