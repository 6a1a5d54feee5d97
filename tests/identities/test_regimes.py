"""What the losses with draws, doubts and goals become at their limits, and what holds of their means."""

import itertools

import pytest
import torch

from oracles import batch
from prefloop.binding import bind
from prefloop.credit import preferred_calibrate
from prefloop.dials import Linear
from prefloop.errors import RecipeError
from prefloop.evaluation.assumption import falls_short
from prefloop.learning.update import Dials, loss
from prefloop.objectives.calibration import calibrated_ratio
from prefloop.objectives.divergences import f_dpo
from prefloop.objectives.margins import constrained_dpo, odpo
from prefloop.objectives.pairs import dpo, ipo, osp
from prefloop.objectives.reference_free import simpo
from prefloop.objectives.robust import doubly_robust
from prefloop.ops import tmean, tsum
from prefloop.recipes import method
from prefloop.verify.problem import BETA, REWARD, distribution, reference

EXACT = {"rtol": 0, "atol": 1e-12}


def near(got, want):
    torch.testing.assert_close(got, want, **EXACT)


@pytest.fixture(params=range(4))
def pairs(request):
    found = batch(request.param, k=2)
    return {**found, "calibrated": preferred_calibrate(found["mask"]).double()}


def slope(recipe, tensors, dials=None):
    """The gradient of a recipe's whole loss."""
    logp = tensors["logp"].clone().requires_grad_()
    loss(recipe, {"logp": logp}, tensors, dials or Dials(recipe)).backward()
    return logp.grad


def test_vpo_without_pessimism_is_dpo_and_xpo_without_a_bonus_is_dpo_on_its_pairs(pairs):
    plain = slope(method("dpo")(beta=0.3), pairs)
    near(slope(method("vpo")(beta=0.3, alpha=0.0), pairs), plain)
    near(slope(method("xpo")(beta=0.3, alpha=0.0), pairs), plain)
    near(slope(method("online-dpo")(beta=0.3), pairs), plain)
    assert float((slope(method("xpo")(beta=0.3, alpha=0.1), pairs) - plain).abs().max()) > 1e-3


def test_vpo_calibrated_on_the_preferred_answers_is_rpo_up_to_what_the_reference_says_of_them(pairs):
    torch.set_default_dtype(torch.float64)
    try:
        near(
            slope(method("vpo")(beta=0.3, alpha=0.5), pairs),
            slope(method("rpo")(beta=0.3, eta=0.15), pairs),
        )
    finally:
        torch.set_default_dtype(torch.float32)


def test_xpo_and_vpo_push_the_same_answers_opposite_ways(pairs):
    plain = slope(method("dpo")(beta=0.5), pairs)
    optimist = slope(method("xpo")(beta=0.5, alpha=0.1), pairs) - plain
    pessimist = slope(method("vpo")(beta=0.5, alpha=0.2), pairs) - plain
    near(optimist, -pessimist)
    assert bool((optimist[:, 0] >= 0).all())
    assert not optimist[:, 1].any()


def test_a_calibration_on_nothing_says_nothing(pairs):
    nothing = torch.zeros(5, 2).double()
    near(calibrated_ratio(pairs["logp"], pairs["ref_logp"], pairs["mask"], nothing), torch.zeros(5).double())


def test_with_a_goal_far_below_the_constrained_loss_is_dpo_on_mean_log_probabilities(pairs):
    names = ("logp", "ref_logp", "mask")
    logp, ref_logp = (tmean(pairs[n], pairs["mask"]).unsqueeze(-1) for n in names[:2])
    near(
        constrained_dpo(*(pairs[n] for n in names), beta=0.7, gamma=-100.0),
        dpo(logp, ref_logp, torch.ones_like(logp), beta=0.7),
    )


def test_a_sharp_goal_is_the_higher_of_the_reference_and_gamma(pairs):
    """At the goal the loss is log 2."""
    ref = tmean(pairs["ref_logp"], pairs["mask"])
    goal = (ref[:, 0] - ref[:, 1]).clamp(min=0.1)
    logp = torch.stack([goal, torch.zeros_like(goal)], 1).unsqueeze(-1).expand(pairs["mask"].shape)
    found = constrained_dpo(logp, pairs["ref_logp"], pairs["mask"], gamma=0.1, tau=1e4)
    torch.testing.assert_close(found, torch.full((5,), 2.0).double().log(), rtol=0, atol=1e-3)


