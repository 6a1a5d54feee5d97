"""What people differ in is found again by the likelihood they judge by, up to what that leaves open."""

import inspect

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import RecipeError
from prefloop.objectives.mixtures import person_mixture, prompt_mixture
from prefloop.objectives.personal import latent_preference, personal_preference
from prefloop.objectives.rewards import bradley_terry
from recovery import N, chosen_first, features, fitted, found_again, happens, source

D = 3
ONE, OTHER = torch.tensor([[2.0, -1.0, 0.5], [-1.5, 0.5, 2.0]], dtype=torch.float64)
GATE = torch.tensor([1.5, -1.0], dtype=torch.float64)
CARE = torch.tensor([-1.5, -0.5, 0.5, 1.5], dtype=torch.float64)


def apart(x, w):
    return (x[:, 0] - x[:, 1]) @ w


def by_person(draw, weights=(0.9, 0.6, 0.1), steeper=1.0):
    """People who follow one reward so often and the other else."""
    who = torch.randint(0, len(weights), (N,), generator=draw)
    x = features(draw, N, 2, D)
    share = torch.tensor(weights).double()[who]
    chance = share * (steeper * apart(x, ONE)).sigmoid() + (1 - share) * (steeper * apart(x, OTHER)).sigmoid()
    x = chosen_first(x, happens(chance, draw))

    def gives(w):
        odds = torch.stack([w[2 * D :], torch.zeros(len(weights)).double()], 1)
        return {"scores": torch.stack([x @ w[:D], x @ w[D : 2 * D]], -1), "traits": odds[who]}

    truth = torch.cat([ONE, OTHER, torch.tensor(weights).double().logit()])
    return fitted(bind(person_mixture), gives, {}, 0.5 * truth), truth


def by_prompt(draw, steeper=1.0):
    """People of two kinds, of whom more of one answer some prompts."""
    x, prompt = features(draw, N, 2, D), features(draw, N, len(GATE))
    share = (prompt @ GATE).sigmoid()
    chance = share * (steeper * apart(x, ONE)).sigmoid() + (1 - share) * (steeper * apart(x, OTHER)).sigmoid()
    x = chosen_first(x, happens(chance, draw))

    def gives(w):
        gate = (prompt @ w[2 * D :])[:, None].expand(-1, 2)
        return {"scores": torch.stack([x @ w[:D], x @ w[D : 2 * D], gate, torch.zeros_like(gate)], -1)}

    truth = torch.cat([ONE, OTHER, GATE])
    return fitted(bind(prompt_mixture), gives, {}, 0.5 * truth), truth


def caring(draw, objective=personal_preference, care=CARE, told=None):
    """People who share a reward and care differently about another; what is fixed are the rewards of each."""
    who = torch.randint(0, len(care), (N,), generator=draw)
    x = features(draw, N, 2, D)
    x = chosen_first(x, happens((apart(x, ONE) + care[who] * apart(x, OTHER)).sigmoid(), draw))
    seen = who if told is None else told(who)

    def gives(w):
        scores = torch.stack([x @ w[:D], x @ w[D : 2 * D]], -1)
        return {"scores": scores, "traits": w[2 * D :][seen].unsqueeze(1)}

    return fitted(bind(objective), gives, {}, torch.cat([ONE, OTHER, care]) / 2), torch.cat([ONE, OTHER, care])


def of_each(w):
    """The reward of each person: what they share, and what they care about."""
    return (w[:D] + w[2 * D :, None] * w[D : 2 * D]).flatten()


@pytest.mark.parametrize("seed", range(3))
class TestRecovery:
    def test_two_rewards_and_how_often_each_person_follows_them(self, seed):
        assert found_again(*by_person(source(seed)))
        assert not found_again(*by_person(source(seed), steeper=1.6))

    def test_two_rewards_and_what_of_a_prompt_weighs_them(self, seed):
        assert found_again(*by_prompt(source(seed)))
        assert not found_again(*by_prompt(source(seed), steeper=1.6))

    def test_the_reward_of_everybody_by_a_few_numbers_each(self, seed):
        fit, truth = caring(source(seed))
        assert found_again(fit, truth, of_each)
        mixed, truth = caring(source(seed), told=lambda who: (who + 1) % 4)
        assert not found_again(mixed, truth, of_each)


@pytest.mark.parametrize("seed", range(3))
class TestLimits:
    def test_people_of_one_mind_are_bradley_terry(self, seed):
        s, ways = features(source(seed), 6, 2), features(source(seed + 9), 6, 2, 2)
        plain, alone = bradley_terry(s), s.unsqueeze(-1)
        whole = torch.cat([alone, ways], -1)
        for same in (
            person_mixture(alone, features(source(seed), 6, 1)),
            person_mixture(torch.cat([alone, ways], -1), torch.tensor([[60.0, 0.0, 0.0]] * 6).double()),
            prompt_mixture(torch.cat([alone, alone, ways], -1)),
            personal_preference(whole, torch.zeros(6, 2).double()),
            latent_preference(whole, torch.tensor([[0.0, 0.0, -90.0, -90.0]] * 6).double(), price=0.0),
        ):
            torch.testing.assert_close(same, plain, rtol=0, atol=1e-12)

    def test_both_orders_are_certain(self, seed):
        s, traits = features(source(seed), 6, 2, 4), features(source(seed + 9), 6, 4)
        for loss in (
            lambda x: person_mixture(x, traits),
            prompt_mixture,
            lambda x: personal_preference(x, traits[:, :3]),
        ):
            both = (-loss(s)).exp() + (-loss(s.flip(1))).exp()
            torch.testing.assert_close(both, torch.ones(6).double(), rtol=0, atol=1e-12)

    def test_the_bound_lies_below_the_likelihood_and_meets_it_where_z_is_known(self, seed):
        s, mean = features(source(seed), 6, 2, 3), features(source(seed + 9), 6, 2)
        known = latent_preference(s, torch.cat([mean, torch.full_like(mean, -90.0)], 1), price=0.0)
        torch.testing.assert_close(known, personal_preference(s, mean), rtol=0, atol=1e-12)
        unsure = latent_preference(s, torch.cat([mean, torch.zeros_like(mean)], 1), price=0.0)
        assert bool((unsure > known).all())  # log sigmoid is concave
        prior = torch.zeros(6, 4).double()
        torch.testing.assert_close(latent_preference(s, prior, price=9.0), latent_preference(s, prior, price=0.0))

    def test_answers_that_are_scored_alike_have_a_gradient(self, seed):
        s = features(source(seed), 6, 1, 3).expand(6, 2, 3)
        traits = features(source(seed), 6, 4).requires_grad_()
        (gradient,) = torch.autograd.grad(latent_preference(s, traits).sum(), traits)
        assert bool(gradient.isfinite().all())


def test_models_that_do_not_match_are_refused():
    s = torch.zeros(2, 2, 3)
    with pytest.raises(RecipeError, match="3 rewards, and 2 numbers"):
        inspect.unwrap(person_mixture)(s, torch.zeros(2, 2))  # as installed, without the check of shapes in tests
    with pytest.raises(RecipeError, match="mixture by prompt has 3 channels"):
        prompt_mixture(s)
    with pytest.raises(RecipeError, match="3 channels, and people differ in 3 ways"):
        personal_preference(s, torch.zeros(2, 3))
    with pytest.raises(RecipeError, match="people have 3 numbers"):
        latent_preference(s, torch.zeros(2, 3))
