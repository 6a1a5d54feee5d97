"""What a correction changed, and what a loss that weighs it becomes where nothing was told apart."""

import pytest
import torch

from oracles import batch
from prefloop.binding import bind
from prefloop.credit import corrected
from prefloop.objectives.margins import dense_dpo
from prefloop.objectives.rewards import bradley_terry
from prefloop.ops import tmean


def weights(better, worse, **knobs):
    """The weights of two answers by their tokens, without the padding of the shorter."""
    ids, mask = torch.zeros(2, 1, 2, max(len(better), len(worse)), dtype=torch.long)
    for k, tokens in enumerate((better, worse)):
        ids[0, k, : len(tokens)] = torch.tensor(tokens)
        mask[0, k, : len(tokens)] = 1
    found = corrected(ids, mask, **knobs)[0].tolist()
    return found[0][: len(better)], found[1][: len(worse)]


def test_what_was_put_in_or_left_out_weighs_where_it_stands():
    assert weights([4, 5, 6, 7], [4, 7], gamma=3.0) == ([1, 3, 3, 1], [1, 1])
    assert weights([4, 7], [4, 5, 6, 7], gamma=3.0) == ([1, 1], [1, 3, 3, 1])
    assert weights([4, 9, 7, 8], [4, 5, 6, 7, 8], gamma=3.0) == ([1, 3, 1, 1], [1, 3, 3, 1, 1])


def test_an_answer_that_was_not_corrected_weighs_the_same_everywhere():
    assert weights([4, 5, 4], [4, 5, 4]) == ([1, 1, 1], [1, 1, 1])


def test_a_long_answer_of_one_token_over_and_over_is_kept_but_for_its_correction():
    long = [4] * 300
    better, worse = weights([*long, 5], [*long, 6])
    assert better == worse == [1.0] * 300 + [5.0]


def test_the_tokens_of_a_hole_are_no_correction():
    ids = torch.tensor([[[4, 8, 5], [4, 9, 5]]])
    assert corrected(ids, torch.tensor([[[1, 0, 1], [1, 0, 1]]])).tolist() == [[[1, 0, 1], [1, 0, 1]]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weight", [1.0, 3.0])
def test_where_all_tokens_weigh_the_same_only_their_mean_counts(seed, weight):
    found = batch(seed, k=2)
    even = {**found, "token_weight": torch.full_like(found["logp"], weight)}
    got = bind(dense_dpo, beta=0.7)(even)
    want = bradley_terry(0.7 * tmean(found["logp"] - found["ref_logp"], found["mask"]))
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
