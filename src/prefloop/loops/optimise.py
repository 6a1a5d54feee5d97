"""One loop for every method: draw or take a batch, score it, learn from it, again."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..batch import Batch, assemble, teaching
from ..errors import DataError, PrefloopError
from ..learning.instructed import with_instructions
from ..learning.mismatched import mismatch, with_mismatched
from ..learning.remembered import remembered_logp
from ..learning.update import selected, with_frozen
from ..planning import Plan, plan
from ..recipe import Recipe
from ..sampling.frozen import Drawer, frozen_generator
from ..sampling.generator import Generator
from ..scoring.scorer import scored
from ..text import Beside, Group, Prompt
from .budget import OVER
from .degrees import degree, with_degrees
from .draws import calibrated, with_draws
from .interrupt import Patience
from .judged import in_tokens, preferred, speaker
from .online import Draw, Drawn, must_stand_apart, online
from .progress import Progress, Silent
from .referenced import held_against
from .said import said
from .seeds import endless, seed_of
from .training import Training
from .watch import Watch

OnStep = Callable[[int, dict[str, float], Sequence[Group]], None]
"""Told of every step: its number, its metrics, and the groups it learnt from."""


def optimise(
    recipe: Recipe,
    *,
    networks: Mapping[str, Any],
    generator: Generator | None = None,
    prompts: Sequence[Prompt] = (),
    judged: Sequence[Group] = (),
    drawer: Drawer = frozen_generator,
    on_step: OnStep = lambda *_: None,
    progress: Progress | None = None,
    folder: Path | None = None,
    title: str = "",
) -> None:
    """Run a recipe: online on `prompts` with a `generator`, offline on `judged` groups (best response first).

    A recipe with a `mix` or with `resets` takes both.

    The networks are trained in place. With a `folder` the state is written there every `recipe.checkpoint` steps, when
    Ctrl-C is pressed and when a function of the user's own fails; a folder that holds a state is gone on from. `drawer`
    makes of the frozen model of the recipe's `draws` what draws its answers. What looks wrong is said to `progress`
    (`watch.signs`); a run beyond its KL budget ends there, with earlier weights (`budget.Budget`).

    Raises:
        DataError: nothing to learn from.
        RewardError: a reward failed.
        RunError: answers were drawn with weights other than these, or no step can be taken any more.
        KeyboardInterrupt: after Ctrl-C, with the state written.
    """
    needs = plan(recipe)
    temperature = recipe.sample.decoding.temperature if recipe.sample else 1.0
    if recipe.sample is not None:
        draw = online(recipe, needs, networks, generator, prompts, judged, drawer)
        steps = recipe.steps or 0
    else:
        draw = _offline(recipe, needs, networks, judged, temperature, drawer)
        steps = recipe.steps or math.ceil((recipe.epochs or 1) * len(judged) / recipe.batch)

    mixed = _mixed(recipe, judged, networks)
    training = Training(recipe, needs, networks, temperature=temperature, folder=folder)
    shown = progress or Silent()
    watch = Watch(recipe, lambda text: shown.say(f"warning: {text}"), prompts=prompts)
    watching = shown.stage(title or recipe.name, steps)
    with contextlib.closing(training), watching as bar, Patience() as patience:
        bar.advance(training.first)
        for step in range(training.first, steps):
            began = time.monotonic()
            with _kept(training, step):
                drawn = draw(step)
            metrics = training.learn(drawn.batch, mixed(step), step=step, steps=steps)
            metrics |= {"tokens": float(sum(drawn.batch.tokens)), "seconds": time.monotonic() - began, **drawn.metrics}
            ended = training.budget.end(step, metrics)
            on_step(step, {**metrics, OVER: 1.0} if ended else metrics, drawn.groups)
            if recipe.sample is not None:
                shown.step(step, metrics, drawn.groups, _paid(recipe, drawn))
            bar.advance(1, _note(metrics))
            watch.look(metrics)
            if ended:
                shown.say(ended)
                training.keep(steps)  # nothing is left to do, also for a run that is resumed
                return
            with _kept(training, step + 1):
                watch.must_learn(metrics)
            if patience.asked or (step + 1) % recipe.checkpoint == 0:
                training.keep(step + 1)
            if patience.asked:
                raise KeyboardInterrupt


@contextlib.contextmanager
def _kept(training: Training, step: int) -> Iterator[None]:
    """Where this fails, the state after so many steps is written before the run ends."""
    try:
        yield
    except PrefloopError:
        training.keep(step)
        raise


def _mixed(recipe: Recipe, judged: Sequence[Group], networks: Mapping[str, Any]) -> Callable[[int], Batch | None]:
    """Draws, for each step, the preferred answers that a recipe's `mix` takes."""
    mix = recipe.mix
    if mix is None:
        return lambda step: None
    if not judged:
        raise DataError(
            f"`{recipe.name}` mixes judged answers in and was given none: say where they are, for example "
            "--set data=written.jsonl."
        )
    data = teaching(assemble(preferred(judged, speaker(recipe, networks))), pairwise=False).without(
        "sampled_logp", "label"
    )
    return lambda step: data.take(endless(len(data), mix.batch, step, recipe.seed, "mix"))


