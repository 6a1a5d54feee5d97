"""A tree of steps becomes pairs of the best and the worst that were tried at one place."""

import pytest

from prefloop.errors import DataError
from prefloop.feedback.steps import Step, leaf_pairs, sibling_pairs
from prefloop.text import Prompt

TREE = (
    Step(
        text="a",
        value=0.6,
        after=(
            Step(text="b", value=0.1),
            Step(text="c", value=0.9, after=(Step(text="g", value=0.4), Step(text="h", value=0.2))),
            Step(text="d", value=0.5),
        ),
    ),
    Step(text="e", value=0.2, after=(Step(text="f", value=1.0),)),
)


def texts(**how):
    return [pair.texts for pair in sibling_pairs(Prompt(text="One"), TREE, **how)]


def test_every_place_with_two_steps_gives_the_best_before_the_worst_after_all_that_led_there():
    assert texts() == [("a", "e"), ("ac", "ab"), ("acg", "ach")]
    assert texts(prefix="Well, ")[1] == ("Well, ac", "Well, ab")


def test_steps_that_are_worth_about_the_same_are_left_out():
    assert texts(margin=0.3) == [("a", "e"), ("ac", "ab")]
    even = [Step(text="a", value=1.0), Step(text="b", value=1.0)]
    assert list(sibling_pairs(Prompt(text="One"), even)) == []
    with pytest.raises(DataError, match=r"is -0\.1: it is at least 0"):
        texts(margin=-0.1)


def test_the_answers_of_a_pair_go_on_after_their_step():
    [first, *_] = sibling_pairs(Prompt(text="One"), TREE)
    assert first.prompt == Prompt(text="One")
    assert [r.finish for r in first.responses] == ["stop", "stop"]


def leaves(**how):
    return {pair.texts for pair in leaf_pairs(Prompt(text="One"), TREE, **how)}


def test_whole_answers_are_paired_by_how_many_steps_they_share():
    assert leaves(depths=(0,)) == {("ef", "ab"), ("ef", "acg"), ("ef", "ach"), ("ef", "ad")}
    assert leaves(depths=(1,)) == {("acg", "ab"), ("ach", "ab"), ("ad", "acg"), ("ad", "ach"), ("ad", "ab")}
    assert leaves(depths=(2,)) == {("acg", "ach")}
    assert leaves() == leaves(depths=(0, 1, 2))
    assert len(leaves()) == 5 * 4 / 2, "five answers, every two of them"


def test_whole_answers_that_are_worth_about_the_same_are_left_out():
    assert leaves(depths=(1,), margin=0.25) == {("acg", "ab"), ("ad", "ach"), ("ad", "ab")}
    twice = Step(text="a", value=1.0)
    assert list(leaf_pairs(Prompt(text="One"), [twice, twice])) == []
    with pytest.raises(DataError, match=r"is -0\.1: it is at least 0"):
        leaves(margin=-0.1)


def test_whole_answers_have_come_to_their_end():
    [first, *_] = leaf_pairs(Prompt(text="One"), TREE)
    assert [r.finish for r in first.responses] == ["end", "end"]
