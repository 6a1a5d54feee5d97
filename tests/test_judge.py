"""Judges: which of two answers is better, asked once or in both orders, and what a run makes of it."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import RewardError
from prefloop.loops.optimise import optimise
from prefloop.recipe import Optimiser, Sample, Scoring
from prefloop.recipe_file import from_tree, to_tree, with_changes
from prefloop.recipes import method
from prefloop.scoring import attempts
from prefloop.scoring.judge import both_orders
from prefloop.scoring.scorer import score
from prefloop.text import Group, Prompt, Response
from prefloop.verify.known_rounds import higher
from prefloop.verify.learn import networks
from prefloop.verify.problem import PROMPT, REWARD, distribution, reference
from prefloop.verify.tabular import TabularGenerator

SCRIPT = {("a", "b"): 1, ("a", "c"): 0, ("b", "c"): None}


def scripted(prompt, answers):
    return SCRIPT[answers]


def group(*texts, prompt="Hi"):
    return Group(prompt=Prompt(text=prompt), responses=tuple(Response(text=t) for t in texts))


def test_an_answer_is_paid_the_share_of_the_others_that_it_beats_and_half_for_a_tie():
    assert score(bind(scripted), [group("a", "b", "c")], {}).tolist() == [[0.5, 0.75, 0.25]]
    assert score(bind(scripted), [group("a", "b"), group("a", "c")], {}).tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_every_two_answers_are_asked_about_once_with_their_prompt():
    asked = []

    def noting(prompt, answers):
        asked.append((prompt, *answers))
        return 0

    score(bind(noting), [group("a", "b", "c"), group("d", "e", prompt="Ho")], {})
    assert asked == [("Hi", "a", "b"), ("Hi", "a", "c"), ("Hi", "b", "c"), ("Ho", "d", "e")]


def first(prompt, answers):
    return 0


def second(prompt, answers):
    return 1


def longer(prompt, answers, *, by=0):
    return int(len(answers[1]) > len(answers[0]) + by)


@pytest.mark.parametrize("judge", [first, second])
def test_a_judge_who_goes_by_the_order_prefers_nothing_when_he_is_asked_in_both(judge):
    assert score(bind(judge), [group("a", "b")], {})[0].tolist() != [0.5, 0.5]
    assert score(bind(both_orders, judge=bind(judge)), [group("a", "b")], {}).tolist() == [[0.5, 0.5]]


def test_a_judge_who_goes_by_the_answers_says_the_same_in_both_orders_with_his_knobs():
    pair = [group("a", "bbb")]
    assert score(bind(both_orders, judge=bind(longer)), pair, {}).tolist() == [[0.0, 1.0]]
    assert score(bind(both_orders, judge=bind(longer, by=5)), pair, {}).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("said", [True, False, 2, -1, 0.5, "A", torch.tensor([0, 1])], ids=str)
def test_what_is_no_place_is_refused_with_the_pair_and_is_not_asked_again(said):
    asked = []

    def odd(prompt, answers):
        asked.append(answers)
        return said

    words = r"judge `odd` said .*returns 0 where the first .*prompt 'Hi', responses 0 'a' and 1 'b'"
    with pytest.raises(RewardError, match=words):
        score(bind(odd), [group("a", "b")], {})
    assert len(asked) == 1
    with pytest.raises(RewardError, match="judge `odd` said"):
        score(bind(both_orders, judge=bind(odd)), [group("a", "b")], {})


def test_one_answer_alone_cannot_be_judged():
    with pytest.raises(RewardError, match=r"`first` compares answers, and 'Hi' has one: draw 2 or more"):
        score(bind(first), [group("a")], {})


def test_a_judge_who_fails_is_asked_again_and_then_stops_or_leaves_the_prompt_out(monkeypatch):
    pauses = []
    monkeypatch.setattr(attempts.time, "sleep", pauses.append)
    calls = []

    def away(prompt, answers):
        calls.append(prompt)
        if prompt == "Hi":
            raise ConnectionError("away")
        return 0

    groups = [group("a", "b", "c"), group("a", "b", "c", prompt="Ho")]
    words = r"raised ConnectionError: away on prompt 'Hi', responses 0 'a' and 1 'b', in 3 attempts"
    with pytest.raises(RewardError, match=words):
        score(bind(away), groups, {})
    assert (calls, pauses) == (["Hi"] * 3, [1.0, 2.0])
    found = score(bind(away), groups, {}, Scoring(attempts=1, failed="skip"))
    assert found[0].isnan().all()
    assert found[1].tolist() == [1.0, 0.5, 0.0]


def test_a_judge_is_written_into_a_recipe_and_put_there_by_name():
    recipe = method("online-ipo")(reward=bind(both_orders, judge=bind(higher)))
    assert from_tree(to_tree(recipe)) == recipe
    named = with_changes(method("online-ipo")(), ["score.reward=prefloop.verify.known_rounds:higher"])
    assert named.score["reward"] == bind(higher)


def learnt(name, judge, **knobs):
    recipe = method(name)(reward=bind(judge), batch=16, steps=40, **knobs)
    found = networks()
    generator = TabularGenerator(found["policy"])
    optimise(replace(recipe, optimiser=Optimiser(lr=0.1)), networks=found, generator=generator, prompts=[PROMPT])
    return distribution(found["policy"])


def lower(prompt, answers):
    said = higher(prompt, answers)
    return None if said is None else 1 - said


@pytest.mark.parametrize("name", ["online-dpo", "online-ipo", "online-slic"])
def test_what_the_judge_likes_is_what_the_policy_learns(name):
    start = float(distribution(reference()) @ REWARD)
    assert float(learnt(name, higher) @ REWARD) > start + 0.2 > start - 0.2 > float(learnt(name, lower) @ REWARD)


def test_a_step_asks_about_every_pair_of_more_than_two_answers():
    asked = []

    def noting(prompt, answers):
        asked.append(answers)
        return higher(prompt, answers)

    recipe = method("iterative-dpo")(reward=bind(noting), batch=3, steps=2, minibatches=3)
    found = networks()
    optimise(
        replace(recipe, sample=Sample(k=4)),
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
    )
    assert len(asked) == 2 * 3 * 6
