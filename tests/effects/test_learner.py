"""What is pushed through and measured; fp32 master weights under bf16 ones; states that are given back exactly."""

from dataclasses import replace

import pytest
import torch

import tiny
from prefloop import recipes
from prefloop.learning.mismatched import mismatch, with_mismatched
from prefloop.learning.optimiser import MasterAdamW
from prefloop.learning.update import Dials, update, with_frozen
from prefloop.planning import plan
from prefloop.recipe import Optimiser
from updates import TRUNKS, furthest, learner_for, make, networks

PAID, THUMBS = {name: recipes.method(name)(beta=0.1) for name in ("rloo", "ppo")}, recipes.method("kto")()
RLOO = PAID["rloo"]


@pytest.mark.parametrize("tokens", [1, 60, 10**6])
def test_a_mismatched_response_is_read_after_the_next_prompt_that_is_another(tokens):
    models = networks(THUMBS)
    batch = tiny.batch(TRUNKS, [[5, 1], [3, 4], [3, 2], [6, 6]], seed=3)
    batch = replace(batch, trunks=(batch.trunks[0], batch.trunks[1], batch.trunks[1], batch.trunks[3]))
    found = with_mismatched(batch, mismatch(batch), {"mismatched_logp": "policy"}, models, tokens=tokens)
    for p, other in enumerate((1, 3, 3, 0)):
        alone = replace(batch.rows(p, p + 1), trunks=(batch.trunks[other],))
        want = models["policy"].outputs(alone, ("logp",))["logp"][0]
        torch.testing.assert_close(found["mismatched_logp"][p], want.detach(), rtol=0, atol=1e-10)
    own = models["policy"].outputs(batch, ("logp",))["logp"]
    assert not found["mismatched_logp"].requires_grad
    assert bool(((found["mismatched_logp"] - own)[batch["mask"].bool()].abs() > 1e-6).all())


@pytest.mark.parametrize("recipe", PAID.values(), ids=PAID)
def test_the_metrics_of_an_update_do_not_depend_on_how_the_batch_was_cut(recipe):
    sides = []
    for tokens in (1, 10**6):
        models = networks(recipe)
        batch = with_frozen(make(recipe), plan(recipe), models, tokens=tokens, temperature=1.0)
        sides.append(update(recipe, learner_for(recipe, models, tokens), batch, Dials(recipe), seed=0))
    assert sides[0] == pytest.approx(sides[1], rel=1e-9)
    assert sides[0]["gradient_policy"] > 0


def test_a_prompt_that_gets_no_gradient_is_not_pushed_through():
    models = networks(RLOO)
    learner, batch = learner_for(RLOO, models, 1), make(RLOO)
    read = []
    models["policy"].base.get_input_embeddings().register_forward_hook(
        lambda _, given, __: read.append(given[0].numel())
    )
    learner.push(batch, {"logp": torch.zeros(batch["ids"].shape, dtype=torch.float64)})
    assert read == []


def test_a_gradient_of_one_prompt_in_a_part_is_pushed_through():
    models, batch = networks(RLOO), make(RLOO)
    pull = torch.zeros(batch["ids"].shape, dtype=torch.float64)
    pull[1] = 1.0
    learner_for(RLOO, models, 60).push(batch, {"logp": pull})
    pushed = {n: p.grad.clone() for n, p in models["policy"].model.named_parameters()}
    models["policy"].model.zero_grad()
    models["policy"].outputs(batch, ("logp",))["logp"][1].sum().backward()
    assert furthest(pushed, {n: p.grad for n, p in models["policy"].model.named_parameters()}) < 1e-10


SETTINGS = Optimiser(betas=(0.8, 0.9), weight_decay=0.01, clip=0.5)
RATES = (1e-3, 3e-4, 1e-3, 2e-3, 1e-4)


def parameters(dtype):
    source = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=source).to(dtype)) for shape in [(6, 5), (12,)]]


def pulls(step, part):
    source = torch.Generator().manual_seed(100 * step + part)
    return [torch.randn(shape, generator=source) for shape in [(6, 5), (12,)]]


def backward(weights, step, parts=3):
    """Micro-batches whose gradients are the pulls, in the weights' own precision."""
    for part in range(parts):
        sum((w * p.to(w.dtype)).sum() for w, p in zip(weights, pulls(step, part), strict=True)).backward()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_steps_are_those_of_adamw_in_fp32_on_the_gradients_as_they_came(dtype):
    weights, oracle = parameters(dtype), [p.detach().float().requires_grad_() for p in parameters(dtype)]
    optimiser = MasterAdamW(weights, SETTINGS)
    adamw = torch.optim.AdamW(oracle, betas=SETTINGS.betas, weight_decay=SETTINGS.weight_decay, foreach=False)
    for step, lr in enumerate(RATES):
        backward(weights, step)
        for i, w in enumerate(oracle):
            w.grad = sum(pulls(step, part)[i].to(dtype).float() for part in range(3))
        norm = sum(float(w.grad.square().sum()) for w in oracle) ** 0.5
        for w in oracle:
            w.grad *= SETTINGS.clip / norm
        adamw.param_groups[0]["lr"] = lr
        adamw.step()
        assert optimiser.step(lr) == pytest.approx(norm, rel=1e-5)
    for i, (w, o) in enumerate(zip(weights, oracle, strict=True)):
        master = optimiser.state()[f"master.{i}"]
        torch.testing.assert_close(master, o.detach(), rtol=0, atol=1e-6)
        assert torch.equal(w, master.to(dtype))


