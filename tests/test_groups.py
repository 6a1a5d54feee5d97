"""Groups of people are found by what they prefer, newcomers join them, and one reward cannot serve opposites."""

import itertools

import pytest
import torch
from torch.nn.functional import logsigmoid

from prefloop.errors import DataError, RecipeError
from prefloop.learning.groups import Groups, fitted_rewards, found_groups
from prefloop.statistics import adjusted_rand
from recovery import chosen_first, features, happens, source

ONE = torch.tensor([1.5, -0.5, 0.5, 0.0], dtype=torch.float64)
OTHER = torch.tensor([-1.0, 1.0, 0.5, 1.0], dtype=torch.float64)
THIRD = torch.tensor([0.0, -1.0, -1.5, 0.5], dtype=torch.float64)
SEVERAL = torch.stack([ONE, OTHER, THIRD])


def judged(draw, group, rewards, each):
    """Pairs of features, the preferred first, and who judged them: everybody `each`, by the reward of their group."""
    who = torch.arange(len(group)).repeat_interleave(each)
    x = features(draw, len(who), 2, rewards.shape[1])
    ahead = ((x[:, 0] - x[:, 1]) * rewards[group[who]]).sum(-1)
    return chosen_first(x, happens(ahead.sigmoid(), draw)), who


def in_groups(draw, people, groups):
    return torch.randint(0, groups, (people,), generator=draw)


def order(found, rewards):
    """Which group found is which true one."""
    return torch.cdist(rewards, found.rewards).argmin(1)


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
@pytest.mark.parametrize("groups", [2, 3])
@pytest.mark.parametrize("seed", range(3))
def test_people_are_put_in_the_groups_they_are_of(seed, groups, hard):
    draw = source(seed)
    group = in_groups(draw, 120, groups)
    found = found_groups(*judged(draw, group, SEVERAL[:groups], 42), groups=groups, hard=hard)
    assert adjusted_rand(group.tolist(), found.group.tolist()) > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_their_rewards_are_found_again_within_three_standard_errors(seed):
    draw = source(seed)
    group = in_groups(draw, 50, 2)
    x, who = judged(draw, group, SEVERAL[:2], 100)
    found = found_groups(x, who, groups=2, ridge=1e-6)
    which = order(found, SEVERAL[:2])
    assert sorted(which.tolist()) == [0, 1]
    apart = x[:, 0] - x[:, 1]
    for true, k in zip(SEVERAL[:2], which, strict=True):
        p = (apart @ found.rewards[k]).sigmoid()
        weight = found.members[who, k] * p * (1 - p)  # with so many judgements each, nobody's group is in doubt
        errors = torch.linalg.inv((apart * weight.unsqueeze(1)).T @ apart).diagonal().sqrt()
        assert bool(((found.rewards[k] - true).abs() < 3 * errors).all())
    one = found_groups(x, who % 2, groups=2, ridge=1e-6)  # people mixed up: no group is of one mind
    assert float((torch.cdist(SEVERAL[:2], one.rewards).amin(1)).min()) > 0.3


@pytest.mark.parametrize("hard", [False, True], ids=["soft", "hard"])
def test_every_round_of_em_gains(hard):
    draw = source(0)
    x, who = judged(draw, in_groups(draw, 40, 2), SEVERAL[:2], 10)
    gained = [
        found_groups(x, who, groups=2, hard=hard, starts=1, rounds=n, seed=1).log_likelihood for n in range(1, 12)
    ]
    assert all(b >= a - 1e-9 for a, b in itertools.pairwise(gained))
    assert gained[-1] > gained[0] + 1


def test_the_best_of_several_starts_is_kept():
    draw = source(3)
    x, who = judged(draw, in_groups(draw, 60, 3), SEVERAL, 12)
    best = [found_groups(x, who, groups=3, starts=n).log_likelihood for n in (1, 4, 8)]
    assert best == sorted(best)