def _offline(
    recipe: Recipe,
    needs: Plan,
    networks: Mapping[str, Any],
    judged: Sequence[Group],
    temperature: float,
    drawer: Drawer,
) -> Draw:
    """Batches of judged data; what rewards and frozen models think of it, or add to it, is worked out once.

    A frozen model that follows the trained one is asked about every batch anew.
    """
    if not judged:
        raise DataError(f"`{recipe.name}` learns from judged answers and was given none.")
    _must_serve(recipe, needs, judged)
    if recipe.family == "reward":
        for role in needs.outputs:
            held_against(judged, networks[role], role)
    must_stand_apart((*needs.frozen, *needs.beside, *needs.drawing), needs, networks)
    reader = networks[next(iter(needs.outputs))]
    seed = seed_of(recipe.seed, "draws")
    groups = with_degrees(in_tokens(judged, reader), needs.degrees, reader=reader)
    groups = list(with_draws(recipe, groups, networks, drawer, seed=seed, reader=reader))
    data = with_instructions(assemble(groups), [g.prompt for g in groups], needs.instructions, networks)
    data = data.having(**calibrated(recipe, groups), **degree(data, needs.degrees))
    # Judged answers are not the policy's own samples of now, and what people said is there only where it is read.
    data = data.without("sampled_logp", *{"label", "target"}.difference(needs.judged))
    data = data.having(at=torch.arange(len(data)), **said(groups, data["mask"].shape, recipe, needs, networks))
    data = selected(recipe, scored(data, recipe.score, groups, networks, recipe.scoring))
    data = teaching(data, pairwise=needs.pairwise)
    if not len(data):
        raise DataError(
            f"nothing is left for `{recipe.name}` of {len(groups)} judged prompts: their answers are empty, a pair has "
            "one, or the recipe's `select` lets none go on."
        )
    groups = [groups[i] for i in data["at"].tolist()]
    data = data.without("at")
    tokens = recipe.optimiser.tokens
    still = replace(needs, frozen=tuple(role for role in needs.frozen if role not in needs.moving))
    going = replace(needs, frozen=tuple(role for role in needs.frozen if role in needs.moving))
    data = with_frozen(data, still, networks, tokens=tokens, temperature=temperature, read=remembered_logp)
    elsewhere = mismatch(data) if needs.mismatched else data
    fixed = {tensor: role for tensor, role in needs.mismatched.items() if role in still.frozen}
    moving = {tensor: role for tensor, role in needs.mismatched.items() if role not in still.frozen}
    data = with_mismatched(data, elsewhere, fixed, networks, tokens=tokens, read=remembered_logp)

    prompts = data.prompts()

    def draw(step: int) -> Drawn:
        index = endless(len(data), recipe.batch, step, recipe.seed, "data", prompts=prompts)
        batch = with_mismatched(data.take(index), elsewhere.take(index), moving, networks, tokens=tokens)
        batch = with_frozen(batch, going, networks, tokens=tokens, temperature=temperature)
        return Drawn(batch=batch, groups=[groups[i] for i in index])

    return draw


def _must_serve(recipe: Recipe, needs: Plan, judged: Sequence[Group]) -> None:
    """Refuse judged answers that lack what a recipe reads of them."""
    bare = next((g for g in judged if len(g.labels) != len(g.responses)), None)
    if "label" in needs.judged and bare is not None:
        raise DataError(
            f"`{recipe.name}` learns from what people said of each answer, and of the {len(bare.responses)} answers to "
            f"{bare.prompt.shown[:80]!r} {len(bare.labels)} have a label: give the group one for each, "
            "Group(..., labels=(1.0, 0.0)), 1 where people liked it and 0 where not."
        )
    labels = {float(label > 0) if needs.mismatched else label for g in judged for label in g.labels}
    if "label" in needs.judged and len(labels) == 1:
        what = ("liked" if 1.0 in labels else "not liked") if needs.mismatched else f"labelled {labels.pop():g}"
        raise DataError(
            f"all answers that `{recipe.name}` was given are {what}, and it learns from the difference: add answers of "
            "another label, or give pairs."
        )
    hard = next((g for g in judged if g.target is None), None)
    if "target" in needs.judged and hard is not None:
        raise DataError(
            f"`{recipe.name}` learns from how strongly the first answer is preferred, and the pair for "
            f"{hard.prompt.shown[:80]!r} has only an order: give it Group(..., target=0.8), the probability that the "
            "first answer is the better one."
        )
    if recipe.family != "reward" and any(isinstance(g.prompt, Beside) for g in judged):
        raise DataError(
            f"`{recipe.name}` was given answers beside a reference answer, which reward models learn from: take the "
            "column `reference_answer` out of the data."
        )
    several = next((g for g in judged if g.compares_prompts), None)
    elsewhere = "an instruction of its own" if needs.instructions else "a prompt that is not its own"
    if several is not None and (needs.instructions or needs.mismatched or recipe.draws):
        what = "adds answers of a frozen model to a prompt" if recipe.draws else f"reads each answer after {elsewhere}"
        raise DataError(
            f"`{recipe.name}` {what}, and the answers to {several.prompt.shown[:80]!r} stand beside answers to other "
            "prompts: leave comparisons of prompts out, or take a method such as `mapl`."
        )
    if needs.mismatched and len({g.prompt for g in judged}) == 1:
        raise DataError(
            f"`{recipe.name}` also reads each answer after a prompt that is not its own, and there is only the prompt "
            f"{judged[0].prompt.shown[:80]!r}: add judged answers to another one."
        )


def _paid(recipe: Recipe, drawn: Drawn) -> list[list[float]]:
    """What each answer of a step was paid; nothing where the batch is not answer for answer what was drawn."""
    paid = drawn.batch.tensors.get("reward")
    if paid is None or paid.dim() != 2 or recipe.select or len(paid) != len(drawn.groups):
        return []
    rows: list[list[float]] = paid.tolist()
    return rows


def _note(metrics: Mapping[str, float]) -> str:
    shown = [n for n in ("reward", "kl", "accuracy", "loss") if n in metrics][:2]
    return "  ".join(f"{n} {metrics[n]:.2f}" for n in shown)
