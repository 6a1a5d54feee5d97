"""Which groups are asked about."""

from __future__ import annotations

from collections import Counter

import pytest

from prefloop.errors import RecipeError
from prefloop.feedback.choose import askable, at_random, least_certain
from prefloop.text import Group, Prompt, Response


def group(*texts: str) -> Group:
    return Group(prompt=Prompt(text="p"), responses=tuple(Response(text=t) for t in texts))


ABLE = [group("a", "b", "c") for _ in range(10)]


def test_groups_whose_responses_all_read_the_same_are_never_asked_about() -> None:
    groups = [group("a", "a"), group("a", "b"), group("c"), group("a", "a", "b")]
    scores = [(0.0, 0.0), (9.0, 0.0), (0.0,), (0.0, 0.0, 9.0)]
    assert askable(groups) == [1, 3]
    assert sorted(at_random(groups, None, n=4, seed=0)) == [1, 3]
    assert sorted(least_certain(groups, scores, n=4, seed=0)) == [1, 3]


def test_random_choice_is_without_repeats_and_even() -> None:
    counts = Counter(index for seed in range(2_000) for index in at_random(ABLE, None, n=3, seed=seed))
    assert all(len(set(at_random(ABLE, None, n=3, seed=seed))) == 3 for seed in range(20))
    assert all(abs(counts[i] - 600) < 4 * (2_000 * 0.3 * 0.7) ** 0.5 for i in range(10))
    assert at_random(ABLE, None, n=3, seed=1) == at_random(ABLE, None, n=3, seed=1)


def test_the_least_certain_come_first_and_a_shift_of_all_scores_changes_nothing() -> None:
    # Entropies: three-way tie ln 3 = 1.10; two-way tie near ln 2 = 0.69; one far ahead near 0.
    scores = [(50.0, 0.0, 0.0), (7.0, 7.0, 7.0), (30.0, 30.0, 0.0), (1e4, 0.0, 1e4 - 5)]
    assert least_certain(ABLE[:4], scores, n=4, seed=0) == [1, 2, 3, 0]
    assert least_certain(ABLE[:4], [tuple(s - 1e3 for s in row) for row in scores], n=2, seed=0) == [1, 2]


def test_it_is_the_entropy_of_the_choice_that_counts_and_not_the_gap_of_the_best_two() -> None:
    # (0.5, 0.5, 0) has no gap and entropy 0.693; (0.44, 0.36, 0.2), a clear gap and entropy 1.051.
    scores = [(0.0, 0.0, -40.0), (-0.8210, -1.0217, -1.6094)]
    assert least_certain(ABLE[:2], scores, n=1, seed=0) == [1]


def test_ties_are_broken_by_the_seed_and_not_by_the_place() -> None:
    scores = [(0.0, 0.0, 0.0)] * 10
    assert least_certain(ABLE, scores, n=4, seed=3) == least_certain(ABLE, scores, n=4, seed=3)
    firsts = {least_certain(ABLE, scores, n=1, seed=seed)[0] for seed in range(200)}
    assert firsts == set(range(10))


def test_uncertainty_without_a_reward_model_is_refused() -> None:
    with pytest.raises(RecipeError, match="at_random"):
        least_certain(ABLE, None, n=1, seed=0)
