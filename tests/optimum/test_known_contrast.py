"""What contrast, goals and a step ahead add is what reaches their known answers: without it they are missed."""

from dataclasses import replace

from prefloop.objectives import prototypes
from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_contrast import CASES


def reweighed(name, weight):
    """How far a recipe ends whose second term counts so much."""
    known = CASES[name]()
    first, second = known.recipe.objective
    return known.distance(replace(known.recipe, objective=(first, replace(second, weight=weight))))


def test_contrast_that_is_turned_round_draws_the_differences_together():
    assert reweighed("simcse-reward", -0.1) > BOUND


def test_contrast_that_does_not_count_leaves_the_differences_where_they_began():
    assert reweighed("simcse-reward", 0.0) > BOUND


def test_prototypes_that_do_not_count_leave_the_differences_where_they_began():
    assert reweighed("swav-reward", 0.0) > BOUND


def test_codes_that_do_not_share_the_pairs_out_leave_prototypes_with_more_than_others(monkeypatch):
    monkeypatch.setattr(prototypes, "sinkhorn", lambda x, *, rounds: x.softmax(1))
    known = CASES["swav-reward"]()
    assert known.distance(known.recipe) > BOUND


def test_goals_that_do_not_count_leave_the_states_where_they_began():
    assert reweighed("goal-conditioned", 0.0) > BOUND


def test_a_step_ahead_that_is_not_taken_is_caught():
    known = CASES["meta-rm"]()
    assert known.distance(replace(known.recipe, ascent=None)) > BOUND


def test_a_step_the_other_way_is_caught():
    known = CASES["meta-rm"]()
    down = replace(known.recipe.ascent, term=replace(known.recipe.ascent.term, weight=-1.0))
    assert known.distance(replace(known.recipe, ascent=down)) > BOUND


def test_a_step_of_another_length_is_caught():
    assert CASES["meta-rm"]().distance(method("meta-rm")(ahead=20.0, draws=2)) > BOUND
