"""A method on judged answers, and what it gained on prompts that were held out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..batch import assemble
from ..errors import DataError, RecipeError
from ..evaluation.preference import Agreement, Alignment, Comparisons, accuracy, compared
from ..learning.instructed import with_instructions
from ..learning.remembered import remembered_logp
from ..learning.update import logp_in_parts
from ..models.load import save
from ..ops import tmean, tsum
from ..planning import Plan, plan
from ..prompts import kept_apart
from ..recipe import Data, Recipe
from ..roles import model_of
from ..scoring.model import model_score
from ..statistics import Interval
from ..text import Group
from .judged import in_tokens, judged_answers, within_context
from .networks import networks_of
from .optimise import optimise
from .progress import Progress
from .run_folder import RunFolder, write_text

MEAN, IMPLICIT, SCORE = "mean log-probability of a token", "implicit reward", "score"
ACCURACY = "accuracy.json"
"""The file in the run folder that has what was gained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Align:
    """A recipe that learns from judged answers, measured on a share of the prompts that it does not see.

    The measures: the implicit reward, log pi - log pi_ref summed over an answer's tokens, of methods with a reference;
    the mean log-probability of an answer's tokens; the score of reward models.
    """

    recipe: Recipe
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise RecipeError(f"`held_out` is {self.held_out}: it is the share of prompts kept apart, such as 0.1.")


def on_data(recipe: Recipe, *, data: Data | None, model: str | None, held_out: float) -> Align:
    """A recipe on these judged answers and this model, where they are given, as something to run."""
    if data is not None:
        recipe = replace(recipe, data=data)
    if model is not None:
        role = next(role for role, m in recipe.models.items() if m.train)
        recipe = replace(recipe, models={**recipe.models, role: replace(recipe.models[role], source=model)})
    return Align(recipe=recipe, held_out=held_out)


def run_align(align: Align, folder: RunFolder, *, progress: Progress) -> dict[str, Any]:
    """Train and measure, or go on with it; the trained networks by role."""
    recipe = align.recipe
    needs = plan(recipe)
    if recipe.sample is not None:
        raise RecipeError(
            f"`{recipe.name}` learns from its own samples, not from judged answers: `prefloop run {recipe.name}`."
        )
    for role in needs.roles:
        model_of(recipe, role)  # refuses a model from nowhere before another one is loaded
    notes: list[str] = []

    def say(text: str) -> None:
        notes.append(text)
        progress.say(text)

    judged = judged_answers(recipe, say=say)
    networks = networks_of(recipe, say=progress.say)
    reader = networks[next(iter(needs.outputs))]
    judged = within_context(judged, reader, instructions=needs.instructions.values(), say=say)
    train, held_out = _split(judged, align.held_out)
    asked = compared(held_out, seed=recipe.seed)
    if not folder.done("before"):
        with folder.stage("before"):
            before = _measured(needs, networks, held_out, asked, tokens=recipe.optimiser.tokens)
            folder.keep("before", {name: asdict(share) for name, share in before.items()})
    before = {name: Interval(**share) for name, share in folder.kept("before").items()}
    optimise(
        recipe,
        networks=networks,
        judged=train,
        on_step=lambda step, metrics, _: folder.record("train", step, metrics),
        progress=progress,
        folder=folder.state / "unfinished",
    )
    after = _measured(needs, networks, held_out, asked, tokens=recipe.optimiser.tokens)
    found = Alignment(
        method=recipe.name,
        learnt=len(train),
        comparisons=asked.count,
        what=asked.what,
        agreements=tuple(Agreement(name=name, before=before[name], after=after[name]) for name in before),
        longer=accuracy([[float(len(r.ids)) for r in g.responses] for g in in_tokens(held_out, reader)], asked),
        notes=tuple(notes),
    )
    for role in needs.outputs:
        save(networks[role], folder.path / role)
    write_text(folder.path / ACCURACY, json.dumps(found.to_json(), indent=1))
    return networks


def _split(judged: Sequence[Group], share: float) -> tuple[list[Group], list[Group]]:
    """To learn from and to measure on, by prompt."""
    apart = [kept_apart(g.prompt, share) for g in judged]
    train, held_out = ([g for g, out in zip(judged, apart, strict=True) if out is side] for side in (False, True))
    if not train or not held_out:
        raise DataError(
            f"holding out {share:g} of the prompts leaves {len(train)} judgements to learn from and {len(held_out)} to "
            "measure on: both are needed. Change --held-out, or give judged answers to more prompts."
        )
    return train, held_out


def _measured(
    needs: Plan, networks: Mapping[str, Any], groups: Sequence[Group], asked: Comparisons, *, tokens: int
) -> dict[str, Interval]:
    """The accuracy of every measure that these networks have, the method's own first."""
    scored = next((role for role, outputs in needs.outputs.items() if "score" in outputs), None)
    if scored is not None:
        return {SCORE: accuracy(model_score(groups, model=networks[scored]).tolist(), asked)}
    batch = assemble(in_tokens(groups, networks["policy"]))
    batch = with_instructions(batch, [g.prompt for g in groups], needs.instructions, networks)
    mask = batch["mask"]
    logp = logp_in_parts(networks["policy"], batch, tokens=tokens).cpu()
    found = {MEAN: accuracy(tmean(logp, mask).tolist(), asked)}
    if "ref" in needs.frozen and "ref" not in needs.moving:  # from a model that moves along nothing is gained
        ref = remembered_logp(networks["ref"], batch.read_by("ref"), tokens=tokens).cpu()
        found = {IMPLICIT: accuracy(tsum(logp - ref, mask).tolist(), asked), **found}
    return found
