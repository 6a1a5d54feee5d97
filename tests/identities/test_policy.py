"""What the policy gradients have in common, and what the clip of each leaves of a gradient."""

import pytest
import torch

from oracles import batch
from prefloop.binding import bind
from prefloop.credit import gae, gigpo, group_mean, return_to_go, rloo
from prefloop.dials import MovingAverage
from prefloop.objectives.policy import cispo, dual_clip, gspo, pairwise_ppo, ppo_clip, reinforce
from prefloop.ops import tsum
from prefloop.select import filtered, varied
from prefloop.shaping import overlong
from prefloop.shaping.siblings import diverse_win

seeds = pytest.mark.parametrize("seed", range(4))


def near(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def slopes(objective, tensors, *, weights=None, **knobs):
    """The gradient of an objective's terms, summed over the chosen tokens, with respect to `logp`."""
    logp = tensors["logp"].clone().requires_grad_()
    terms = bind(objective, **knobs)({**tensors, "logp": logp})
    terms = terms * tensors["mask"] if terms.dim() == 3 else terms
    terms = terms if weights is None else terms * weights
    return torch.autograd.grad(terms.sum(), logp)[0] * tensors["mask"]


def on_policy(tensors):
    return {**tensors, "logp": tensors["old_logp"]}


@seeds
def test_on_the_policy_that_drew_them_cispo_and_the_clip_are_reinforce(seed):
    found = on_policy(batch(seed, k=4))
    near(slopes(cispo, found), slopes(reinforce, found))
    near(slopes(ppo_clip, found), slopes(reinforce, found))


@seeds
def test_on_the_policy_that_drew_them_gspo_is_reinforce_divided_by_the_length(seed):
    found = on_policy(batch(seed, k=4))
    found["advantage"] = found["reward"].unsqueeze(-1)
    length = found["mask"].sum(-1, keepdim=True).clamp(min=1)
    near(slopes(gspo, found), slopes(reinforce, found) / length)


@seeds
def test_gspo_of_single_tokens_is_the_clip_of_each(seed):
    found = batch(seed, k=4)
    found["mask"] = found["mask"] * (torch.arange(6) == 1)
    found["advantage"] = found["reward"].unsqueeze(-1)
    term = bind(gspo, low=0.2, high=0.3)(found)
    near(term, tsum(bind(ppo_clip, low=0.2, high=0.3)(found), found["mask"]))


def test_gspo_clips_all_tokens_of_a_response_or_none():
    logp = torch.tensor([[[0.4, 2.0], [-0.4, 0.0]]], dtype=torch.float64)
    found = {
        "logp": logp,
        "old_logp": torch.zeros_like(logp),
        "mask": torch.ones_like(logp),
        "advantage": torch.ones(1, 2, 1, dtype=torch.float64),
    }
    gspo_slope, token_slope = slopes(gspo, found, low=0.2, high=0.2)[0], slopes(ppo_clip, found)[0]
    assert gspo_slope.bool().tolist() == [[False, False], [True, True]]
    assert token_slope.bool().tolist() == [[False, False], [True, True]]
    found["logp"] = torch.tensor([[[0.4, -0.4], [0.0, 0.0]]], dtype=torch.float64)
    assert slopes(gspo, found, low=0.2, high=0.2)[0].bool().all()
    assert slopes(ppo_clip, found)[0].bool().tolist() == [[False, True], [True, True]]


@seeds
def test_cispo_leaves_no_token_without_a_gradient_and_weighs_it_by_the_clipped_ratio(seed):
    found = batch(seed, k=4)
    ratio = (found["logp"] - found["old_logp"]).exp().clamp(0.9, 1.1)
    assert bool((ratio != (found["logp"] - found["old_logp"]).exp()).any())
    near(slopes(cispo, found, low=0.1, high=0.1), ratio * slopes(reinforce, found))


@seeds
def test_pairwise_ppo_of_two_own_answers_is_rloo(seed):
    found = on_policy(batch(seed, k=2))
    found["advantage"] = rloo(found["reward"], found["mask"])
    near(slopes(pairwise_ppo, found), slopes(reinforce, found) / 2)


@seeds
def test_pairwise_ppo_does_not_see_a_reward_that_is_shifted_for_a_prompt(seed):
    found = batch(seed, k=2)
    shifted = {**found, "reward": found["reward"] + found["reference_point"][:, None]}
    near(bind(pairwise_ppo)(shifted), bind(pairwise_ppo)(found))


@seeds
def test_dual_clip_is_ppo_clip_unless_a_bad_token_has_become_far_likelier(seed):
    found = batch(seed, k=4)
    near(bind(dual_clip, most=1e9)(found), bind(ppo_clip)(found))
    good = {**found, "advantage": found["advantage"].abs()}
    near(slopes(dual_clip, good), slopes(ppo_clip, good))


def test_beyond_the_second_clip_a_bad_token_is_charged_no_more_and_has_no_slope():
    logp = torch.tensor([[[5.0, 2.0]]], dtype=torch.float64).log()
    found = {"logp": logp, "old_logp": torch.zeros_like(logp), "advantage": torch.full_like(logp, -2.0)}
    found["mask"] = torch.ones_like(logp)
    near(bind(dual_clip)(found), torch.tensor([[[6.0, 4.0]]], dtype=torch.float64))
    assert slopes(dual_clip, found)[0].bool().tolist() == [[False, True]]


def test_pairwise_ppo_clips_a_pair_by_how_far_both_went_together():
    """Each of the two is within its own clip, and both together are not."""
    logp = torch.tensor([[[0.15], [-0.15]]], dtype=torch.float64)
    found = {
        "logp": logp,
        "old_logp": torch.zeros_like(logp),
        "mask": torch.ones_like(logp),
        "reward": torch.tensor([[1.0, 0.0]], dtype=torch.float64),
    }
    assert not slopes(pairwise_ppo, found).any()
    assert slopes(pairwise_ppo, found, high=0.4).all()


@seeds
def test_what_is_paid_from_here_on_is_the_advantage_above_the_critic_and_in_all_the_total(seed):
    found = batch(seed, k=4)
    paid, mask = found["token_reward"], found["mask"]
    advantage, _ = gae(paid, found["old_value"], mask, lam=1.0)
    to_go = return_to_go(paid, mask)
    near(advantage + torch.where(mask.bool(), found["old_value"], 0.0), to_go)
    first = (mask.cumsum(-1) == 1) & mask.bool()
    near(torch.where(first, to_go, 0.0).sum(-1), tsum(paid, mask))


@seeds
def test_without_a_discount_for_time_a_token_is_credited_with_its_own_pay_alone(seed):
    found = batch(seed, k=4)
    near(return_to_go(found["token_reward"], found["mask"], gamma=0.0), found["token_reward"] * found["mask"])


@pytest.mark.parametrize("keep", ["best-random", "best-worst"])
def test_of_answers_paid_alike_two_are_kept_all_the_same(keep):
    kept = filtered(torch.ones(1, 4), torch.ones(1, 4, 2), keep=keep)
    assert kept.tolist() == [[True, True, False, False]]


def test_the_other_answer_that_goes_on_is_any_of_the_rest_equally_often():
    source = torch.Generator().manual_seed(0)
    reward = torch.rand(8000, 4, generator=source)
    kept = filtered(reward, torch.ones(8000, 4, 1))
    ranks = reward.argsort(-1, descending=True).argsort(-1)[kept].view(-1, 2).amax(-1).bincount(minlength=4)
    assert ranks[0] == 0
    spread = (8000 * 2 / 9) ** 0.5
    assert bool(((ranks[1:] - 8000 / 3).abs() < 4 * spread).all())


def test_a_group_whose_only_other_answer_is_missing_is_not_kept():
    assert not varied(torch.tensor([[1.0, 9.0]]), torch.tensor([[[1], [0]]])).any()


def test_an_answer_costs_nothing_up_to_the_margin_and_one_at_the_end():
    mask = (torch.arange(10) < torch.arange(1, 11)[:, None]).long().unsqueeze(0)
    price = -overlong(torch.zeros(1, 10), mask, longest=9, margin=4)[0]
    torch.testing.assert_close(price, torch.tensor([0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1, 1]))


def test_the_average_of_a_metric_that_stays_comes_to_it_and_the_first_step_is_measured_against_the_start():
    dial = MovingAverage(rate=0.2, begin=-1.0)
    now = dial.start()
    assert now == -1.0
    for step in range(100):
        now = dial.next(now, step=step, steps=100, metrics={"paid": 3.0})
    assert now == pytest.approx(3.0)
    assert MovingAverage(metric="kl").next(0.0, step=0, steps=1, metrics={"kl": 1.0, "paid": 9.0}) == 0.1


@seeds
def test_gigpo_without_its_steps_compares_totals_alone(seed):
    found = batch(seed, k=4)
    mask, total = found["mask"], tsum(found["token_reward"], found["mask"])
    near(gigpo(found["token_reward"], found["ids"], mask, omega=0.0), group_mean(total, mask) * mask)


def test_gigpo_tells_what_followed_the_same_beginning_from_what_did_not():
    """Three answers begin alike; of their last tokens two stand after the same beginning, and one alone."""
    ids = torch.tensor([[[1, 2, 3], [1, 2, 4], [1, 5, 3]]])
    paid = torch.tensor([[[0.0, 0.0, 3.0], [0.0, 0.0, 0.0], [0.0, 0.0, 6.0]]])
    mask = torch.ones(1, 3, 3)
    step = gigpo(paid, ids, mask) - gigpo(paid, ids, mask, omega=0.0)
    assert step.tolist() == [[[0.0, 0.0, 1.5], [-3.0, -3.0, -1.5], [3.0, 3.0, 0.0]]]


def test_the_order_and_number_of_the_same_tokens_does_not_make_answers_differ():
    ids, wins = torch.tensor([[[1, 2, 2], [2, 1, 0], [2, 2, 1]]]), torch.full((1, 3), 0.5)
    mask = torch.tensor([[[1, 1, 1], [1, 1, 0], [1, 1, 1]]])
    assert diverse_win(wins, ids, mask, weight=1.0).tolist() == wins.tolist()


def test_what_others_said_in_between_parts_the_states_of_gigpo():
    paid, mask = torch.tensor([[[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]]]), torch.tensor([[[1, 0, 1], [1, 0, 1]]])
    for said, apart in ((6, [[0.5, 0.0, 0.5], [-0.5, 0.0, -0.5]]), (7, [[0.5, 0.0, 0.0], [-0.5, 0.0, 0.0]])):
        ids = torch.tensor([[[1, 6, 3], [1, said, 4]]])
        step = gigpo(paid, ids, mask) - gigpo(paid, ids, mask, omega=0.0)
        assert step.tolist() == [apart]
