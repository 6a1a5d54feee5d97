"""What people who do not agree are known to want can be missed, and so can the policy for the worst off of them."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind, gives
from prefloop.recipes import method
from prefloop.shaping.channels import mean_channel
from prefloop.verify.distance import BOUND
from prefloop.verify.known_people import CASES, OTHER, maxmin_optimum
from prefloop.verify.problem import BETA, REWARD, distribution, reference, total_variation


@pytest.mark.parametrize("name", ["annotator-embedding", "annotator-groups", "micro", "vpl"])
def test_one_reward_for_everybody_does_not_tell_them_apart(name):
    known = CASES[name]()
    one = replace(method("general-preference")(planes=1), name=name)
    assert known.distance(one) > 5 * BOUND


def test_a_price_on_being_sure_of_people_is_seen():
    assert CASES["vpl"]().distance(method("vpl")(dimensions=1, price=0.1)) > BOUND


@gives("reward")
def best_group(reward, mask):
    """What serves the group that is best off already."""
    return reward[..., reward.flatten(0, 1).mean(0).argmax()]


@pytest.mark.parametrize("paid", [mean_channel, best_group])
def test_a_policy_paid_by_the_mean_or_the_best_off_is_caught(paid):
    known = CASES["maxmin"]()
    few = replace(known.recipe, steps=60, batch=8)
    assert known.distance(replace(few, derive=(bind(paid), *few.derive[1:]))) > 2 * BOUND


def test_no_policy_nearby_leaves_the_worst_off_better_off():
    best, start = maxmin_optimum(), distribution(reference())

    def worth(p):
        return torch.minimum((p * REWARD).sum(), (p * OTHER).sum()) - BETA * (p * (p / start).log()).sum()

    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        push = 0.01 * torch.randn(64, generator=source, dtype=torch.float64)
        assert worth((best.log() + push).softmax(-1)) < worth(best)
    assert total_variation(best, start) > 5 * BOUND
