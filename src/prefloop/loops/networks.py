"""The models of a recipe, loaded once for all the roles that share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from ..errors import RecipeError
from ..models.decoder import WithoutAdapter
from ..models.load import Fetched, fetch, load
from ..models.table import Table
from ..planning import Plan, plan
from ..recipe import Model, Recipe
from ..recipe_models import TABLES
from ..roles import model_of
from ..scoring.model import must_differ
from .seeds import seed_of


def bring(*recipes: Recipe, say: Callable[[str], None]) -> tuple[tuple[Recipe, ...], dict[str, Fetched]]:
    """The recipes with their models on this machine, and where each source was found; every source is asked once."""
    found: dict[str, Fetched] = {}

    def here(recipe: Recipe, role: str, model: Model) -> Model:
        if not model.source or model.source in recipe.models or role not in (*plan(recipe).roles, "policy"):
            return model
        if model.source not in found:
            found[model.source] = fetch(model.source, say=say)
        return replace(model, source=str(found[model.source].folder))

    brought = tuple(replace(r, models={role: here(r, role, m) for role, m in r.models.items()}) for r in recipes)
    return brought, found


def load_networks(
    recipe: Recipe, needs: Plan, *, given: Mapping[str, Any] | None = None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Every model a plan needs, by role; those `given` are used as they are.

    A frozen role that copies a LoRA policy is the policy with its adapter off. Frozen roles that differ in nothing but
    what they are told are one model in memory; any other copy is loaded of its own.
    """
    networks: dict[str, Any] = dict(given or {})
    frozen: dict[Model, Any] = {}
    for role in needs.roles:
        if role in networks:
            continue
        declared, source = recipe.models[role], model_of(recipe, role)
        if declared.head in TABLES:
            networks[role] = Table(declared.channels, apart=declared.head == "traits", name=role)
            continue
        copied = declared.source if declared.source in recipe.models else None
        if copied is not None and not declared.train and source.adapter is not None:
            if copied not in networks:
                raise RecipeError(f"`{role}` copies `{copied}`, which is not loaded: list `{copied}` first.")
            networks[role] = WithoutAdapter(networks[copied])
            continue
        wanted = replace(declared, source=source.source, instruction=None)
        networks[role] = frozen.get(wanted) or load(wanted, name=role, say=say)
        if not declared.train:
            frozen[wanted] = networks[role]
        if declared.gate is not None:
            _must_say_something(networks[role], source.source)
    _must_differ(recipe, networks)
    return networks


def _must_say_something(model: Any, source: str) -> None:
    """Refuse to learn how much channels count that are new, and say nothing yet.

    Raises:
        RecipeError: names the model, and the command that fits such channels.
    """
    if not any(any(model.row(d)) for d in range(len(model.channels))):
        raise RecipeError(
            f"{source} has no channels yet, and a gate learns how much each counts while they stay as they are: "
            "fit them first (`prefloop reward --kind helpsteer2`), and take the folder `reward` of that run."
        )


def _must_differ(recipe: Recipe, networks: Mapping[str, Any]) -> None:
    """Refuse an ensemble of reward models of which two are one, before anything is drawn or learnt (`must_differ`)."""
    for name, scorer in recipe.score.items():
        roles = scorer.knobs.get("model")
        several = [role for role in roles if role in networks] if isinstance(roles, (tuple, list)) else []
        if len(several) > 1:
            digests = [networks[role].digest() for role in several]
            must_differ([f"the reward model `{role}` of `score.{name}`" for role in several], digests.__getitem__)


def networks_of(recipe: Recipe, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Every model a recipe needs, fetched and loaded; new heads are drawn from the recipe's own seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(recipe.seed, "new heads"))
        (here,), _ = bring(recipe, say=say)
        return load_networks(here, plan(recipe), say=say)
