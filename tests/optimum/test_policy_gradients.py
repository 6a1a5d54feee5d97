"""The mean gradient of each policy gradient is the enumerated one where it claims to be, and has its stated bias."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from estimates import elsewhere, estimates, furthest, in_direction, of_regularised_reward, of_share
from prefloop.binding import bind
from prefloop.credit import rloo
from prefloop.loops.optimise import optimise
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.verify.distance import BOUND, from_own_samples
from prefloop.verify.known_answers import right, wrong_share
from prefloop.verify.known_policy import contested, standardised_optimum, with_kl, won
from prefloop.verify.learn import from_samples, networks, settling
from prefloop.verify.problem import (
    BETA,
    PROMPT,
    REWARD,
    distribution,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from prefloop.verify.tabular import TabularGenerator

TIMES = 3000


@cache
def exact():
    return of_regularised_reward(elsewhere())


def found(name, *, k, prompts=1, times=TIMES, **knobs):
    recipe = method(name)(reward=bind(rises), beta=BETA, k=k, **knobs)
    return estimates(recipe, elsewhere(), times=times, prompts=prompts)


UNBIASED = {
    "rloo": (3, 1, 1),
    "remax": (2, 1, 1),
    "reinforce-ema": (2, 1, 1),
    # The mean over tokens divides by the length, which is 3.
    "a2c": (2, 1, 1 / 3),
    "pairwise-ppo": (2, 1, 1),
    # An answer is part of its own baseline: (K - 1) / K, of all K answers in the batch. Dr. GRPO divides by 64 as well.
    "dr-grpo": (3, 1, 2 / 3 / 64),
    "reinforce": (2, 3, 5 / 6),
}
"""Answers to a prompt, prompts in a batch, and what the exact gradient is multiplied by."""


@pytest.mark.parametrize("name", UNBIASED)
def test_the_mean_of_many_gradients_is_the_enumerated_one(name):
    k, prompts, share = UNBIASED[name]
    seen = found(name, k=k, prompts=prompts)
    assert furthest(seen, share * exact()) < 4
    assert furthest(seen, 1.5 * share * exact()) > 4
    assert furthest(seen, 0.6 * share * exact()) > 4


@pytest.mark.parametrize(("name", "k", "prompts"), [("gspo", 4, 1), ("cispo", 4, 1), ("pf-ppo", 4, 4), ("ppo", 4, 4)])
def test_a_deviation_a_filter_or_a_critic_that_shortens_returns_turns_the_gradient(name, k, prompts):
    """Not by much: it is still uphill."""
    seen = found(name, k=k, prompts=prompts)
    assert furthest(seen, in_direction(seen, exact())) > 4
    assert torch.cosine_similarity(seen.mean(0).flatten(), exact().flatten(), dim=0) > 0.9


def test_without_the_deviation_gspo_divides_by_the_length_and_does_not_turn():
    recipe = method("gspo")(reward=bind(rises), beta=BETA, k=3)
    recipe = replace(recipe, derive=(*recipe.derive[:-1], bind(rloo)))
    assert furthest(estimates(recipe, elsewhere(), times=TIMES), exact() / 3) < 4


@pytest.mark.parametrize("name", ["reinforce-plus-plus", "reinforce-plus-plus-baseline"])
def test_the_bias_of_normalising_over_the_batch_shrinks_as_the_batch_grows(name):
    few, many = found(name, k=2, prompts=2), found(name, k=2, prompts=32, times=600)
    turned = [float((seen.mean(0) - in_direction(seen, exact())).norm() / exact().norm()) for seen in (few, many)]
    scale = [float(in_direction(seen, exact()).norm() / exact().norm()) for seen in (few, many)]
    assert furthest(few, in_direction(few, exact())) > 4
    assert turned[1] / scale[1] < turned[0] / scale[0] / 3


@pytest.mark.parametrize("k", [2, 4])
def test_maxrl_follows_the_likelihood_of_a_right_answer_to_its_order(k):
    """sum over j < K of 1/j grad pass@j, and neither one more nor the success rate alone."""
    policy = elsewhere()
    p, slope = of_share(policy, REWARD >= 1.5)

    def to_order(j):
        return -(1 - (1 - p) ** j) / p * slope

    recipe = method("maxrl")(reward=bind(right), k=k)
    seen = estimates(recipe, policy, times=3 * TIMES)
    assert furthest(seen, to_order(k - 1)) < 4
    assert furthest(seen, to_order(k)) > 4
    assert k == 2 or furthest(seen, to_order(1)) > 4


def test_the_sum_of_pass_at_k_is_what_maxrl_is_said_to_follow():
    p = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    for order in (1, 3, 6):
        passed = sum((1 - (1 - p) ** j) / j for j in range(1, order + 1))
        [slope] = torch.autograd.grad(passed, p)
        torch.testing.assert_close(slope, (1 - (1 - p.detach()) ** order) / p.detach())


@pytest.mark.parametrize(
    "name", ["a2c", "cispo", "dr-grpo", "gigpo", "gspo", "reinforce-ema", "reinforce-plus-plus-baseline"]
)
def test_a_kl_at_another_price_is_caught(name):
    recipe = with_kl(name)
    dearer = bind(recipe.derive[0].function, beta=1.2 * BETA)
    assert from_own_samples(replace(recipe, derive=(dearer, *recipe.derive[1:]))) > BOUND


def test_pairwise_ppo_with_its_pair_turned_round_is_caught():
    def turned(logp, old_logp, reward, mask):
        [term] = with_kl("pairwise-ppo").objective
        return -term.objective({"logp": logp, "old_logp": old_logp, "reward": reward, "mask": mask})

    broken = replace(with_kl("pairwise-ppo"), objective=(Term(objective=bind(turned)),), steps=60)
    assert from_own_samples(broken) > 10 * BOUND


def test_pf_ppo_of_the_best_alone_ends_elsewhere():
    recipe = method("pf-ppo")(reward=bind(rises), beta=BETA, k=8, batch=16, steps=250, keep="best")
    assert from_own_samples(recipe) > 5 * BOUND


def test_maxrl_and_dapo_that_are_paid_for_the_opposite_are_caught():
    def wrong(prompt, response):
        return 1 - right(prompt, response)

    for name in ("maxrl", "dapo"):
        recipe = method(name)(reward=bind(wrong), k=8, batch=16, steps=60)
        assert wrong_share(recipe, REWARD >= 1.5) > 0.5


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_ppr_gde_that_pays_another_price_for_variety_is_caught(weight):
    reached = distribution(from_samples(replace(won(k=8, weight=weight), batch=16)))
    assert total_variation(reached, contested(k=8, weight=1.0)) > BOUND


def test_what_wins_and_varies_against_itself_is_far_from_the_start_and_from_what_only_wins():
    contest, start = contested(k=8, weight=1.0), distribution(reference())
    assert total_variation(contest, start) > 5 * BOUND
    assert total_variation(contest, contested(k=8, weight=0.0)) > 2 * BOUND
    assert total_variation(contest, regularised_optimum()) > 5 * BOUND


def stabilised(**knobs):
    return method("ppo-max")(
        reward=bind(rises), **{"beta": 1.0, "cut": 1.0, "k": 8, "batch": 64, "steps": 250, **knobs}
    )


@pytest.mark.parametrize("broken", [{"cut": 1.5}, {"beta": 1.2}, {"alone": 240}])
def test_ppo_max_with_another_cut_or_price_or_too_little_time_ends_elsewhere(broken):
    target = standardised_optimum(beta=1.0, cut=1.0)
    assert total_variation(distribution(from_samples(stabilised(**broken))), target) > BOUND


def test_the_critic_of_ppo_max_learns_alone_first():
    """Whatever the advantages: no weight of the policy moves before its turn, and the critic's do at once."""
    policies, critics = [], []
    for steps in (3, 4):
        found = networks()
        settled = replace(settling(stabilised(alone=3)), steps=steps)
        before = {role: found[role].table.detach().clone() for role in ("policy", "critic")}
        optimise(settled, networks=found, generator=TabularGenerator(found["policy"]), prompts=[PROMPT])
        policies.append(torch.equal(found["policy"].table, before["policy"]))
        critics.append(torch.equal(found["critic"].table, before["critic"]))
    assert policies == [True, False]
    assert critics == [False, False]


def test_the_critic_of_ppo_max_starts_as_what_pays_unless_that_is_no_model():
    assert method("ppo-max")().models["critic"].source == "reward"
    assert method("ppo-max")(reward=bind(rises)).models["critic"].source == method("ppo")().models["critic"].source
