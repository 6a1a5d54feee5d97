"""What every method is known to reach on the tabular problem.

A new method is added here, or in the file of its family, as a function that returns a `Verdict`, and a line in `KNOWN`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .. import recipes
from ..binding import bind
from ..recipe import Recipe
from ..sampling.best import BestOf
from ..scoring.scorer import score
from ..text import Group
from .distance import (
    PAIRS,
    Verdict,
    fitted,
    from_all_pairs,
    from_own_pairs,
    from_own_samples,
    from_thumbs,
    grpo_without_deviation,
    imitated,
    paid,
)
from .known_answers import KNOWN_ANSWERS
from .known_attributes import KNOWN_ATTRIBUTES
from .known_contrast import KNOWN_CONTRAST
from .known_corrected import KNOWN_CORRECTED
from .known_corrections import KNOWN_CORRECTIONS
from .known_degrees import KNOWN_DEGREES
from .known_dense import KNOWN_DENSE
from .known_distributions import KNOWN_DISTRIBUTIONS
from .known_levels import KNOWN_LEVELS
from .known_likelihoods import KNOWN_LIKELIHOODS
from .known_mixed import KNOWN_MIXED
from .known_pairs import KNOWN_PAIRS
from .known_people import KNOWN_PEOPLE
from .known_policy import KNOWN_POLICY
from .known_regimes import KNOWN_REGIMES
from .known_rewards import KNOWN_REWARDS
from .known_rounds import KNOWN_ROUNDS
from .known_spans import KNOWN_SPANS
from .known_steps import KNOWN_STEPS
from .known_sure import KNOWN_SURE
from .known_told import KNOWN_TOLD
from .known_trust import KNOWN_TRUST
from .problem import (
    BETA,
    PROMPT,
    best_of_distribution,
    distribution,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from .tabular import ANSWERS, TabularGenerator, answer_rows


def _regularised(recipe: Recipe, variant: str = "") -> Verdict:
    return Verdict(
        method=recipe.name,
        what=f"pi_ref exp(r/beta)/Z, from its own samples{variant}",
        distance=from_own_samples(recipe),
    )


def _grpo() -> Verdict:
    published = from_own_samples(paid("grpo"))
    return _regularised(
        grpo_without_deviation(),
        f", the deviation off and the KL in the reward (as published it ends {published:.2f} away)",
    )


def _dpo() -> Verdict:
    what = "pi_ref exp(r/beta)/Z, from Bradley-Terry choices in every pair of answers"
    return Verdict(method="dpo", what=what, distance=from_all_pairs(recipes.method("dpo")(beta=BETA)))


def _online_dpo() -> Verdict:
    recipe = recipes.method("online-dpo")(reward=bind(rises), beta=BETA, batch=64, steps=600)
    return Verdict(
        method="online-dpo",
        what="pi_ref on the best-paid answers alone, since the better-paid of two own answers is always preferred",
        distance=from_own_pairs(recipe),
    )


def _kto(undesirable: float = 2.0) -> Verdict:
    return Verdict(
        method="kto",
        what="the policy people value most around its own reference point, from thumbs on every answer",
        distance=from_thumbs(recipes.method("kto")(beta=BETA, undesirable=undesirable), undesirable=undesirable),
    )


def _bradley_terry() -> Verdict:
    return Verdict(
        method="bradley-terry",
        what="the people's reward up to a constant, from their choices in every pair of answers",
        distance=fitted(recipes.method("bradley-terry")(), PAIRS),
    )


def _choice() -> Verdict:
    source = torch.Generator().manual_seed(0)
    fours = torch.stack([torch.randperm(len(ANSWERS), generator=source)[:4] for _ in range(512)])
    return Verdict(
        method="choice",
        what="the people's reward up to a constant, from their choices in 512 sets of four answers",
        distance=fitted(recipes.method("choice")(), fours),
    )


def _sft() -> Verdict:
    target = regularised_optimum()
    return Verdict(
        method="sft",
        what="the distribution of the answers it imitates, which are drawn from pi_ref exp(r/beta)/Z",
        distance=imitated(recipes.method("sft")(), torch.arange(len(ANSWERS)).unsqueeze(-1), target, target),
    )


def _raft() -> Verdict:
    start = distribution(reference())
    pairs = torch.cartesian_prod(torch.arange(len(ANSWERS)), torch.arange(len(ANSWERS)))
    probability = start[pairs].prod(-1)
    return Verdict(
        method="raft",
        what="the best of two answers of pi_ref by order statistics, from a round of imitating the better of every two",
        distance=imitated(recipes.method("raft")(reward=bind(rises), k=2), pairs, probability, best_of_distribution(2)),
    )


def _best_of_n(draws: int = 40_000) -> Verdict:
    recipe = recipes.method("best-of-n")(reward=bind(rises), n=4)
    assert recipe.sample is not None
    n = recipe.sample.k

    def pay(groups: Sequence[Group]) -> Tensor:
        return score(recipe.score["reward"], groups, {})

    generator = BestOf(generator=TabularGenerator(reference()), n=n, score=pay)
    drawn = generator.sample([PROMPT], k=draws, decoding=recipe.sample.decoding, seed=0)[0].responses
    counts = answer_rows(torch.tensor([r.ids for r in drawn])).bincount(minlength=len(ANSWERS))
    return Verdict(
        method="best-of-n",
        what=f"the best of {n} answers of pi_ref by order statistics, among {draws:,} draws",
        distance=total_variation(counts / draws, best_of_distribution(n)),
    )


KNOWN: dict[str, Callable[[], Verdict]] = {
    **KNOWN_PAIRS,
    **KNOWN_PEOPLE,
    **KNOWN_CONTRAST,
    **KNOWN_CORRECTED,
    **KNOWN_CORRECTIONS,
    **KNOWN_REWARDS,
    **KNOWN_ATTRIBUTES,
    **KNOWN_LEVELS,
    **KNOWN_LIKELIHOODS,
    **KNOWN_DEGREES,
    **KNOWN_DENSE,
    **KNOWN_DISTRIBUTIONS,
    **KNOWN_REGIMES,
    **KNOWN_ROUNDS,
    **KNOWN_SPANS,
    **KNOWN_STEPS,
    **KNOWN_MIXED,
    **KNOWN_POLICY,
    **KNOWN_SURE,
    **KNOWN_TOLD,
    **KNOWN_TRUST,
    "best-of-n": _best_of_n,
    "bradley-terry": _bradley_terry,
    "choice": _choice,
    "dpo": _dpo,
    "grpo": _grpo,
    "kto": _kto,
    "online-dpo": _online_dpo,
    "ppo": lambda: _regularised(paid("ppo")),
    "raft": _raft,
    "reinforce": lambda: _regularised(paid("reinforce")),
    "rloo": lambda: _regularised(paid("rloo")),
    "sft": _sft,
    **KNOWN_ANSWERS,
}
"""How each method is verified."""
