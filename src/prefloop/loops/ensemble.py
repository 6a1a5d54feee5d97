"""An ensemble of whole reward models: one method from seeds of their own, and what they say together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..binding import bind
from ..errors import RecipeError
from ..evaluation.preference import accuracy, compared
from ..models.load import load
from ..planning import plan
from ..recipe import Recipe
from ..scoring.model import model_score
from ..shaping.channels import mean_channel, uncertainty_weighted, worst_channel
from ..statistics import Interval
from .align import split
from .judged import judged_answers, within_context
from .measured import scorer_of
from .reward import FitReward
from .run_folder import write_text

MEASURED = "ensemble.json"
WAYS = {
    "mean": bind(mean_channel),
    "worst case (WCO)": bind(worst_channel),
    "uncertainty-weighted (UWO)": bind(uncertainty_weighted),
}
"""What is made of the members' scores of an answer (Coste et al. 2023, arXiv 2310.02743)."""


def members(reward: FitReward, count: int) -> tuple[FitReward, ...]:
    """The same fit from so many seeds, its own and those after it; which prompts and people are kept apart stays.

    Raises:
        RecipeError: the method gives several numbers for an answer, or none for one alone.
    """
    recipe, role = reward.recipe, scorer_of(plan(reward.recipe))
    model = recipe.models[role] if role else None
    if model is None or model.head != "score" or model.channels:
        what = "several numbers" if model and model.channels else "no single score"
        raise RecipeError(
            f"`{recipe.name}` gives {what} for an answer, and the members of an ensemble give one each: fit it once, "
            "or take another method, such as `bradley-terry`."
        )
    return tuple(replace(reward, recipe=replace(recipe, seed=recipe.seed + n)) for n in range(count))


def measure(reward: FitReward, folders: Sequence[Path], out: Path) -> dict[str, Interval]:
    """How often each member, and what is made of them all, agrees with the held-out judgements; kept in `out`.

    Raises:
        RewardError: two members have the same weights; names them.
    """
    recipe = reward.recipe
    networks = _loaded(recipe, folders)
    judged = within_context(judged_answers(recipe, say=_unsaid), networks[0], say=_unsaid)
    held_out = split(judged, reward.held_out, reward.held_out_people).held_out
    asked, scores = compared(held_out, seed=recipe.seed), model_score(held_out, model=networks)
    found = {folder.name: accuracy(scores[..., n].tolist(), asked) for n, folder in enumerate(folders)}
    found |= {name: accuracy(by({"reward": scores}).tolist(), asked) for name, by in WAYS.items()}
    write_text(out / MEASURED, json.dumps({name: asdict(share) for name, share in found.items()}, indent=1))
    return found


def _loaded(recipe: Recipe, folders: Sequence[Path]) -> tuple[Any, ...]:
    """The fitted members, each under the name of its folder."""
    role = scorer_of(plan(recipe))
    assert role is not None
    fitted = replace(recipe.models[role], train=False, adapter=None)
    return tuple(load(replace(fitted, source=str(folder / role)), name=folder.name) for folder in folders)


def _unsaid(text: str) -> None:
    """Each member has said it already."""
