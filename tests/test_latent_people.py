"""Of people of two minds the latent vector is found from a few answers, and sooner by what is worth asking."""

from functools import cache

import pytest
import torch
from torch.nn.functional import logsigmoid

from prefloop.errors import DataError
from prefloop.learning.groups import fitted_rewards
from prefloop.learning.latent_people import LatentPeople, by_person, fitted_latent
from prefloop.learning.newcomers import Belief
from prefloop.ops import over_normal
from recovery import chosen_first, features, happens, source

SHARED = torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
DIFFERENT = torch.tensor([0.0, 2.0, -1.0, 0.0], dtype=torch.float64)
MINDS = torch.stack([SHARED + DIFFERENT, SHARED - DIFFERENT])


def judged(draw, mind, each):
    """Pairs (people n 2 d) as people of these minds judge them, the preferred first."""
    x = features(draw, len(mind) * each, 2, 4)
    ahead = ((x[:, 0] - x[:, 1]) * MINDS[mind].repeat_interleave(each, 0)).sum(-1)
    return chosen_first(x, happens(ahead.sigmoid(), draw)).view(len(mind), each, 2, 4)


@cache
def model(seed):
    draw = source(seed)
    mind = torch.arange(80) % 2
    x = judged(draw, mind, 30)
    return fitted_latent(x.flatten(0, 1), torch.arange(80).repeat_interleave(30), dimensions=1, seed=seed), x


def right(lead):
    return float((lead > 0).double().mean())


def ahead(scores, z):
    """How far the first of each pair is ahead for somebody with this z."""
    gap = scores[:, 0] - scores[:, 1]
    return gap[:, 0] + gap[:, 1:] @ z


@pytest.mark.parametrize("seed", range(2))
def test_people_the_model_never_saw_are_served_better_than_by_one_reward_for_all(seed):
    people, seen = model(seed)
    draw = source(100 + seed)
    mind = torch.arange(40) % 2
    few, new = judged(draw, mind, 10), judged(draw, mind, 50)
    flat = seen.flatten(0, 1)
    one = fitted_rewards(flat[:, 0] - flat[:, 1], torch.ones(len(flat), 1), torch.zeros(1, 4).double(), ridge=1e-3)[0]
    traits = people.traits(few, torch.ones(40, 10).double()).detach()
    own = [right(ahead(people.scores(new[h]).detach(), traits[h, :1])) for h in range(40)]
    by_one = [right((new[h, :, 0] - new[h, :, 1]) @ one) for h in range(40)]
    for group in (0, 1):
        mine = [h for h in range(40) if mind[h] == group]
        assert sum(own[h] for h in mine) > sum(by_one[h] for h in mine) + 0.1 * len(mine)
    mixed = [right(ahead(people.scores(new[h]).detach(), traits[h - 1, :1])) for h in range(40)]  # somebody else's z
    assert sum(mixed) < sum(by_one)


def test_the_more_is_said_the_nearer_is_what_all_of_it_tells_and_nothing_said_is_the_prior():
    people, _ = model(0)
    few, there = judged(source(5), torch.arange(20) % 2, 40), torch.ones(20, 40).double()
    told = [people.traits(few, there * (torch.arange(40) < n))[:, 0] for n in (1, 5, 20, 40)]
    far = [(z - told[-1]).abs().mean().item() for z in told]
    assert far[0] > far[1] > far[2]
    assert not people.traits(few, 0 * there).any()


def test_neither_the_order_of_judgements_nor_padding_is_seen():
    people, _ = model(0)
    few, there = judged(source(6), torch.arange(4) % 2, 6), torch.ones(4, 6).double()
    told = people.traits(few, there)
    torch.testing.assert_close(people.traits(few[:, [3, 1, 5, 0, 2, 4]], there), told)
    wider = torch.cat([few, 99 * torch.ones_like(few)], 1)
    torch.testing.assert_close(people.traits(wider, torch.cat([there, 0 * there], 1)), told)


def asked(belief, scores, pairs, answers, n, choose):
    """The belief after n answers to the pairs that `choose` takes first, one after the other."""
    left = list(range(len(pairs)))
    for _ in range(n):
        at = left.pop(choose(belief, scores[left]))
        first = scores[at : at + 1]
        belief = belief.after(first if answers[at] else first.flip(1))
    return belief


