"""The known answers of the methods on whole distributions can be missed, and what the papers claim can be seen."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_distributions import CASES, divergence
from prefloop.verify.learn import from_population
from prefloop.verify.pairwise import apart, chosen
from prefloop.verify.problem import (
    BETA,
    REWARD,
    distribution,
    reference,
    regularised_optimum,
    speaking,
    tilted,
    total_variation,
)


def turned(name, **knobs):
    """The recipe of a known answer with these knobs of its first comparison, or of its objective, set otherwise."""
    recipe = CASES[name]().recipe
    [compare], [term] = recipe.compare, recipe.objective
    if set(knobs) <= set(compare.knobs):
        return replace(recipe, compare=(bind(compare.function, **{**compare.knobs, **knobs}),))
    objective = bind(term.objective.function, **{**term.objective.knobs, **knobs})
    return replace(recipe, objective=(replace(term, objective=objective),))


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("tdpo1", {"beta": 1.2 * BETA}),
        ("tdpo", {"alpha": 0.0}),
        ("tdpo", {"alpha": 0.8}),
        ("dpo-distil", {"beta": 0.5}),
        ("dpo-distil", {"dpo_beta": -1.0}),
        ("aligndistil", {"scale": 0.8}),
    ],
)
def test_another_knob_misses_the_known_answer(name, knobs):
    assert CASES[name]().distance(turned(name, **knobs)) > BOUND


def test_tdpo_stays_nearer_to_the_reference_than_dpo_on_the_same_choices():
    """The paper's claim, for the divergence it speaks of; the order of what people choose is learnt all the same."""
    people = chosen(apart().sigmoid())

    def away(recipe):
        policy = from_population(recipe, *people)["policy"]
        return float(distribution(policy) @ divergence(reference(), policy).detach()), distribution(policy)

    far, near = away(method("dpo")(beta=BETA)), away(method("tdpo")(beta=BETA))
    assert near[0] < 0.9 * far[0]
    assert near[1] @ REWARD > distribution(reference()) @ REWARD


def test_distillation_is_rlhf_over_whole_answers_only_at_the_price_the_teacher_paid():
    """Theorem 1 is about each next token: what later tokens are paid is not in it."""

    def teacher(beta):
        dpo, ref = speaking(tilted(REWARD)).table.softmax(-1), reference().table.softmax(-1)
        mixed = reference()
        mixed.table.data = (ref ** (1 - 1 / beta) * dpo ** (1 / beta)).log().detach()
        return distribution(mixed)

    assert total_variation(teacher(1.0), tilted(REWARD)) < 1e-12
    assert total_variation(teacher(BETA), regularised_optimum()) > 0.01


def test_a_policy_that_speaks_a_distribution_has_it():
    torch.testing.assert_close(distribution(speaking(regularised_optimum())), regularised_optimum(), rtol=0, atol=1e-12)
