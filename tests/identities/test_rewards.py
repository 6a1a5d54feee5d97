"""What is paid: what its bounds, orders and sums are, what it does not see, and what it is made of."""

import math

import pytest
import torch

from oracles import batch
from prefloop.credit import gae
from prefloop.ops import present, tsum
from prefloop.shaping import total_reward, truncated_importance
from prefloop.shaping.advantages import (
    masked_importance,
    response_masked_importance,
    response_truncated_importance,
)
from prefloop.shaping.channels import (
    lower_bound,
    mean_channel,
    reward_robust,
    uncertainty_weighted,
    weighted_channels,
    worst_channel,
)
from prefloop.shaping.endings import length_priced, overlong, unfinished_paid, unfinished_priced
from prefloop.shaping.kl import divergence_in_reward, kl_in_reward
from prefloop.shaping.references import best_of_n_ratio, contrastive, par
from prefloop.shaping.tokens import (
    implicit_in_reward,
    potential_in_reward,
    process_reward,
    step_ends,
    steps_in_reward,
)
from prefloop.shaping.transforms import (
    centred,
    clipped,
    confidence_priced,
    log_sigmoid,
    min_max,
    sigmoid,
    standardised,
    tanh,
)


def near(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@pytest.fixture(params=range(4))
def groups(request):
    return batch(request.param, k=4)


ALONE = [
    pytest.param(lambda r: clipped(r, low=-1.5, high=2.0), (-1.5, 2.0), id="clipped"),
    pytest.param(sigmoid, (0.0, 1.0), id="sigmoid"),
    pytest.param(tanh, (-1.0, 1.0), id="tanh"),
    pytest.param(log_sigmoid, (-math.inf, 0.0), id="log_sigmoid"),
    pytest.param(lambda r: min_max(r, torch.ones(*r.shape, 1)), (0.0, 1.0), id="min_max"),
    pytest.param(lambda r: centred(r, torch.ones(*r.shape, 1)), (-math.inf, math.inf), id="centred"),
    pytest.param(lambda r: standardised(r, torch.ones(*r.shape, 1)), (-math.inf, math.inf), id="standardised"),
    pytest.param(lambda r: par(r, torch.tensor([[0.3, -1.0]]).to(r)), (0.0, 1.0), id="par"),
    pytest.param(lambda r: contrastive(r, torch.tensor([0.3]).to(r)), (-math.inf, math.inf), id="contrastive"),
    pytest.param(lambda r: best_of_n_ratio(r, torch.tensor([[0.3, -1.0]]).to(r)), (-math.inf, math.log(4)), id="best"),
]


@pytest.mark.parametrize(("shape", "ends"), ALONE)
def test_a_reward_that_is_bent_keeps_its_order_and_stays_within_its_bounds(shape, ends):
    rewards = torch.linspace(-30, 30, 241, dtype=torch.float64).unsqueeze(0)
    bent = shape(rewards)
    assert bool((bent.diff() >= 0).all())
    assert ends[0] <= bent.min() < bent.max() <= ends[1]
    assert bent.isfinite().all()


@pytest.mark.parametrize("hold", [contrastive, par, best_of_n_ratio])
def test_what_a_prompt_adds_to_all_its_rewards_falls_out_beside_reference_answers(hold):
    # numbers that binary fractions hold exactly, so that answers paid alike stay so
    reward, beside = torch.tensor([[4.0, 2.0, 3.0]]), torch.tensor([[2.0, 3.0, 1.0]])
    assert torch.equal(hold(reward + 512, beside + 512), hold(reward, beside))
    assert not torch.equal(hold(reward + 512, beside), hold(reward, beside))


def test_a_contrastive_reward_varies_less_between_prompts_that_are_paid_differently():
    source = torch.Generator().manual_seed(0)
    prompt, own, reference = (torch.randn(4000, 1, generator=source, dtype=torch.float64) for _ in range(3))
    reward = 3 * prompt + own
    plain, held = reward.var(), contrastive(reward, (3 * prompt + reference).flatten()).var()
    several = torch.randn(4000, 16, generator=source, dtype=torch.float64)
    steadier = contrastive(reward, 3 * prompt + several).var()
    assert steadier < 0.75 * held < 0.75 * 0.3 * plain


def test_par_beside_a_single_answer_is_a_sigmoid_of_the_contrastive_reward(groups):
    one = torch.linspace(0, 1, 5, dtype=torch.float64)
    near(par(groups["reward"], one), sigmoid(contrastive(groups["reward"], one)))
    assert not torch.equal(par(groups["reward"], groups["reward"]), sigmoid(contrastive(*[groups["reward"]] * 2)))


def test_answers_beside_each_other_are_paid_one_between_them():
    first, second = torch.tensor([[1.5]]).double(), torch.tensor([[-0.5]]).double()
    near(par(first, second.flatten()) + par(second, first.flatten()), torch.ones(1, 1).double())


def test_tanh_is_sigmoid_at_twice_the_slope_and_height(groups):
    near(tanh(groups["reward"], slope=0.7), 2 * sigmoid(groups["reward"], slope=1.4) - 1)


def test_an_answer_that_is_half_sure_or_usual_is_paid_as_it_was_and_being_sure_pays_only_where_it_is_right(groups):
    reward, half = groups["reward"], torch.full((5, 4), 0.5).double()
    near(confidence_priced(reward, half, average=3.0), reward)
    near(confidence_priced(torch.full_like(reward, 3.0), groups["confidence"], average=3.0), 0 * reward + 3)
    gained = confidence_priced(reward, half + 0.4, average=1.0) - confidence_priced(reward, half - 0.4, average=1.0)
    assert torch.equal(gained > 0, reward > 1.0)


def test_the_best_of_one_is_a_single_answer(groups):
    near(best_of_n_ratio(groups["reward"], groups["baseline"], n=1), torch.zeros(5, 4).double())


def test_a_batch_paid_alike_is_shaped_to_nothing():
    alike, mask = torch.full((2, 2), 3.0), torch.ones(2, 2, 1)
    for shape in (centred, min_max):
        assert shape(alike, mask).tolist() == [[0.0, 0.0]] * 2


def test_a_missing_answer_does_not_move_what_the_batch_is_measured_by(groups):
    there = present(groups["mask"])
    wild = groups["reward"].masked_fill(~there, 1e6)
    for shape in (centred, standardised, min_max):
        got = shape(wild, groups["mask"])
        near(got, shape(groups["reward"], groups["mask"]))
        assert bool((got[~there] == 0).all())
    near(standardised(wild, groups["mask"], eps=0.0)[there].var(correction=0), torch.tensor(1.0).double())


def test_channels_that_agree_are_what_each_of_them_says(groups):
    agreed = groups["reward"].unsqueeze(-1).expand(5, 4, 3)
    for combine in (mean_channel, worst_channel, uncertainty_weighted, lower_bound, reward_robust):
        near(combine(agreed), groups["reward"])


def test_no_way_of_caution_pays_more_than_the_mean_nor_worst_case_more_than_caution(groups):
    mean, worst = mean_channel(groups["channels"]), worst_channel(groups["channels"])
    for combine in (uncertainty_weighted, lower_bound, reward_robust):
        assert bool((combine(groups["channels"]) < mean).all())
    assert bool((worst <= reward_robust(groups["channels"])).all())


def test_the_order_of_the_channels_does_not_matter_unless_they_are_weighted(groups):
    turned = groups["channels"].flip(-1)
    for combine in (mean_channel, worst_channel, uncertainty_weighted, lower_bound, reward_robust):
        near(combine(turned), combine(groups["channels"]))
    weights = (1.0, 0.5, 0.25)
    near(weighted_channels(turned, weights=weights[::-1]), weighted_channels(groups["channels"], weights=weights))


def test_caution_at_no_price_is_the_mean_and_its_ends_are_mean_and_worst_case(groups):
    channels = groups["channels"]
    near(uncertainty_weighted(channels, lam=0.0), mean_channel(channels))
    near(lower_bound(channels, deviations=0.0), mean_channel(channels))
    near(reward_robust(channels, nominal=1.0), mean_channel(channels))
    near(reward_robust(channels, nominal=0.0), worst_channel(channels))
    near(weighted_channels(channels, weights=(1 / 3,) * 3), mean_channel(channels))


def test_of_two_channels_one_deviation_below_the_mean_is_the_worst(groups):
    two = groups["channels"][..., :2]
    near(lower_bound(two), worst_channel(two))


def test_potentials_add_up_to_minus_that_of_the_prompt(groups):
    paid, potential, mask = (groups[n] for n in ("token_reward", "potential", "mask"))
    first = mask.argmax(-1, keepdim=True)
    shaped = total_reward(potential_in_reward(paid, potential, mask), mask)
    start = torch.where(present(mask), potential.gather(-1, first).squeeze(-1), 0.0)
    near(shaped, total_reward(paid, mask) - start)


def test_a_critic_that_adds_the_potential_sees_the_same_advantages(groups):
    """Shaping by a potential is moving the critic by it: Wiewiora 2003."""
    paid, value, potential, mask = (groups[n] for n in ("token_reward", "old_value", "potential", "mask"))
    shaped = gae(potential_in_reward(paid, potential, mask, gamma=0.9), value, mask, gamma=0.9, lam=0.8)[0]
    near(shaped, gae(paid, value + potential, mask, gamma=0.9, lam=0.8)[0])


def test_implicit_rewards_add_up_to_the_implicit_reward_of_the_response(groups):
    paid, dpo, ref, mask = (groups[n] for n in ("token_reward", "dpo_logp", "ref_logp", "mask"))
    got = total_reward(implicit_in_reward(paid, dpo, ref, mask, dense=0.3), mask)
    near(got, total_reward(paid, mask) + 0.3 * tsum(dpo - ref, mask))


def test_a_policy_that_is_the_dpo_model_pays_the_kl_with_what_it_is_paid(groups):
    reward, dpo, ref, mask = (groups[n] for n in ("reward", "dpo_logp", "ref_logp", "mask"))
    priced = kl_in_reward(reward, dpo, ref, mask, beta=0.3)
    near(total_reward(implicit_in_reward(priced, dpo, ref, mask, dense=0.3), mask), reward * present(mask))


def test_steps_add_up_to_their_scores(groups):
    paid, scores, ids, mask = (groups[n] for n in ("token_reward", "token_score", "ids", "mask"))
    ends = step_ends(ids, mask, separators=(1,)).double()
    got = total_reward(steps_in_reward(paid, scores, ends, weight=0.7), mask)
    near(got, total_reward(paid, mask) + 0.7 * (ends * scores).sum(-1))


def test_without_separators_a_response_is_one_step_that_ends_with_it(groups):
    ends = step_ends(groups["ids"], groups["mask"], separators=())
    assert ends.sum(-1).tolist() == present(groups["mask"]).float().tolist()
    scores = groups["token_score"]
    whole = torch.where(present(groups["mask"]), (ends.double() * scores).sum(-1).sigmoid(), 0.0)
    for by in ("product", "minimum", "last"):
        near(process_reward(scores, ends.double(), by=by), whole)


def test_a_solution_is_never_surer_than_its_worst_step(groups):
    scores, ends = groups["token_score"], groups["step_end"]
    product, minimum, last = (process_reward(scores, ends, by=by) for by in ("product", "minimum", "last"))
    assert bool((product <= minimum + 1e-12).all())
    assert bool((minimum <= last + 1e-12).all())
    assert bool((product < minimum).any())
    assert bool((minimum < last).any())


def test_where_sampler_and_trainer_agree_every_correction_leaves_advantages_alone(groups):
    advantage, logp, mask = groups["advantage"], groups["old_logp"], groups["mask"]
    for correct in (
        truncated_importance,
        masked_importance,
        response_truncated_importance,
        response_masked_importance,
    ):
        near(correct(advantage, logp, logp, mask), (advantage * mask))


def test_a_mask_leaves_out_what_a_cap_lets_through():
    advantage = one = torch.ones(1, 3, 1).double()
    old = torch.tensor([[[0.9], [0.5], [0.1]]]).double()
    old, drawn = old.log(), (old / torch.tensor([[[8.0], [1.25], [0.125]]]).double()).log()
    capped, masked = (f(advantage, old, drawn, one).flatten() for f in (truncated_importance, masked_importance))
    near(capped, torch.tensor([2.0, 1.25, 0.125]).double())
    near(masked, torch.tensor([0.0, 1.25, 0.0]).double())


def test_a_response_is_weighed_by_the_product_of_its_tokens(groups):
    advantage, old, drawn, mask = (groups[n] for n in ("advantage", "old_logp", "sampled_logp", "mask"))
    weight = torch.where(mask.bool(), (old - drawn).exp(), 1.0).prod(-1, keepdim=True)
    got = response_truncated_importance(advantage, old, drawn, mask, cap=math.inf)
    near(got, torch.where(mask.bool(), weight * advantage, 0.0))
    near(response_masked_importance(advantage, old, drawn, mask, low=0.0, high=math.inf), got)


def test_the_reverse_kl_is_the_kl_in_the_reward(groups):
    reward, old, ref, mask = (groups[n] for n in ("reward", "old_logp", "ref_logp", "mask"))
    whole = total_reward(kl_in_reward(reward, old, ref, mask, beta=0.3), mask)
    got = divergence_in_reward(reward, old, ref, mask, beta=0.3, divergence="reverse_kl")
    near(got[present(mask)], whole[present(mask)])


def test_length_is_free_up_to_a_point_and_then_costs_the_same_for_every_token():
    reward, mask = torch.zeros(1, 5), torch.tril(torch.ones(5, 5)).unsqueeze(0)
    assert length_priced(reward, mask, price=0.5, free=2).tolist() == [[0.0, 0.0, -0.5, -1.0, -1.5]]
    assert overlong(reward, mask, longest=4, margin=2).tolist() == [[0.0, 0.0, -0.5, -1.0, -1.0]]


def test_an_answer_that_ends_is_paid_as_it_was(groups):
    ended = torch.ones(5, 4)
    for rule in (unfinished_priced, unfinished_paid):
        near(rule(groups["reward"], ended), groups["reward"])
    assert bool((unfinished_paid(groups["reward"], 0 * ended, value=-3.0) == -3).all())
