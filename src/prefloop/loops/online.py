"""The batch of a step for a recipe that samples: drawn, paid, selected, and drawn again for what is missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..batch import Batch, assemble, joined, teaching
from ..errors import DataError, RecipeError, RunError
from ..learning.instructed import with_instructions
from ..learning.update import selected, with_frozen
from ..planning import Plan
from ..recipe import Decoding, Recipe, Sample
from ..sampling.frozen import Drawer
from ..sampling.generator import Begun, Generator
from ..scoring.scorer import score, scored
from ..text import Group, Prompt
from .draws import calibrated, with_draws
from .fresh import must_be_fresh, must_bear_exploring
from .resets import Resets
from .seeds import endless, seed_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """The batch of a step, ready to learn from, the groups it was made of, and what there is to tell of the drawing."""

    batch: Batch
    groups: Sequence[Group]
    metrics: Mapping[str, float] = field(default_factory=dict)


Draw = Callable[[int], Drawn]
"""Draws the batch of a step."""


def online(
    recipe: Recipe,
    needs: Plan,
    networks: Mapping[str, Any],
    generator: Generator | None,
    prompts: Sequence[Prompt],
    judged: Sequence[Group],
    drawer: Drawer,
) -> Draw:
    """Draws the batches of a recipe that samples; `judged` answers are for `resets` to begin with.

    Raises:
        DataError: there are no prompts, or no judged answers where it needs some.
        RunError: it has no last step.
    """
    sample = recipe.sample
    assert sample is not None
    if generator is None or not prompts:
        raise DataError(f"`{recipe.name}` samples and was given no prompts.")
    if recipe.steps is None:
        raise RunError(f"`{recipe.name}` samples without end: give it `steps`.")
    must_bear_exploring(recipe, needs)
    must_stand_apart((*needs.beside, *needs.drawing, *needs.moving), needs, networks)
    tokens, temperature = recipe.optimiser.tokens, sample.decoding.temperature
    rollout = _Rollout(recipe, sample, needs, networks, generator, drawer, Resets(recipe, sample, judged, networks))

    def draw(step: int) -> Drawn:
        parts: list[Batch] = []
        groups: list[Group] = []
        counted: Counter[str] = Counter()
        missing = recipe.batch
        for turn in range(sample.refill + 1):
            again = (turn,) if turn else ()  # the numbers of the first turn are those of a recipe without refill
            index = endless(len(prompts), recipe.batch, step, recipe.seed, "prompts", *again)[:missing]
            batch, some = rollout.drawn([prompts[i] for i in index], counted, (step, *again))
            groups += some
            parts += [batch] if len(batch) or not parts else []
            missing -= len(batch)
            if not missing:
                break
        whole = joined([p for p in parts if len(p)] or parts)
        if len(whole):
            whole = with_frozen(whole, needs, networks, tokens=tokens, temperature=temperature)
        counts = {name: float(count) for name, count in counted.items()}
        told = {**counts, **must_be_fresh(recipe, needs, _own(recipe, groups), networks), **_ends(recipe, groups)}
        if sample.refill:
            told["redrawn"] = float(len(groups) - recipe.batch)
        return Drawn(batch=whole, groups=groups, metrics=told)

    return draw


@dataclass(frozen=True, slots=True)
class _Rollout:
    """Some prompts answered, paid and selected."""

    recipe: Recipe
    sample: Sample
    needs: Plan
    networks: Mapping[str, Any]
    generator: Generator
    drawer: Drawer
    resets: Resets

    def drawn(
        self, prompts: Sequence[Prompt], counted: Counter[str], at: tuple[int, ...]
    ) -> tuple[Batch, Sequence[Group]]:
        """What is to be learnt from of these prompts, and the groups; `counted` gains what there is to count."""
        recipe, networks, sample = self.recipe, self.networks, self.sample
        begun = self.resets.begun(prompts, seed_of(recipe.seed, "resets", *at))
        seed = seed_of(recipe.seed, "sample", *at)
        own = self._sampled(begun, k=sample.k, decoding=sample.drawing, seed=seed)
        must_be_fresh(recipe, self.needs, own, networks)  # before anything is spent on them
        reader = networks[next(iter(self.needs.outputs))]
        beside = seed_of(recipe.seed, "draws", *at)
        groups = with_draws(recipe, own, networks, self.drawer, seed=beside, reader=reader)
        batch = with_instructions(assemble(groups), [g.prompt for g in groups], self.needs.instructions, networks)
        batch = batch.having(**calibrated(recipe, groups))
        if sample.explore != 1 and not self.needs.corrects:
            batch = batch.without("sampled_logp")  # they are not the policy's own, and nothing is said of it by them
        answers = list(groups)
        if sample.greedy:
            greedy = self._sampled(begun, k=1, decoding=replace(sample.decoding, temperature=0.0), seed=seed)
            paid_greedily = _one_number(recipe, score(recipe.score["reward"], greedy, networks, recipe.scoring))
            batch = batch.having(baseline=paid_greedily[:, 0])
            answers += greedy
        batch = scored(batch, recipe.score, groups, networks, recipe.scoring)
        counted["tokens_sampled"] += sum(sum(r.mask) for g in answers for r in g.responses)
        counted["unpaid"] += len(groups) - len(batch)
        if sample.resets:
            counted["reset"] += sum(bool(first) for _, first in begun)
        paid = len(batch)
        batch = selected(recipe, batch.having(chance=chances(batch, seed_of(recipe.seed, "chance", *at))))
        batch = teaching(batch, pairwise=self.needs.pairwise)
        if recipe.select:
            counted["dropped"] += paid - len(batch)
        return batch, groups

    def _sampled(self, begun: Sequence[Begun], *, k: int, decoding: Decoding, seed: int) -> list[Group]:
        if self.sample.resets:
            return self.resets.generator(self.generator).go_on(begun, k=k, decoding=decoding, seed=seed)
        return self.generator.sample([p for p, _ in begun], k=k, decoding=decoding, seed=seed)


def _one_number(recipe: Recipe, paid: torch.Tensor) -> torch.Tensor:
    """What greedy answers were paid, which no function of the recipe makes one number of."""
    if paid.dim() > 2:
        raise RecipeError(
            f"`score.reward` of `{recipe.name}` gives {paid.shape[-1]} numbers for an answer, and the greedy answer's "
            "reward is compared as one: have the scorer give one number, or leave out `greedy`."
        )
    return paid


def chances(batch: Batch, seed: int) -> torch.Tensor:
    """An even random number between 0 and 1 for each response (P K), always the same for a seed."""
    return torch.rand(batch.lengths.shape, generator=torch.Generator().manual_seed(seed))


def _own(recipe: Recipe, groups: Sequence[Group]) -> list[Group]:
    """The groups without the answers that a frozen model added, which stand last."""
    added = recipe.draws.k if recipe.draws else 0
    return [replace(g, responses=g.responses[: len(g.responses) - added]) for g in groups]


def _ends(recipe: Recipe, groups: Sequence[Group]) -> dict[str, float]:
    """How the answers of a step ended: the share that was cut, and the share that has no text."""
    responses = [r for g in _own(recipe, groups) for r in g.responses]
    cut, bare = sum(r.finish == "length" for r in responses), sum(not r.text.strip() for r in responses)
    return {"truncated": cut / len(responses), "empty": bare / len(responses)}


def must_stand_apart(roles: Sequence[str], needs: Plan, networks: Mapping[str, Any]) -> None:
    """Refuse a frozen model that is the trained one: it would move along, and every log-ratio to it would stay 0."""
    for frozen in roles:
        for trained in needs.outputs:
            mine, theirs = (getattr(networks[role], "model", networks[role]) for role in (trained, frozen))
            if mine is theirs:
                raise RecipeError(
                    f"`{frozen}` and `{trained}` are one and the same model in memory, and training would move the "
                    f"reference along: load `{frozen}` anew, or put a copy there (copy.deepcopy)."
                )
