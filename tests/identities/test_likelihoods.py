"""What people had in mind is found again by the likelihood they judge by, and not where they judge by another."""

import pytest
import torch

from prefloop.binding import bind
from prefloop.objectives.cycles import general_preference, hybrid_preference
from prefloop.objectives.flips import annotator_flips, known_flips
from prefloop.objectives.rankings import ranking
from prefloop.objectives.ratings import interval, ordinal
from prefloop.objectives.rewards import (
    bradley_terry,
    kway_choice,
    margin_bradley_terry,
    smoothed_bradley_terry,
    soft_bradley_terry,
)
from prefloop.objectives.thumbs import balanced_p_love, p_love
from prefloop.objectives.ties import davidson, rao_kupper
from recovery import N, chosen_first, features, fitted, found_again, happens, one_of, source

REWARD = torch.tensor([1.0, -0.5, 0.25], dtype=torch.float64)
D = len(REWARD)


def score(w, x):
    return {"score": x @ w[:D]}


def pairs(draw):
    """Features of pairs, and how far the first of each is ahead."""
    x = features(draw, N, 2, D)
    return x, (x[:, 0] - x[:, 1]) @ REWARD


def with_margin(draw, most=1.0):
    """People at whose odds both orders of a pair with this margin cancel; the margin is of the pair, not of the say."""
    x, gap = pairs(draw)
    strength = 1 + torch.randint(0, 4, (N,), generator=draw)
    u, m = gap.exp(), (most * (strength - 1) / 3).exp()
    odds = u * (m + u) / (1 + u * m)
    x = chosen_first(x, happens(odds / (1 + odds), draw))
    given = {"target": 0.5 + strength / 8}
    return fitted(bind(margin_bradley_terry), lambda w: score(w, x), given, torch.zeros(D), sandwich=True), REWARD


