"""A reward spread over its tokens: what it reaches, and that one which is spread wrongly misses it."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind, gives
from prefloop.scoring.attributions import attributed
from prefloop.scoring.model import model_score
from prefloop.shaping.spread import spread_reward
from prefloop.verify.distance import BOUND
from prefloop.verify.known_dense import dense_reward, from_attributions, judge
from prefloop.verify.problem import PROMPT, REWARD
from prefloop.verify.tabular import WHOLE, group

ANSWERS = group(PROMPT, WHOLE)


@gives("token_reward")
def without_the_rest(token_reward, reward, mask, *, weights):
    """The attributions as they are."""
    return token_reward @ token_reward.new_tensor(weights)


def test_the_judge_pays_answers_the_reward_and_its_attributions_are_no_copy_of_that():
    torch.testing.assert_close(model_score([ANSWERS], model=judge())[0].double(), REWARD)
    found = attributed([ANSWERS], model=judge(), by=("gain", "shapley_so_far", "leave_one_out", "shapley"))[0]
    off = (found.sum(1) - REWARD[:, None]).std(0)
    # Those that add up miss the reward by the score of nothing, which is the same for all answers.
    assert (off < 1e-5).tolist() == [True, False, False, True]
    assert (found.abs().amax((0, 1)) > 1).all()


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(
            lambda r: replace(r, derive=(bind(without_the_rest, weights=(0.4, 0.4)), *r.derive[1:])), id="rest"
        ),
        pytest.param(lambda r: replace(r, derive=(r.derive[0], *r.derive[2:])), id="kl"),
        pytest.param(
            lambda r: replace(
                r, score={**r.score, "token_reward": bind(attributed, model="reward", by=("leave_one_out", "shapley"))}
            ),
            id="looks ahead",
        ),
    ],
)
def test_what_is_spread_wrongly_is_caught(broken):
    assert from_attributions(replace(broken(dense_reward()), steps=60, batch=4)) > 5 * BOUND


def test_over_an_answer_the_tokens_are_paid_the_reward():
    found = attributed([ANSWERS], model=judge())
    paid = spread_reward(found, REWARD[None].float(), torch.ones(1, 64, 3), weights=(0.4, 0.4))
    torch.testing.assert_close(paid.sum(-1)[0].double(), REWARD)
