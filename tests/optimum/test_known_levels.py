"""Answers, prompts and gaps: what is learnt of them, and that what is left out or broken is missed."""

import pytest
import torch

from prefloop.recipes import method
from prefloop.verify.distance import BOUND, PAIRS
from prefloop.verify.known_levels import SOME, answered_off, equally_worthy, rewards, said, scored_off
from prefloop.verify.learn import from_population
from prefloop.verify.problem import BETA, total_variation


def test_every_answer_stands_in_a_pair():
    assert set(SOME.flatten().tolist()) == set(PAIRS.flatten().tolist())


def test_a_constant_for_each_prompt_is_open_without_one_answer_under_two_prompts():
    assert scored_off(method("mapl")(), rewards(1.0), levels="answers gaps") > 5 * BOUND


@pytest.mark.parametrize(("inter", "told"), [(1.0, True), (0.0, False)])
def test_gaps_alone_tell_what_a_prompt_adds_to_every_answer_up_to_a_constant(inter, told):
    reward = rewards(1.0)
    answers, asked, often = said(reward, levels="gaps")
    recipe = method("mapl")(inter=inter)
    scores = from_population(recipe, answers, often, asked=asked, steps=300)["reward"].table.detach()
    added, found = reward[0] - reward[1], scores[0] - scores[1]
    assert (total_variation(found.softmax(-1), added.softmax(-1)) < BOUND) is told


def test_a_prompt_of_more_worth_moves_dpo_away_from_the_reward_but_not_gaps():
    unequal = equally_worthy() + torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    recipe = method("mapl-dpo")(beta=BETA)
    assert answered_off(recipe, unequal) > BOUND
    assert answered_off(recipe, unequal, levels="answers gaps") < BOUND


def test_another_beta_is_caught():
    assert answered_off(method("mapl-dpo")(beta=1.5 * BETA), equally_worthy()) > BOUND