def judged_by_several(draw, steeper=1.0, judges=5):
    """A thousand pairs, each judged by five people."""
    x = features(draw, N // judges, 2, D)
    first = (steeper * (x[:, 0] - x[:, 1]) @ REWARD).sigmoid()
    share = torch.stack([happens(first, draw) for _ in range(judges)]).double().mean(0)
    fit = fitted(bind(soft_bradley_terry), lambda w: score(w, x), {"target": share}, torch.zeros(D), each=judges)
    return fit, REWARD


def surer(draw, smoothing=0.1):
    """People whom a smoothing of 0.1 brings to Bradley and Terry's choices, as far as their reward is small."""
    x, gap = pairs(draw)
    x, gap = x / 4, gap / 4
    first = (gap.sigmoid() - smoothing) / (1 - 2 * smoothing)
    x = chosen_first(x, happens(first, draw))
    return fitted(bind(smoothed_bradley_terry), lambda w: score(w, x), {}, torch.zeros(D), sandwich=True), REWARD


def tying(draw, objective, chance, truth):
    """People who say one of three things of a pair, by the chances of both wins."""
    x, gap = pairs(draw)
    first, second = chance(gap)
    say = one_of(torch.stack([first, second, 1 - first - second], -1), draw)
    x = chosen_first(x, say != 1)

    def gives(w):
        return {**score(w, x), "numbers": w[D:].expand(N, 1)}

    fit = fitted(bind(objective), gives, {"tied": (say == 2).long()}, torch.zeros(D + 1))
    return fit, torch.cat([REWARD, torch.tensor([truth], dtype=torch.float64)])


def of_davidson(gap, nu=0.6):
    whole = (gap / 2).exp() + (-gap / 2).exp() + nu
    return (gap / 2).exp() / whole, (-gap / 2).exp() / whole


def of_rao_and_kupper(gap, eta=0.5):
    return (gap - eta).sigmoid(), (-gap - eta).sigmoid()


def ranked(draw, told=(2.0, 1.0, 1.0, 0.0), breslow=False):
    """People who rank four answers and tell less than they know; `breslow` reads their ties as Breslow does."""
    x = features(draw, N, 4, D)
    noise = -torch.rand(N, 4, generator=draw, dtype=torch.float64).log().neg().log()
    order = (x @ REWARD + noise).argsort(1, descending=True)  # the order of Plackett and Luce, by Gumbel's noise
    x = x.gather(1, order[..., None].expand_as(x))
    label = torch.tensor(told, dtype=torch.float64).expand(N, 4)
    return fitted(
        bind(by_breslow if breslow else ranking), lambda w: score(w, x), {"label": label}, torch.zeros(D), answers=4
    ), REWARD


def by_breslow(score, mask, label):
    """Each response against all that are not better, also the equals of which it is one."""
    not_better = label.unsqueeze(1) <= label.unsqueeze(2)
    rivals = torch.where(not_better, score.unsqueeze(1), -torch.inf).logsumexp(2)
    return (rivals - score).sum(1)


def graded(draw, slope=torch.sigmoid):
    """People who grade single answers from 1 to 4."""
    x = features(draw, N, 1, D)
    theta = torch.tensor([-0.7, 0.4, 1.8], dtype=torch.float64)
    below = slope(theta - (x @ REWARD))
    often = torch.cat([below, torch.ones(N, 1)], 1).diff(dim=1, prepend=torch.zeros(N, 1))
    label = 1.0 + one_of(often, draw).unsqueeze(1)

    def gives(w):
        return {**score(w, x), "numbers": w[D:].expand(N, 3)}

    truth = torch.cat([REWARD, theta.mean()[None], theta.diff().expm1().log()])
    fit = fitted(bind(ordinal, lowest=1.0), gives, {"label": label.double()}, torch.zeros(D + 3), answers=1)
    return fit, truth


def rated(draw, bend=lambda z: z):
    """People who rate single answers, with noise."""
    x = features(draw, N, 1, D)
    label = 3 + 2 * bend(0.3 + x @ REWARD + 0.7 * features(draw, N, 1))

    def gives(w):
        return {**score(w, x), "numbers": w[D:].expand(N, 2)}

    truth = torch.cat([REWARD, torch.tensor([0.3, 0.7]).double().log()])
    truth[D] = 0.3
    objective = bind(interval, middle=3.0, unit=2.0)
    return fitted(objective, gives, {"label": label}, torch.zeros(D + 2), answers=1), truth


def thumbed(draw, objective, moved, *, shift=-1.0):
    """People who like few answers; the weights move the log-odds by `moved` of the share they like."""
    x = torch.cat([features(draw, N, 1, D), torch.ones(N, 1, 1)], -1)
    liked = happens((x @ torch.cat([REWARD, torch.tensor([shift]).double()])).sigmoid(), draw).double()
    given = {"label": liked, "liked_share": liked.mean().expand(N)}
    fit = fitted(bind(objective), lambda w: {"score": x @ w}, given, torch.zeros(D + 1), answers=1, sandwich=True)
    return fit, torch.cat([REWARD, (shift + moved(liked.mean())).view(1)])


def weighted(score, mask, label):
    return p_love(score, mask, label, liked=3.0, disliked=0.5)


def circling(draw, objective, rewarded):
    """People who go round in circles in the plane of two directions, perhaps beside a reward."""
    x, gap = pairs(draw)
    v = torch.tensor([[1.2, 0.3], [-0.2, 0.9], [0.6, -0.5]], dtype=torch.float64)
    embedded = x @ v
    ahead = embedded[:, 0, 0] * embedded[:, 1, 1] - embedded[:, 0, 1] * embedded[:, 1, 0] + rewarded * gap
    x = chosen_first(x, happens(ahead.sigmoid(), draw))
    with_reward = objective is hybrid_preference

    def gives(w):
        return {"scores": x @ w.view(D, -1)}

    truth = torch.cat([REWARD[:, None], v], 1) if with_reward else v
    start = truth + 0.3 * features(draw, *truth.shape)
    return fitted(bind(objective), gives, {}, start.flatten()), truth.flatten()


def what_is_fixed(w):
    """The reward, and the skew-symmetric form of the features: a turn of the plane does not change it."""
    w = w.view(D, -1)
    reward, v = (w[:, :1], w[:, 1:]) if w.shape[1] % 2 else (w[:, :0], w)
    form = torch.outer(v[:, 0], v[:, 1]) - torch.outer(v[:, 1], v[:, 0])
    return torch.cat([reward.flatten(), form[0, 1:], form[1, 2:]])


def turned_round(draw, shares, objective, gives_more, truth):
    """People of whom each is turned round in a share of cases."""
    x, gap = pairs(draw)
    who = torch.randint(0, len(shares), (N,), generator=draw)
    share = torch.tensor(shares, dtype=torch.float64)[who]
    x = chosen_first(x, happens((1 - share) * gap.sigmoid() + share * (-gap).sigmoid(), draw))

    def gives(w):
        return {**score(w, x), **gives_more(w, who)}

    start = torch.cat([REWARD / 2, torch.zeros(len(truth) - D)])
    return fitted(objective, gives, {}, start), truth


def log_odds(*shares, begin=0.1):
    return torch.cat([REWARD, torch.tensor(shares).double().logit() - torch.tensor(begin).double().logit()])


EVERYBODY = (0.02, 0.2, 0.7)
OF_EACH = {
    "shares": EVERYBODY,
    "objective": bind(annotator_flips),
    "gives_more": lambda w, who: {"traits": w[D:][who].unsqueeze(1)},
    "truth": log_odds(*EVERYBODY),
}
OF_ALL = {"objective": bind(known_flips, flips=0.2), "gives_more": lambda w, who: {}, "truth": REWARD}

FOUND = {
    "margin": with_margin,
    "soft": judged_by_several,
    "smoothed": surer,
    "davidson": lambda draw: tying(draw, davidson, of_davidson, torch.tensor(0.6).double().log()),
    "rao-kupper": lambda draw: tying(draw, rao_kupper, of_rao_and_kupper, torch.tensor(0.5).double().expm1().log()),
    "ranking": ranked,
    "ranking, best alone told": lambda draw: ranked(draw, (1.0, 0.0, 0.0, 0.0)),
    "ordinal": graded,
    "interval": rated,
    "p-love": lambda draw: thumbed(draw, weighted, lambda share: torch.tensor(6.0).double().log()),
    "balanced": lambda draw: thumbed(draw, balanced_p_love, lambda share: -share.logit()),
    "general preference": lambda draw: circling(draw, general_preference, 0.0),
    "hybrid preference": lambda draw: circling(draw, hybrid_preference, 1.0),
    "known flips": lambda draw: turned_round(draw, (0.2,), **OF_ALL),
    "annotator flips": lambda draw: turned_round(draw, **OF_EACH),
}
MISSED = {
    "margin, people without one": lambda draw: with_margin(draw, most=0.0),
    "soft, people on a steeper curve": lambda draw: judged_by_several(draw, steeper=1.3),
    "smoothed, people who are less sure": lambda draw: surer(draw, smoothing=-0.1),
    "davidson, people of Rao and Kupper": lambda draw: tying(
        draw, davidson, lambda gap: of_rao_and_kupper(gap, 1.5), torch.tensor(0.6).double().log()
    ),
    "rao-kupper, people of Davidson": lambda draw: tying(
        draw, rao_kupper, lambda gap: of_davidson(gap, 3.0), torch.tensor(0.5).double().expm1().log()
    ),
    "ranking, ties read as Breslow does": lambda draw: ranked(draw, breslow=True),
    "ordinal, people on a steeper curve": lambda draw: graded(draw, lambda z: (1.3 * z).sigmoid()),
    "interval, ratings that are bent": lambda draw: rated(draw, torch.tanh),
    "p-love, weights not allowed for": lambda draw: thumbed(draw, weighted, lambda share: torch.zeros(()).double()),
    "balanced, weights not allowed for": lambda draw: thumbed(
        draw, balanced_p_love, lambda share: torch.zeros(()).double()
    ),
    "general preference, people with a reward": lambda draw: circling(draw, general_preference, 1.0),
    "hybrid preference, people with half the reward": lambda draw: circling(draw, hybrid_preference, 0.5),
    "known flips, half as many": lambda draw: turned_round(draw, (0.1,), **OF_ALL),
    "annotator flips, everybody alike": lambda draw: turned_round(draw, **{**OF_EACH, "shares": (0.2, 0.2, 0.2)}),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", FOUND)
def test_the_reward_is_found_again_by_the_likelihood_that_people_judge_by(name, seed):
    fit, truth = FOUND[name](source(seed))
    assert found_again(fit, truth, what_is_fixed if "preference" in name else lambda w: w)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", MISSED)
def test_it_is_missed_where_people_judge_otherwise(name, seed):
    fit, truth = MISSED[name](source(seed))
    assert not found_again(fit, truth, what_is_fixed if "preference" in name else lambda w: w)


CIRCLE = torch.tensor([[0, 1], [1, 2], [2, 0]])
"""Rock, scissors, paper: each before the next."""


def test_rock_scissors_paper_is_learnt_by_an_embedding_and_by_no_reward():
    """Whatever the scores, at most two of the three are the right way round."""
    free = (0.1 * features(source(0), 3, 2)).requires_grad_()
    optimiser = torch.optim.LBFGS([free], max_iter=50, line_search_fn="strong_wolfe")

    def step():
        optimiser.zero_grad()
        total = general_preference(free[CIRCLE]).sum()
        total.backward()
        return total

    optimiser.step(step)
    assert bool((general_preference(free[CIRCLE]).exp() < 1.05).all()), "each is preferred with more than 95 percent"
    scores = features(source(1), 10_000, 3)
    right = scores[:, CIRCLE[:, 0]] > scores[:, CIRCLE[:, 1]]
    assert int(right.sum(1).max()) == 2
    flat = bradley_terry(torch.zeros(3, 2)).mean()
    assert bool((bradley_terry(scores[:, CIRCLE].flatten(0, 1)).view(-1, 3).mean(1) >= flat).all())


@pytest.mark.parametrize("seed", range(3))
class TestLimits:
    def test_a_margin_of_nothing_a_sure_label_and_no_smoothing_are_bradley_terry(self, seed):
        s = features(source(seed), 6, 2)
        plain = bradley_terry(s)
        for same in (
            margin_bradley_terry(s, torch.rand(6).double(), most=0.0),
            soft_bradley_terry(s, torch.ones(6).double()),
            smoothed_bradley_terry(s, smoothing=0.0),
            known_flips(s, flips=1e-15),
            annotator_flips(s, torch.full((6, 1), -60.0).double()),
            davidson(s, torch.full((6, 1), -60.0).double(), torch.zeros(6)),
            rao_kupper(s, torch.full((6, 1), -60.0).double(), torch.zeros(6)),
            general_preference(torch.stack([s, torch.ones_like(s)], -1)),
            hybrid_preference(torch.cat([s.unsqueeze(-1), torch.zeros(6, 2, 2).double()], -1)),
            ranking(s, torch.ones(6, 2, 1), torch.tensor([[1.0, 0.0]]).double().expand(6, 2)),
        ):
            torch.testing.assert_close(same, plain, rtol=0, atol=1e-12)

    def test_a_ranking_in_which_one_is_best_and_the_rest_equal_is_a_choice(self, seed):
        s, mask = features(source(seed), 6, 4), torch.ones(6, 4, 1)
        label = torch.tensor([1.0, 0.0, 0.0, 0.0]).double().expand(6, 4)
        torch.testing.assert_close(ranking(s, mask, label), kway_choice(s, mask), rtol=0, atol=1e-12)

    def test_a_ranking_of_equals_says_nothing(self, seed):
        s = features(source(seed), 6, 5)
        nothing = ranking(s, torch.ones(6, 5, 1), torch.ones(6, 5).double())
        torch.testing.assert_close(nothing, torch.zeros(6).double(), rtol=0, atol=1e-12)

    def test_what_people_could_say_of_a_pair_sums_to_one(self, seed):
        s, numbers = features(source(seed), 6, 2), features(source(seed + 9), 6, 1)
        for likelihood in (davidson, rao_kupper):
            said = [(s, 0), (s.flip(1), 0), (s, 1)]
            total = sum((-likelihood(x, numbers, torch.full((6,), tied))).exp() for x, tied in said)
            torch.testing.assert_close(total, torch.ones(6).double(), rtol=0, atol=1e-12)

    def test_all_grades_sum_to_one_and_two_of_them_are_thumbs(self, seed):
        s, numbers = features(source(seed), 6, 1), features(source(seed + 9), 6, 3)
        mask = torch.ones(6, 1, 1)
        total = sum(
            (-ordinal(s, numbers, mask, torch.full((6, 1), float(g)).double(), lowest=0.0)).exp() for g in range(4)
        )
        torch.testing.assert_close(total, torch.ones(6, 1).double(), rtol=0, atol=1e-12)
        label = torch.tensor([0.0, 1.0] * 3).double().unsqueeze(1)
        two = ordinal(s, torch.zeros(6, 1).double(), mask, label, lowest=0.0)
        torch.testing.assert_close(two, p_love(s, mask, label), rtol=0, atol=1e-12)


def test_far_out_nothing_is_lost_to_rounding_and_every_gradient_is_a_number():
    far = torch.tensor([[300.0, -300.0], [-300.0, 300.0]], requires_grad=True)
    numbers, mask = torch.zeros(2, 2, requires_grad=True), torch.ones(2, 2, 1)
    one, label = torch.zeros(2, 1), torch.tensor([[1.0, 0.0]]).expand(2, 2)
    for terms in (
        davidson(far, one, torch.tensor([0, 1])),
        rao_kupper(far, one, torch.tensor([0, 1])),
        ranking(far, mask, label),
        ordinal(far, numbers, mask, label, lowest=0.0),
        known_flips(far),
        annotator_flips(far, one),
        p_love(far, mask, label),
    ):
        (gradient,) = torch.autograd.grad(terms.sum(), far)
        assert bool(terms.isfinite().all())
        assert bool(gradient.isfinite().all())
