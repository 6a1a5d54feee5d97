"""The demo: stylistic continuation (Ziegler et al. 2019, section 3.1) at the size of a laptop."""

from __future__ import annotations

from dataclasses import replace

from ..errors import RecipeError, nearest
from ..feedback.people import Pool
from ..feedback.taste import sentiment
from ..recipe import Decoding, Recipe
from ..recipes import SMOLLM2, method
from ..recipes.choice import choice
from .rounds import Rounds

TOKENS = 24
ENDING = "\n\nOverall, people found this text"
METHODS: dict[str, dict[str, float]] = {
    "ppo": {"lr": 1e-4, "beta": 0.1, "steps": 16},
    "rloo": {"lr": 1e-4, "beta": 0.1, "steps": 16},
    "grpo": {"lr": 1e-4, "beta": 0.1, "steps": 16},
    "dpo": {"lr": 5e-5, "beta": 0.1},
    "raft": {"lr": 1e-4, "steps": 16},
    "best-of-n": {"n": 8},
}
"""The methods the demo offers, with the knobs that suit its size."""


def demo(
    *, method_name: str = "rloo", people: str = "simulated", model: str = SMOLLM2, seed: int = 0, rounds: int = 2
) -> Rounds:
    """The demo as a value: openings continued by a small model, for people who like cheerful endings.

    Raises:
        RecipeError: a method or people the demo does not offer.
    """
    if method_name not in METHODS:
        raise RecipeError(
            f"the demo has no method `{method_name}`.{nearest(method_name, METHODS)} It has: {', '.join(METHODS)}."
        )
    if people not in ("simulated", "terminal", "browser"):
        raise RecipeError(
            f"the people are `simulated`, the person at the `terminal` or people in a `browser`, not `{people}`."
        )
    simulated = people == "simulated"
    return Rounds(
        title="Stylistic continuation",
        task="Continue the opening of a story or a description so that people like how it goes on.",
        policy=_policy(method_name, model),
        reward=choice(model=model, lr=5e-5, head=20.0, batch=4, ending=ENDING),
        people=Pool(taste=sentiment, seed=seed) if simulated else people,  # type: ignore[arg-type]
        gold=sentiment if simulated else None,
        gold_scale="VADER sentiment of the continuation, from -1 (bitter) to 1 (glowing)" if simulated else "",
        questions=150 if simulated else 24,
        judged=40 if simulated else 8,
        rounds=rounds,
        decoding=Decoding(max_tokens=TOKENS),
        seed=seed,
    )


def _policy(name: str, model: str) -> Recipe:
    recipe = method(name)(model=model, **METHODS[name])
    if recipe.sample is None:
        return recipe
    return replace(recipe, sample=replace(recipe.sample, decoding=Decoding(max_tokens=TOKENS)))
