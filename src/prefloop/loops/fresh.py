"""What drew the answers of a step: the policy that is about to learn from them, or a method that corrects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import RecipeError, RunError
from ..planning import Plan
from ..recipe import Recipe
from ..text import Group


def must_be_fresh(
    recipe: Recipe, needs: Plan, groups: Sequence[Group], networks: Mapping[str, Any]
) -> dict[str, float]:
    """Refuse answers drawn with weights other than those that learn from them.

    A recipe that reads `sampled_logp` corrects for the difference, as with `shaping.truncated_importance`, and takes
    them: the metric `stale` is then their share. A policy that is not trained cannot change.

    Raises:
        RunError: an answer says other weights, or none, and nothing corrects for it.
    """
    role = next((role for role in needs.outputs if recipe.models[role].head == "lm"), None)
    if role is None:
        return {}
    version = networks[role].version
    stale = [(g, r) for g in groups for r in g.responses if r.model_version != version]
    if needs.corrects:
        return {"stale": len(stale) / sum(len(g.responses) for g in groups)}
    if not stale:
        return {}
    group, response = stale[0]
    said = f"`{response.model_version}`" if response.model_version else "weights that the sampler does not name"
    raise RunError(
        f"an answer to {group.prompt.shown[:80]!r} was drawn with {said}, and the policy that is to learn from it is "
        f"`{version}`: give the sampler the weights of every step, and each answer the `version` of the network that "
        f"drew it as `model_version`; or have `{recipe.name}` correct for it, with bind(truncated_importance) at the "
        "end of `derive`."
    )


def must_bear_exploring(recipe: Recipe, needs: Plan) -> None:
    """Refuse to draw answers hotter, or colder, than the policy where only its own answers serve.

    Losses on pairs and imitation learn from answers that anybody wrote. An advantage is one among the policy's own,
    unless `sampled_logp` is read to correct for the difference; a KL budget is measured on them.

    Raises:
        RecipeError: `explore` is not 1.
    """
    if recipe.sample is None or recipe.sample.explore == 1:
        return
    where = f"`{recipe.name}` draws answers with `explore` {recipe.sample.explore:g}"
    if recipe.kl_budget is not None:
        raise RecipeError(
            f"{where} and has a `kl_budget`, which is measured on the policy's own: leave one of them out."
        )
    credited = next((t.objective.name for t in recipe.objective if "advantage" in t.objective.inputs), None)
    if credited is not None and not needs.corrects:
        raise RecipeError(
            f"{where}, and `{credited}` learns from the policy's own alone: set `explore` to 1 and move "
            "`sample.decoding.temperature`, or correct for it with bind(truncated_importance) at the end of `derive`."
        )
