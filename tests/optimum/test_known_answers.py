"""Methods on single answers and on lists: a broken one is seen to miss its known answer."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind, gives
from prefloop.objectives.singles import sppo
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.verify.distance import BOUND, PAIRS, from_own_samples, imitated, paid
from prefloop.verify.known_answers import (
    WIN_BETA,
    bco_thumbs,
    chosen,
    from_bco_thumbs,
    from_labels,
    least_unlikely,
    nearest_to_targets,
    out_of_order,
    pmpo_optimum,
    rankings,
    right,
    some_sets,
    thumbs,
    wrong_share,
)
from prefloop.verify.learn import from_population, judged
from prefloop.verify.problem import (
    BETA,
    REWARD,
    distribution,
    liked,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)


def test_the_known_answers_are_far_from_the_start():
    start = distribution(reference())
    targets = (
        bco_thumbs()[1],
        pmpo_optimum(accepted=0.3, rejected=0.7, beta=0.25),
        least_unlikely(REWARD / 3, start),
        nearest_to_targets(),
        (3 * REWARD).softmax(-1),
    )
    assert all(total_variation(t, start) > 5 * BOUND for t in targets)
    assert wrong_share(replace(method("nft")(reward=bind(right)), steps=1), REWARD >= 1.5) > 0.5
    assert out_of_order(replace(method("rrhf")(), objective=(Term(objective=bind(nothing)),))) > 0.3


def nothing(logp, mask):
    return 0.0 * (logp * mask).sum((1, 2))


def test_every_next_token_of_the_least_unlikely_policy_is_its_best():
    up, often = REWARD / 3, distribution(reference())
    best = least_unlikely(up, often).view(4, 16).sum(1)
    a, b = (often * up).view(4, 16).sum(1), (often * (1 - up)).view(4, 16).sum(1)

    def value(p):
        return (a * p.log() + b * (1 - p).log()).sum()

    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        nearby = (best.log() + 0.01 * torch.randn(4, generator=source, dtype=torch.float64)).softmax(-1)
        assert value(nearby) < value(best)


def test_no_policy_nearby_has_log_ratios_nearer_to_their_targets():
    best, start = nearest_to_targets(), distribution(reference())
    wins = ((REWARD.unsqueeze(-1) - REWARD).sigmoid().sum(-1) - 0.5) / 63

    def squares(policy):
        return ((policy / start).log() - (wins - 0.5) / WIN_BETA).square().sum()

    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        push = 0.01 * torch.randn(64, generator=source, dtype=torch.float64)
        assert squares((best.log() + push).softmax(-1)) > squares(best)


@pytest.mark.parametrize("beta", [0.0, 0.05])
def test_pmpo_of_rejected_answers_alone_runs_away_where_beta_does_not_hold_it(beta):
    knobs = {"accepted": 0.0, "rejected": 1.0, "beta": beta}
    data = thumbs(liked(), distribution(reference()))
    least = [from_labels_after(method("pmpo")(**knobs), data, steps).log().min() for steps in (50, 100, 200)]
    assert least[2] < least[1] - 3 < least[0] - 6


def test_pmpo_of_rejected_answers_alone_comes_to_rest_where_beta_holds_it():
    knobs = {"accepted": 0.0, "rejected": 1.0, "beta": 0.4}
    data = thumbs(liked(), distribution(reference()))
    found = [from_labels_after(method("pmpo")(**knobs), data, steps) for steps in (150, 300)]
    assert all(total_variation(f, pmpo_optimum(**knobs)) < BOUND for f in found)
    assert total_variation(pmpo_optimum(**knobs), distribution(reference())) > 2 * BOUND


def from_labels_after(recipe, data, steps):
    answers, probability, labels = data
    return distribution(from_population(recipe, answers, probability, labels=labels, steps=steps)["policy"])


@pytest.mark.parametrize("wrong", [{"accepted": 0.7}, {"rejected": 0.3}, {"beta": 0.5}])
def test_pmpo_at_another_setting_is_caught(wrong):
    knobs = {"accepted": 0.3, "rejected": 0.7, "beta": 0.25}
    found = from_labels(method("pmpo")(**{**knobs, **wrong}), *thumbs(liked(), distribution(reference())))
    assert total_variation(found, pmpo_optimum(**knobs)) > BOUND


@gives("reference_point")
def nowhere(mask):
    return torch.zeros(len(mask))


def test_bco_at_another_beta_or_without_its_shift_is_caught():
    assert from_bco_thumbs(method("bco")(beta=1.5 * BETA)) > BOUND
    assert from_bco_thumbs(replace(method("bco")(beta=BETA), derive=(bind(nowhere),))) > BOUND


def test_unlikelihood_at_another_weight_is_caught():
    up, often = REWARD / 3, distribution(reference())
    found = from_labels(method("unlikelihood")(alpha=0.3), *thumbs(up, often))
    assert total_variation(found, least_unlikely(up, often)) > BOUND


def test_rankings_read_from_the_worst_or_at_another_beta_are_caught():
    ranked, probability, _ = rankings(some_sets(3))
    recipe = method("plackett-luce")
    assert imitated(recipe(beta=BETA), ranked.flip(-1), probability, regularised_optimum()) > 10 * BOUND
    assert imitated(recipe(beta=1.3 * BETA), ranked, probability, regularised_optimum()) > BOUND


def test_grades_read_from_the_worst_are_caught():
    ranked, probability, orders = rankings(some_sets(3))
    place = orders.argsort(-1)
    found = from_labels(method("listmle")(beta=BETA), ranked.gather(1, place), probability, place.double())
    assert total_variation(found, regularised_optimum()) > 10 * BOUND


def test_lambda_at_another_beta_is_caught():
    assert total_variation(chosen(method("lipo-lambda")(beta=1.3 * BETA), 4), regularised_optimum()) > BOUND


def test_pro_that_also_imitates_ends_elsewhere():
    assert total_variation(chosen(method("pro")(imitation=1.0), 4), (3 * REWARD).softmax(-1)) > BOUND


def test_rrhf_without_its_hinge_leaves_answers_out_of_order():
    def imitate(logp, mask):
        return -(logp * mask)[:, 0].sum(-1)

    assert out_of_order(replace(method("rrhf")(), objective=(Term(objective=bind(imitate)),))) > 2 * BOUND


def test_brain_at_another_beta_or_without_its_reference_is_caught():
    assert from_own_samples(replace(paid("brain"), objective=method("brain")(beta=1.3 * BETA).objective)) > BOUND

    def unheld(logp, old_logp, mask, reward):
        posterior = (reward / BETA - (old_logp * mask).sum(-1)).softmax(-1)
        return -(posterior * ((logp - old_logp) * mask).sum(-1).log_softmax(-1)).sum(-1)

    assert from_own_samples(replace(paid("brain"), objective=(Term(objective=bind(unheld)),))) > 10 * BOUND


def test_spin_at_another_beta_is_caught():
    start = distribution(reference())
    human = (start.log() + REWARD).softmax(-1)
    pairs = torch.cartesian_prod(torch.arange(64), torch.arange(64))
    probability = human[pairs[:, 0]] * start[pairs[:, 1]]
    assert imitated(method("spin")(beta=1.3 * BETA), pairs, probability, regularised_optimum()) > BOUND


def test_sppo_on_pairs_at_another_beta_is_caught():
    assert imitated(method("sppo-hard")(beta=1.5 * WIN_BETA), *judged(PAIRS), nearest_to_targets()) > BOUND


def sinks(prompt, response):
    return -rises(prompt, response)


def wrong(prompt, response):
    return 1 - right(prompt, response)


def test_a_reward_turned_round_is_caught():
    own = {"k": 8, "batch": 16, "steps": 60}
    assert wrong_share(method("sppo")(reward=bind(sinks), beta=BETA, **own), REWARD.max() == REWARD) > 10 * BOUND
    assert wrong_share(method("nft")(reward=bind(wrong), **own), REWARD >= 1.5) > 10 * BOUND


def test_the_average_of_sppo_s_policies_nears_the_von_neumann_winner_of_a_game_without_a_best_answer():
    """Stone, paper, scissors, not quite even; every step is the minimum of the objective."""
    beats = torch.tensor([[0.5, 0.9, 0.2], [0.1, 0.5, 0.8], [0.8, 0.2, 0.5]]).double()
    margin = beats - 0.5
    winner = torch.tensor([margin[1, 2], margin[2, 0], margin[0, 1]])
    winner = winner / winner.sum()
    torch.testing.assert_close(winner @ beats, torch.full((3,), 0.5).double())

    policy, mean, rounds = torch.tensor([0.6, 0.3, 0.1]).double(), torch.zeros(3).double(), 6000
    for _ in range(rounds):
        mean += policy / rounds
        policy = minimum(policy, win_rate=beats @ policy, beta=10.0)
    assert total_variation(mean, winner) < BOUND
    assert total_variation(policy, winner) > BOUND


def minimum(policy, *, win_rate, beta):
    """The policy at the minimum of `sppo` in the log-probabilities, which is one Newton step away, normalised."""
    old = policy.log().view(1, 3, 1)
    logp = old.clone().requires_grad_()
    sppo(logp, old, torch.ones_like(old), win_rate.unsqueeze(0), beta=beta).sum().backward()
    return (old - logp.grad / 2).flatten().softmax(-1)