def test_a_goal_is_never_below_gamma_nor_below_the_references_own_lead(pairs):
    start = constrained_dpo(pairs["ref_logp"], pairs["ref_logp"], pairs["mask"], gamma=0.2)
    assert bool((start > torch.tensor(2.0).log()).all())


def test_the_pairs_that_fall_short_are_those_of_which_the_optimum_prefers_the_other():
    pairs = torch.combinations(torch.arange(64))
    start = distribution(reference()).log()
    optimum = (start + REWARD / BETA).log_softmax(-1)
    ref_logp = start[pairs].unsqueeze(-1)
    found = falls_short(ref_logp, torch.ones_like(ref_logp), REWARD[pairs], beta=BETA)
    assert torch.equal(found, optimum[pairs[:, 0]] < optimum[pairs[:, 1]])


# Doubly robust


@pytest.fixture(scope="module")
def world():
    """Six answers: the reference, how people choose, a policy, and a reward by which they do, or another one."""
    source = torch.Generator().manual_seed(5)
    worth, other, moved, ref = torch.randn(4, 6, generator=source, dtype=torch.float64)
    return {"ref": ref.log_softmax(-1), "logp": (ref + moved).log_softmax(-1), "worth": worth, "other": other}


PLAIN = {
    "dpo": bind(dpo, beta=0.7),
    "ipo": bind(ipo, tau=0.4),
    "simpo": bind(simpo, beta=2.0),
    "f_dpo": bind(f_dpo, beta=0.7, divergence="js"),
}


def terms(world, answers, reward, wrapped):
    """The loss of rows of answers (R K) and its gradient by answer (R 6); the plain loss where only two are given."""
    log = {n: world[n][answers].unsqueeze(-1) for n in ("logp", "ref")}
    logp = log["logp"].requires_grad_()
    tensors = {"logp": logp, "ref_logp": log["ref"], "mask": torch.ones_like(log["ref"]), "reward": reward[answers]}
    found = wrapped(tensors) if answers.shape[1] == 2 else bind(doubly_robust, loss=wrapped)(tensors)
    (by_response,) = torch.autograd.grad(found.sum(), logp)
    slopes = torch.zeros(len(answers), 6).double().scatter_add(1, answers, by_response.squeeze(-1))
    return found.detach(), slopes


def preferring(world, rows):
    """The probability of each ordered pair as it was judged: both drawn from the reference, the first one chosen."""
    together = world["ref"][rows].sum(1).exp()
    return together * (world["worth"][rows[:, 0]] - world["worth"][rows[:, 1]]).sigmoid()


ORDERED = torch.cartesian_prod(torch.arange(6), torch.arange(6))


def everything(world):
    """Every judged pair with every two draws (1296 4), and how probable each row is when all are of the reference."""
    both = torch.tensor(list(itertools.product(range(36), repeat=2)))
    rows = torch.cat([ORDERED[both[:, 0]], ORDERED[both[:, 1]]], 1)
    # Each of the two orders of a judged pair is drawn, and one of them is chosen: twice the probability of one.
    return rows, 2 * preferring(world, rows[:, :2]) * world["ref"][rows[:, 2:]].sum(1).exp()


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("reward", ["worth", "other"])
def test_the_mean_is_that_of_the_plain_loss_whatever_the_reward_if_the_pairs_are_draws(world, name, reward):
    rows, probability = everything(world)
    assert abs(float(probability.sum()) - 1) < 1e-12
    found, slopes = terms(world, rows, world[reward], PLAIN[name])
    plain, plain_slopes = terms(world, ORDERED, world[reward], PLAIN[name])
    share = 2 * preferring(world, ORDERED)
    near(probability @ found, share @ plain)
    near(probability @ slopes, share @ plain_slopes)


