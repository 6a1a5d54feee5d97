"""What the methods that learn from single answers and from lists are known to reach on the tabular problem."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from .. import recipes
from ..binding import bind
from ..recipe import Recipe
from .distance import PAIRS, Verdict, from_own_samples, imitated, paid
from .learn import from_population, from_samples, judged
from .problem import (
    BETA,
    REWARD,
    distribution,
    falling_root,
    liked,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from .tabular import ANSWERS, LENGTH, Policy

OPTIMUM = "pi_ref exp(r/beta)/Z"


def from_labels(recipe: Recipe, answers: Tensor, probability: Tensor, labels: Tensor) -> Tensor:
    """The distribution of answers after learning from these lists (rows K), each as often as it is probable."""
    return distribution(from_population(recipe, answers, probability, labels=labels)["policy"])


def thumbs(up: Tensor, often: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Every answer with a thumb up and one with a thumb down: answers, probability and labels.

    up: the probability that people like each answer. often: how often each answer is judged.
    """
    answers = torch.arange(len(ANSWERS)).repeat(2).unsqueeze(-1)
    labels = torch.cat([torch.ones_like(up), torch.zeros_like(up)]).unsqueeze(-1)
    return answers, torch.cat([often * up, often * (1 - up)]), labels


def some_sets(size: int, count: int = 384) -> Tensor:
    """Sets of different answers (count size), always the same ones."""
    source = torch.Generator().manual_seed(0)
    return torch.stack([torch.randperm(len(ANSWERS), generator=source)[:size] for _ in range(count)])


