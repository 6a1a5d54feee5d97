"""Methods that say how far a policy may go, and from where: what they reach, and that a broken one misses it."""

from dataclasses import replace

import pytest
import torch

from prefloop.loops.optimise import optimise
from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_rewards import OWN, learnt
from prefloop.verify.known_trust import GATED, followed, gated_rest, two_critics
from prefloop.verify.learn import networks, settling
from prefloop.verify.problem import (
    BETA,
    PROMPT,
    REWARD,
    distribution,
    reference,
    regularised_optimum,
    tilted,
    total_variation,
)
from prefloop.verify.tabular import TabularGenerator


def test_a_reference_put_at_the_policy_tilts_it_again():
    """Three optima at three times the price are the optimum at the price itself."""
    twice = followed(beta=3 * BETA, decay=0.0, moves=2)
    torch.testing.assert_close(twice, regularised_optimum())
    torch.testing.assert_close(followed(beta=BETA, decay=1.0, moves=3), regularised_optimum())


def test_a_reference_put_at_the_policy_is_left_behind_again():
    recipe = method("warp-ema")(**{**OWN, "steps": 180}, beta=3 * BETA, decay=0.0, every=60)
    assert learnt(recipe, regularised_optimum()) < BOUND


@pytest.mark.parametrize("wrong", [{"decay": 1.0}, {"decay": 0.3}, {"every": 130}, {"beta": 1.2}])
def test_a_reference_that_moves_in_another_way_is_caught(wrong):
    knobs = {"beta": 1.5, "decay": 0.5, "every": 60, **wrong}
    recipe = method("warp-ema")(**{**OWN, "steps": 240}, **knobs)
    assert learnt(recipe, followed(beta=1.5, decay=0.5, moves=3)) > BOUND


def test_where_the_gated_dial_rests_both_of_its_equations_hold():
    policy, beta = gated_rest(GATED)
    start = distribution(reference())
    torch.testing.assert_close(policy, tilted(REWARD / beta))
    kl = float((policy * (policy / start).log()).sum())
    entropy = float(-(policy * policy.log()).sum()) / 3
    threshold = GATED.begin + GATED.integral * float((policy - start) @ REWARD)
    assert kl > threshold
    assert 2 * GATED.weight * (kl - threshold) * GATED.floor / (entropy + 0.1) == pytest.approx(beta, rel=1e-6)
    assert total_variation(policy, start) > 5 * BOUND
    assert total_variation(policy, regularised_optimum()) > 5 * BOUND


@pytest.mark.parametrize("wrong", [{"floor": 0.0}, {"begin": 0.0}, {"weight": 0.1}])
def test_a_price_without_its_gate_threshold_or_weight_is_caught(wrong):
    policy, _ = gated_rest(GATED)
    recipe = method("safe-entropy")(**OWN, beta=replace(GATED, **wrong))
    assert learnt(recipe, policy, critic=two_critics(0.3)) > BOUND


@pytest.mark.parametrize(("seed", "weight", "kept"), [(0, 0.2, True), (1, 0.2, True), (2, 0.2, True), (0, 5.0, False)])
def test_of_the_reward_that_was_gained_more_than_half_is_kept_from_any_seed(seed, weight, kept):
    """The price comes after the KL it is for, so that the reward goes beyond its rest and back; at a price that is
    wildly too dear it falls much further."""
    recipe = method("safe-entropy")(**{**OWN, "steps": 60}, beta=replace(GATED, weight=weight))
    found, seen = {**networks(), "critic": two_critics(0.3)}, []
    optimise(
        settling(replace(recipe, seed=seed)),
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
        on_step=lambda step, metrics, _: seen.append(metrics["reward"]),
    )
    half = float((distribution(reference()) + gated_rest(GATED)[0]) @ REWARD) / 2
    assert max(seen[:20]) > half
    assert (min(seen[20:]) > half) == kept