def test_steps_too_small_for_bf16_add_up():
    [weight] = weights = [torch.nn.Parameter(torch.ones(3, dtype=torch.bfloat16))]
    optimiser = MasterAdamW(weights, Optimiser())
    for _ in range(40):
        weight.sum().backward()
        optimiser.step(1e-4)  # a bf16 number near 1 moves by 4e-3 at the least
    torch.testing.assert_close(weight.detach(), torch.full((3,), 1 - 4e-3, dtype=torch.bfloat16), rtol=0, atol=0)


def test_a_gradient_below_the_clip_is_left_alone():
    [weight] = weights = [torch.nn.Parameter(torch.zeros(4))]
    optimiser = MasterAdamW(weights, Optimiser(clip=10.0, betas=(0.5, 0.5)))
    (weight * 2).sum().backward()
    assert optimiser.step(1e-3) == pytest.approx(4.0)
    assert optimiser.state()["exp_avg.0"].tolist() == [1.0] * 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_a_restored_optimiser_goes_on_bit_for_bit(dtype):
    weights = parameters(dtype)
    optimiser = MasterAdamW(weights, SETTINGS)
    for step in range(3):
        backward(weights, step)
        optimiser.step(1e-3)
    kept = {n: t.clone() for n, t in optimiser.state().items()}
    resumed_weights = [torch.nn.Parameter(torch.zeros_like(w)) for w in weights]
    resumed = MasterAdamW(resumed_weights, SETTINGS)
    resumed.restore(kept)
    for step in range(3, 5):
        for some, one in ((weights, optimiser), (resumed_weights, resumed)):
            backward(some, step)
            one.step(1e-3)
    assert all(torch.equal(a, b) for a, b in zip(weights, resumed_weights, strict=True))
    assert optimiser.state().keys() == resumed.state().keys()
    assert all(torch.equal(t, resumed.state()[n]) for n, t in optimiser.state().items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("wrong", [float("inf"), float("nan")])
def test_a_gradient_that_is_not_finite_moves_nothing_and_is_forgotten(dtype, wrong):
    sides = []
    for stumbles in (False, True):
        weights = parameters(dtype)
        optimiser = MasterAdamW(weights, SETTINGS)
        backward(weights, 0)
        optimiser.step(1e-3)
        if stumbles:
            (weights[0] * wrong).sum().backward()
            assert not torch.isfinite(torch.tensor(optimiser.step(1e-3)))
        backward(weights, 1)
        optimiser.step(1e-3)
        sides.append(optimiser.state())
    assert all(torch.equal(t, sides[1][n]) for n, t in sides[0].items())


def test_the_metrics_tell_of_a_gradient_that_is_not_finite():
    models = networks(RLOO)
    batch = with_frozen(make(RLOO), plan(RLOO), models, tokens=10**6, temperature=1.0)
    batch["reward"][0, 0] = float("inf")
    metrics = update(RLOO, learner_for(RLOO, models, 10**6), batch, Dials(RLOO), seed=0)
    assert not torch.isfinite(torch.tensor(metrics["gradient_policy"]))


def test_a_restored_learner_knows_the_version_of_its_weights():
    first, second = (networks(RLOO) for _ in range(2))
    learner, resumed = learner_for(RLOO, first, 10**6), learner_for(RLOO, second, 10**6)
    for _ in range(2):
        learner.update(make(RLOO), lambda o: o["logp"].sum())
        learner.step(1e-3)
    resumed.restore(learner.state(), learner.steps)
    assert second["policy"].version == first["policy"].version == "policy@2"
    assert second["ref"].version == "ref@0"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_weights_that_are_put_back_are_those_of_then_also_for_who_goes_on_from_the_state(dtype):
    """A master copy in fp32 goes back with its weights, or a resumed run would go on from the later ones."""
    weights, others = parameters(dtype), parameters(dtype)
    optimiser, resumed = MasterAdamW(weights, SETTINGS), MasterAdamW(others, SETTINGS)
    for step in range(2):
        backward(weights, step)
        optimiser.step(0.1)
        if step == 0:
            then = [w.detach().clone() for w in weights]
    assert not any(torch.equal(w, t) for w, t in zip(weights, then, strict=True))
    optimiser.put_back(then)
    resumed.restore(optimiser.state())
    for side in (weights, others):
        assert all(torch.equal(w, t) for w, t in zip(side, then, strict=True))
