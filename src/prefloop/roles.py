"""What the roles of a recipe stand for: whose weights each has, and which of them move along."""

from __future__ import annotations

from .errors import RecipeError
from .recipe import Model, Recipe


def model_of(recipe: Recipe, role: str) -> Model:
    """The declaration of a role, following `source` to the role it copies."""
    model = recipe.models[role]
    if model.source == role:
        raise RecipeError(
            f"the model `{role}` of `{recipe.name}` comes from outside (in the whole loop it is the fitted one): say "
            f"which, for example --set models.{role}.source=runs/demo/{role}"
            + (", or pay by a function of your own: --set score.reward=my_reward.py:name." if role == "reward" else ".")
        )
    seen = {role}
    while model.source in recipe.models:
        if model.source in seen:
            raise RecipeError(f"the models {', '.join(sorted(seen))} copy each other: give one of them a real source.")
        seen.add(model.source)
        model = recipe.models[model.source]
    return model


def following(recipe: Recipe) -> tuple[str, ...]:
    """The roles of the frozen models that follow a trained one.

    Raises:
        RecipeError: one of them follows no trained model, or one that trains an adapter alone; or the recipe takes it
            for something that stays.
    """
    found = {role: model for role, model in recipe.models.items() if model.follows is not None}
    for role, model in found.items():
        leader = recipe.models.get(model.source)
        if leader is None or not leader.train or leader.head != "lm":
            raise RecipeError(
                f"`{role}` of `{recipe.name}` follows `{model.source}`, which is no trained language model of the "
                'recipe: say source="policy", the role whose weights it is to follow.'
            )
        if leader.adapter is not None:
            raise RecipeError(
                f"`{role}` of `{recipe.name}` follows `{model.source}`, of which an adapter alone is trained: `{role}` "
                f"is then the model under it, which does not move. Train `{model.source}` whole (adapter=None), or "
                "leave out `follows`."
            )
        if role == "ref" and recipe.kl_budget is not None:
            raise RecipeError(
                f"`{recipe.name}` has a `kl_budget`, which is measured from `ref`, and `ref` moves along with the "
                "policy, so that it bounds nothing: leave out the budget or `follows`."
            )
        if recipe.draws is not None and recipe.draws.by == role and recipe.sample is None:
            raise RecipeError(
                f"`draws` of `{recipe.name}` are taken once, before anything is learnt, from `{role}`, which moves: "
                "leave out `follows`, or have another frozen model draw."
            )
    return tuple(found)
