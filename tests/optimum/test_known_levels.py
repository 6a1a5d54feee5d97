"""Answers, prompts and gaps: what is learnt of them, and that what is left out or broken is missed."""

import pytest
import torch

from prefloop.recipes import method
from prefloop.verify.distance import BOUND, PAIRS
from prefloop.verify.known_levels import CASES, SOME, answered_off, equally_worthy, rewards, said, scored_off
from prefloop.verify.problem import BETA


@pytest.mark.parametrize("name", CASES)
def test_what_is_known_is_reached(name):
    assert CASES[name]().verdict().passed


def test_every_answer_stands_in_a_pair():
    assert set(SOME.flatten().tolist()) == set(PAIRS.flatten().tolist())


def test_a_constant_for_each_prompt_is_open_without_one_answer_under_two_prompts():
    assert scored_off(method("mapl")(), rewards(1.0), levels="answers gaps") > 5 * BOUND


def test_gaps_tell_what_a_prompt_adds_where_nothing_was_said_of_its_own_answers():
    """Answers to the first prompt and gaps fix the second up to a constant; without the gaps it stays flat."""
    reward = rewards(1.0)
    answers, asked, _ = said(reward)
    first = (asked[:, :2] == 0).all(-1) & (answers[:, 2] < 0)
    assert bool(first.any())
    assert scored_off(method("mapl")(inter=0.0), reward, levels="prompts gaps") < BOUND  # each answer is tied to itself
    assert scored_off(method("mapl")(inter=0.0), reward, levels="gaps") > 5 * BOUND


def test_a_prompt_of_more_worth_moves_dpo_away_from_the_reward_but_not_gaps():
    unequal = equally_worthy() + torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    recipe = method("mapl-dpo")(beta=BETA)
    assert answered_off(recipe, unequal) > BOUND
    assert answered_off(recipe, unequal, levels="answers gaps") < BOUND


def test_another_beta_is_caught():
    assert answered_off(method("mapl-dpo")(beta=1.5 * BETA), equally_worthy()) > BOUND