@pytest.mark.parametrize("seed", range(3))
def test_one_reward_serves_neither_of_two_opposed_groups_and_a_mixture_serves_both(seed):
    """The majority of nine to one is served by one reward, and the minority as badly as by its opposite."""
    draw = source(seed)
    group = (torch.arange(100) < 10).long()
    opposed = torch.stack([2 * ONE, -2 * ONE])
    x, who = judged(draw, group, opposed, 40)
    single = fitted_rewards(x[:, 0] - x[:, 1], torch.ones(len(x), 1), torch.zeros(1, 4).double(), ridge=1e-6)[0]
    found = found_groups(x, who, groups=2)
    new, by = judged(draw, group, opposed, 40)

    def right(score, people):
        rows = (group[by] == people) if people is not None else torch.ones(len(by), dtype=torch.bool)
        return float((score[rows, 0] > score[rows, 1]).double().mean())

    by_one = new @ single
    by_group = torch.stack([new[:, i] @ found.rewards.T for i in (0, 1)], 1)
    by_group = (by_group * found.members[by].unsqueeze(1)).sum(-1)
    assert right(by_one, 0) > 0.75
    assert right(by_one, 1) < 0.3
    assert min(right(by_group, 0), right(by_group, 1)) > 0.75
    # with as many on either side nothing can be said for either
    x, who = judged(draw, torch.arange(100) % 2, opposed, 40)
    even = fitted_rewards(x[:, 0] - x[:, 1], torch.ones(len(x), 1), torch.zeros(1, 4).double(), ridge=1e-6)[0]
    assert even.norm() < 0.1 * opposed[0].norm()


@pytest.mark.parametrize("seed", range(3))
def test_somebody_new_is_served_after_a_few_answers(seed):
    draw = source(seed)
    x, who = judged(draw, in_groups(draw, 100, 2), SEVERAL[:2], 40)
    found = found_groups(x, who, groups=2)
    group = in_groups(draw, 100, 2)
    few, _ = judged(draw, group, SEVERAL[:2], 8)
    new, by = judged(draw, group, SEVERAL[:2], 40)

    def right(members):
        scores = torch.stack([found.score(new[by == h], members[h]) for h in range(100)])
        return float((scores[..., 0] > scores[..., 1]).double().mean())

    nothing = found.sizes.expand(100, -1)
    joined = torch.stack([found.joined(few[8 * h : 8 * h + 8]) for h in range(100)])
    assert right(joined) > right(nothing) + 0.05
    torch.testing.assert_close(found.joined(few[:0]), found.sizes)


def test_who_joins_a_group_does_so_by_bayes_rule():
    found = Groups(
        rewards=SEVERAL[:2], sizes=torch.tensor([0.8, 0.2]).double(), members=torch.ones(1, 2), log_likelihood=0.0
    )
    x = features(source(0), 3, 2, 4)
    said = logsigmoid((x[:, 0] - x[:, 1]) @ SEVERAL[:2].T).sum(0).exp() * found.sizes
    torch.testing.assert_close(found.joined(x), said / said.sum())


def test_what_cannot_be_put_in_groups_is_refused():
    x, who = torch.randn(6, 2, 3), torch.tensor([0, 0, 1, 1, 2, 2])
    with pytest.raises(RecipeError, match="ask for two at least"):
        found_groups(x, who, groups=1)
    with pytest.raises(DataError, match=r"3 people judged .* in 4 groups"):
        found_groups(x, who, groups=4)
    x[4, 1, 0] = torch.nan
    with pytest.raises(DataError, match="pair 4"):
        found_groups(x, who, groups=2)


def test_the_adjusted_rand_index_is_one_for_the_same_groups_and_nothing_by_chance():
    draw = source(0)
    one, other = (torch.randint(0, 3, (400,), generator=draw).tolist() for _ in range(2))
    assert adjusted_rand(one, [(g + 1) % 3 for g in one]) == 1
    assert abs(adjusted_rand(one, other)) < 0.05
    # by the table of Hubert and Arabie's formula: n = ((1, 1), (0, 1)) in 3 things
    assert adjusted_rand([0, 0, 1], [0, 1, 1]) == pytest.approx((0 - 1 / 3) / (1 - 1 / 3))
    with pytest.raises(DataError, match="the same things twice"):
        adjusted_rand([0], [0])
