"""Methods that shape rewards, price divergences or reject answers: what they reach, and that a broken one misses it."""

from dataclasses import replace

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind, gives
from prefloop.credit import batch_mean
from prefloop.dials import EffectiveShare
from prefloop.learning.update import Dials, derived, loss
from prefloop.loops.optimise import optimise
from prefloop.objectives.policy import ppo_clip
from prefloop.planning import plan
from prefloop.recipe import Decoding
from prefloop.recipes import method
from prefloop.shaping import overlong
from prefloop.shaping.advantages import (
    masked_importance,
    response_masked_importance,
    response_truncated_importance,
)
from prefloop.shaping.channels import mean_channel, worst_channel
from prefloop.shaping.tokens import potential_in_reward
from prefloop.verify.distance import BOUND, from_own_samples, paid
from prefloop.verify.known_rewards import (
    OWN,
    divergence_optimum,
    from_own_pairs,
    kept_of,
    learnt,
    preferred_optimum,
    soup_of_two,
    superhf_rest,
)
from prefloop.verify.learn import from_samples, networks, settling
from prefloop.verify.problem import (
    BETA,
    PROMPT,
    REWARD,
    best_of_distribution,
    distribution,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from prefloop.verify.tabular import PREFIXES, TOKENS, Policy, TabularGenerator, prefix_rows


def test_the_known_answers_are_far_from_the_start():
    start = distribution(reference())
    targets = (
        divergence_optimum("js", 2 * BETA),
        divergence_optimum("chi2", BETA),
        superhf_rest(2, 1.0),
        best_of_distribution(4),
        preferred_optimum(0.1),
    )
    assert all(total_variation(t, start) > 5 * BOUND for t in targets)


def test_no_policy_nearby_is_worth_more_by_its_divergence():
    best, start = divergence_optimum("js", BETA), distribution(reference())

    def worth(p):
        middle = (p + start) / 2
        return (p * REWARD).sum() - BETA * ((p * (p / middle).log()).sum() + (start * (start / middle).log()).sum())

    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        push = 0.01 * torch.randn(64, generator=source, dtype=torch.float64)
        assert worth((best.log() + push).softmax(-1)) < worth(best)


@pytest.mark.parametrize("divergence", ["reverse_kl", "chi2"])
def test_a_policy_held_by_another_divergence_comes_to_that_ones_optimum(divergence):
    recipe = method("f-div-rlhf")(**OWN, beta=BETA, divergence=divergence)
    found = distribution(from_samples(recipe))
    assert total_variation(found, divergence_optimum(divergence, BETA)) < BOUND
    assert total_variation(found, divergence_optimum("js", BETA)) > 10 * BOUND


def test_a_divergence_at_another_price_is_caught():
    assert learnt(method("f-div-rlhf")(**OWN, beta=2.4 * BETA), divergence_optimum("js", 2 * BETA)) > BOUND


@pytest.mark.parametrize("wrong", [{"beta": BETA}, {"dense": -0.5}, {"dense": 0.0}])
def test_rto_with_another_sum_of_rewards_is_caught(wrong):
    recipe = method("rto")(**{**OWN, "steps": 120, "beta": 1.5 * BETA, "dense": 0.5, **wrong})
    assert from_own_samples(recipe) > 5 * BOUND


@pytest.mark.parametrize("wrong", [0.7 * BETA, 1.4 * BETA])
def test_rejection_at_another_temperature_is_caught(wrong):
    recipe = method("rso")(reward=bind(rises), temperature=wrong)
    assert total_variation(kept_of(recipe, 4096), regularised_optimum()) > BOUND


def test_a_selection_that_keeps_the_worse_is_caught():
    def sinks(prompt, response):
        return -rises(prompt, response)

    recipe = method("rso")(reward=bind(sinks), temperature=BETA)
    assert total_variation(kept_of(recipe, 512), regularised_optimum()) > 10 * BOUND


def test_superhf_without_its_kl_or_at_another_price_is_caught():
    recipe, rest = method("superhf")(reward=bind(rises), beta=1.0), superhf_rest(2, 1.0)
    assert from_own_pairs(replace(recipe, objective=recipe.objective[:1]), rest) > 10 * BOUND
    assert from_own_pairs(method("superhf")(reward=bind(rises), beta=1.3), rest) > BOUND


def test_the_rest_of_superhf_is_one_and_far_from_the_optimum_of_the_other_kl():
    rest = superhf_rest(2, 1.0)
    torch.testing.assert_close(rest.sum(), torch.tensor(1.0).double())
    assert total_variation(rest, regularised_optimum()) > 5 * BOUND


def test_par_paid_by_another_preference_or_at_another_price_is_caught():
    few = {**OWN, "steps": 120, "batch": 8}
    assert total_variation(preferred_optimum(0.1), regularised_optimum()) > BOUND
    assert learnt(method("par")(**few, beta=0.15), preferred_optimum(0.1)) > BOUND
    assert learnt(method("contrastive-reward")(**few, beta=0.1), preferred_optimum(0.1)) > 5 * BOUND


def test_a_contrastive_reward_leaves_the_optimum_where_it_was_also_for_who_compares_across_prompts():
    recipe = method("contrastive-reward")(**OWN, beta=BETA)
    across = replace(recipe, derive=(*recipe.derive[:-1], bind(batch_mean)))
    assert learnt(across, regularised_optimum()) < BOUND
    at_another_price = method("contrastive-reward")(**{**OWN, "steps": 120, "batch": 8}, beta=1.3 * BETA)
    assert learnt(at_another_price, regularised_optimum()) > BOUND


@pytest.mark.parametrize("wrong", [{"n": 3}, {"draws": 1}])
def test_bond_with_another_n_or_a_single_draw_is_caught(wrong):
    recipe = method("bond")(**{**OWN, "steps": 120, "batch": 8, "k": 4, "n": 4, "draws": 32, **wrong})
    assert learnt(recipe, best_of_distribution(4)) > 2 * BOUND


@gives("potential")
def somewhere(ids):
    """A number for every prefix, without any meaning."""
    source = torch.Generator().manual_seed(3)
    return 2 * torch.randn(PREFIXES, generator=source, dtype=torch.float64)[prefix_rows(ids)]


@gives("token_reward")
def up_to_the_end(token_reward, potential):
    """Shaping that is wrong: the end keeps the potential of the last prefix."""
    after = torch.cat([potential[..., 1:], potential[..., -1:]], -1)
    return token_reward + after - potential


@pytest.mark.parametrize("name", ["ppo", "rloo"])
def test_a_potential_without_meaning_leaves_the_optimum_where_it_was(name):
    recipe = paid(name)
    price, *credit = recipe.derive
    shaped = replace(recipe, derive=(price, bind(somewhere), bind(potential_in_reward), *credit))
    assert from_own_samples(shaped) < BOUND


def test_a_potential_that_ends_elsewhere_than_at_zero_moves_the_optimum():
    recipe = paid("rloo")
    price, *credit = recipe.derive
    wrong = replace(recipe, derive=(price, bind(somewhere), bind(up_to_the_end), *credit))
    assert from_own_samples(wrong) > 5 * BOUND


def three_judges(prompt, response):
    """Three channels: the reward, and two that never pay less."""
    reward = rises(prompt, response)
    return reward + 1, reward, reward + reward**2


def test_the_worst_channel_decides_where_it_is_the_reward_itself():
    recipe = replace(paid("rloo"), score={"reward": bind(three_judges)})
    cautious = replace(recipe, derive=(bind(worst_channel), *recipe.derive))
    assert from_own_samples(cautious) < BOUND
    assert from_own_samples(replace(recipe, derive=(bind(mean_channel), *recipe.derive))) > 5 * BOUND


def test_a_length_that_all_answers_share_costs_nothing_in_the_end():
    recipe = paid("rloo")
    assert from_own_samples(replace(recipe, derive=(bind(overlong, longest=3, margin=2), *recipe.derive))) < BOUND


@pytest.fixture
def elsewhere():
    """A policy that is neither the reference nor the optimum."""
    source = torch.Generator().manual_seed(7)
    return Policy(torch.randn(1, PREFIXES, TOKENS, generator=source, dtype=torch.float64))


def test_with_weights_of_whole_responses_the_samples_of_another_policy_give_the_policys_own_gradient(elsewhere):
    """Answers are the reference's; the policy's value is enumerated."""
    groups = TabularGenerator(reference()).sample([PROMPT] * 6000, k=2, decoding=Decoding(), seed=5)
    batch = assemble(groups)
    batch = batch.having(reward=torch.tensor([[rises("0", text) for text in g.texts] for g in groups]))
    worth = (elsewhere.log_answers()[0].exp() * REWARD).sum()
    exact = -torch.autograd.grad(worth, elsewhere.table)[0]

    def furthest(*corrections):
        """How many standard errors the mean gradient is from the exact one, at the first token."""
        # a leave-one-out baseline would need the weight of the other response too
        recipe = replace(paid("rloo"), derive=(bind(plainly), *corrections))
        dials, needs = Dials(recipe), plan(recipe)

        def gradient(one):
            outputs = elsewhere.outputs(one, needs.outputs["policy"])
            terms = loss(recipe, outputs, derived(recipe, one, outputs, dials), dials)
            return torch.autograd.grad(terms, elsewhere.table)[0][0, 0]

        found = torch.stack([gradient(batch.rows(i, i + 1)) for i in range(len(batch))])
        return float(((found.mean(0) - exact[0, 0]).abs() / (found.std(0) / len(batch) ** 0.5)).max())

    unbounded = {"low": 0.0, "high": 1e9}
    assert furthest(bind(response_truncated_importance, cap=1e9)) < 4
    assert furthest(bind(response_masked_importance, **unbounded)) < 4
    assert furthest(bind(masked_importance, **unbounded)) > 8  # blind to how likely the other tokens were
    assert furthest() > 8


@gives("advantage")
def plainly(reward):
    return reward.unsqueeze(-1)


def test_salsa_held_to_one_of_the_two_is_caught():
    target = (distribution(soup_of_two()).log() + REWARD / BETA).softmax(-1)
    assert learnt(method("salsa")(**OWN, beta=BETA), target) > 5 * BOUND
    assert total_variation(distribution(soup_of_two()), distribution(reference())) > 5 * BOUND


def test_a_clip_that_follows_the_effective_share_moves_with_it_and_reaches_the_optimum_on_stale_batches():
    """Four passes over each batch: by the last of them it is no longer the policy's own."""
    recipe = settling(replace(paid("ppo"), passes=4, steps=100))
    trust = EffectiveShare(full=0.2)
    clipped = replace(recipe.objective[0], objective=bind(ppo_clip, low=trust, high=trust))
    recipe = replace(recipe, objective=(clipped, *recipe.objective[1:]))
    found, seen = networks(), []
    optimise(
        recipe,
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
        on_step=lambda step, metrics, groups: seen.append(metrics["effective_share"]),
    )
    assert total_variation(distribution(found["policy"]), regularised_optimum()) < BOUND
    assert min(seen) < 0.95 < max(seen) <= 1 + 1e-6
