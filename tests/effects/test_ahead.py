"""A step ahead is exactly that: the slope of the pairs is taken where the ascent leads, and applied where it began."""

import contextlib
from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import RecipeError
from prefloop.learning.optimiser import MasterAdamW
from prefloop.learning.update import Dials, update
from prefloop.objectives.rewards import bradley_terry
from prefloop.objectives.spread import told_apart
from prefloop.planning import plan
from prefloop.recipe import Ascent, Optimiser, Term
from prefloop.recipes import method
from prefloop.shaping.transforms import centred
from updates import decoder, learner_for, make

RATE, LR = 0.3, 1e-3
RECIPE = method("meta-rm")(ahead=RATE, draws=2, lr=LR)
RECIPE = replace(RECIPE, optimiser=replace(RECIPE.optimiser, clip=1e9, head=1.0))


def batch():
    drawn = torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    return make(RECIPE).having(calibrated=drawn)


def by_hand(weights):
    """The slope of the mean over pairs at theta + rate grad J(theta)."""
    model, of = decoder("reward", "score", 0), batch()
    parameters = list(model.parameters())
    with torch.no_grad():
        for p, w in zip(parameters, weights, strict=True):
            p.copy_(w)
    score = model.outputs(of, ("score",))["score"]
    ahead = torch.autograd.grad(told_apart(score, of["calibrated"]).mean(), parameters)
    with torch.no_grad():
        for p, g in zip(parameters, ahead, strict=True):
            p.add_(RATE * g)
    score = model.outputs(of, ("score",))["score"]
    return torch.autograd.grad(bradley_terry(score[:, :2]).mean(), parameters)


@pytest.mark.parametrize("tokens", [45, 10**6])
def test_the_gradient_is_that_of_the_pairs_a_step_ahead_whether_the_batch_is_cut_or_not(tokens):
    models, kept = {"reward": decoder("reward", "score", 0)}, {}
    parameters = list(models["reward"].parameters())
    before = [p.detach().clone() for p in parameters]
    with contextlib.closing(learner_for(RECIPE, models, tokens)) as learner:

        def step(lr):
            kept["at"] = [p.detach().clone() for p in parameters]
            kept["slopes"] = [p.grad.clone() for p in parameters]
            return {"reward": 1.0}

        learner.step = step
        update(RECIPE, learner, batch(), Dials(RECIPE), seed=0)
    assert all(torch.equal(p, w) for p, w in zip(kept["at"], before, strict=True))
    for got, want in zip(kept["slopes"], by_hand(before), strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


def test_without_the_step_the_gradient_is_another():
    models = {"reward": decoder("reward", "score", 0)}
    plain = replace(RECIPE, ascent=None)
    parameters = list(models["reward"].parameters())
    before, slopes = [p.detach().clone() for p in parameters], []
    with contextlib.closing(learner_for(plain, models, 10**6)) as learner:
        learner.step = lambda lr: slopes.extend(p.grad.clone() for p in parameters) or {"reward": 1.0}
        update(plain, learner, batch(), Dials(plain), seed=0)
    far = max(float((a - b).abs().max() / b.abs().max()) for a, b in zip(slopes, by_hand(before), strict=True))
    assert far > 1e-3


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_a_weight_is_back_to_the_bit(dtype):
    weight = torch.nn.Parameter(torch.randn(7, generator=torch.Generator().manual_seed(0)).to(dtype))
    still = torch.nn.Parameter(torch.ones(2, dtype=dtype))
    optimiser = MasterAdamW([weight, still], Optimiser())
    before, state = weight.detach().clone(), {n: t.clone() for n, t in optimiser.state().items()}
    (weight.square().sum()).backward()
    optimiser.lean(0.1)
    torch.testing.assert_close(weight.detach(), (before.float() * 0.8).to(dtype), rtol=1e-2, atol=1e-6)
    assert weight.grad is None
    assert torch.equal(still, torch.ones(2, dtype=dtype))
    optimiser.straighten()
    assert torch.equal(weight, before)
    assert all(torch.equal(t, state[n]) for n, t in optimiser.state().items())
    optimiser.close()


def test_weights_are_back_where_the_loss_fails():
    models = {"reward": decoder("reward", "score", 0)}
    before = [p.detach().clone() for p in models["reward"].parameters()]
    learner = learner_for(RECIPE, models, 10**6)
    of = batch()
    learner.update(of, lambda outputs: outputs["score"].sum())
    with contextlib.closing(learner), pytest.raises(ZeroDivisionError), learner.ahead(0.1):
        1 / 0  # noqa: B018
    assert all(torch.equal(p, w) for p, w in zip(models["reward"].parameters(), before, strict=True))


def test_what_is_derived_is_no_part_of_the_step():
    def late(score, reward):
        return score[:, 0] * reward[:, 0]

    paid = replace(RECIPE, ascent=Ascent(term=Term(objective=bind(late)), rate=1.0), derive=(bind(centred),))
    with pytest.raises(RecipeError, match="`late` stands in `ascent` and asks for `reward`, which is worked out after"):
        plan(replace(paid, score={"reward": bind(lambda prompt, response: 1.0)}))


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_a_step_of_no_length_is_refused(rate):
    with pytest.raises(RecipeError, match=r"`rate` is .*: it is above 0"):
        method("meta-rm")(ahead=rate)
