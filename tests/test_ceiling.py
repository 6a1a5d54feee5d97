"""How well people predict each other on the same answers."""

import pytest

from prefloop.evaluation.ceiling import ceiling, contradicted
from prefloop.text import Group, Prompt, Response


def said(prompt, who, *texts, **more):
    return Group(prompt=Prompt(text=prompt), responses=tuple(Response(text=t) for t in texts), who=who, **more)


THREE = [said("1", "ada", "a", "b"), said("1", "bob", "a", "b"), said("1", "cyd", "b", "a")]


def test_each_is_held_against_the_majority_of_the_others():
    # ada and bob face a split, cyd faces two against her
    assert ceiling(THREE).estimate == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert ceiling([*THREE, said("1", "dan", "a", "b")]).estimate == pytest.approx((1 + 1 + 1 + 0) / 4)


def test_prompts_are_the_observations():
    both = [*THREE, said("2", "ada", "a", "b"), said("2", "bob", "a", "b"), said("3", "ada", "a", "b")]
    found = ceiling(both)
    assert found.estimate == pytest.approx((1 / 3 + 1) / 2)
    assert (found.n, found.method) == (2, "Wilson")


def test_some_people_are_held_against_all_others():
    assert ceiling(THREE, of={"cyd"}).estimate == 0
    assert ceiling(THREE, of={"ada"}).estimate == 0.5
    assert ceiling(THREE, of={"eve"}) is None


def test_it_is_unknown_where_nobody_overlaps():
    assert ceiling([]) is None
    assert ceiling([said("1", "ada", "a", "b"), said("2", "bob", "a", "b"), said("1", "bob", "a", "c")]) is None
    assert ceiling([said("1", "", "a", "b"), said("1", "", "a", "b"), said("1", "ada", "a", "b")]) is None
    assert ceiling([said("1", "ada", "a", "b"), said("1", "ada", "b", "a")]) is None  # herself is no other


def test_rankings_are_compared_two_answers_at_a_time():
    found = ceiling([said("1", "ada", "a", "b", "c"), said("1", "bob", "a", "c", "b")])
    assert found.estimate == pytest.approx(2 / 3)


def test_pairs_that_one_person_preferred_both_ways_are_counted():
    again = [said("2", "ada", "a", "b"), said("2", "ada", "b", "a")]
    assert contradicted([*THREE, *again, *again]) == 1
    assert contradicted(THREE) == 0
    assert contradicted([said("1", "", "a", "b"), said("1", "", "b", "a")]) == 0  # by whomever


def test_ties_prefer_nothing():
    assert ceiling([said("1", "ada", "a", "b"), said("1", "bob", "a", "b", target=0.5)]) is None
