"""What the methods that pay parts of an answer are known to reach on the tabular problem, each from its own samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import recipes
from ..recipe import Recipe
from ..scoring.spans import WHOLE
from .distance import Verdict
from .learn import from_samples
from .problem import BETA, distribution, tilted, total_variation
from .tabular import ANSWERS, LENGTH, PREFIXES, TOKENS, StepModel, prefix_rows, text_of

ROUND = "[03]"
"""Where the steps of an answer end here: with every 0 and every 3."""
ODD = "[13]"
"""Where its other parts end: with every odd digit."""
WEIGHTS = (1.0, -0.5, 0.5)
"""What each of three judges counts."""
OWN = {"k": 8, "batch": 16, "steps": 250, "beta": BETA}
"""The knobs of every method here: 16 groups of 8 answers a step."""


def judge(seed: int) -> StepModel:
    """A frozen model that finds something of every token after every prefix; another for another seed."""
    source = torch.Generator().manual_seed(100 + seed)
    return StepModel(torch.randn(1, PREFIXES, TOKENS, generator=source, dtype=torch.float64))


JUDGES = {role: judge(seed) for seed, role in enumerate(("prm", "relevance", "factuality", "completeness"))}
"""The models that score, by role."""


def worth(role: str, ending: str) -> Tensor:
    """The sum of what a judge says of every answer (64) where one of the `ending` digits stands, and at its last."""
    scores = JUDGES[role].table[0].detach()[prefix_rows(ANSWERS), ANSWERS]
    ends = torch.tensor(
        [[t == LENGTH - 1 or text_of([a[t]]) in ending for t in range(LENGTH)] for a in ANSWERS.tolist()]
    )
    return (scores * ends).sum(-1)


def judged_worth(weights: Sequence[float]) -> Tensor:
    """What three judges together say of every answer (64), each of its own parts."""
    parts = (worth("relevance", "13"), worth("factuality", "03"), worth("completeness", ""))
    return sum((w * part for w, part in zip(weights, parts, strict=True)), torch.zeros(len(ANSWERS)).double())


def prm_rl() -> Recipe:
    """The recipe on the problem."""
    return recipes.method("prm-rl")(**OWN, ends=ROUND)


def fine_grained(weights: Sequence[float] = WEIGHTS) -> Recipe:
    """The recipe on the problem, its judges weighed so."""
    return recipes.method("fine-grained-rlhf")(**OWN, ends=(ODD, ROUND, WHOLE), weights=tuple(weights))


def from_spans(recipe: Recipe, worth: Tensor) -> float:
    """Distance to pi_ref exp(worth/beta)/Z of the policy that learnt from its own samples."""
    return total_variation(distribution(from_samples(recipe, **JUDGES)), tilted(worth / BETA))


KNOWN_SPANS: dict[str, Callable[[], Verdict]] = {
    "prm-rl": lambda: Verdict(
        method="prm-rl",
        what="pi_ref exp(s/beta)/Z, s the sum of a process reward model's scores at the ends of steps",
        distance=from_spans(prm_rl(), worth("prm", "03")),
    ),
    "fine-grained-rlhf": lambda: Verdict(
        method="fine-grained-rlhf",
        what="pi_ref exp(s/beta)/Z, s the weighted sum of three judges' scores where their own parts end",
        distance=from_spans(fine_grained(), judged_worth(WEIGHTS)),
    ),
}
"""How each of them is verified."""
