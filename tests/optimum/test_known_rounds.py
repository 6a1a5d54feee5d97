"""The known answers of judges and rounds can be missed, and each is what it is said to be."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.recipes import method
from prefloop.select import best_of
from prefloop.verify.distance import BOUND
from prefloop.verify.known_rounds import (
    beats,
    contested,
    expert_iteration,
    higher,
    in_rounds,
    iterative_dpo,
    online_ipo,
    online_slic,
    passed,
    short_of,
)
from prefloop.verify.learn import from_samples
from prefloop.verify.problem import BETA, best_alone, distribution, reference, rises, total_variation


def lower(prompt, answers):
    said = higher(prompt, answers)
    return None if said is None else 1 - said


def test_the_known_answers_are_far_from_the_start_and_from_each_other():
    start = distribution(reference())
    found = (start, contested(BETA), passed(1.5), best_alone())
    assert all(total_variation(p, q) > 5 * BOUND for i, p in enumerate(found) for q in found[:i])
    assert short_of(start, 0.5) == 0.5


def test_nobody_gains_by_leaving_the_policy_that_wins_against_itself():
    best, start, wins = contested(BETA), distribution(reference()), beats()

    def worth(policy):
        return policy @ wins @ best - BETA * (policy * (policy / start).log()).sum()

    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        push = 0.01 * torch.randn(64, generator=source, dtype=torch.float64)
        assert worth((best.log() + push).softmax(-1)) < worth(best)


@pytest.mark.parametrize("wrong", [{"reward": bind(lower), "tau": BETA}, {"reward": bind(higher), "tau": 1.3 * BETA}])
def test_online_ipo_by_the_opposite_judge_or_at_another_price_is_caught(wrong):
    assert online_ipo().distance(method("online-ipo")(**wrong)) > BOUND


def test_online_ipo_with_the_loss_of_dpo_is_caught():
    broken = replace(online_ipo().recipe, objective=method("online-dpo")(beta=BETA).objective)
    assert online_ipo().distance(broken) > 5 * BOUND


@pytest.mark.parametrize("wrong", [{"reward": bind(lower), "beta": 2.0}, {"reward": bind(higher), "beta": 2.6}])
def test_online_slic_by_the_opposite_judge_or_with_another_margin_is_caught(wrong):
    assert online_slic().distance(method("online-slic")(**wrong)) > 5 * BOUND


def sinks(prompt, response):
    return -rises(prompt, response)


def test_rounds_of_dpo_that_prefer_the_worst_are_caught():
    known = iterative_dpo()
    assert known.distance(replace(known.recipe, score={"reward": bind(sinks)})) > 10 * BOUND


def test_expert_iteration_with_another_bar_or_with_all_answers_is_caught():
    known = expert_iteration()
    for bar in ({"least": 1.0}, {"least": 2.0}, {"least": -1.0}):
        assert known.distance(replace(known.recipe, select=method("expert-iteration")(**bar).select)) > 5 * BOUND


def test_expert_iteration_comes_to_rest_in_its_first_round():
    recipe = expert_iteration().recipe
    first, third = in_rounds(recipe, rounds=1), in_rounds(recipe, rounds=3)
    assert total_variation(first, passed(1.5)) < 2 * BOUND
    assert total_variation(first, third) < 2 * BOUND


def test_raft_in_the_place_of_expert_iteration_goes_on_to_the_best_alone():
    """From own samples: what is best of a group is kept, where what is good enough would do."""
    recipe = method("raft")(reward=bind(rises), k=8, batch=16, steps=60)
    found = distribution(from_samples(recipe))
    assert total_variation(found, best_alone()) < total_variation(found, passed(1.5))
    assert recipe.select == (bind(best_of),)
