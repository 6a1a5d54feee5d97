"""A method of your own in one file: an objective, a reward and the recipe that puts them together.

    prefloop explain examples/my_recipe.py:recipe
    prefloop run examples/my_recipe.py:recipe --out runs/mine

Nothing is registered anywhere: a recipe names its functions, and they are found again by their import path.
"""

from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from prefloop import Recipe, Term, bind
from prefloop.recipes.rloo import rloo


def gentle(
    logp: Float[Tensor, "P K T"], advantage: Float[Tensor, "P K #T"], *, down: float = 0.5
) -> Float[Tensor, "P K T"]:
    """REINFORCE that pushes bad answers down less than it pulls good ones up.

        loss_t = -(A_t if A_t > 0 else down A_t) logp_t

    One term for each token: what they are averaged over is the business of the Term.
    """
    return -advantage.where(advantage > 0, down * advantage) * logp


def varied(prompt: str, response: str, *, words: int = 12) -> float:
    """The share of different words among the first `words`; 0 for shorter answers."""
    first = response.lower().split()[:words]
    return len(set(first)) / words if len(first) == words else 0.0


def recipe() -> Recipe:
    """RLOO's credit with the objective and the reward above."""
    return replace(
        rloo(reward=bind(varied), lr=3e-5, steps=40, max_tokens=24),
        name="gentle",
        paper="none: an example",
        summary="pushes bad answers down half as much as it pulls good ones up",
        objective=(Term(objective=bind(gentle, down=0.5), per="constant", constant=1.0),),
    )