@pytest.mark.parametrize("name", PLAIN)
def test_the_mean_is_that_of_the_plain_loss_whatever_was_judged_if_the_reward_is_right(world, name):
    """Only three of the pairs were judged, and one of these most often."""
    rows, _ = everything(world)
    judged = torch.zeros(6, 6).double()
    judged[0, 1], judged[2, 5], judged[3, 4] = 0.7, 0.2, 0.1
    judged = judged + judged.T
    first = (world["worth"][rows[:, 0]] - world["worth"][rows[:, 1]]).sigmoid()
    probability = judged[rows[:, 0], rows[:, 1]] * first * world["ref"][rows[:, 2:]].sum(1).exp()
    assert abs(float(probability.sum()) - 1) < 1e-12
    share = 2 * preferring(world, ORDERED)
    plain, plain_slopes = terms(world, ORDERED, world["worth"], PLAIN[name])
    found, slopes = terms(world, rows, world["worth"], PLAIN[name])
    near(probability @ found, share @ plain)
    near(probability @ slopes, share @ plain_slopes)
    other, _ = terms(world, rows, world["other"], PLAIN[name])
    assert abs(float(probability @ other - share @ plain)) > 1e-3  # both are wrong


def spread(slopes, probability):
    """The variance of a gradient, summed over the answers."""
    mean = probability @ slopes
    return float(probability @ (slopes - mean).square().sum(-1))


def test_two_draws_leave_the_variance_of_the_gradient_as_it_is(world):
    rows, probability = everything(world)
    _, slopes = terms(world, rows, world["worth"], PLAIN["dpo"])
    _, plain = terms(world, ORDERED, world["worth"], PLAIN["dpo"])
    assert spread(slopes, probability) == pytest.approx(spread(plain, 2 * preferring(world, ORDERED)), abs=1e-12)


def test_with_a_right_reward_every_further_draw_lowers_the_variance_of_the_gradient(world):
    """On the same 20,000 judged pairs and draws: rows of less spread, by more than three standard errors."""
    source = torch.Generator().manual_seed(0)
    answers = torch.multinomial(world["ref"].exp(), 20_000 * 8, replacement=True, generator=source).view(-1, 8)
    first = (world["worth"][answers[:, 0]] - world["worth"][answers[:, 1]]).sigmoid()
    turned = torch.rand(len(answers), generator=source, dtype=torch.float64) > first
    answers[turned, :2] = answers[turned, :2].flip(1)

    def squares(draws):
        _, slopes = terms(world, answers[:, : 2 + draws], world["worth"], PLAIN["dpo"])
        return (slopes - slopes.mean(0)).square().sum(-1)

    found = [squares(draws) for draws in (0, 4, 6)]
    for fewer, more in itertools.pairwise(found):
        saved = fewer - more
        assert float(saved.mean()) > 3 * float(saved.std()) / len(saved) ** 0.5


def test_where_the_two_draws_are_the_judged_pair_nothing_is_taken_off(pairs):
    twice = {n: torch.cat([pairs[n], pairs[n]], 1) for n in ("logp", "ref_logp", "mask", "reward")}
    near(bind(doubly_robust, loss=PLAIN["dpo"])(twice), PLAIN["dpo"](pairs))


def test_a_loss_that_reads_what_draws_do_not_have_is_refused_by_name():
    groups = batch(0, k=4)
    for wrapped, lacking in ((bind(odpo), "`label`"), (bind(osp), "`target`")):
        with pytest.raises(RecipeError, match=f"{wrapped.name}.* reads {lacking}"):
            bind(doubly_robust, loss=wrapped)(groups)


def test_what_wraps_a_loss_on_pairs_learns_from_pairs():
    wrapper = bind(doubly_robust, loss=PLAIN["simpo"])
    assert wrapper.pairwise
    assert wrapper.compares
    assert wrapper.inner == (PLAIN["simpo"],)
    assert "reward" in wrapper.inputs


def test_a_knob_of_the_wrapped_loss_moves_with_its_dial():
    recipe = method("vrpo")(loss=bind(dpo, beta=Linear(begin=0.2, end=0.8)), reward=bind(len))
    groups, dials = batch(0, k=4), Dials(recipe)
    for beta in (0.2, 0.8):
        fixed = method("vrpo")(beta=beta, reward=bind(len))
        near(slope(recipe, groups, dials), slope(fixed, groups))
        dials.turn(step=0, steps=1, metrics={})


def test_the_sum_of_the_log_ratios_of_the_preferred_answers_is_the_calibration_of_vpo(pairs):
    ratio = tsum(pairs["logp"] - pairs["ref_logp"], pairs["mask"])
    near(calibrated_ratio(*(pairs[n] for n in ("logp", "ref_logp", "mask", "calibrated"))), ratio[:, 0])
