"""What the methods that learn from pairs are known to reach, and from whose choices."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..binding import bind
from ..recipe import Recipe
from ..recipes import method
from .distance import PAIRS, Distance, Known, verdicts
from .learn import from_population
from .pairwise import SHORT, SHORT_PAIRS, apart, chosen, drawn, learnt, lowest
from .problem import (
    BETA,
    PROMPT,
    REWARD,
    distribution,
    falling_root,
    reference,
    regularised_optimum,
    rises,
    tilted,
    total_variation,
)
from .tabular import ANSWERS, ENDED, LENGTH, ended, text_of

BRADLEY_TERRY = apart().sigmoid()
"""How often people choose the first answer of each of `PAIRS`, by its reward."""

SHORT_REWARD = torch.tensor([rises(PROMPT.shown, text_of(ids)) for ids in ENDED], dtype=torch.float64)
SHORT_LENGTH = torch.tensor([len(ids) for ids in ENDED], dtype=torch.float64)

_OPTIMUM = "pi_ref exp(r/beta)/Z"
_PAIRS = "Bradley-Terry choices in every pair of answers"
_SHORT = "Bradley-Terry choices in every pair of answers of one to three tokens"


def _known(name: str, what: str, distance: Distance, **knobs: Any) -> Known:
    return Known(recipe=method(name)(**knobs), what=what, distance=distance)


def _from(first: Tensor, target: Tensor, steps: int = 150) -> Distance:
    """Distance to a target of what is learnt from every pair, the first answer of each chosen so often."""
    return lambda recipe: total_variation(learnt(recipe, *chosen(first), steps=steps), target)


def _from_short(first: Tensor, target: Tensor) -> Distance:
    """Distance to a target of what is learnt from pairs of answers of one, two and three tokens."""

    def distance(recipe: Recipe) -> float:
        answers, probability = chosen(first, SHORT_PAIRS)
        policy = from_population(recipe, answers, probability, drawn=SHORT)["policy"]
        return total_variation(ended(distribution(policy)), target)

    return distance


def _from_drawn(preferred: Tensor, other: Tensor) -> Distance:
    """Distance to the preferred answers' own distribution of what is learnt from answers drawn independently.

    Two answers then cancel each other in the loss on pairs, and the likelihood of the preferred ones is highest at
    their own distribution: both terms of a sum are lowest at the same policy.
    """
    return lambda recipe: total_variation(learnt(recipe, *drawn(preferred, other)), preferred)


def _mean_preference(first: Tensor, pairs: Tensor, count: int) -> Tensor:
    """The probability of each answer to be preferred to one that is drawn evenly, itself among them."""
    wins = torch.full((count,), 0.5, dtype=first.dtype)
    return wins.index_add(0, pairs[:, 0], first).index_add(0, pairs[:, 1], 1 - first) / count


def _per_token(worth: Tensor, start: Tensor) -> Tensor:
    """The policy start exp(n (worth + c)) over the short answers, n their lengths, c such that it sums to 1."""

    def policy(c: Tensor) -> Tensor:
        return start * (SHORT_LENGTH * (worth - c)).exp()

    return policy(falling_root(lambda c: policy(c).sum() - 1, like=start[0]))


def _osp() -> Known:
    even = torch.full_like(BRADLEY_TERRY, 1 / len(PAIRS))

    def distance(recipe: Recipe) -> float:
        policy = from_population(recipe, PAIRS, even, targets=BRADLEY_TERRY)["policy"]
        return total_variation(distribution(policy), regularised_optimum())

    return _known("osp", f"{_OPTIMUM}, from every pair once, with the strength of {_PAIRS}", distance, beta=BETA)


def _robust_dpo(flips: float = 0.2) -> Known:
    what = f"{_OPTIMUM}, from {_PAIRS}, of which a share of {flips:g} is turned round"
    people = flips + (1 - 2 * flips) * BRADLEY_TERRY
    return _known("robust-dpo", what, _from(people, regularised_optimum()), beta=BETA, flips=flips)


def _ipo(tau: float = 0.1) -> Known:
    target = tilted(_mean_preference(BRADLEY_TERRY, PAIRS, len(ANSWERS)) / tau)
    what = f"pi_ref exp(p/tau)/Z, p an answer's mean preference, from {_PAIRS}"
    return _known("ipo", what, _from(BRADLEY_TERRY, target), tau=tau)


def _ipo_per_token(tau: float = 0.5) -> Known:
    first = apart(SHORT_REWARD, SHORT_PAIRS).sigmoid()
    worth = _mean_preference(first, SHORT_PAIRS, len(SHORT)) / tau
    target = _per_token(worth, ended(distribution(reference())))
    what = f"pi_ref exp(|y| (p/tau - c)), p an answer's mean preference, from {_SHORT}"
    return _known("ipo-per-token", what, _from_short(first, target), tau=tau)


def _slic() -> Known:
    pairs = PAIRS[apart() != 0]
    pairs = torch.where((apart(pairs=pairs) > 0).unsqueeze(-1), pairs, pairs.flip(1))

    def distance(recipe: Recipe) -> float:
        policy = learnt(recipe, pairs, torch.full((len(pairs),), 1 / len(pairs), dtype=torch.float64))
        gap = BETA * apart((policy / distribution(reference())).log(), pairs)
        return float((1 - gap).relu().mean())

    what = (
        "gaps of at least 1 (the mean shortfall is measured) in every pair, of which the better-paid answer is chosen"
    )
    return _known("slic", what, distance, beta=BETA)


def _exo(smoothing: float = 0.05) -> Known:
    certain = math.log((1 - smoothing) / smoothing)
    what = f"{_OPTIMUM}, from choices as much above even as the reward is ahead, in every pair of answers"
    people = 0.5 + apart() / (2 * certain)
    return _known("exo", what, _from(people, regularised_optimum()), beta=BETA, smoothing=smoothing)


def _discopop(tau: float = 1.0) -> Known:
    def pull(gap: Tensor) -> Tensor:
        m = (gap / tau).sigmoid()
        blending = m * (1 - m) / tau * ((-gap).exp() + logsigmoid(gap))
        return (1 - m) * (-gap).sigmoid() + m * (-gap).exp() - blending

    forth, back = pull(apart()), pull(-apart())
    what = f"{_OPTIMUM}, from choices that balance its pull there, in every pair of answers; tau = {tau:g}"
    distance = _from(back / (forth + back), regularised_optimum())
    return _known("discopop", what, distance, beta=BETA, tau=tau)


def most_worth(divergence: str, beta: float, alpha: float) -> Tensor:
    """The policy that maximises E[r] - beta D_f(pi || pi_ref).

    Its ratio u to the reference has beta f'(u) = r - c, with c such that the policy sums to 1.
    """
    if divergence == "reverse_kl":
        return tilted(REWARD / beta)
    power = 1.0 if divergence == "forward_kl" else alpha
    ceiling = math.log(2) if divergence == "js" else 1 / power

    def policy(c: Tensor) -> Tensor:
        slope = ceiling + (REWARD - REWARD.max()) / beta - c.exp()
        ratio = slope.exp() / (2 - slope.exp()) if divergence == "js" else (1 - power * slope) ** (-1 / power)
        return distribution(reference()) * ratio

    return policy(falling_root(lambda c: policy(c).sum() - 1, like=REWARD[0]))


def f_dpo(divergence: str = "js", beta: float = 1.5, alpha: float = 0.5) -> Known:
    """DPO with one of its divergences; the price is higher than elsewhere, since likely answers pay little."""
    what = f"the policy that maximises E[r] - beta D_f(pi || pi_ref) with f = {divergence}, from {_PAIRS}"
    distance = _from(BRADLEY_TERRY, most_worth(divergence, beta, alpha))
    return _known("f-dpo", what, distance, beta=beta, divergence=divergence, alpha=alpha)


def _rpo() -> Known:
    optimum = regularised_optimum()
    what = f"{_OPTIMUM}, which the preferred answers are drawn from, the others less by exp(-r)"
    return _known("rpo", what, _from_drawn(optimum, optimum * (-REWARD).exp()), beta=BETA, eta=0.05)


def _dpop() -> Known:
    people = chosen(BRADLEY_TERRY)

    def distance(recipe: Recipe) -> float:
        return total_variation(learnt(recipe, *people), lowest(recipe, *people))

    what = f"the distribution that makes its objective lowest, over {_PAIRS}"
    return _known("dpop", what, distance, beta=BETA, lam=2.0)


def _r_dpo(alpha: float = 0.5) -> Known:
    worth = (SHORT_REWARD - alpha * SHORT_LENGTH) / BETA
    target = (ended(distribution(reference())).log() + worth).softmax(-1)
    distance = _from_short(apart(SHORT_REWARD, SHORT_PAIRS).sigmoid(), target)
    return _known("r-dpo", f"pi_ref exp((r - alpha |y|)/beta)/Z, from {_SHORT}", distance, beta=BETA, alpha=alpha)


def _odpo(alpha: float = 0.5, offset: float = 0.7) -> Known:
    """People say whether one answer is better than another by more than the offset.

    Yes is a pair whose ratings differ by exp(offset / alpha). No is that pair turned round: the other answer is better
    by more than minus the offset.
    """
    yes = (apart() - offset).sigmoid()
    rated = torch.tensor([[math.exp(offset / alpha), 0.0], [math.exp(-offset / alpha), 0.0]], dtype=torch.float64)

    def distance(recipe: Recipe) -> float:
        labels = rated.repeat_interleave(len(PAIRS), 0)
        return total_variation(learnt(recipe, *chosen(yes), labels=labels), regularised_optimum())

    what = f"{_OPTIMUM}, from whether the first of every two answers is better by more than an offset"
    return _known("odpo", what, distance, beta=BETA, alpha=alpha)


def _wpo() -> Known:
    return _known("wpo", f"{_OPTIMUM}, from {_PAIRS}", _from(BRADLEY_TERRY, regularised_optimum()), beta=BETA)


def zeros(prompt: str, response: str) -> float:
    """Another thing to be paid for: the number of zeros.

    >>> zeros("0", "010")
    2.0
    """
    return float(response.count("0"))


def _modpo(share: float = 0.6) -> Known:
    other = torch.tensor([zeros(PROMPT.shown, text_of(a)) for a in ANSWERS.tolist()], dtype=torch.float64)
    target = tilted((share * REWARD + (1 - share) * other) / BETA)
    what = f"pi_ref exp((w r + (1 - w) r')/beta)/Z, r' paid and r from {_PAIRS}"
    return _known("modpo", what, _from(BRADLEY_TERRY, target), beta=BETA, share=share, reward=bind(zeros))


def _mm_dpo(weight: float = 0.5, steepness: float = 0.5) -> Known:
    with_it, against = (1 + weight * (1 - (-steepness * margin).exp()) for margin in (apart(), -apart()))
    odds = against * (against * apart()).sigmoid() / (with_it * (-with_it * apart()).sigmoid())
    what = f"{_OPTIMUM}, from choices that balance its pull there, in every pair of answers"
    distance = _from(odds / (1 + odds), regularised_optimum())
    return _known("mm-dpo", what, distance, beta=BETA, weight=weight, steepness=steepness, reward=bind(rises))


def _nca() -> Known:
    start = distribution(reference())
    beats = (REWARD.unsqueeze(-1) - REWARD).sigmoid()
    answers, together = drawn(start, start)

    def distance(recipe: Recipe) -> float:
        return total_variation(learnt(recipe, answers, 2 * together * beats.flatten()), 2 * start * (beats @ start))

    what = "2 pi_ref p, p the probability to beat a draw of pi_ref, from Bradley-Terry choices between such draws"
    return _known("nca", what, distance, beta=1.0)


def _apo_zero() -> Known:
    """Answers that lose more often than they win end at 0; the others are valued as much as they can be.

    The loss is up to a constant -sum_y a(y) sigmoid(u(y)), with u = beta log(pi / pi_ref) and a the share of wins minus
    that of losses. Its derivative under sum_y pi(y) = 1 is 0 where log(a / pi_ref) + log sigmoid(u) + log sigmoid(-u) -
    u / beta is the same for all that are left.
    """
    start = distribution(reference())
    ahead = 2 * _mean_preference(BRADLEY_TERRY, PAIRS, len(ANSWERS)) - 1
    height = (ahead.clamp(min=0) / start).log()

    def policy(c: Tensor) -> Tensor:
        u = falling_root(lambda u: height + logsigmoid(u) + logsigmoid(-u) - u / BETA - c, like=start)
        return torch.where(ahead > 0, start * (u / BETA).exp(), 0.0)

    target = policy(falling_root(lambda c: policy(c).sum() - 1, like=start[0]))
    what = f"the most valued policy on the answers that are oftener preferred than not, from {_PAIRS}"
    return _known("apo-zero", what, _from(BRADLEY_TERRY, target, steps=400), beta=BETA)


def _apo_down() -> Known:
    """Only answers that do not begin with 0 are judged; what they lose goes to those that do."""
    pairs = torch.arange(len(ANSWERS) // 4, len(ANSWERS)).view(-1, 2)

    def distance(recipe: Recipe) -> float:
        evenly = torch.full((len(pairs),), 1 / len(pairs), dtype=torch.float64)
        policy = learnt(recipe, pairs, evenly, steps=400)
        preferred, other = (policy / distribution(reference())).log()[pairs].T
        return float(((preferred >= 0) | (other >= preferred)).double().mean())

    what = "both answers less likely than before, the preferred one less so (the share of pairs without is measured)"
    return _known("apo-down", what, distance, beta=BETA)


def _simpo(beta: float = 2.0, gamma: float = 0.5) -> Known:
    gap = apart(SHORT_REWARD, SHORT_PAIRS)
    first = (logsigmoid(gamma + gap) - logsigmoid(gamma - gap)).sigmoid()
    target = _per_token(SHORT_REWARD / beta, torch.ones_like(SHORT_REWARD))
    what = "exp(|y| (r/beta - c)), from choices that balance its pull there, in every pair of one to three tokens"
    return _known("simpo", what, _from_short(first, target), beta=beta, gamma=gamma)


def _cpo(beta: float = 0.5) -> Known:
    optimum = regularised_optimum()
    what = "the distribution p of preferred answers, which the others are drawn from as p^(1 - beta)"
    return _known("cpo", what, _from_drawn(optimum, optimum ** (1 - beta)), beta=beta, alpha=0.05)


def _orpo() -> Known:
    optimum = regularised_optimum()
    mean = optimum ** (1 / LENGTH)
    what = "the distribution p of preferred answers, which the others are drawn from as p/odds"
    return _known("orpo", what, _from_drawn(optimum, optimum * (1 - mean) / mean), lam=20.0)


def _slic_hf() -> Known:
    """Steps of 1/2 in the reward are 1.1 nats here, more than the margin; the worst-paid are before themselves."""
    preferred = (2.2 * REWARD).softmax(-1)
    worse = ((REWARD.unsqueeze(-1) > REWARD) | torch.diag(REWARD.min() == REWARD)).to(REWARD)
    answers, _ = drawn(preferred, preferred)
    probability = (preferred.unsqueeze(-1) * worse / worse.sum(-1, keepdim=True)).flatten()

    def distance(recipe: Recipe) -> float:
        return total_variation(learnt(recipe, answers, probability), preferred)

    return _known("slic-hf", "the distribution of preferred answers, each before worse-paid ones", distance, lam=1.0)


def _cpl(alpha: float = 0.5, gamma: float = 0.9) -> Known:
    optimum = regularised_optimum()
    distance = _from(apart(_discounted(optimum, alpha, gamma)).sigmoid(), optimum)
    return _known("cpl", "the policy by whose regret people choose in every pair", distance, alpha=alpha, gamma=gamma)


def _discounted(answers: Tensor, alpha: float, gamma: float) -> Tensor:
    """sum_t gamma^t alpha log p(a_t | a_<t) of every answer, from the probabilities of whole answers."""
    tree = answers.view(4, 4, 4)
    begun = [torch.ones_like(tree), tree.sum((1, 2), keepdim=True), tree.sum(2, keepdim=True), tree]
    steps = [gamma**t * (now / before).log() for t, (before, now) in enumerate(itertools.pairwise(begun))]
    return alpha * (steps[0] + steps[1] + steps[2]).flatten()


def _rebel() -> Known:
    start = distribution(reference())

    def distance(recipe: Recipe) -> float:
        policy = from_population(recipe, *drawn(start, start), steps=1)["policy"]
        return total_variation(distribution(policy), regularised_optimum())

    what = "pi_ref exp(eta r)/Z, from one batch of every two answers of pi_ref"
    return _known("rebel", what, distance, eta=1 / BETA, passes=400, reward=bind(rises))


CASES: dict[str, Callable[[], Known]] = {
    "apo-down": _apo_down,
    "apo-zero": _apo_zero,
    "cpl": _cpl,
    "cpo": _cpo,
    "discopop": _discopop,
    "dpop": _dpop,
    "exo": _exo,
    "f-dpo": f_dpo,
    "ipo": _ipo,
    "ipo-per-token": _ipo_per_token,
    "mm-dpo": _mm_dpo,
    "modpo": _modpo,
    "nca": _nca,
    "odpo": _odpo,
    "orpo": _orpo,
    "osp": _osp,
    "r-dpo": _r_dpo,
    "rebel": _rebel,
    "robust-dpo": _robust_dpo,
    "rpo": _rpo,
    "simpo": _simpo,
    "slic": _slic,
    "slic-hf": _slic_hf,
    "wpo": _wpo,
}
"""Every method of the family; its recipe is made when it is asked for."""


KNOWN_PAIRS = verdicts(CASES)
"""How each method of the family is verified."""
