"""Objectives on single answers and on lists: what they become at their limits, and how they are made of each other."""

import math

import pytest
import torch
from torch.nn.functional import one_hot

from oracles import batch
from prefloop.credit import grpo, midpoint
from prefloop.objectives.imitation import nll
from prefloop.objectives.lists import brain, lipo_lambda, listmle, plackett_luce, pro, rrhf, steerlm2
from prefloop.objectives.pairs import dpo
from prefloop.objectives.policy import reinforce
from prefloop.objectives.rewards import bradley_terry, kway_choice
from prefloop.objectives.singles import bco, nft, pmpo, sppo_hard, unlikelihood
from prefloop.ops import present, tmean, tsum

DIRECT = ("logp", "ref_logp", "mask")
LISTS = {
    plackett_luce: DIRECT,
    listmle: (*DIRECT, "label"),
    lipo_lambda: (*DIRECT, "label"),
    pro: ("logp", "mask", "label"),
    rrhf: ("logp", "mask", "label"),
    brain: ("logp", "old_logp", "ref_logp", "mask", "reward"),
    steerlm2: ("logp", "old_logp", "mask", "reward", "prior"),
}


def near(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@pytest.fixture(params=range(4))
def pairs(request):
    found = batch(request.param, k=2)
    return {**found, "label": torch.tensor([1.0, 0.0]).double().expand(5, 2)}


@pytest.fixture(params=range(4))
def groups(request):
    return batch(request.param, k=4)


def gradient(term, x):
    x = x.clone().requires_grad_()
    term(x).sum().backward()
    return x.grad


def test_a_ranking_of_two_is_a_pair(pairs):
    tensors = [pairs[n] for n in DIRECT]
    near(plackett_luce(*tensors, beta=0.3), dpo(*tensors, beta=0.3))
    near(listmle(*tensors, pairs["label"], beta=0.3), dpo(*tensors, beta=0.3))


def test_lambda_on_two_is_dpo_times_what_the_first_place_is_worth(pairs):
    tensors, worth = [pairs[n] for n in DIRECT], 1 / math.log(2) - 1 / math.log(3)
    near(lipo_lambda(*tensors, pairs["label"], beta=0.3), worth * dpo(*tensors, beta=0.3))


def test_pro_on_two_is_bradley_terry_on_likelihoods_per_token(pairs):
    got = pro(pairs["logp"], pairs["mask"], pairs["label"], imitation=0.0)
    near(got, bradley_terry(tmean(pairs["logp"], pairs["mask"])))


def test_pro_of_a_choice_is_the_choice_by_likelihood_per_token(groups):
    chosen = one_hot(torch.zeros(5, dtype=torch.long), 4).double()
    got = pro(groups["logp"], groups["mask"], chosen, imitation=0.0)
    near(got, kway_choice(tmean(groups["logp"], groups["mask"]), groups["mask"]))


def test_an_order_by_grades_is_the_ranking_of_the_sorted_answers(groups):
    label = torch.tensor([[0.5, 3.0, 1.0, 2.0]]).double().expand(5, 4)
    order = label.argsort(dim=1, descending=True)
    ranked = [groups[n].gather(1, order.unsqueeze(2).expand_as(groups[n])) for n in DIRECT]
    near(listmle(*(groups[n] for n in DIRECT), label), plackett_luce(*ranked))


@pytest.mark.parametrize("function", LISTS)
def test_a_list_with_an_answer_missing_is_the_list_without_it(function, groups):
    without = [0, 2, 3]
    whole = function(*(groups[n] for n in LISTS[function]))
    near(whole[1:2], function(*(groups[n][1:2, without] for n in LISTS[function])))
    assert whole[4] == 0


@pytest.mark.parametrize("function", LISTS)
def test_a_missing_answer_gets_no_gradient_and_makes_none_infinite(function, groups):
    others = [groups[n] for n in LISTS[function][1:]]
    slope = gradient(lambda logp: function(logp, *others), groups["logp"])
    assert slope[~present(groups["mask"])].count_nonzero() == 0
    assert slope.isfinite().all()
    assert slope[0].count_nonzero() > 0


def test_lambda_learns_from_a_policy_that_is_still_the_reference():
    logp, label = torch.full((1, 3, 2), -1.0), torch.tensor([[0.0, 2.0, 1.0]])
    slope = gradient(lambda x: lipo_lambda(x, logp, torch.ones_like(logp), label), logp)[0, :, 0]
    assert slope[1] < 0 < slope[0]


def test_rrhf_of_answers_in_order_only_imitates_the_best():
    logp, label = torch.tensor([[[-1.0], [-2.0], [-3.0]]]), torch.tensor([[2.0, 1.0, 0.0]])
    slope = gradient(lambda x: rrhf(x, torch.ones_like(x), label), logp)[0, :, 0]
    assert slope.tolist() == [-1.0, 0.0, 0.0]


def test_brain_has_the_gradient_of_its_paper(groups):
    logp, old, ref, mask, reward = (groups[n] for n in LISTS[brain])
    there = present(mask)
    posterior = (reward / 0.5 + tsum(ref - old, mask)).masked_fill(~there, -torch.inf).softmax(1)
    policy = tsum(logp - old, mask).masked_fill(~there, -torch.inf).softmax(1)
    want = torch.where(there, policy - posterior, 0.0).unsqueeze(2) * mask
    near(gradient(lambda x: brain(x, old, ref, mask, reward, beta=0.5), logp), want)


def test_steerlm2_on_its_own_draws_pulls_by_how_far_each_is_from_its_share(groups):
    logp, mask, reward, prior = (groups[n] for n in ("logp", "mask", "reward", "prior"))
    there = present(mask)
    share = (reward + prior - tsum(logp, mask)).masked_fill(~there, -torch.inf).softmax(1)
    want = torch.where(there, 1 / there.double().sum(1, keepdim=True) - share, 0.0).unsqueeze(2) * mask
    near(gradient(lambda x: steerlm2(x, logp, mask, reward, prior), logp), want)


def test_steerlm2_is_at_rest_where_the_policy_is_the_posterior_whatever_the_answers_were_drawn_from(groups):
    logp, old, mask, reward = (groups[n] for n in ("logp", "old_logp", "mask", "reward"))
    prior = tsum(logp, mask) - reward + 3.0
    near(gradient(lambda x: steerlm2(x, old, mask, reward, prior), logp), torch.zeros_like(logp))


@pytest.mark.parametrize("eps", [0.5, 1.0])
def test_nft_on_policy_has_the_gradient_of_grpo(groups, eps):
    logp, mask = groups["logp"], groups["mask"]
    right = (groups["reward"] > 1.0).double()
    want = gradient(lambda x: reinforce(x, grpo(right, mask, eps=0.0).nan_to_num()) * mask, logp)
    assert want.count_nonzero() > 0
    near(gradient(lambda x: nft(x, logp, mask, right, eps=eps), logp), want)


def test_nft_pushes_a_wrong_token_down_also_below_its_bound_and_no_harder():
    old_logp = torch.full((1, 2, 1), 0.5).log()
    logp = torch.tensor([[[0.5], [0.9]]]).log()  # R = 1.8, so that (1 - R / 2) / (1 - 1 / 2) is 0.2
    reward = torch.tensor([[1.0, 0.0]])

    def slope(eps):
        return gradient(lambda x: nft(x, old_logp, torch.ones_like(x), reward, eps=eps), logp)[0, 1, 0].item()

    assert slope(1.0) == pytest.approx(1.8)
    assert slope(0.1) == pytest.approx(1.8 / 0.2)


def test_nft_learns_nothing_where_all_are_right(groups):
    right = torch.ones_like(groups["reward"])
    slope = gradient(lambda x: nft(x, groups["old_logp"], groups["mask"], right), groups["logp"])
    assert slope.count_nonzero() == 0
    assert slope.isfinite().all()


def test_pmpo_of_accepted_answers_alone_imitates_them(pairs):
    tensors, label = [pairs[n] for n in DIRECT], torch.ones(5, 2).double()
    near(pmpo(*tensors, label, accepted=1.0, rejected=9.0, beta=0.0), tsum(nll(pairs["logp"]), pairs["mask"]))


def test_pmpo_of_rejected_answers_alone_takes_them_back(pairs):
    tensors, label = [pairs[n] for n in DIRECT], torch.zeros(5, 2).double()
    near(pmpo(*tensors, label, accepted=9.0, rejected=1.0, beta=0.0), tsum(pairs["logp"], pairs["mask"]))


def test_bco_of_a_pair_without_a_shift_is_never_below_dpo(pairs):
    tensors = [pairs[n] for n in DIRECT]
    both = bco(*tensors, pairs["label"], torch.zeros(5).double(), beta=0.7).sum(1)
    assert bool((both > dpo(*tensors, beta=0.7)).all())


def test_bco_does_not_see_what_all_answers_have_gained_alike(groups):
    logp, ref_logp, mask, label = (groups[n] for n in (*DIRECT, "label"))
    one = torch.ones(5, 4, 6).double() / mask.sum(2, keepdim=True).clamp(min=1)

    def seen(x):
        return bco(x, ref_logp, mask, label, midpoint(x, ref_logp, mask, label)) * present(mask)

    near(seen(logp + 3 * one), seen(logp))


def test_bco_sends_no_gradient_into_the_reference_point(groups):
    point = groups["reference_point"].requires_grad_()
    assert not bco(*(groups[n] for n in (*DIRECT, "label")), point).requires_grad


def test_unlikelihood_of_a_certain_token_is_finite_and_has_a_finite_gradient():
    logp, label = torch.zeros(1, 2, 3), torch.tensor([[1.0, 0.0]])
    slope = gradient(lambda x: unlikelihood(x, label), logp)
    assert slope.isfinite().all()
    assert unlikelihood(logp, label)[0, 1, 0].item() == pytest.approx(-math.log(1e-5))


def test_sppo_on_pairs_is_at_rest_where_both_log_ratios_have_their_targets():
    ref_logp = torch.full((1, 2, 1), -3.0)
    logp = ref_logp + torch.tensor([[[2.0], [-2.0]]])
    assert sppo_hard(logp, ref_logp, torch.ones_like(logp), beta=0.25).tolist() == [0.0]
