"""What a policy reaches that is told what is wanted can be missed, and moves as it is told to."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from prefloop.binding import bind
from prefloop.objectives.lists import steerlm2 as objective
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.scoring.directions import directed, direction_of, directions, person_of, with_direction, with_person
from prefloop.verify.distance import BOUND
from prefloop.verify.known_told import (
    CASES,
    NAMES,
    PRICE,
    SPREAD,
    VALUES,
    WANTED,
    WAYS,
    both,
    directed_to,
    for_the_told,
    furthest,
    of_two_minds,
    people,
    posterior,
    served,
    steered,
)
from prefloop.verify.problem import PROMPT, REWARD, distribution, reference, total_variation


def test_asking_for_more_of_an_attribute_gives_more_of_it():
    """Of the posterior that the verified policy reaches, with far more between two requests than it may be off."""
    means = [posterior(wanted) @ VALUES for wanted in WANTED]
    for less, more in pairwise(means):
        assert more[0] > less[0] + 0.1
        assert more[1] < less[1] - 0.1
    start = distribution(reference())
    assert all(total_variation(posterior(wanted), start) > 5 * BOUND for wanted in WANTED)


def test_a_policy_that_is_taken_for_its_own_prior_is_caught_and_so_is_another_spread():
    def unheld(logp, old_logp, mask, reward, prior):
        return objective(logp, old_logp, mask, reward, (old_logp * mask).sum(-1))

    known = CASES["steerlm2"]()
    few = replace(known.recipe, steps=60)
    assert known.distance(replace(few, objective=(Term(objective=bind(unheld)),))) > 5 * BOUND
    found = steered(method("steerlm2")(names=NAMES, spread=2 * SPREAD, reward=bind(both), k=8, batch=6, steps=60))
    assert total_variation(found[0], posterior(WANTED[0])) > 2 * BOUND


@pytest.mark.parametrize("n", [2, 4])
def test_turning_the_direction_trades_one_reward_for_the_other_at_every_step(n):
    """Of the best of n in a direction, which the verified policy reaches."""
    means = [(furthest(way, n) @ VALUES).tolist() for way in directions(NAMES, count=9, widest=80.0)]
    middle = means[4:]
    assert all(b[0] <= a[0] and b[1] >= a[1] for a, b in pairwise(middle))
    assert means[-1][1] > means[0][1] + 0.5
    assert means[4][0] > means[-1][0] + 0.2


def test_a_reward_that_does_not_hear_the_direction_is_caught():
    def deaf(groups):
        told = [replace(g, prompt=with_direction(PROMPT, WAYS[1])) for g in groups]
        return directed(told, reward=bind(both), names=NAMES)

    recipe = CASES["dpa"]().recipe
    found, want = directed_to(replace(recipe, score={"reward": bind(deaf)}), WAYS[0])
    assert total_variation(found, want) > 5 * BOUND


def test_directions_lie_far_enough_apart_to_be_told_apart():
    said = [direction_of(with_direction(PROMPT, way))[0] for way in WAYS]
    for one, other in pairwise(map(furthest, said)):
        assert total_variation(one, other) > 5 * BOUND


def test_one_policy_for_everybody_stays_far_from_the_best_for_one_of_two_people():
    """Whatever it is: the two lie so far apart that half the way is too far."""
    one, other = (served(person_of(prompt)[0]) for prompt in people())
    assert total_variation(one, other) / 2 > 5 * BOUND
    assert one @ REWARD > served((0.0,)) @ REWARD + 0.2 > other @ REWARD + 0.4, "each is served by what they like"


def test_moving_the_person_moves_the_answers_at_every_step():
    (first,), (last,) = (person_of(prompt)[0] for prompt in people())
    between = torch.linspace(first, last, 9).tolist()
    means = [float(served(person_of(with_person(PROMPT, (z,)))[0]) @ REWARD) for z in between]
    assert all(b < a for a, b in pairwise(means))


@pytest.mark.parametrize("way", ["deaf", "unscaled", "cheap"])
def test_a_policy_paid_by_nobody_in_particular_or_in_another_unit_or_at_another_price_is_caught(way):
    def deaf(groups, *, model):
        return of_two_minds().paid([replace(g, prompt=with_person(PROMPT, (0.0,))) for g in groups], model=model)

    def unscaled(groups, *, model):
        return of_two_minds().paid(groups, model=model, scaled=False)

    pay, price = {"deaf": (deaf, 1), "unscaled": (unscaled, 1), "cheap": (for_the_told, 0.5)}[way]
    known = CASES["vpl-policy"]()
    wrong = method("vpl-policy")(reward=bind(pay, model="reward"), beta=price * PRICE, k=16, batch=4, steps=60)
    assert known.distance(wrong) > 5 * BOUND