@pytest.mark.parametrize("seed", range(2))
def test_questions_worth_asking_tell_more_than_random_ones(seed):
    people, _ = model(seed)
    draw = source(200 + seed)
    mind = torch.arange(60) % 2
    learnt = {"active": 0.0, "random": 0.0}
    for h in range(60):
        x, new = features(draw, 40, 2, 4), features(draw, 100, 2, 4)
        answers = happens(((x[:, 0] - x[:, 1]) @ MINDS[mind[h]]).sigmoid(), draw)
        scores, wanted = people.scores(x).detach(), people.scores(new).detach()
        truth = (new[:, 0] - new[:, 1]) @ MINDS[mind[h]]
        ways = {
            "active": lambda belief, rest: int(belief.information(rest).argmax()),
            "random": lambda belief, rest: int(torch.randint(len(rest), (), generator=draw)),
        }
        for way, choose in ways.items():
            belief = asked(Belief.of_anybody(1), scores, x, answers, 1, choose)
            learnt[way] += right(ahead(wanted, belief.mean) * truth)
    assert learnt["active"] > learnt["random"] + 0.02 * 60


class TestBelief:
    scores = features(source(1), 30, 2, 3)

    def test_the_middle_is_the_highest_point_and_the_spread_the_curve_there(self):
        belief = Belief(
            mean=torch.tensor([0.3, -0.2]).double(), covariance=torch.tensor([[1.0, 0.4], [0.4, 0.6]]).double()
        )
        gap = self.scores[:, 0] - self.scores[:, 1]

        def lost(z):
            apart = z - belief.mean
            return (
                -logsigmoid(gap[:, 0] + gap[:, 1:] @ z).sum() + apart @ torch.linalg.inv(belief.covariance) @ apart / 2
            )

        after = belief.after(self.scores)
        assert torch.autograd.functional.jacobian(lost, after.mean).abs().max() < 1e-8
        torch.testing.assert_close(
            torch.linalg.inv(after.covariance), torch.autograd.functional.hessian(lost, after.mean)
        )

    def test_nothing_said_changes_nothing(self):
        belief = Belief.of_anybody(2)
        after = belief.after(self.scores[:0])
        torch.testing.assert_close((after.mean, after.covariance), (belief.mean, belief.covariance))

    def test_information_is_that_of_many_draws(self):
        belief = Belief.of_anybody(2).after(self.scores[:5])
        draw = torch.distributions.MultivariateNormal(belief.mean, belief.covariance)
        torch.manual_seed(0)
        gap = self.scores[:, 0] - self.scores[:, 1]
        p = (gap[:, 0] + draw.sample((100_000,)) @ gap[:, 1:].T).sigmoid()
        entropy = torch.special.entr(p) + torch.special.entr(1 - p)
        mean = p.mean(0)
        wanted = torch.special.entr(mean) + torch.special.entr(1 - mean) - entropy.mean(0)
        torch.testing.assert_close(belief.information(self.scores), wanted, rtol=0, atol=5e-3)
        torch.testing.assert_close(belief.chance(self.scores), mean, rtol=0, atol=5e-3)

    def test_what_is_known_already_tells_nothing_and_more_answers_leave_less_to_learn(self):
        sure = Belief(mean=torch.zeros(2).double(), covariance=1e-12 * torch.eye(2).double())
        assert sure.information(self.scores).abs().max() < 1e-9
        before, after = Belief.of_anybody(2), Belief.of_anybody(2).after(self.scores)
        assert bool((after.information(self.scores) < before.information(self.scores)).all())

    def test_people_who_are_known_say_where_to_begin(self):
        rows = 3 + 2 * features(source(3), 500, 2)
        belief = Belief.of_people(rows)
        torch.testing.assert_close(belief.mean, rows.mean(0))
        torch.testing.assert_close(belief.covariance, rows.T.cov(correction=0), rtol=0.02, atol=0.02)


def test_the_quadrature_is_the_integral():
    mean, deviation = torch.tensor([0.0, 1.0, -2.0]).double(), torch.tensor([0.0, 1.5, 3.0]).double()
    e = torch.linspace(-12, 12, 200_001).double()
    share = (-e.square() / 2).exp()
    wanted = (logsigmoid(mean[:, None] + deviation[:, None] * e) * share).sum(1) / share.sum()
    torch.testing.assert_close(over_normal(logsigmoid, mean, deviation), wanted, rtol=0, atol=1e-5)


def test_rows_of_several_people_are_sorted_and_one_person_is_refused():
    rows, there = by_person(torch.arange(6.0), torch.tensor([2, 0, 2, 1, 0, 2]))
    assert rows.tolist() == [[1, 4, 0], [3, 0, 0], [0, 2, 5]]
    assert there.sum(1).tolist() == [2, 1, 3]
    with pytest.raises(DataError, match="one person judged all"):
        fitted_latent(torch.randn(4, 2, 3), torch.zeros(4), dimensions=1)
    assert LatentPeople(features=2, dimensions=1).scores(torch.zeros(1, 2)).shape == (1, 2)
