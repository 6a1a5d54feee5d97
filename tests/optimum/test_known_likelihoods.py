"""What reward models learn beside the reward can be missed, and so can the reward itself."""

from dataclasses import replace

import pytest

from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_likelihoods import CASES


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("bradley-terry-margin", {"most": 2.5}),
        ("bradley-terry-margin", {"most": 3.0, "grades": 8}),
        ("bradley-terry-smooth", {"smoothing": 0.09}),
        ("known-flips", {"flips": 0.15}),
        ("p-love", {"liked": 3.0, "disliked": 0.6}),
        ("interval", {"lowest": 1.0, "highest": 4.5}),
    ],
)
def test_another_setting_is_caught(name, knobs):
    assert CASES[name]().distance(method(name)(**knobs)) > BOUND


@pytest.mark.parametrize(
    "name", ["annotator-flips", "bradley-terry-soft", "ordinal", "p-love-balanced", "ranking", "hybrid-preference"]
)
def test_a_likelihood_turned_round_is_caught(name):
    known = CASES[name]()
    (term,) = known.recipe.objective
    assert known.distance(replace(known.recipe, objective=(replace(term, weight=-1.0),))) > BOUND


@pytest.mark.parametrize(("name", "other"), [("davidson", "rao-kupper"), ("rao-kupper", "davidson")])
def test_ties_read_by_another_model_are_caught(name, other):
    assert CASES[name]().distance(method(other)()) > BOUND


def test_an_embedding_of_one_plane_does_not_hold_what_goes_round_in_two():
    assert CASES["general-preference"]().distance(method("general-preference")(planes=1)) > BOUND
