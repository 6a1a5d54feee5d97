"""What a prefix that both answers share changes, and what a regulariser of tokens is made of."""

from dataclasses import replace

import pytest
import torch

from oracles import batch
from prefloop.batch import Batch
from prefloop.binding import bind
from prefloop.credit import beyond_prefix
from prefloop.learning.update import Dials, derived, loss
from prefloop.objectives.margins import token_agreement
from prefloop.objectives.pairs import dpo
from prefloop.recipes import method
from prefloop.shaping.tokens import contrast
from updates import furthest, gradients, make


@pytest.fixture(autouse=True)
def in_double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def with_a_prefix(shared=3):
    """Pairs whose answers begin with the same tokens, holes and all; those of the last differ from the first on."""
    whole = make(method("dpo")())
    ids, mask = whole["ids"].clone(), whole["mask"].clone()
    ids[:3, 1, :shared], mask[:3, 1, :shared] = ids[:3, 0, :shared], mask[:3, 0, :shared]
    return whole.having(ids=ids, mask=mask)


def masked(name):
    """A recipe, with the prefix left out."""
    recipe = method(name)()
    return replace(recipe, derive=(bind(beyond_prefix), *recipe.derive))


def test_a_prefix_that_both_share_cancels_in_the_loss_of_dpo_and_in_its_gradient():
    steps = with_a_prefix()
    assert furthest(gradients(method("longdpo")(), steps), gradients(method("dpo")(), steps)) < 1e-10


def test_a_prefix_that_both_share_counts_in_a_loss_that_divides_by_lengths():
    steps = with_a_prefix()
    assert furthest(gradients(masked("simpo"), steps), gradients(method("simpo")(), steps)) > 1e-3


def test_what_is_left_is_what_comes_after_the_last_token_that_both_share():
    steps = with_a_prefix()
    left = beyond_prefix(steps["ids"], steps["mask"])
    assert left[:3, :, :3].sum() == 0
    assert torch.equal(left[:3, :, 3:], steps["mask"][:3, :, 3:])
    assert torch.equal(left[3], steps["mask"][3])


def test_the_same_tokens_later_on_are_learnt():
    ids = torch.tensor([[[4, 5, 6, 7], [4, 9, 6, 7]]])
    assert beyond_prefix(ids, torch.ones_like(ids)).tolist() == [[[0, 1, 1, 1], [0, 1, 1, 1]]]


def test_an_answer_that_stops_where_the_other_goes_on_has_nothing_of_its_own():
    ids, mask = torch.tensor([[[4, 5, 6], [4, 5, 0]]]), torch.tensor([[[1, 1, 1], [1, 1, 0]]])
    assert beyond_prefix(ids, mask).tolist() == [[[0, 0, 1], [0, 0, 0]]]


def value(recipe, pairs):
    held = Batch(trunks=(), lengths=torch.zeros(0), tensors={n: t for n, t in pairs.items() if n != "logp"})
    outputs, dials = {"logp": pairs["logp"]}, Dials(recipe)
    return loss(recipe, outputs, derived(recipe, held, outputs, dials), dials)


@pytest.mark.parametrize("seed", range(4))
def test_t_reg_without_its_regulariser_is_dpo(seed):
    pairs = batch(seed, k=2)
    want = value(method("dpo")(beta=0.7), pairs)
    torch.testing.assert_close(value(method("t-reg")(beta=0.7, alpha=0.0), pairs), want, rtol=0, atol=1e-12)
    assert (value(method("t-reg")(beta=0.7, alpha=0.5), pairs) - want).abs() > 1e-4


@pytest.mark.parametrize("seed", range(4))
def test_what_answers_well_told_so_or_otherwise_pays_nothing(seed):
    pairs = batch(seed, k=2)
    same = contrast(pairs["better_logp"], pairs["better_logp"], pairs["mask"])
    assert same.count_nonzero() == 0
    turned = contrast(pairs["worse_logp"], pairs["better_logp"], pairs["mask"])
    torch.testing.assert_close(turned, -contrast(pairs["better_logp"], pairs["worse_logp"], pairs["mask"]))


@pytest.mark.parametrize("seed", range(4))
def test_the_weight_of_a_pair_is_how_hard_dpo_pulls_it_and_has_no_gradient_itself(seed):
    """With every token of the first answer paid 1 and of the other -1 the regulariser has the gradient of dpo."""
    pairs = batch(seed, k=2)
    paid = torch.tensor([1.0, -1.0]).view(1, 2, 1).expand(pairs["logp"].shape)

    def gradient(term, **more):
        logp = pairs["logp"].clone().requires_grad_()
        term(logp, pairs["ref_logp"], pairs["mask"], beta=0.7, **more).sum().backward()
        return logp.grad

    torch.testing.assert_close(gradient(token_agreement, token_reward=paid), gradient(dpo), rtol=0, atol=1e-12)
