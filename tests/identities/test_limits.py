"""What the formulas become at their limits, and how they are made of each other."""

import math

import pytest
import torch

from oracles import batch
from prefloop.credit import gae, group_mean, mismatched_kl, rloo
from prefloop.objectives.critic import value_clip
from prefloop.objectives.pairs import dpo
from prefloop.objectives.policy import ppo_clip, reinforce
from prefloop.objectives.rewards import bradley_terry, kway_choice
from prefloop.objectives.singles import kto
from prefloop.ops import present, tsum
from prefloop.select import best_and_worst, best_of
from prefloop.shaping import kl_in_reward, total_reward, whiten_advantage

EXACT = {"rtol": 0, "atol": 1e-12}


def near(got, want):
    torch.testing.assert_close(got, want, **EXACT)


@pytest.fixture(params=range(4))
def pairs(request):
    return batch(request.param, k=2)


@pytest.fixture(params=range(4))
def groups(request):
    return batch(request.param, k=4)


def gradient(term, x):
    x = x.clone().requires_grad_()
    term(x).sum().backward()
    return x.grad


def test_dpo_knows_nothing_when_beta_is_zero(pairs):
    near(
        dpo(pairs["logp"], pairs["ref_logp"], pairs["mask"], beta=0.0),
        torch.full((5,), math.log(2), dtype=torch.float64),
    )


def test_dpo_with_every_second_label_flipped_does_not_care_which_answer_is_first(pairs):
    logp, ref_logp, mask = pairs["logp"], pairs["ref_logp"], pairs["mask"]
    near(dpo(logp, ref_logp, mask, smoothing=0.5), dpo(logp.flip(1), ref_logp.flip(1), mask.flip(1), smoothing=0.5))


def test_dpo_is_bradley_terry_on_implicit_rewards(pairs):
    implicit = 0.3 * tsum(pairs["logp"] - pairs["ref_logp"], pairs["mask"])
    near(dpo(pairs["logp"], pairs["ref_logp"], pairs["mask"], beta=0.3), bradley_terry(implicit))


def test_a_choice_between_two_is_a_comparison(pairs):
    near(kway_choice(pairs["score"], pairs["mask"]), bradley_terry(pairs["score"]))


def test_a_choice_with_one_response_missing_is_the_choice_without_it(groups):
    without = [0, 2, 3]
    near(
        kway_choice(groups["score"], groups["mask"])[1:2],
        kway_choice(groups["score"][1:2, without], groups["mask"][1:2, without]),
    )


def test_a_prompt_without_responses_teaches_the_reward_model_nothing(groups):
    slope = gradient(lambda score: kway_choice(score, groups["mask"]), groups["score"])
    assert slope[4].tolist() == [0.0] * 4
    assert slope[2, 2:].tolist() == [0.0] * 2
    assert slope[2, 0] < 0 < slope[2, 1]


def test_kto_pulls_liked_answers_up_and_pushes_the_others_down_most_at_the_reference_point():
    logp = torch.tensor([[[-9.0], [0.0], [9.0]]]).expand(2, 3, 1)
    label = torch.tensor([[1.0] * 3, [0.0] * 3])
    zeros = torch.zeros_like(logp)
    slope = gradient(lambda x: kto(x, zeros, zeros + 1, label, torch.zeros(2), beta=1.0), logp)[..., 0]
    assert bool((slope[0] < 0).all())
    assert bool((slope[1] > 0).all())
    assert slope.abs().argmax(-1).tolist() == [1, 1]


def test_kto_knows_nothing_when_beta_is_zero(groups):
    names = ("logp", "ref_logp", "mask", "label", "reference_point")
    near(kto(*(groups[n] for n in names), beta=0.0), torch.full((5, 4), 0.5).double())


def test_kto_of_a_liked_answer_is_that_of_a_disliked_one_seen_from_the_other_side(groups):
    logp, ref_logp, mask, label, point = (groups[n] for n in ("logp", "ref_logp", "mask", "label", "reference_point"))
    near(kto(logp, ref_logp, mask, label, point), kto(ref_logp, logp, mask, (label <= 0).double(), -point))


def test_kto_sends_no_gradient_into_the_reference_point(groups):
    point = groups["reference_point"].requires_grad_()
    assert not kto(groups["logp"], groups["ref_logp"], groups["mask"], groups["label"], point).requires_grad


