"""A recipe by the name a person gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..binding import resolve
from ..errors import PrefloopError, RecipeError, nearest
from ..recipe import Recipe
from ..recipe_file import read, with_changes
from ..recipes import methods
from .align import Align
from .demo import demo
from .rounds import Rounds


def find(reference: str, changes: Sequence[str] = ()) -> Recipe | Rounds | Align:
    """The recipe at a `.yaml` file, an import path (`module:name`, `file.py:name`), or under a method's name.

    A function found at an import path is called without arguments. `changes` are `path=value`.

    Raises:
        RecipeError: nothing is found, or what is found is no recipe.

    >>> find("dpo", ["optimiser.lr=3e-6"]).optimiser.lr
    3e-06
    """
    if reference.endswith((".yaml", ".yml")):
        found = read(Path(reference), changes)
    else:
        if ":" in reference:
            found = resolve(reference)
            found = _called(found, reference) if callable(found) else found
        elif reference == "demo":
            found = demo()
        elif reference.replace("_", "-") in methods():
            found = methods()[reference.replace("_", "-")]()
        else:
            known = ("demo", *methods())
            raise RecipeError(
                f"`{reference}` is no recipe.{nearest(reference, known)} Give a .yaml file, an import path "
                f"(module:name or file.py:name), or one of: {', '.join(known)}."
            )
        if isinstance(found, (Recipe, Rounds, Align)):
            found = with_changes(found, changes)
    if not isinstance(found, (Recipe, Rounds, Align)):
        raise RecipeError(f"`{reference}` is a {type(found).__name__}, not a Recipe, Align or Rounds.")
    return found


def recipes_in(found: Recipe | Rounds | Align) -> tuple[Recipe, ...]:
    """The recipes that a run consists of; the one that makes the policy is last."""
    if isinstance(found, Rounds):
        return (found.reward, found.policy)
    return (found.recipe if isinstance(found, Align) else found,)


def _called(function: Callable[[], Any], reference: str) -> Any:
    try:
        return function()
    except PrefloopError:
        raise
    except Exception as error:
        raise RecipeError(
            f"`{reference}` raised {type(error).__name__}: {error}. A recipe function takes no arguments and returns a "
            "Recipe, Align or Rounds."
        ) from error
