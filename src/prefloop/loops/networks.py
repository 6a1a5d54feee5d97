"""The models of a recipe, loaded once for all the roles that share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..errors import RecipeError
from ..models.decoder import Decoder, WithoutAdapter
from ..models.load import load
from ..planning import Plan, model_of
from ..recipe import Recipe


def load_networks(
    recipe: Recipe, plan: Plan, *, given: Mapping[str, Any] | None = None, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Every model the plan speaks of, by role; those `given` are used as they are.

    A frozen role that copies a LoRA policy is the policy with its adapter off; any other copy is loaded of its own.
    """
    networks: dict[str, Any] = dict(given or {})
    for role in plan.roles:
        if role in networks:
            continue
        declared, source = recipe.models[role], model_of(recipe, role)
        copied = declared.source if declared.source in recipe.models else None
        if copied is not None and not declared.train and source.adapter is not None:
            if copied not in networks:
                raise RecipeError(f"`{role}` copies `{copied}`, which is not loaded: list `{copied}` first.")
            networks[role] = WithoutAdapter(networks[copied])
            continue
        networks[role] = load(replace(declared, source=source.source), name=role, say=say)
    return networks


def only_decoder(networks: Mapping[str, Any], role: str) -> Decoder:
    """The decoder of a role that must be a real language model."""
    network = networks[role]
    if not isinstance(network, Decoder):
        raise RecipeError(f"`{role}` is a {type(network).__name__}, and a language model is needed there.")
    return network
