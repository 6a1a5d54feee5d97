"""The known answers of the methods that suppose something of the reference, or draw from it, can be missed."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.evaluation.assumption import falls_short
from prefloop.objectives.pairs import dpo
from prefloop.objectives.robust import doubly_robust
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.verify.distance import BOUND, PAIRS
from prefloop.verify.known_pairs import BRADLEY_TERRY
from prefloop.verify.known_regimes import cpo_conditional, explored, held_dear, leads, vpo, vrpo
from prefloop.verify.pairwise import apart, chosen, learnt, lowest
from prefloop.verify.problem import (
    BETA,
    REWARD,
    distribution,
    reference,
    regularised_optimum,
    rises,
    total_variation,
)
from prefloop.verify.regret import COPIES, falling, regret
from prefloop.verify.tabular import Policy

OPTIMUM = regularised_optimum()


def with_weight(recipe, weight):
    """The recipe with another weight of its second term."""
    first, second = recipe.objective
    return replace(recipe, objective=(first, replace(second, weight=weight)))


# Pessimism: vpo


def test_vpo_with_its_sign_turned_round_is_caught():
    known = vpo()
    weight = known.recipe.objective[1].weight
    assert weight < 0
    assert known.distance(with_weight(known.recipe, -weight)) > BOUND


def test_vpo_at_another_price_is_caught():
    known = vpo()
    assert known.distance(method("vpo")(beta=1.2 * BETA, alpha=0.1)) > BOUND


def test_the_more_pessimistic_vpo_is_the_nearer_it_comes_to_the_preferred_answers():
    """Where the two terms disagree: choices are Bradley-Terry, and the mean winner is a dull answer."""
    people = chosen(BRADLEY_TERRY)
    winners = torch.zeros(64).double().index_add(0, people[0][:, 0], people[1])
    ends = [lowest(method("vpo")(beta=BETA, alpha=alpha), *people) for alpha in (0.0, 0.1, 1.0)]
    away = [total_variation(end, winners) for end in ends]
    assert total_variation(ends[0], OPTIMUM) < 1e-4
    assert away[0] > away[1] + BOUND > away[2] + 2 * BOUND
    found = learnt(method("vpo")(beta=BETA, alpha=1.0), *people, steps=400)
    assert total_variation(found, ends[2]) < BOUND


# Optimism: xpo


def test_a_bonus_for_exploring_spares_regret_and_the_sign_turned_round_costs_it():
    assert explored(0.1).high < 0
    assert explored(-0.1).low > 0


def test_the_reference_of_that_problem_hardly_ever_says_what_pays_best():
    start = Policy(falling()[None]).log_answers().exp()[0].detach()
    assert float(start[REWARD.max() == REWARD].sum()) < 0.01
    assert len(set(regret(method("xpo")(reward=bind(rises), steps=5)).tolist())) > COPIES / 2


# Either may be wrong: vrpo


def few():
    """Two draws, every pair of them once, beside 28 judged pairs over and over, each in both orders (4032 4)."""
    judged = PAIRS[(PAIRS < 8).all(1)].repeat(len(PAIRS) // 28, 1)
    _, probability = chosen(apart(pairs=judged).sigmoid(), judged)
    return torch.cat([torch.cat([order, PAIRS], 1) for order in (judged, judged.flip(1))]), probability


def test_vrpo_learns_of_answers_that_nobody_judged_from_a_right_reward_and_not_from_a_wrong_one():
    rows, probability = few()
    right = replace(vrpo().recipe, score={"reward": bind(rises)})
    assert total_variation(learnt(right, rows, probability), OPTIMUM) < BOUND
    assert total_variation(learnt(vrpo().recipe, rows, probability), OPTIMUM) > 5 * BOUND
    assert total_variation(learnt(method("dpo")(beta=BETA), rows[:, :2], probability), OPTIMUM) > 5 * BOUND


@pytest.mark.parametrize("part", ["judged", "drawn"])
def test_vrpo_without_what_it_takes_off_or_puts_back_is_caught(part):
    def broken(logp, ref_logp, mask, reward):
        whole = doubly_robust(logp, ref_logp, mask, reward, loss=bind(dpo, beta=BETA))
        pairs = {"judged": [0, 1], "drawn": [2, 3]}[part]
        forth, back = (dpo(logp[:, at], ref_logp[:, at], mask[:, at], beta=BETA) for at in (pairs, pairs[::-1]))
        first = (reward[:, pairs[0]] - reward[:, pairs[1]]).sigmoid()
        mean = first * forth + (1 - first) * back
        return whole + mean if part == "judged" else whole - mean

    known = vrpo()
    assert known.distance(replace(known.recipe, objective=(Term(objective=bind(broken)),))) > 5 * BOUND


# Where DPO and RLHF part: cpo-conditional


def dpo_leads():
    people = apart(pairs=held_dear()).sigmoid()
    return leads(learnt(method("dpo")(beta=BETA), *chosen(people, held_dear()), steps=300))


def short():
    """What the detector says of the pairs of the counter-example, from one token that stands for an answer."""
    log_ref = distribution(reference()).log()[held_dear()].unsqueeze(-1)
    return falls_short(log_ref, torch.ones_like(log_ref), REWARD[held_dear()], beta=BETA)


def test_dpo_still_prefers_the_worse_answer_of_just_the_pairs_that_the_detector_names():
    found, before = dpo_leads(), leads(distribution(reference()))
    assert bool((found > before).all())  # so the loss of every pair has fallen
    assert torch.equal(found < 0, short())
    assert 5 <= int(short().sum()) < len(held_dear())


def test_the_constrained_loss_prefers_the_better_answer_of_every_pair():
    people = apart(pairs=held_dear()).sigmoid()
    assert bool((leads(learnt(cpo_conditional().recipe, *chosen(people, held_dear()))) > 0).all())


@pytest.mark.parametrize("other", [{"gamma": -50.0}, {"gamma": 0.6}, {"beta": 4.5}, {"tau": 1.0}, {"alpha": 1.5}])
def test_cpo_conditional_without_its_goal_or_with_another_one_is_caught(other):
    knobs = {"beta": 3.0, "gamma": 0.5, "tau": 2.0, **other}
    assert cpo_conditional().distance(method("cpo-conditional")(**knobs)) > BOUND


def test_no_answer_is_in_two_pairs_of_the_counter_example():
    places = held_dear().flatten().tolist()
    assert len(set(places)) == len(places) == 2 * len(short())
    assert bool((apart(pairs=held_dear()) > 0).all())
