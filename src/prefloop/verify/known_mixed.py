"""What a policy gradient with given answers mixed in is known to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .. import recipes
from ..binding import bind
from ..loops.optimise import optimise
from ..recipe import Recipe
from .distance import Known, Verdict, verdicts
from .learn import networks, settling
from .problem import BETA, PROMPT, REWARD, distribution, falling_root, reference, rises, total_variation
from .tabular import ANSWERS, WHOLE, TabularGenerator, group

WRITTEN = torch.arange(0, len(ANSWERS), 9)
"""The answers that people wrote, as places in `ANSWERS`: eight, each as often as the others."""


def written() -> Tensor:
    """How often people wrote each answer (64)."""
    often = torch.zeros(len(ANSWERS), dtype=torch.float64)
    often[WRITTEN] = 1 / len(WRITTEN)
    return often


def mixed_optimum(ptx: float) -> Tensor:
    """The policy that maximises E[r] - beta KL(pi || pi_ref) + ptx sum_y written(y) log pi(y), with beta = `BETA`.

    The derivative under sum_y pi(y) = 1 is 0 where

        r - beta log(pi / pi_ref) + ptx written / pi = c        for every y

    Its left side falls in pi, so that pi follows from c; and c from sum_y pi(y) = 1.
    """
    often, start = written(), distribution(reference()).log()

    def policy(c: Tensor) -> Tensor:
        return falling_root(lambda u: REWARD - BETA * (u - start) + ptx * often * (-u).exp() - c, like=start).exp()

    return policy(falling_root(lambda c: policy(c).sum() - 1, like=start[0]))


def plain(*, ptx: float, steps: int = 400) -> Recipe:
    """PPO-ptx without whitening, which would set the share of what people wrote by the spread of the rewards.

    All answers have as many tokens, so that a mean over tokens divides both terms alike.
    """
    mixed = len(WRITTEN)
    recipe = recipes.method("ppo-ptx")(reward=bind(rises), beta=BETA, ptx=ptx, mixed=mixed, k=8, batch=64, steps=steps)
    return replace(recipe, derive=recipe.derive[:-1])


def learnt(recipe: Recipe) -> Tensor:
    """The distribution of answers after learning from own samples and from what people wrote."""
    found = networks()
    optimise(
        settling(recipe),
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
        judged=[group(PROMPT, [WHOLE[i]]) for i in WRITTEN.tolist()],
    )
    return distribution(found["policy"])


def ppo_ptx(ptx: float = 1.0) -> Known:
    """Samples of the policy and all that people wrote."""
    return Known(
        recipe=plain(ptx=ptx),
        what="argmax E[r] - beta KL + ptx E[log pi] of written answers, by roots, the whitening off",
        distance=lambda recipe: total_variation(learnt(recipe), mixed_optimum(ptx)),
    )


KNOWN_MIXED: dict[str, Callable[[], Verdict]] = verdicts({"ppo-ptx": ppo_ptx})
"""How it is verified."""
