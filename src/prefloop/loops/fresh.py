"""Which weights drew the answers of a step: those that are about to learn from them, or a method that corrects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import RunError
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