def rankings(sets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Every set in each of its orders: answers best first, probability, and the place of each in the set as it was.

    People choose the best in proportion to exp(r), then the best of what is left: Plackett and Luce.
    """
    orders = torch.tensor(list(itertools.permutations(range(sets.shape[1]))))
    ranked = sets[:, orders].flatten(0, 1)
    strength = REWARD[ranked].exp()
    left = strength.flip(-1).cumsum(-1).flip(-1)
    return ranked, (strength / left).prod(-1) / len(sets), orders.repeat(len(sets), 1)


def right(prompt: str, response: str) -> float:
    """Whether an answer is right: 1 when its digits rise at least once and it ends as it began, or rise twice.

    >>> right("0", "012"), right("0", "110")
    (1.0, 0.0)
    """
    return float(rises(prompt, response) >= 1.5)


def bco_thumbs(people: int = 17) -> tuple[Tensor, Tensor]:
    """Which thumbs each answer gets from so many people (64 people), and the policy whose classifier explains them.

    People like an answer with probability p = sigmoid(r - c), where c is the middle of the rewards of what they like
    and do not like. The classifier beta (log(pi / pi_ref) - z) is then log(p / (1 - p)) at

        pi(y) = pi_ref(y) (p(y) / (1 - p(y)))^(1/beta) / Z

    with z the middle of its log-ratios: pi_ref exp(r/beta)/Z, but that p is rounded to whole people. They are as many
    as leave the middle where it was.
    """
    c = torch.zeros((), dtype=REWARD.dtype)
    for _ in range(100):
        up = (REWARD - c).sigmoid()
        c = ((up * REWARD).sum() / up.sum() + ((1 - up) * REWARD).sum() / (1 - up).sum()) / 2
    fans = (people * up).round()
    return torch.arange(people) < fans.unsqueeze(-1), (
        distribution(reference()).log() + (fans / people).logit() / BETA
    ).softmax(-1)


def from_bco_thumbs(recipe: Recipe) -> float:
    """Distance to the policy that explains the thumbs of the one that learnt from them."""
    labels, target = bco_thumbs()
    answers = torch.arange(len(ANSWERS)).repeat_interleave(labels.shape[1]).unsqueeze(-1)
    even = torch.full((len(answers),), 1 / len(answers))
    return total_variation(from_labels(recipe, answers, even, labels.double().view(-1, 1)), target)


def _bco() -> Verdict:
    return Verdict(
        method="bco",
        what="pi_ref (p/(1-p))^(1/beta)/Z, from 17 thumbs on every answer, up with probability p = sigmoid(r - c)",
        distance=from_bco_thumbs(recipes.method("bco")(beta=BETA)),
    )


def pmpo_optimum(*, accepted: float, rejected: float, beta: float) -> Tensor:
    """The optimum of PMPO where pi_ref draws and `liked` judges: pi_ref (accepted p - rejected (1 - p) + beta) / Z."""
    kept = distribution(reference()) * (accepted * liked() - rejected * (1 - liked()) + beta)
    return kept / kept.sum()


def _pmpo() -> Verdict:
    knobs = {"accepted": 0.3, "rejected": 0.7, "beta": 0.25}
    found = from_labels(recipes.method("pmpo")(**knobs), *thumbs(liked(), distribution(reference())))
    return Verdict(
        method="pmpo",
        what="pi_ref (accepted p - rejected (1 - p) + beta)/Z, from answers of pi_ref, liked with probability p",
        distance=total_variation(found, pmpo_optimum(**knobs)),
    )


def least_unlikely(up: Tensor, often: Tensor) -> Tensor:
    """The policy whose every next token maximises a log pi + b log(1 - pi), a and b how often it was liked and not.

    Under sum pi = 1 the derivative a / pi - b / (1 - pi) is the same for all four tokens; it falls in pi, and the sum
    of pi falls in it.
    """

    def by_token(mass: Tensor) -> Tensor:
        tree = mass.view(4, 4, 4)
        return torch.cat([tree.sum((1, 2)).unsqueeze(0), tree.sum(2), tree.flatten(0, 1)])

    a, b = by_token(often * up), by_token(often * (1 - up))

    def tokens(slope: Tensor) -> Tensor:
        return falling_root(lambda x: a / x.sigmoid() - b / (-x).sigmoid() - slope, like=a).sigmoid()

    slope = falling_root(lambda s: tokens(s).sum(-1, keepdim=True) - 1, like=a[:, :1])
    return distribution(Policy(tokens(slope).log().unsqueeze(0)))


def _unlikelihood() -> Verdict:
    up, often = REWARD / 3, distribution(reference())
    found = from_labels(recipes.method("unlikelihood")(), *thumbs(up, often))
    return Verdict(
        method="unlikelihood",
        what="the best next token after every prefix, from answers of pi_ref with thumbs up and down",
        distance=total_variation(found, least_unlikely(up, often)),
    )


def wrong_share(recipe: Recipe, good: Tensor) -> float:
    """The probability of all other answers than these, after a recipe has learnt from its own samples."""
    return float(distribution(from_samples(recipe))[~good].sum())


def _nft() -> Verdict:
    return Verdict(
        method="nft",
        what="right answers alone, from its own samples",
        distance=wrong_share(recipes.method("nft")(reward=bind(right), k=8, batch=16, steps=60), REWARD >= 1.5),
    )


def _sppo() -> Verdict:
    recipe = recipes.method("sppo")(reward=bind(rises), beta=BETA, k=8, batch=16, steps=80)
    return Verdict(
        method="sppo",
        what="the answers that no other beats, which are the best-paid ones, from playing against itself",
        distance=wrong_share(recipe, REWARD.max() == REWARD),
    )


WIN_BETA = 0.1
"""The beta of SPPO's pairs: small enough that the targets ask for more than a probability of 1 in all."""


def nearest_to_targets() -> Tensor:
    """The policy of SPPO's least squares from every pair of answers, as many of each:

        minimise sum_y (h(y) - t(y))^2    where h = log(pi / pi_ref), t(y) = (P(y beats another answer) - 1/2) / beta

    Under sum_y pi(y) = 1 the derivative is 0 where h(y) + c pi(y) = t(y), which gives an h that falls in c. c is above
    0 here, since sum_y pi_ref(y) exp(t(y)) > 1.
    """
    start, n = distribution(reference()), len(ANSWERS)
    beats = ((REWARD.unsqueeze(-1) - REWARD).sigmoid().sum(-1) - 0.5) / (n - 1)
    t = (beats - 0.5) / WIN_BETA
    assert (start * t.exp()).sum() > 1, "c is above 0"

    def policy(c: Tensor) -> Tensor:
        return start * falling_root(lambda h: t - h - c * start * h.exp(), like=t).exp()

    def excess(c: Tensor) -> Tensor:
        return torch.where(c > 0, policy(c.clamp(min=0)).sum() - 1, torch.ones_like(c))

    return policy(falling_root(excess, like=t[0]))


def _sppo_hard() -> Verdict:
    return Verdict(
        method="sppo-hard",
        what="the policy nearest to (P(y beats another) - 1/2)/beta in its log-ratios, from choices in every pair",
        distance=imitated(recipes.method("sppo-hard")(beta=WIN_BETA), *judged(PAIRS), nearest_to_targets()),
    )


def _spin() -> Verdict:
    start = distribution(reference())
    human = (start.log() + REWARD).softmax(-1)
    pairs = torch.cartesian_prod(torch.arange(len(ANSWERS)), torch.arange(len(ANSWERS)))
    probability = human[pairs[:, 0]] * start[pairs[:, 1]]
    return Verdict(
        method="spin",
        what="pi_ref (pi_people/pi_ref)^(1/beta)/Z, from answers of people beside answers of pi_ref",
        distance=imitated(recipes.method("spin")(beta=BETA), pairs, probability, regularised_optimum()),
    )


def _plackett_luce() -> Verdict:
    ranked, probability, _ = rankings(some_sets(3))
    return Verdict(
        method="plackett-luce",
        what=f"{OPTIMUM}, from people's rankings of 384 sets of three answers",
        distance=imitated(recipes.method("plackett-luce")(beta=BETA), ranked, probability, regularised_optimum()),
    )


def _listmle() -> Verdict:
    ranked, probability, orders = rankings(some_sets(3))
    place = orders.argsort(-1)  # where in the ranking each answer of the set is
    found = from_labels(recipes.method("listmle")(beta=BETA), ranked.gather(1, place), probability, -place.double())
    return Verdict(
        method="listmle",
        what=f"{OPTIMUM}, from people's grades of the answers in 384 sets of three",
        distance=total_variation(found, regularised_optimum()),
    )


def chosen(recipe: Recipe, size: int) -> Tensor:
    """The distribution after learning from choices in 384 sets, the chosen answer graded 1 and the others 0."""
    answers, probability = judged(some_sets(size))
    labels = torch.zeros(answers.shape, dtype=torch.float64)
    labels[:, 0] = 1
    return from_labels(recipe, answers, probability, labels)


def _lipo_lambda() -> Verdict:
    return Verdict(
        method="lipo-lambda",
        what=f"{OPTIMUM}, from people's choices in 384 sets of four answers",
        distance=total_variation(chosen(recipes.method("lipo-lambda")(beta=BETA), 4), regularised_optimum()),
    )


def _pro() -> Verdict:
    return Verdict(
        method="pro",
        what="exp(3 r)/Z, three tokens having the mean r, from choices in 384 sets of four, without imitation",
        distance=total_variation(chosen(recipes.method("pro")(imitation=0.0), 4), (LENGTH * REWARD).softmax(-1)),
    )


def out_of_order(recipe: Recipe) -> float:
    """The share of pairs paid differently of which the worse answer is likelier, after learning from graded lists."""
    sets = some_sets(4)
    even = torch.full((len(sets),), 1 / len(sets))
    found = from_labels(recipe, sets, even, REWARD[sets])
    better, worse = torch.where((REWARD[PAIRS[:, 0]] > REWARD[PAIRS[:, 1]]).unsqueeze(-1), PAIRS, PAIRS.flip(-1)).T
    apart = REWARD[better] > REWARD[worse]
    return float((found[worse] > found[better])[apart].double().mean())


def _rrhf() -> Verdict:
    return Verdict(
        method="rrhf",
        what="likelihoods in the order of r, from 384 graded sets of four: the share of pairs in another order",
        distance=out_of_order(recipes.method("rrhf")()),
    )


def _brain() -> Verdict:
    return Verdict(method="brain", what=f"{OPTIMUM}, from its own samples", distance=from_own_samples(paid("brain")))


KNOWN_ANSWERS: dict[str, Callable[[], Verdict]] = {
    "bco": _bco,
    "brain": _brain,
    "lipo-lambda": _lipo_lambda,
    "listmle": _listmle,
    "nft": _nft,
    "plackett-luce": _plackett_luce,
    "pmpo": _pmpo,
    "pro": _pro,
    "rrhf": _rrhf,
    "spin": _spin,
    "sppo": _sppo,
    "sppo-hard": _sppo_hard,
    "unlikelihood": _unlikelihood,
}
"""How each method on single answers or lists is verified."""
