"""What a loss on pairs with degrees beside becomes at its limits, and that one part of it leaves the other alone."""

from dataclasses import replace
from math import log

import pytest
import torch

from oracles import batch
from prefloop.binding import bind
from prefloop.learning.update import Dials, loss
from prefloop.objectives.degrees import degree_told
from prefloop.objectives.margins import odpo
from prefloop.objectives.pairs import osp
from prefloop.objectives.reference_free import simpo
from prefloop.recipe import Term
from prefloop.recipes import method

EXACT = {"rtol": 0, "atol": 1e-12}
LOSSES = {"dpo": None, "simpo": bind(simpo), "odpo": bind(odpo), "osp": bind(osp)}


@pytest.fixture(params=range(4))
def groups(request):
    found = batch(request.param, k=4)
    found["mask"][:, :2, 0] = 1  # judged pairs are whole
    found["label"] = torch.tensor([2.5, 0.5, 0.0, 0.0]).double().expand(5, 4)
    return found


@pytest.fixture(autouse=True)
def in_double():
    """The factors of the loss are as exact as its terms."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def slopes(recipe, tensors):
    """The gradients of a recipe's whole loss in what the policy gives."""
    outputs = {n: tensors[n].clone().requires_grad_() for n in ("logp", "degree_logits")}
    loss(recipe, outputs, tensors, Dials(recipe)).backward()
    return {n: torch.zeros_like(x) if x.grad is None else x.grad for n, x in outputs.items()}


@pytest.mark.parametrize("name", LOSSES)
def test_without_weight_it_is_the_loss_on_the_pairs_alone(name, groups):
    recipe = method("spo-degree")(weight=0.0, loss=LOSSES[name])
    pairs = {n: x[:, :2] if x.dim() > 1 else x for n, x in groups.items()}
    plain = method("dpo")()
    if LOSSES[name] is not None:
        plain = replace(plain, objective=(Term(objective=LOSSES[name]),))
    found, want = slopes(recipe, groups), slopes(plain, pairs)
    assert torch.equal(found["logp"][:, :2], want["logp"])
    assert not found["logp"][:, 2:].any()
    assert not found["degree_logits"].any()
    assert want["logp"].any()


def test_the_weight_changes_what_the_head_learns_and_nothing_of_the_pairs(groups):
    light, heavy = (slopes(method("spo-degree")(weight=w), groups) for w in (0.5, 1.0))
    assert torch.equal(light["logp"], heavy["logp"])
    torch.testing.assert_close(2 * light["degree_logits"], heavy["degree_logits"], **EXACT)
    assert not heavy["degree_logits"][groups["degree"] < 0].any()
    assert heavy["degree_logits"][groups["degree"] >= 0].any()


def test_a_head_to_which_all_degrees_are_as_likely_costs_log_of_their_number(groups):
    has = (groups["degree"] >= 0).any(1)
    found = degree_told(torch.zeros_like(groups["degree_logits"]), groups["degree"])
    torch.testing.assert_close(found, has.double() * log(3), **EXACT)


def test_the_first_responses_are_all_that_a_term_with_first_is_averaged_over(groups):
    """The mean over responses counts those that it sees."""

    def one(logp):
        return torch.ones_like(logp[..., 0])

    recipe = replace(method("dpo")(), objective=(Term(objective=bind(one), first=2),))
    found = loss(recipe, {"logp": groups["logp"]}, groups, Dials(recipe))
    torch.testing.assert_close(found, torch.ones_like(found), **EXACT)
