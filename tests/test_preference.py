"""Agreement with people on held-out prompts: what is compared, and how it is counted."""

import pytest

from prefloop.errors import DataError
from prefloop.evaluation.preference import accuracy, compared
from prefloop.statistics import wilson
from test_convert import group


def test_a_pair_counts_its_better_answer_ranked_above_and_equals_half():
    pairs = compared([group(str(n), "ab") for n in range(4)], seed=0)
    assert pairs.count == 4
    assert pairs.what == "comparisons of answers to the same prompt"
    assert accuracy([[2.0, 1.0], [1.0, 2.0], [0.0, 0.0], [3.0, -1.0]], pairs) == wilson(2.5, 4)


def test_comparisons_of_one_prompt_are_one_observation():
    ranked = [group("1", "abc", (2.0, 1.0, 0.0)), group("1", "de"), group("2", "fg")]
    found = compared(ranked, seed=0)
    assert (found.count, len(found.observations)) == (5, 2)
    scores = [[1.0, 3.0, 2.0], [0.0, 1.0], [1.0, 0.0]]  # of the first prompt b > c alone is right, of the second all
    assert accuracy(scores, found) == wilson(1 / 4 + 1, 2)


def test_ties_among_the_judgements_are_no_comparisons():
    assert compared([group("1", "abc", (1.0, 0.0, 0.0))], seed=0).count == 2


def test_thumbs_alone_are_compared_across_prompts_each_answer_once():
    thumbs = [group(str(n), "a", (float(n < 3),)) for n in range(8)]
    found = compared(thumbs, seed=0)
    assert found.what == "liked against disliked answers of different prompts"
    pairs = [pair for (pair,) in found.observations]
    assert sorted(better for better, _ in pairs) == [(0, 0), (1, 0), (2, 0)]
    assert len({worse for _, worse in pairs}) == 3
    assert all(worse[0] >= 3 for _, worse in pairs)
    assert compared(thumbs, seed=0) == found != compared(thumbs, seed=1)


def test_without_anything_preferred_there_is_nothing_to_measure():
    with pytest.raises(DataError, match="the 2 held-out prompts have no answer that was preferred to another"):
        compared([group("1", "a", (1.0,)), group("2", "b", (1.0,))], seed=0)
