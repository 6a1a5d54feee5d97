"""An ensemble of reward models as one scorer: what they say, made one number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch import Tensor

from ..binding import Bound, bind
from ..errors import RewardError
from ..models.decoder import Decoder
from ..recipe import Model, Recipe
from ..shaping.channels import mean_channel
from ..text import Group
from .model import MEMBER, model_score

MEAN = bind(mean_channel)


def ensemble_score(groups: Sequence[Group], *, model: Decoder | tuple[Decoder, ...], by: Bound = MEAN) -> Tensor:
    """One score of every response (P K) from all members of an ensemble, each normalised by itself.

        reward = by(reward_1, ..., reward_D)

    Reward model ensembles of Coste et al. 2023 (arXiv 2310.02743): `by` is `mean_channel`, `worst_channel` (WCO) or
    `uncertainty_weighted` (UWO) of `shaping.channels`, or another function of theirs that reads nothing but the reward.
    The members are several models, or the channels of one. Unlike `model_score` with such a function in `derive`, it
    also serves where there is no `derive`: best-of-n, and the sampling of a policy that is not trained.

    Raises:
        RewardError: the model has one score only, two members are one and the same, or `by` reads something else.
    """
    scores = model_score(groups, model=model)
    if scores.dim() != 3:
        raise RewardError(
            f"an ensemble is several reward models with one score each, or one with several: here each answer has "
            f"{'one score' if scores.dim() < 3 else 'the channels of several models'}."
        )
    if by.inputs != ("reward",):
        raise RewardError(
            f"`{by.name}` reads {', '.join(by.inputs)}, and there is only the reward of the members: "
            "take a function of `shaping.channels` that reads nothing else."
        )
    made: Tensor = by({"reward": scores})
    return made


def paid_by(recipe: Recipe, sources: Sequence[str], *, by: Bound = MEAN) -> Recipe:
    """The same recipe, paid by an ensemble of the reward models at these places, as `member1`, `member2` and so on.

    >>> from prefloop.recipes.best_of_n import best_of_n
    >>> paid_by(best_of_n(), ("runs/a/reward", "runs/b/reward")).score["reward"].knobs["model"]
    ('member1', 'member2')
    """
    members = {f"{MEMBER}{n}": Model(source=source, head="score") for n, source in enumerate(sources, 1)}
    scorer = bind(ensemble_score, model=tuple(members), by=by)
    return replace(recipe, models={**recipe.models, **members}, score={**recipe.score, "reward": scorer})
