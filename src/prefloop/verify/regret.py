"""What learning costs: how much less than the best a policy was paid, at all its steps together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from ..loops.optimise import optimise
from ..recipe import Optimiser, Recipe
from ..text import Group, Prompt
from .problem import REWARD
from .tabular import LENGTH, PREFIXES, TOKENS, Policy, TabularGenerator

COPIES = 64
"""How many policies learn side by side, each from its own samples alone."""


def falling(strength: float = 2.0) -> Tensor:
    """Logits (21 4) of a reference that hardly ever rises, and so hardly ever says what pays best.

    Every token above the one before is `strength` less likely, in nats, than one that is not.
    """
    begun = [p for n in range(LENGTH) for p in itertools.product(range(TOKENS), repeat=n)]
    assert len(begun) == PREFIXES
    above = [[bool(p) and token > p[-1] for token in range(TOKENS)] for p in begun]
    return -strength * torch.tensor(above, dtype=torch.float64)


def regret(recipe: Recipe) -> Tensor:
    """The regret of each of `COPIES` policies that learn by an online recipe from the reference `falling`.

        regret = sum over steps of ( max r - E_pi[r] )

    Policies are tables of their own, each with a prompt of its own that every step asks; of the optimiser only the
    clipping looks at all of them together, so nothing is clipped.
    """
    tables = falling().expand(COPIES, -1, -1)
    networks = {"policy": Policy(tables), "ref": Policy(tables)}
    lost: list[Tensor] = []

    def watch(step: int, metrics: dict[str, float], groups: Sequence[Group]) -> None:
        with torch.no_grad():
            lost.append(REWARD.max() - networks["policy"].log_answers().exp() @ REWARD)

    optimise(
        replace(recipe, batch=COPIES, optimiser=Optimiser(lr=0.1, clip=torch.inf, tokens=10**9)),
        networks=networks,
        generator=TabularGenerator(networks["policy"]),
        prompts=[Prompt(text=str(i)) for i in range(COPIES)],
        drawer=TabularGenerator,
        on_step=watch,
    )
    return torch.stack(lost).sum(0)
