"""Methods that pay parts of an answer: what they reach, and that a broken one misses it."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.scoring.spans import WHOLE, span_score
from prefloop.verify.distance import BOUND
from prefloop.verify.known_spans import (
    JUDGES,
    ODD,
    ROUND,
    WEIGHTS,
    fine_grained,
    from_spans,
    judged_worth,
    prm_rl,
    worth,
)
from prefloop.verify.problem import BETA, PROMPT, distribution, reference, tilted, total_variation
from prefloop.verify.tabular import WHOLE as ANSWERS
from prefloop.verify.tabular import group

FEW = {"steps": 120, "batch": 8}


def test_the_known_answers_are_far_from_the_start_and_from_each_other():
    targets = [tilted(w / BETA) for w in (worth("prm", "03"), worth("prm", ""), judged_worth(WEIGHTS))]
    start = distribution(reference())
    for i, target in enumerate(targets):
        assert all(total_variation(target, other) > 5 * BOUND for other in (start, *targets[:i]))


def test_what_the_tokens_of_an_answer_are_paid_adds_up_to_what_its_parts_are_worth():
    paid = span_score([group(PROMPT, ANSWERS)], model=JUDGES["prm"], ends=ROUND)
    torch.testing.assert_close(paid[0].sum(-1), worth("prm", "03"))
    several = span_score([group(PROMPT, ANSWERS)], model=tuple(JUDGES.values()), ends=(ROUND, ODD, ROUND, WHOLE))
    assert several.shape == (1, 64, 3, 4)
    torch.testing.assert_close(several[0, :, :, 0], paid[0])
    torch.testing.assert_close(several[0, :, :, 3].sum(-1), worth("completeness", ""))


@pytest.mark.parametrize("ends", [ODD, WHOLE, "."])
def test_steps_that_end_elsewhere_are_caught(ends):
    recipe = replace(prm_rl(), **FEW, score={"token_reward": bind(span_score, model="prm", ends=ends)})
    assert from_spans(recipe, worth("prm", "03")) > 5 * BOUND


def test_a_process_reward_paid_without_the_kl_is_caught():
    recipe = replace(prm_rl(), **FEW)
    assert from_spans(replace(recipe, derive=(recipe.derive[0], *recipe.derive[2:])), worth("prm", "03")) > 5 * BOUND


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (-0.5, 1.0, 0.5)])
def test_judges_that_count_otherwise_are_caught(weights):
    assert from_spans(replace(fine_grained(weights), **FEW), judged_worth(WEIGHTS)) > 5 * BOUND
