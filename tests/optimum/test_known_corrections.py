"""The known answer of the method that learns from corrections can be missed."""

import torch

from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_corrections import CORRECTIONS, rlhf_v, tokens
from prefloop.verify.problem import BETA, distribution, reference
from prefloop.verify.tabular import ANSWERS, prefix_rows


def test_another_weight_of_what_was_corrected_is_caught():
    assert rlhf_v(3.0).distance(method("rlhf-v")(beta=BETA, gamma=4.0)) > BOUND


def test_another_price_is_caught():
    assert rlhf_v(3.0).distance(method("rlhf-v")(beta=1.2 * BETA, gamma=3.0)) > BOUND


def test_the_probabilities_of_answers_give_those_of_their_tokens():
    policy = reference()
    want = policy.table.detach().log_softmax(-1)[0, prefix_rows(ANSWERS), ANSWERS]
    torch.testing.assert_close(tokens(distribution(policy)), want, rtol=0, atol=1e-12)


def test_every_answer_has_nine_corrections_of_one_token():
    assert CORRECTIONS.flatten().bincount().tolist() == [9] * 64
