"""Answers of several policies, each at several temperatures, to the same prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..errors import RecipeError
from ..recipe import Decoding
from ..text import Group, Prompt
from .generator import Generator


def drawn_by(
    generators: Mapping[str, Generator],
    prompts: Sequence[Prompt],
    *,
    k: int = 2,
    temperatures: Sequence[float] = (1.0,),
    decoding: Decoding | None = None,
    seed: int = 0,
) -> dict[str, list[Group]]:
    """K answers of every policy at every temperature, by the name of both: a corpus for `feedback.referenced`.

    Each draws with random numbers of its own. `same_policy` makes of it the pairs that POLAR's model is fitted to
    first (Dou et al. 2025, arXiv 2507.05197), for which k is 2 or more.

    Raises:
        RecipeError: there is no policy or no temperature, or one temperature stands there twice.
    """
    if not generators or not temperatures or len(set(temperatures)) < len(temperatures):
        raise RecipeError(
            f"a corpus of {len(generators)} policies at the temperatures {tuple(temperatures)} tells nobody apart: "
            "give one policy or more, and each temperature once."
        )
    how = decoding or Decoding()
    found: dict[str, list[Group]] = {}
    for name, generator in generators.items():
        for temperature in temperatures:
            own = int(np.random.SeedSequence([seed, len(found)]).generate_state(1)[0])
            at = replace(how, temperature=temperature)
            found[f"{name} at {temperature:g}"] = generator.sample(prompts, k=k, decoding=at, seed=own)
    return found
