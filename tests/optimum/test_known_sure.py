"""What ensembles, Gaussian heads and votes add is what reaches their known answers: without it they are missed."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.objectives.rewards import bradley_terry
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.verify.distance import BOUND, PAIRS
from prefloop.verify.known_sure import CASES, noisy
from prefloop.verify.learn import from_population
from prefloop.verify.pairwise import apart, chosen


def members_alike(scores, resampled):
    return bind(CASES["head-ensemble"]().recipe.objective[0].objective.function)(
        {"scores": scores, "resampled": torch.ones_like(resampled)}
    )


def plain(name, **changed):
    known = CASES[name]()
    return known.distance(replace(known.recipe, objective=(Term(objective=bind(bradley_terry)),), **changed))


def test_members_without_bootstraps_of_their_own_are_caught():
    known = CASES["head-ensemble"]()
    assert known.distance(replace(known.recipe, objective=(Term(objective=bind(members_alike)),))) > BOUND


def test_scores_alone_cannot_say_what_people_who_see_through_a_noise_prefer():
    score = from_population(method("bradley-terry")(), *chosen(noisy()))["reward"].table[0].detach()
    assert float((apart(score, PAIRS).sigmoid() - noisy()).abs().max()) > 3 * BOUND


@pytest.mark.parametrize("name", ["voted-margin", "voted-soft"])
def test_a_vote_that_is_not_heard_is_caught(name):
    assert plain(name) > BOUND


def test_pairs_that_are_not_turned_are_caught():
    assert plain("voted-flips", select=()) > BOUND


def test_a_correction_by_a_reward_that_is_not_put_back_is_caught():
    known = CASES["vrpo-reward"]()
    [term] = known.recipe.objective

    def taken_off(score, mask, reward):
        pairs = {"score": score[:, :2], "mask": mask[:, :2], "reward": reward[:, :2]}
        same = {n: torch.cat([x, x[:, [0, 0]]], 1) for n, x in pairs.items()}
        return term.objective(same) - term.objective({**same, "score": same["score"].detach()})

    assert known.distance(replace(known.recipe, objective=(Term(objective=bind(taken_off)),))) > BOUND
