"""Running a recipe by itself: one method, on prompts with a reward or on judged answers, into a run folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PrefloopError, RecipeError
from ..evaluation.report import write_report
from ..feedback.sources import Hire, Source
from ..models.decoder import Decoder
from ..models.encode import must_fit
from ..models.load import save
from ..planning import plan
from ..prompts import OPENINGS, load_prompts
from ..recipe import Recipe
from ..roles import model_of
from ..sampling.generator import Sampler
from ..sampling.local import LocalGenerator
from .align import Align, run_align
from .judged import judged_answers, within_context
from .networks import networks_of
from .optimise import optimise
from .progress import Progress, Silent
from .reward import FitReward, run_reward
from .rounds import Rounds, run_rounds, save_models
from .run_folder import RunFolder
from .summarise import summarise


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run left: its folder, the trained models by role, and one line of metrics a step."""

    folder: Path
    networks: dict[str, Any]
    metrics: list[dict[str, Any]]


def run(
    recipe: Recipe | Rounds | Align,
    *,
    out: Path | str,
    resume: bool = False,
    people: Source | Hire | None = None,
    progress: Progress | None = None,
    sampler: Sampler = LocalGenerator,
    command: str = "",
) -> Result:
    """Run a recipe, an alignment on judged answers, or a whole loop into the folder `out`.

    `people` answers the questions of a loop whose recipe says "terminal" or "browser", or makes who does from the
    run's store; simulated people come with the recipe. `sampler` makes of the policy what draws its responses: how a
    run samples is a matter of the machine, not of the recipe.

    Raises:
        PrefloopError: a recipe, model, file, reward or folder that stands in the way; what was collected is kept.
    """
    watching, folder = progress or Silent(), Path(out)
    try:
        if isinstance(recipe, Rounds):
            return _run_rounds(recipe, RunFolder(folder, recipe, resume=resume), people, watching, sampler, command)
        if isinstance(recipe, Align):
            files = RunFolder(folder, recipe, resume=resume)
            if isinstance(recipe, FitReward):
                networks = run_reward(recipe, files, progress=watching, command=command)
            else:
                networks = run_align(recipe, files, progress=watching)
            return Result(folder=folder, networks=networks, metrics=files.metrics())
        if isinstance(recipe, Recipe):
            plan(recipe)
            return _run_recipe(recipe, RunFolder(folder, recipe, resume=resume), watching, sampler)
    except OSError as error:
        raise PrefloopError(
            f"{error.filename or folder}: {error.strerror or error}. What was collected is kept: mend it and --resume."
        ) from error
    raise RecipeError(
        f"{type(recipe).__name__} cannot be run: give a Recipe, Align or Rounds, or a function that returns one."
    )


def _run_rounds(
    rounds: Rounds,
    folder: RunFolder,
    people: Source | Hire | None,
    progress: Progress,
    sampler: Sampler,
    command: str,
) -> Result:
    source = people or rounds.people
    if isinstance(source, str):
        raise RecipeError(
            f"the people of this run are {rounds.people!r}: hand `run` somebody who answers (people=...)."
        )
    state = run_rounds(rounds, folder, people=source, progress=progress, sampler=sampler)
    save_models(state)
    write_report(summarise(state, command=command), folder.path)
    state.store.close()
    return Result(folder=folder.path, networks=state.networks, metrics=folder.metrics())


def _run_recipe(recipe: Recipe, folder: RunFolder, progress: Progress, sampler: Sampler) -> Result:
    needs = plan(recipe)
    if not recipe.objective:
        raise RecipeError(
            f"`{recipe.name}` trains nothing: sample from it with `prefloop sample`, or run the demo with it."
        )
    for role in needs.roles:
        model_of(recipe, role)  # refuses a model from nowhere before another one is loaded
    prompts = load_prompts(recipe.prompts or OPENINGS).train if recipe.sample is not None else ()
    reads = recipe.sample is None or recipe.takes_both
    judged = judged_answers(recipe, say=progress.say) if reads else ()
    networks = networks_of(recipe, say=progress.say)
    if reads:
        reader, told = networks[next(iter(needs.outputs))], needs.instructions.values()
        judged = within_context(judged, reader, instructions=told, say=progress.say)
    policy = networks.get("policy")
    if recipe.sample is not None and isinstance(policy, Decoder):
        longest, told = recipe.sample.decoding.max_tokens, needs.instructions.values()
        must_fit(prompts, policy, answer=longest, instructions=told)
    optimise(
        recipe,
        networks=networks,
        generator=sampler(policy) if isinstance(policy, Decoder) else None,
        prompts=prompts,
        judged=judged,
        on_step=lambda step, metrics, _: folder.record("train", step, metrics),
        progress=progress,
        folder=folder.state / "unfinished",
    )
    for role in needs.outputs:
        save(networks[role], folder.path / role)
    return Result(folder=folder.path, networks=networks, metrics=folder.metrics())
