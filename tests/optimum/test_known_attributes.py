"""What reward models of attributes, parts, corrections and lengths are known to find can be missed."""

from dataclasses import replace

import pytest

from prefloop.binding import bind
from prefloop.objectives.attributes import attributes, gated_bradley_terry
from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_attributes import CASES


def told_as(name, **changes):
    """How far a recipe that was changed ends from what the method is known to find."""
    known = CASES[name]()
    return known.distance(replace(known.recipe, **changes))


def objective(name, function, **knobs):
    (term, *others) = CASES[name]().recipe.objective
    return {"objective": (replace(term, objective=bind(function, **knobs)), *others)}


def zeros_for_nothing(scores, aspect):
    return attributes(scores, aspect.nan_to_num())


def backwards(scores, gate):
    return gated_bradley_terry(scores, gate.flip(-1))


def test_a_rating_that_nobody_gave_is_no_0():
    assert told_as("helpsteer2", **objective("helpsteer2", zeros_for_nothing)) > BOUND


def test_a_gate_that_weighs_the_wrong_channels_is_caught():
    assert told_as("armorm", **objective("armorm", backwards)) > BOUND


@pytest.mark.parametrize("neutral", [0.0, 0.5])
def test_neutral_steps_taken_for_something_else_are_caught(neutral):
    assert CASES["prm"]().distance(method("prm")(neutral=neutral)) > BOUND


def test_a_likelihood_of_parts_turned_round_is_caught():
    (term,) = CASES["fine-grained-reward"]().recipe.objective
    assert told_as("fine-grained-reward", objective=(replace(term, weight=-1.0),)) > BOUND


def test_corrections_that_all_count_the_same_are_caught():
    assert told_as("edits", derive=()) > BOUND
    assert CASES["edits"]().distance(method("edits")(least=1.0)) > BOUND


def test_without_the_loss_on_length_the_quality_takes_some_of_it():
    assert CASES["odin"]().distance(method("odin")(length=0.0)) > BOUND
