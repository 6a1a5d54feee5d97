"""Two ways to run a recipe on the tabular problem, both through the loop that trains language models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ..batch import assemble
from ..dials import Linear
from ..learning.local import LocalLearner
from ..learning.mismatched import mismatch, with_mismatched
from ..learning.update import Dials, selected, update, with_frozen
from ..loops.optimise import optimise
from ..models.table import Table
from ..planning import plan
from ..recipe import Optimiser, Recipe
from ..recipe_models import TABLES
from ..scoring.scorer import scored
from ..text import Group, OwnPrompt, Prompt, Response
from .problem import PROMPT, REWARD, distribution, instructed, reference, speaking, tilted
from .tabular import (
    ANSWERS,
    PREFIXES,
    TOKENS,
    WHOLE,
    Critic,
    Gated,
    Hidden,
    Policy,
    Prototyped,
    RewardModel,
    StepModel,
    Tabular,
    TabularGenerator,
    Telling,
    group,
)

_WHOLE = 10**9  # tokens of one backward pass: no batch is cut


def networks() -> dict[str, Any]:
    """Every role a recipe may ask for: policies that start as the reference, and tables of zeros.

    `dpo` and `reverse` have learnt the reward, and the opposite of it, as DPO does with a `beta` of 1.
    """
    return {
        "policy": reference(),
        "ref": reference(),
        "dpo": speaking(tilted(REWARD)),
        "reverse": speaking(tilted(-REWARD)),
        "better": instructed(1.0),
        "worse": instructed(-1.0),
        "critic": Critic(torch.zeros(1, PREFIXES)),
        "reward": RewardModel(torch.zeros(1, len(ANSWERS))),
    }


def of_several_numbers(recipe: Recipe) -> dict[str, Any]:
    """A recipe's tables, and its reward model where that has channels or reads parts of answers.

    Channels begin at random, since some likelihoods rest at 0.
    """
    found: dict[str, Any] = {
        role: Table(model.channels, apart=model.head == "traits").double()
        for role, model in recipe.models.items()
        if model.head in TABLES
    }
    for role, model in recipe.models.items():
        if model.head == "score" and model.channels:
            source = torch.Generator().manual_seed(2)
            start = torch.randn(1, len(ANSWERS), len(model.channels), generator=source, dtype=torch.float64)
            gate = torch.zeros(1, len(model.channels), dtype=torch.float64)
            found[role] = Gated(gate, start) if model.gate else RewardModel(start / 2)
        read = set(plan(recipe).outputs.get(role, ()))
        if "directions" in read:
            source = torch.Generator().manual_seed(3)
            scores = torch.randn(1, len(ANSWERS), generator=source, dtype=torch.float64)
            begin = torch.randn(1, len(model.channels), 8, generator=source, dtype=torch.float64)
            found[role] = Prototyped(scores, *hidden(), begin)
        elif {"views", "states"} & read:
            found[role] = Hidden(torch.zeros(1, len(ANSWERS)), *hidden())
        if model.head == "token_score" and model.train:
            found[role] = StepModel(torch.zeros(1, PREFIXES, TOKENS))
    return found


def hidden(size: int = 8) -> tuple[Tensor, Tensor]:
    """Features (1 64 8) of answers and states (1 21 4 8) after their tokens to begin with, at random."""
    source = torch.Generator().manual_seed(8)
    features, states = (
        torch.randn(1, *shape, size, generator=source, dtype=torch.float64)
        for shape in ((len(ANSWERS),), (PREFIXES, TOKENS))
    )
    return features, states


def settling(recipe: Recipe) -> Recipe:
    """The recipe with a rate that suits the tables and falls to 0, so that it comes to rest."""
    return replace(recipe, optimiser=Optimiser(lr=Linear(begin=0.1, end=0.0), tokens=_WHOLE))


def from_samples(
    recipe: Recipe, judged: Sequence[Group] = (), prompts: Sequence[Prompt] = (PROMPT,), /, **others: Tabular
) -> Policy:
    """The policy after a recipe has learnt from its own samples; `others` stand in for the networks of their roles.

    `judged` answers are for a recipe that reads some beside. `prompts` are numbered from 0; each is answered from a
    table of its own, which begins as that of the first.
    """
    found = {**networks(), **others}
    _widen(found, len(prompts))
    generator = TabularGenerator(found["policy"])
    optimise(
        settling(recipe),
        networks=found,
        generator=generator,
        prompts=list(prompts),
        judged=judged,
        drawer=TabularGenerator,
    )
    policy: Policy = found["policy"]
    return policy


def from_population(
    recipe: Recipe,
    answers: Tensor,
    probability: Tensor | None = None,
    *,
    labels: Tensor | None = None,
    targets: Tensor | None = None,
    degree: Tensor | None = None,
    beside: Mapping[str, Tensor] | None = None,
    drawn: Sequence[Response] = WHOLE,
    asked: Tensor | None = None,
    prompt: Prompt = PROMPT,
    steps: int = 150,
) -> dict[str, Any]:
    """The networks after a recipe has learnt from all the data there is, each row as important as it is probable.

    answers: places in `drawn` (rows K), the best first where they are judged. probability: of each row. labels: what
    people said of each answer (rows K), targets: how strongly they prefer the first (rows), for a recipe that reads it.
    Without a probability the rows are the policy's own samples, in each step as probable as it makes them then. degree:
    what each answer lacks (rows K), for a policy that is to tell. beside: what else people said, by the tensor's name.
    asked: the number of the prompt that each answer answers (rows K), where they are several; a place of -1 is that of
    no answer. prompt: what all of them answer, where they are not.
    """
    said = [()] * len(answers) if labels is None else labels.tolist()
    groups = [
        group(prompt, [drawn[i] for i in row if i >= 0], ls) for row, ls in zip(answers.tolist(), said, strict=True)
    ]
    recipe = settling(recipe)
    found, needs = {**networks(), **of_several_numbers(recipe)}, plan(recipe)
    if asked is not None:
        groups = [_answering(g, row) for g, row in zip(groups, asked.tolist(), strict=True)]
        _widen(found, 1 + int(asked.max()))
    batch = scored(assemble(groups), recipe.score, groups, found).having(
        weight=torch.ones(len(groups)) if probability is None else probability * len(groups)
    )
    batch = batch.having(**(beside or {}))
    if "who" in batch.tensors:
        everybody = {str(n) for n in range(1, 1 + int(batch["who"].max()))}
        for table in (n for n in found.values() if isinstance(n, Table) and n.apart):
            table.know(everybody)
    if targets is not None:
        batch = batch.having(target=targets)
    if degree is not None:
        batch = batch.having(degree=degree)
        found["policy"] = Telling(found["policy"].table, needs.degrees)
    batch = selected(recipe, batch)
    batch = with_frozen(batch, needs, found, tokens=_WHOLE, temperature=1.0)
    learner, dials = LocalLearner(found, needs.outputs, recipe.optimiser, compare=recipe.compare), Dials(recipe)
    elsewhere = mismatch(batch)
    for step in range(steps):
        whole = with_mismatched(batch, elsewhere, needs.mismatched, found, tokens=_WHOLE)
        if probability is None:
            whole = whole.having(weight=distribution(found["policy"])[answers].prod(-1) * len(groups))
        metrics = update(recipe, learner, whole, dials, seed=step)
        dials.turn(step=step, steps=steps, metrics=metrics)
    return found


def _answering(group: Group, prompts: Sequence[int]) -> Group:
    """The group with its responses answering the prompts of these numbers."""
    owns = [OwnPrompt(prompt=Prompt(text=str(n)), ids=(n,)) for n in prompts]
    kept = zip(group.responses, owns, strict=False)
    return replace(group, responses=tuple(replace(r, asked=own) for r, own in kept))


def _widen(networks: Mapping[str, Any], prompts: int) -> None:
    """Give every network of the problem the same table for so many prompts."""
    for network in networks.values():
        if isinstance(network, Tabular):
            network.table = nn.Parameter(network.table.detach().repeat(prompts, *[1] * (network.table.dim() - 1)))


def judged(sets: Tensor) -> tuple[Tensor, Tensor]:
    """People's choices among sets of answers (rows K): every row once with each of its answers chosen, put first.

    The second result is the probability of each row, when people choose in proportion to exp(r).
    """
    chosen = REWARD[sets].softmax(-1)
    order = [[i, *(j for j in range(sets.shape[1]) if j != i)] for i in range(sets.shape[1])]
    return torch.cat([sets[:, o] for o in order]), torch.cat(list(chosen.T)) / len(sets)