def test_the_reference_point_never_falls_below_zero(groups):
    far, mask = torch.full_like(groups["logp"], -9.0), groups["mask"]
    assert mismatched_kl(far, groups["ref_logp"], mask).tolist() == [0.0] * 5
    assert bool((mismatched_kl(groups["ref_logp"], far, mask) > 1).all())


def test_a_pair_has_the_best_answer_first_and_of_equals_two_different_ones(groups):
    reward, mask = groups["reward"][:1], groups["mask"][:1]
    best, worst = best_and_worst(reward, mask)[0].tolist()
    assert best_of(reward, mask)[0].tolist().index(True) == best
    assert best_of(-reward, mask)[0].tolist().index(True) == worst
    assert best_and_worst(torch.zeros(1, 4), mask).tolist() == [[0, 3]]


def test_ppo_starts_from_the_policy_gradient(groups):
    logp, advantage = groups["logp"], groups["advantage"]
    near(
        gradient(lambda x: ppo_clip(x, logp, advantage), logp),
        gradient(lambda x: reinforce(x, advantage), logp),
    )


def test_ppo_pushes_no_token_further_once_its_ratio_has_left_the_range():
    old = torch.zeros(1, 2, 1)
    far = torch.tensor([[[0.5], [-0.5]]])
    good, bad = torch.ones(1, 2, 1), -torch.ones(1, 2, 1)
    assert gradient(lambda x: ppo_clip(x, old, good), far).ne(0).flatten().tolist() == [False, True]
    assert gradient(lambda x: ppo_clip(x, old, bad), far).ne(0).flatten().tolist() == [True, False]


def test_reinforce_sends_no_gradient_into_the_advantage(groups):
    advantage = groups["advantage"].requires_grad_()
    assert not reinforce(groups["logp"], advantage).requires_grad


def test_a_critic_without_a_clip_minimises_half_the_squared_error(groups):
    value, old_value, returns = groups["value"], groups["old_value"], groups["returns"]
    near(value_clip(value, old_value, returns, clip=math.inf), (value - returns).square() / 2)


def test_gae_with_lambda_one_is_what_is_still_to_come_minus_the_value(groups):
    token_reward, mask = groups["token_reward"], groups["mask"]
    advantage, returns = gae(token_reward, groups["old_value"], mask, lam=1.0)
    to_come = (token_reward * mask).flip(-1).cumsum(-1).flip(-1) * mask
    near(returns, to_come)
    near(advantage, to_come - groups["old_value"] * mask)


def test_gae_with_lambda_zero_looks_one_chosen_token_ahead():
    token_reward, old_value = torch.tensor([[[1.0, 9.0, 2.0]]]), torch.tensor([[[0.5, 9.0, 0.25]]])
    advantage, _ = gae(token_reward, old_value, torch.tensor([[[1, 0, 1]]]), gamma=0.5, lam=0.0)
    assert advantage.tolist() == [[[1.0 + 0.5 * 0.25 - 0.5, 0.0, 2.0 - 0.25]]]


def test_leaving_one_out_is_the_group_mean_times_k_over_k_minus_one(groups):
    reward, mask = groups["reward"], groups["mask"]
    count = present(mask).sum(-1).clamp(min=2)[:, None, None].double()
    near(rloo(reward, mask), count / (count - 1) * group_mean(reward, mask))


def test_advantages_over_a_group_sum_to_zero(groups):
    for credit in (rloo, group_mean):
        near(credit(groups["reward"], groups["mask"]).sum(1), torch.zeros(5, 1).double())


def test_the_kl_in_the_reward_adds_up_to_the_log_ratio_of_the_response(groups):
    reward, old_logp, ref_logp, mask = (groups[n] for n in ("reward", "old_logp", "ref_logp", "mask"))
    paid = total_reward(kl_in_reward(reward, old_logp, ref_logp, mask, beta=0.3), mask)
    near(paid, reward * present(mask) - 0.3 * tsum(old_logp - ref_logp, mask))


def test_whitened_advantages_have_mean_zero_and_variance_one_over_the_chosen_tokens(groups):
    chosen = groups["mask"].bool()
    seen = whiten_advantage(groups["advantage"], groups["mask"])[chosen]
    near(seen.mean(), torch.tensor(0.0).double())
    torch.testing.assert_close(seen.var(correction=0), torch.tensor(1.0).double(), rtol=0, atol=1e-6)
