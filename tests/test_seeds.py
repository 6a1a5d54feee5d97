"""The order in which items are learnt from."""

import pytest

from prefloop.loops.seeds import endless, order

PROMPTS = [0, 1, 0, 2, 1, 0, 3, 2]


def passed(turn, prompts=PROMPTS, seed=0):
    return endless(len(prompts), len(prompts), turn, seed, "data", prompts=prompts)


@pytest.mark.parametrize("turn", range(4))
def test_rows_of_one_prompt_follow_one_another(turn):
    found = passed(turn)
    assert sorted(found) == list(range(8))
    seen = [PROMPTS[i] for i in found]
    assert [p for i, p in enumerate(seen) if i == 0 or seen[i - 1] != p] == list(dict.fromkeys(seen))


def test_prompts_and_the_rows_of_one_are_shuffled_in_every_pass():
    passes = [passed(turn) for turn in range(40)]
    assert {PROMPTS[found[0]] for found in passes} == {0, 1, 2, 3}
    assert len({tuple(i for i in found if PROMPTS[i] == 0) for found in passes}) == 6
    assert passed(3) == passes[3] != passed(3, seed=1)


def test_where_every_row_has_its_own_prompt_the_order_is_that_without_prompts():
    assert passed(2, list(range(8))) == endless(8, 8, 2, 0, "data") == order(8, 0, "data", 2)


def test_batches_go_through_a_pass_and_over_its_end():
    whole = passed(0) + passed(1) + passed(2)
    assert [i for step in range(8) for i in endless(8, 3, step, 0, "data", prompts=PROMPTS)] == whole
