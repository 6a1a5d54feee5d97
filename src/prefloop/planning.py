"""Reads a recipe's signatures and works out who provides every tensor, before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .binding import Bound
from .dials import Dial
from .errors import RecipeError, nearest
from .hints import hint
from .names import VOCABULARY, compared_role, frozen_role, lookup, of_tokens
from .recipe import Ascent, Draws, Mix, Recipe
from .roles import following

JUDGED = ("label", "target", "tied", "aspect", "token_label", "liked_share", "who", "resampled")
"""What people said, as tensors that are there where a recipe reads them."""


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

    `outputs` are the differentiable outputs to compute, by role of the trained model; `frozen` the roles whose log-
    probabilities are read; `beside` those whose whole next-token distributions are; `pairwise` whether it learns from
    exactly two responses a prompt; `forms` the forms of judgement that its objectives make sense of, where they say so;
    `judged` what it reads of what people said (`JUDGED`); `degrees` how many degrees of the preferred answers it reads,
    0 where it does not ask; `old` the outputs to freeze at the start of an update; `mismatched` the model asked for
    each log-probability after another prompt; `drawing` the frozen roles that answer as well; `moving` those that
    follow a trained model; `scorers` the roles that score; `instructions` what each frozen role is told before the
    prompt, of those that are told anything.
    """

    outputs: dict[str, tuple[str, ...]]
    pairwise: bool
    forms: tuple[str, ...]
    judged: tuple[str, ...]
    degrees: int
    frozen: tuple[str, ...]
    beside: tuple[str, ...]
    old: tuple[str, ...]
    mismatched: dict[str, str]
    drawing: tuple[str, ...]
    moving: tuple[str, ...]
    scorers: tuple[str, ...]
    instructions: dict[str, str]
    rows: tuple[Row, ...]

    @property
    def roles(self) -> tuple[str, ...]:
        """Every model that is loaded."""
        return tuple(dict.fromkeys((*self.outputs, *self.frozen, *self.beside, *self.drawing, *self.scorers)))

    @property
    def corrects(self) -> bool:
        """Whether it reads what the sampler thought of its tokens, as a correction for other weights does."""
        return any(row.tensor == "sampled_logp" for row in self.rows)


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
            for tensor in model.gives:
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
        self._give()
        for bound in (*recipe.select, *recipe.derive):
            self._apply(bound)
        for bound in recipe.compare:
            self._compare(bound)
        for term in recipe.objective:
            self._consume(term.objective)
        if recipe.ascent is not None:
            self._check_ascent(recipe.ascent)
            self._consume(recipe.ascent.term.objective)
        if recipe.mix is not None:
            self._check_mix(recipe.mix)
            self._consume(recipe.mix.term.objective)
        if recipe.kl_budget is not None:
            self._check_budget()
            self._read("ref_logp", "kl_budget")
        self._check_siblings()
        outputs = self._outputs()
        used = [u.tensor for u in self.uses]
        frozen = tuple(dict.fromkeys(r for t in used if (r := frozen_role(t))))
        beside = tuple(dict.fromkeys(r for t in used if (r := compared_role(t))))
        return Plan(
            outputs=outputs,
            pairwise=any(t.objective.pairwise for t in recipe.objective),
            forms=tuple(dict.fromkeys(form for t in recipe.objective for form in t.objective.forms)),
            judged=tuple(u.tensor for u in self.uses if u.tensor in JUDGED and u.producer == "data" and u.consumers),
            degrees=self._degrees(),
            frozen=frozen,
            beside=beside,
            old=tuple(t for t in dict.fromkeys(used) if t in ("old_logp", "old_value")),
            mismatched={t: frozen_role(t) or self.trained["logp"] for t in used if t.endswith("mismatched_logp")},
            drawing=(recipe.draws.by,) if recipe.draws else (),
            moving=following(recipe),
            scorers=tuple(self._scorers()),
            instructions=self._instructions((*frozen, *beside)),
            rows=tuple(
                Row(tensor=u.tensor, shape=self._shape(u.tensor), producer=u.producer, consumers=tuple(u.consumers))
                for u in self.uses
                if u.consumers or u.producer not in ("data", "sampler")
            ),
        )

    def _give(self) -> None:
        """What is there before any function of the recipe runs."""
        recipe = self.recipe
        online = recipe.sample is not None
        self._provide("ids", "sampler" if online else "data")
        self._provide("mask", "sampler" if online else "data")
        self._provide("ended", "sampler" if online else "data")
        if recipe.draws is not None:
            self._check_draws(recipe.draws)
            self._provide("calibrated", "sampler")
        if online:
            self._provide("sampled_logp", "sampler")
            self._provide("chance", "sampler")
        else:
            for tensor in JUDGED:
                self._provide(tensor, "data")
            if "traits" in self.trained:
                self._read("who", self.trained["traits"])  # a row of the table is that of who judged
            if "degree_logits" in self.trained:
                self._provide("degree", "data")
        for name, scorer in recipe.score.items():
            self._known(name, f"score.{name}")
            if of_tokens(name) and scorer.inputs != ("groups",):
                raise RecipeError(
                    f"`score.{name}` pays tokens, and `{scorer.name}` takes {', '.join(scorer.inputs)}: give a "
                    "function of `groups` that returns a number for every token, as `scoring.spans.span_score`."
                )
            self._provide(name, scorer.name)
        if recipe.sample is not None and recipe.sample.greedy:
            if "reward" not in recipe.score:
                raise RecipeError(
                    f"`{recipe.name}` draws a greedy answer, and nothing pays it: add "
                    'score={"reward": bind(my_reward)}, or leave out `greedy`.'
                )
            self._provide("baseline", "the greedy answer's reward")

    def _outputs(self) -> dict[str, tuple[str, ...]]:
        recipe = self.recipe
        outputs = {
            role: tuple(sorted({u.tensor for u in self.uses if self.trained.get(u.tensor) == role}))
            for role in dict.fromkeys(self.trained.values())
        }
        for role, read in outputs.items():
            if not read:
                raise RecipeError(
                    f"the recipe `{recipe.name}` trains the model `{role}` and no objective reads what it gives "
                    f"({', '.join(recipe.models[role].gives)}): drop the model or add a Term."
                )
        return outputs

    def _degrees(self) -> int:
        read = "degree" in self.now and bool(self.now["degree"].consumers)
        return (self.recipe.models[self.trained["degree_logits"]].degrees or 0) if read else 0

    def _instructions(self, read: tuple[str, ...]) -> dict[str, str]:
        told = {role: m.instruction for role, m in self.recipe.models.items() if m.instruction is not None}
        for role in told:
            if self.recipe.models[role].train:
                raise RecipeError(
                    f"the model `{role}` of `{self.recipe.name}` is trained and has an instruction, which it would not "
                    "be given when it answers: put the instruction into the prompts, or on a frozen copy, "
                    f'models={{..., "told": Model(source="{role}", instruction="...")}}, and read `told_logp`.'
                )
            if role not in read:
                raise RecipeError(
                    f"the model `{role}` of `{self.recipe.name}` has an instruction, and no function asks for "
                    f"`{role}_logp`, which is all that an instruction changes: leave it out."
                )
            if self.recipe.draws and self.recipe.draws.by == role:
                raise RecipeError(
                    f"the model `{role}` of `{self.recipe.name}` has an instruction and draws answers, which it does "
                    "not give by instruction: declare a second role for the one or the other."
                )
        return told

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

    def _check_siblings(self) -> None:
        recipe = self.recipe
        pieces = (*recipe.select, *recipe.derive, *(term.objective for term in recipe.objective))
        alone = next((b for b in pieces if b.among_siblings), None)
        if alone is not None and recipe.sample is not None and recipe.objective and recipe.answers < 2:
            raise RecipeError(
                f"`{alone.name}` compares the answers to a prompt, and `{recipe.name}` draws 1 to each, so that "
                "nothing would be learnt: draw 2 or more (`k`, or `sample.k`), or take credit from a critic (`gae`)."
            )

    def _check_budget(self) -> None:
        if self.recipe.sample is None or "logp" not in self.trained:
            raise RecipeError(
                f"`{self.recipe.name}` has a `kl_budget`, which is measured on a trained policy's own samples, and it "
                "draws none: leave the budget out."
            )

    def _check_ascent(self, ascent: Ascent) -> None:
        derived = {name for bound in (*self.recipe.derive, *self.recipe.compare) for name in bound.gives}
        read = [n for n in ascent.term.objective.inputs if n in derived or n.startswith("old_")]
        if read:
            raise RecipeError(
                f"`{ascent.term.objective.name}` stands in `ascent` and asks for `{read[0]}`, which is worked out "
                "after that step: it takes what the trained models give, and what comes with the batch."
            )

    def _check_mix(self, mix: Mix) -> None:
        if self.recipe.sample is None:
            raise RecipeError(
                f"`{self.recipe.name}` learns from judged answers already, and has a `mix` of them: add a Term to its "
                "`objective`."
            )
        foreign = set(mix.term.objective.inputs) - {"logp", "entropy", "mask"}
        if foreign:
            raise RecipeError(
                f"`{mix.term.objective.name}` stands in `mix` and asks for `{min(foreign)}`: of judged answers beside "
                "the samples there is `logp`, `entropy` and `mask`, as `nll` reads them."
            )

    def _check_draws(self, draws: Draws) -> None:
        models, name = self.recipe.models, self.recipe.name
        frozen = [r for r, m in models.items() if not m.train and m.head == "lm"]
        if draws.by not in frozen:
            raise RecipeError(
                f"`draws` of `{name}` has `{draws.by}` answer the prompts too, and that is no frozen language model of "
                f"the recipe (declared: {', '.join(frozen) or 'none'}). "
                f'Add models={{..., "{draws.by}": Model(source="policy")}}.'
            )
        if draws.decoding.temperature <= 0:
            raise RecipeError(
                f"`draws` of `{name}` are taken at temperature 0, where all draws for a prompt are one answer: raise "
                " `draws.decoding.temperature`."
            )

    def _shape(self, tensor: str) -> str:
        found = lookup(tensor)
        return found.shape if found else "?"

    def _scorers(self) -> Iterator[str]:
        for name, scorer in self.recipe.score.items():
            given, head = scorer.knobs.get("model"), "token_score" if of_tokens(name) else "score"
            for role in (given,) if isinstance(given, str) else given if isinstance(given, (tuple, list)) else ():
                if role not in self.recipe.models:
                    raise RecipeError(
                        f"`score.{name}` ({scorer.name}) reads the model `{role}`, which the recipe does not declare: "
                        f'add models={{..., "{role}": Model(source="...", head="{head}")}}. '
                        f"Declared: {', '.join(self.recipe.models)}."
                    )
                yield role

    def _apply(self, bound: Bound) -> None:
        self._consume(bound, comparing=bound in self.recipe.compare)
        for name in bound.gives:
            self._known(name, bound.name)
            self._provide(name, bound.name)

    def _compare(self, bound: Bound) -> None:
        """A function of whole distributions: it reads logits and nothing else, with knobs that do not move."""
        foreign = [n for n in bound.inputs if n != "logits" and compared_role(n) is None]
        if foreign or "logits" not in bound.inputs or len(bound.gives) != 1:
            raise RecipeError(
                f"`{bound.name}` stands in `compare` and takes {', '.join(bound.inputs)}: it takes `logits`, and "
                "`<role>_logits` of frozen models, and is marked to give one tensor. What reads other tensors belongs "
                "in `derive` or is an objective."
            )
        if any(isinstance(value, Dial) for value in bound.knobs.values()):
            raise RecipeError(f"the knobs of `{bound.name}`, which stands in `compare`, are numbers: they do not move.")
        self._apply(bound)

    def _provide(self, tensor: str, producer: str) -> None:
        use = _Use(tensor, producer, [])
        self.uses.append(use)
        self.now[tensor] = use

    def _consume(self, bound: Bound, *, comparing: bool = False) -> None:
        for tensor in bound.inputs:
            if not comparing and (tensor == "logits" or compared_role(tensor)):
                raise RecipeError(
                    f"`{bound.name}` asks for `{tensor}`, which is as long as the vocabulary: put a function that "
                    "makes one number of it for each token in `compare`, as `kl_from_reference`, and read that."
                )
            self._read(tensor, bound.name)

    def _read(self, tensor: str, by: str) -> None:
        if tensor not in self.now:
            self._provide(tensor, self._unasked(tensor, by))
        self.now[tensor].consumers.append(by)

    def _unasked(self, tensor: str, by: str) -> str:
        """Who provides a tensor that no earlier piece of the recipe gave."""
        self._known(tensor, by)
        models = self.recipe.models
        if tensor in self.trained:
            return self.trained[tensor]
        if tensor.endswith("mismatched_logp") and self.recipe.sample is not None:
            raise RecipeError(f"`{by}` asks for `{tensor}`, and only judged data has it: leave out `sample`.")
        if tensor == "mismatched_logp" and "logp" in self.trained:
            return f"{self.trained['logp']}, after another prompt"
        if tensor in ("old_logp", "old_value") and tensor.removeprefix("old_") in self.trained:
            return f"{self.trained[tensor.removeprefix('old_')]}, before the update"
        role = frozen_role(tensor) or compared_role(tensor)
        if role is not None:
            if role in models and not models[role].train and models[role].head == "lm":
                return role
            frozen = [r for r, m in models.items() if not m.train and m.head == "lm"]
            raise RecipeError(
                f"`{by}` asks for `{tensor}`, and the recipe `{self.recipe.name}` has no frozen model named "
                f"`{role}` (frozen language models declared: {', '.join(frozen) or 'none'}). "
                f'Add models={{..., "{role}": Model(source="policy")}}.'
            )
        raise RecipeError(f"`{by}` asks for `{tensor}`, and nobody provides it. {hint(tensor)}")

    def _known(self, tensor: str, where: str) -> None:
        if lookup(tensor) is None:
            raise RecipeError(
                f"`{where}` speaks of `{tensor}`, which is not in the vocabulary (prefloop/names.py)."
                f"{nearest(tensor, VOCABULARY)} Knobs go after `*` in the signature."
            )
