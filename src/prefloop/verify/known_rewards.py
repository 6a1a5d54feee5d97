"""What the methods that shape rewards, price divergences or reject answers are known to reach."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from .. import recipes
from ..batch import assemble
from ..binding import bind
from ..loops.online import chances
from ..models.soup import averaged
from ..recipe import Recipe
from ..scoring.scorer import scored
from ..shaping.kl import Divergence
from .distance import Verdict, from_own_samples
from .learn import from_population, from_samples
from .problem import (
    BETA,
    PROMPT,
    REWARD,
    best_of_distribution,
    distribution,
    falling_root,
    reference,
    regularised_optimum,
    rises,
    speaking,
    tilted,
    total_variation,
)
from .tabular import ANSWERS, LENGTH, TOKENS, WHOLE, Policy, Tabular, group

OWN = {"reward": bind(rises), "k": 8, "batch": 16, "steps": 250}
"""The knobs of every method that learns from its own samples here: 16 groups of 8 answers a step."""


def learnt(recipe: Recipe, target: Tensor, **others: Tabular) -> float:
    """Distance to a target of the policy that learnt from its own samples; `others` as for `from_samples`."""
    return total_variation(distribution(from_samples(recipe, **others)), target)


def _rto(dense: float = 0.5) -> Verdict:
    # The tabular DPO model has learnt r with a `beta` of 1: tokens are paid `dense` r in all, and the KL costs as much
    # more, so that nothing changes.
    recipe = recipes.method("rto")(**OWN, beta=BETA * (1 + dense), dense=dense)
    return Verdict(
        method="rto",
        what="pi_ref exp(r/beta)/Z, tokens paid by a DPO model that is there already and the KL costing as much more",
        distance=from_own_samples(recipe),
    )


def soup_of_two() -> Policy:
    """The average of the reference and of a policy that has learnt 3 r."""
    other = speaking(tilted(3 * REWARD))
    return Policy(averaged([reference().state_dict(), other.state_dict()])["table"])


def _salsa() -> Verdict:
    target = (distribution(soup_of_two()).log() + REWARD / BETA).softmax(-1)
    return Verdict(
        method="salsa",
        what="pi_soup exp(r/beta)/Z, pi_soup the average of two policies' weights, from its own samples",
        distance=learnt(recipes.method("salsa")(**OWN, beta=BETA), target, ref=soup_of_two()),
    )


def divergence_optimum(divergence: Divergence, beta: float) -> Tensor:
    """The policy that maximises E[r] - beta D_f(pi || pi_ref):

        f'(pi / pi_ref) = (r - c) / beta    with c such that pi sums to 1, and pi = 0 where no ratio has such a slope

    Wang et al. 2023 (arXiv 2309.16240). All ratios fall in c.
    """
    start = distribution(reference())

    def ratio(slope: Tensor) -> Tensor:
        if divergence == "js":  # log(2 u / (1 + u)), below log 2
            return torch.where(slope < math.log(2), slope.exp() / (2 - slope.exp()), torch.inf)
        if divergence == "chi2":  # 2 (u - 1)
            return (1 + slope / 2).clamp(min=0)
        if divergence == "forward_kl":  # -1 / u, below 0
            return torch.where(slope < 0, -1 / slope, torch.inf)
        return (slope - 1).exp()

    def policy(c: Tensor) -> Tensor:
        return start * ratio((REWARD - c) / beta)

    return policy(falling_root(lambda c: policy(c).sum() - 1, like=start[0]))


def _f_div_rlhf(beta: float = 2 * BETA) -> Verdict:
    recipe = recipes.method("f-div-rlhf")(**OWN, beta=beta)
    return Verdict(
        method="f-div-rlhf",
        what="pi_ref u/Z with f'(u) = (r - c)/beta, the Jensen-Shannon divergence's, from its own samples",
        distance=learnt(recipe, divergence_optimum("js", beta)),
    )


def preferred_optimum(beta: float) -> Tensor:
    """The policy that is preferred to the reference as often as its KL at the price beta is worth:

    pi(y) = pi_ref(y) exp(P(y beats pi_ref) / beta) / Z    with P by Bradley-Terry on the rewards
    """
    wins = (REWARD.unsqueeze(-1) - REWARD).sigmoid()
    return tilted(wins @ distribution(reference()) / beta)


def _par(beta: float = 0.1, draws: int = 4) -> Verdict:
    return Verdict(
        method="par",
        what="pi_ref exp(P(y beats pi_ref)/beta)/Z, from its own samples and draws of pi_ref",
        distance=learnt(recipes.method("par")(**OWN, beta=beta, draws=draws), preferred_optimum(beta)),
    )


def _contrastive_reward() -> Verdict:
    return Verdict(
        method="contrastive-reward",
        what="pi_ref exp(r/beta)/Z, which a reference's rewards do not move, from its own samples and draws of pi_ref",
        distance=from_own_samples(recipes.method("contrastive-reward")(**OWN, beta=BETA)),
    )


def _bond(n: int = 4, draws: int = 32) -> Verdict:
    # Of so many draws the mean logarithm is off by a distance of 0.007.
    return Verdict(
        method="bond",
        what="the best of 4 answers of pi_ref, from its own samples and draws of pi_ref",
        distance=learnt(recipes.method("bond")(**{**OWN, "steps": 150}, n=n, draws=draws), best_of_distribution(n)),
    )


def superhf_rest(k: int, beta: float) -> Tensor:
    """Where imitating the best of k own answers and the KL from the reference cancel, at every prefix:

        pi(a) = (q(prefix) q(a) + beta pi(prefix) pi_ref(a)) / (q(prefix) + beta pi(prefix))

    with a the next token and q the best of k answers of pi: to imitate q pulls pi(a) to q(a) as often as q comes to the
    prefix, and KL(pi_ref || pi) pulls it to pi_ref(a) as often as pi does. Found by going there again and again.
    """
    start, policy = distribution(reference()), distribution(reference())

    def levels(answers: Tensor) -> list[Tensor]:
        """The probability of every beginning of one, two and three tokens."""
        return [answers.view(TOKENS**n, -1).sum(-1) for n in range(1, LENGTH + 1)]

    for _ in range(4000):
        best = best_of_distribution(k, policy)
        found = torch.ones(1, dtype=start.dtype)
        before = [torch.ones(1, dtype=start.dtype)] * 3
        for mine, theirs, ref in zip(levels(policy), levels(best), levels(start), strict=True):
            pi, q, r = before
            pull = (theirs.view(-1, TOKENS), (beta * pi / r).unsqueeze(-1) * ref.view(-1, TOKENS))
            found = (found.unsqueeze(-1) * (pull[0] + pull[1]) / (q + beta * pi).unsqueeze(-1)).flatten()
            before = [mine, theirs, ref]
        policy = found
    return policy


def from_own_pairs(recipe: Recipe, target: Tensor) -> float:
    """Distance to a target of what is learnt from every two answers, as probable as the policy makes them by then."""
    places = torch.arange(len(ANSWERS))
    found = from_population(recipe, torch.cartesian_prod(places, places))
    return total_variation(distribution(found["policy"]), target)


def _superhf(beta: float = 1.0) -> Verdict:
    recipe = recipes.method("superhf")(reward=bind(rises), beta=beta)
    return Verdict(
        method="superhf",
        what="where imitating the best of two own answers and the KL from the reference cancel, from every two of them",
        distance=from_own_pairs(recipe, superhf_rest(2, beta)),
    )


def kept_of(recipe: Recipe, rounds: int) -> Tensor:
    """The distribution of what the recipe's first selection keeps where every answer is there, as probable as it is.

    The chances are drawn anew in each of the rounds.
    """
    batch = scored(assemble([group(PROMPT, WHOLE)]), recipe.score, [group(PROMPT, WHOLE)], {}).take([0] * rounds)
    kept = recipe.select[0](batch.having(chance=chances(batch, 0)).tensors)
    often: Tensor = distribution(reference()) * kept.double().mean(0)
    return often / often.sum()


def _rso(rounds: int = 2**16) -> Verdict:
    recipe = recipes.method("rso")(reward=bind(rises), temperature=BETA)
    return Verdict(
        method="rso",
        what="pi_ref exp(r/beta)/Z, for what its rejection keeps of the answers of pi_ref",
        distance=total_variation(kept_of(recipe, rounds), regularised_optimum()),
    )


KNOWN_REWARDS: dict[str, Callable[[], Verdict]] = {
    "bond": _bond,
    "contrastive-reward": _contrastive_reward,
    "f-div-rlhf": _f_div_rlhf,
    "par": _par,
    "rso": _rso,
    "rto": _rto,
    "salsa": _salsa,
    "superhf": _superhf,
}
"""How each of them is verified."""
