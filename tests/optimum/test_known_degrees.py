"""The known answer of a policy that also tells degrees apart can be missed, by the policy and by its second head."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.objectives.degrees import degree_told
from prefloop.objectives.pairs import dpo
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_degrees import DEGREES, lesser, spo_degree, told
from prefloop.verify.problem import BETA
from prefloop.verify.tabular import ANSWERS, text_of

KNOWN = spo_degree()


def shifted(degree_logits, degree):
    """Takes every degree for the one after it."""
    return degree_told(degree_logits, torch.where(degree < 0, degree, (degree + 1) % DEGREES))


def unmarked(degree_logits, degree):
    """Takes a response without a degree for a whole one."""
    return degree_told(degree_logits, degree.clamp(min=0))


@pytest.mark.parametrize("wrong", [shifted, unmarked])
def test_a_head_that_is_told_other_degrees_is_caught(wrong):
    pairs, second = KNOWN.recipe.objective
    recipe = replace(KNOWN.recipe, objective=(pairs, replace(second, objective=bind(wrong))))
    assert KNOWN.distance(recipe) > 5 * BOUND


@pytest.mark.parametrize("other", [{"weight": 0.0}, {"weight": -0.1}, {"beta": 1.2 * BETA}])
def test_a_policy_or_a_head_that_learns_something_else_is_caught(other):
    assert KNOWN.distance(method("spo-degree")(**{"beta": BETA, "degrees": DEGREES, **other})) > BOUND


def test_a_loss_on_pairs_that_is_shown_the_lesser_answers_in_place_of_the_other_one_is_caught():
    def misplaced(logp, ref_logp, mask):
        return dpo(logp[:, ::2][:, :2], ref_logp[:, ::2][:, :2], mask[:, ::2][:, :2], beta=BETA)

    objective = (Term(objective=bind(misplaced)), KNOWN.recipe.objective[1])
    assert KNOWN.distance(replace(KNOWN.recipe, objective=objective)) > 5 * BOUND


def test_what_the_best_classifier_says_is_counted_by_hand():
    """Of two answers, the one preferred three times as often as the other."""
    places, degree = lesser()
    two, one = (ANSWERS.tolist().index(list(ids)) for ids in ((0, 2, 1), (0, 0, 1)))
    assert [text_of(ANSWERS[p].tolist()) for p in places[two].tolist()] == ["021", "001", "000"]
    assert degree[[two, one]].tolist() == [[0, 1, 2], [0, 1, -1]]
    found = told(torch.tensor([two, one]), torch.tensor([0.75, 0.25]).double())
    # "001" is a third of the first answer's degrees and half of the second's
    assert found[one].tolist() == pytest.approx([0.125 / 0.375, 0.25 / 0.375, 0.0])
    assert found[two].tolist() == [1.0, 0.0, 0.0]
