"""A method on judged answers, and what it gained on prompts that were held out."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ..batch import assemble
from ..errors import DataError, RecipeError
from ..evaluation.part_quality import Parts
from ..evaluation.preference import Agreement, Alignment, Comparisons, accuracy, right
from ..learning.instructed import with_instructions
from ..learning.remembered import remembered_logp
from ..learning.update import logp_in_parts
from ..models.load import save
from ..ops import tmean, tsum
from ..planning import Plan, plan
from ..prompts import kept_apart
from ..recipe import Data, Recipe
from ..roles import model_of
from ..statistics import Interval
from ..text import Group
from .judged import in_tokens, judged_answers, within_context
from .measured import asked_of, gaps_of, scorer_of
from .networks import networks_of
from .optimise import optimise
from .progress import Progress
from .run_folder import RunFolder, write_text

MEAN, IMPLICIT, SCORE = "mean log-probability of a token", "implicit reward", "score"
ACCURACY = "accuracy.json"
"""The file in the run folder that has what was gained."""
FEWEST_PEOPLE = 3
"""Of fewer, nobody is held out: one person's judgements would be learnt from alone."""


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
        role = next(role for role, m in recipe.models.items() if m.train and m.source)
        recipe = replace(recipe, models={**recipe.models, role: replace(recipe.models[role], source=model)})
    return Align(recipe=recipe, held_out=held_out)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Judged answers to learn from, and to measure on: to other prompts, and `others`, by other people to these."""

    train: list[Group]
    held_out: list[Group]
    others: list[Group]
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Aligned:
    """What is there after training: the networks by role, what was learnt and measured, and the wall-clock seconds."""

    needs: Plan
    networks: dict[str, Any]
    split: Split
    asked: Comparisons | Parts
    found: Alignment
    seconds: float


def run_align(align: Align, folder: RunFolder, *, progress: Progress) -> dict[str, Any]:
    """Train and measure, or go on with it; the trained networks by role."""
    done = aligned(align, folder, progress=progress)
    for role in done.needs.outputs:
        save(done.networks[role], folder.path / role)
    write_text(folder.path / ACCURACY, json.dumps(done.found.to_json(), indent=1))
    return done.networks


def aligned(align: Align, folder: RunFolder, *, progress: Progress, people: float = 0.0, fewest: int = 0) -> Aligned:
    """Train, and measure on held-out prompts; the judgements of a share of the people are kept apart as well.

    Raises:
        DataError: fewer than the `fewest` judgements are left to learn from.
    """
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
    parts = split(judged, align.held_out, people)
    if len(parts.train) < fewest:
        raise DataError(
            f"a learning curve is asked for up to {fewest} judgements, and {len(parts.train)} are there to learn from: "
            "leave out of --curve what is beyond."
        )
    held_out = parts.held_out
    asked = asked_of(recipe, held_out, reader, learnt=parts.train)
    if not folder.done("before"):
        with folder.stage("before"):
            before = _measured(recipe, needs, networks, held_out, asked)
            folder.keep("before", {name: asdict(share) for name, share in before.items()})
    before = {name: Interval(**share) for name, share in folder.kept("before").items()}
    with contextlib.nullcontext() if folder.done("train") else folder.stage("train"):
        optimise(
            recipe,
            networks=networks,
            judged=parts.train,
            on_step=lambda step, metrics, _: folder.record("train", step, metrics),
            progress=progress,
            folder=folder.state / "unfinished",
        )
    after = _measured(recipe, needs, networks, held_out, asked)
    found = Alignment(
        method=recipe.name,
        learnt=len(parts.train),
        comparisons=asked.count,
        what=asked.what,
        agreements=tuple(Agreement(name=name, before=before[name], after=after[name]) for name in before),
        longer=right(asked.plain()) if isinstance(asked, Parts) else accuracy(sizes(held_out, reader), asked),
        notes=tuple(notes),
    )
    seconds = folder.stages["train"]["seconds"]
    return Aligned(needs=needs, networks=networks, split=parts, asked=asked, found=found, seconds=seconds)


def sizes(groups: Sequence[Group], reader: Any) -> list[list[float]]:
    """Tokens of every answer, as a network reads it."""
    return [[float(len(r.ids)) for r in g.responses] for g in in_tokens(groups, reader)]


def split(judged: Sequence[Group], share: float, people: float) -> Split:
    """To learn from and to measure on, by prompt, and by person where a share of the people is held out as well."""
    apart = [kept_apart(g.prompt, share) for g in judged]
    train, held_out = ([g for g, out in zip(judged, apart, strict=True) if out is side] for side in (False, True))
    out = _people_apart(train, people)
    known = [g for g in train if g.who not in out]
    if not known or not held_out:
        raise DataError(
            f"holding out {share:g} of the prompts leaves {len(train)} judgements to learn from and {len(held_out)} to "
            "measure on: both are needed. Change --held-out, or give judged answers to more prompts."
        )
    return Split(train=known, held_out=held_out, others=[g for g in train if g.who in out], people=out)


def _people_apart(judged: Sequence[Group], share: float) -> tuple[str, ...]:
    """A share of the people who judged, at least one where there are three or more; told by their names alone.

    Nobody who gave so much that less than half of the judgements would be left is among them.
    """
    said = Counter(g.who for g in judged if g.who)
    wanted = max(1, round(share * len(said))) if share and len(said) >= FEWEST_PEOPLE else 0
    found: list[str] = []
    for who in sorted(said, key=lambda name: hashlib.sha256(name.encode()).digest()):
        if len(found) < wanted and 2 * sum(said[w] for w in (*found, who)) <= len(judged):
            found.append(who)
    return tuple(sorted(found))


def _measured(
    recipe: Recipe,
    needs: Plan,
    networks: Mapping[str, Any],
    groups: Sequence[Group],
    asked: Comparisons | Parts,
) -> dict[str, Interval]:
    """The accuracy of every measure that these networks have, the method's own first."""
    tokens = recipe.optimiser.tokens
    if isinstance(asked, Parts) or scorer_of(needs) is not None:
        return {SCORE: right(gaps_of(recipe, groups, networks, asked))}
    batch = assemble(in_tokens(groups, networks["policy"]))
    batch = with_instructions(batch, [g.prompt for g in groups], needs.instructions, networks)
    mask = batch["mask"]
    logp = logp_in_parts(networks["policy"], batch, tokens=tokens).cpu()
    found = {MEAN: accuracy(tmean(logp, mask).tolist(), asked)}
    if "ref" in needs.frozen and "ref" not in needs.moving:  # from a model that moves along nothing is gained
        ref = remembered_logp(networks["ref"], batch.read_by("ref"), tokens=tokens).cpu()
        found = {IMPLICIT: accuracy(tsum(logp - ref, mask).tolist(), asked), **found}
    return found
