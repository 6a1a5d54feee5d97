"""The known answers of the methods that look into an answer can be missed, and each is what it is said to be."""

from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.objectives.margins import token_agreement
from prefloop.recipes import method
from prefloop.verify.distance import BOUND
from prefloop.verify.known_steps import (
    SIBLINGS,
    STEPS,
    balancing,
    longdpo,
    paid_tokens,
    soft_values,
    t_reg,
)
from prefloop.verify.problem import BETA, REWARD, distribution, reference, regularised_optimum
from prefloop.verify.tabular import ANSWERS, Policy, prefix_rows


def test_steps_at_another_price_are_caught():
    assert longdpo().distance(method("longdpo")(beta=1.2 * BETA)) > BOUND


def test_steps_without_what_follows_the_prefix_are_caught():
    known = longdpo()
    assert known.distance(replace(known.recipe, derive=(), objective=method("simpo")().objective)) > BOUND


def test_dpo_on_the_same_pairs_with_their_prefix_ends_at_the_same_place():
    assert longdpo().distance(method("dpo")(beta=BETA)) < BOUND


@pytest.mark.parametrize("knobs", [{"alpha": 0.0}, {"alpha": 0.2}, {"alpha": -0.15}, {"beta": 1.2 * BETA}])
def test_another_setting_of_the_regulariser_is_caught(knobs):
    assert t_reg(0.15).distance(method("t-reg")(**{"beta": BETA, "alpha": 0.15, **knobs})) > BOUND


def steady(logp, ref_logp, mask, token_reward, *, beta):
    return -0.5 * (token_reward * beta * (logp - ref_logp) * mask).sum((1, 2))


def paired(logp, ref_logp, mask, token_reward, *, beta):
    """The tokens of the second answer paid the other way round."""
    turned = token_reward * torch.tensor([1.0, -1.0]).view(1, 2, 1)
    return token_agreement(logp, ref_logp, mask, turned, beta=beta)


@pytest.mark.parametrize("term", [steady, paired])
def test_a_regulariser_that_does_not_fade_or_turns_is_caught(term):
    known = t_reg(0.15)
    first, second = known.recipe.objective
    broken = replace(second, objective=bind(term, beta=BETA))
    assert known.distance(replace(known.recipe, objective=(first, broken))) > BOUND


def test_the_people_who_balance_the_terms_could_be_people():
    people = balancing(regularised_optimum(), paid_tokens(), alpha=0.15)
    assert 0.01 < people.min() < people.max() < 0.99


def test_without_the_regulariser_people_choose_by_bradley_terry():
    people = balancing(regularised_optimum(), paid_tokens(), alpha=0.0)
    pairs = torch.combinations(torch.arange(len(REWARD)))
    torch.testing.assert_close(people, (REWARD[pairs[:, 0]] - REWARD[pairs[:, 1]]).sigmoid(), rtol=0, atol=1e-12)


def test_no_logit_moves_where_the_terms_are_in_balance():
    """The gradient of the two terms as the paper writes them, pair by pair, on the table of the optimum."""
    alpha, paid, optimum, start = 0.3, paid_tokens(), regularised_optimum(), distribution(reference())
    people = balancing(optimum, paid, alpha=alpha)
    policy = Policy(torch.zeros(1, 21, 4))
    with torch.no_grad():
        tree = optimum.view(4, 4, 4)
        begun = [tree.sum((1, 2)), tree.sum(2).flatten(), optimum]
        policy.table[0] = torch.cat([b.view(-1, 4) for b in begun]).log()
    torch.testing.assert_close(distribution(policy), optimum)
    tokens = policy.table.log_softmax(-1)[0, prefix_rows(ANSWERS), ANSWERS]
    ratio = BETA * (tokens.sum(-1) - start.log())
    regular = -BETA * (paid * tokens).sum(-1)
    total = torch.zeros((), dtype=torch.float64)
    for (i, j), p in zip(torch.combinations(torch.arange(64)).tolist(), people.tolist(), strict=True):
        for preferred, other, often in ((i, j, p), (j, i, 1 - p)):
            gap = ratio[preferred] - ratio[other]
            weight = (-gap).sigmoid().detach()
            total = total - often * torch.nn.functional.logsigmoid(gap)
            total = total + often * alpha * weight * (regular[preferred] + regular[other])
    total.backward()
    assert policy.table.grad.abs().max() < 1e-9


def test_soft_values_are_those_of_every_pair_of_siblings_and_of_whole_answers():
    assert len(STEPS) == len(set(STEPS)) == 84
    assert len(SIBLINGS) == 21 * 6
    torch.testing.assert_close(soft_values()[-64:], REWARD, rtol=0, atol=1e-12)
