"""Given answers beside own samples: the known answer is an optimum, and the gradient of the mix is added."""

from dataclasses import replace

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import DataError, RecipeError
from prefloop.learning.local import LocalLearner
from prefloop.learning.update import Dials, update, with_frozen
from prefloop.loops.optimise import optimise
from prefloop.objectives.imitation import nll
from prefloop.objectives.pairs import dpo
from prefloop.planning import plan
from prefloop.recipe import Mix, Optimiser, Term
from prefloop.recipes import method
from prefloop.verify.distance import BOUND, paid
from prefloop.verify.known_mixed import WRITTEN, mixed_optimum, plain, ppo_ptx, written
from prefloop.verify.learn import networks
from prefloop.verify.problem import BETA, PROMPT, REWARD, distribution, reference, regularised_optimum, total_variation
from prefloop.verify.tabular import WHOLE, TabularGenerator, group


def value(policy, ptx):
    start = distribution(reference())
    return (policy * (REWARD - BETA * (policy / start).log())).sum() + ptx * (written() * policy.log()).sum()


@pytest.mark.parametrize("ptx", [0.3, 1.0])
def test_no_policy_near_the_mixed_optimum_is_worth_more(ptx):
    best, source = mixed_optimum(ptx), torch.Generator().manual_seed(0)
    assert float(best.sum()) == pytest.approx(1, abs=1e-9)
    for _ in range(50):
        nearby = (best.log() + 0.01 * torch.randn(64, generator=source, dtype=torch.float64)).softmax(-1)
        assert value(nearby, ptx) < value(best, ptx)


def test_with_nothing_mixed_in_it_is_the_regularised_optimum_and_otherwise_far_from_it():
    assert total_variation(mixed_optimum(0.0), regularised_optimum()) < 1e-9
    assert total_variation(mixed_optimum(1.0), regularised_optimum()) > 0.4


def test_another_share_is_caught():
    assert ppo_ptx(1.0).distance(replace(plain(ptx=0.5, steps=40), batch=16)) > 2 * BOUND


def gradient(recipe, mixed):
    """What the first optimiser step of an update would be taken along, and the metrics."""
    found = networks()
    needs, groups = plan(recipe), TabularGenerator(reference()).sample([PROMPT] * 4, k=4, decoding=DECODING, seed=0)
    batch = assemble(groups).having(reward=torch.rand(4, 4, generator=torch.Generator().manual_seed(0)).double())
    batch = with_frozen(batch, needs, found, tokens=10**6, temperature=1.0)
    learner = LocalLearner(found, needs.outputs, recipe.optimiser)
    taken = []

    def step(lr):
        taken.append(found["policy"].table.grad.clone())
        found["policy"].table.grad = None
        return {"policy": 0.0}

    learner.step = step
    return taken, update(recipe, learner, batch, Dials(recipe), seed=0, mixed=mixed)


DECODING = paid("rloo").sample.decoding


@pytest.mark.parametrize("more", [{}, {"passes": 2, "minibatches": 2}], ids=str)
@pytest.mark.parametrize("tokens", [10**6, 5])
def test_the_gradient_of_the_mix_is_added_at_every_optimiser_step_and_its_loss_is_told(more, tokens):
    bare = replace(paid("rloo"), optimiser=Optimiser(tokens=tokens), **more)
    recipe = replace(bare, mix=Mix(term=Term(objective=bind(nll), weight=0.7)))
    mixed = assemble([group(PROMPT, [WHOLE[i]]) for i in WRITTEN.tolist()])
    policy = reference()
    want = 0.7 * -policy.outputs(mixed, ("logp",))["logp"].mean()
    want.backward()
    (plainly, _), (both, metrics) = gradient(bare, None), gradient(recipe, mixed)
    assert len(plainly) == len(both) == (4 if more else 1)
    for a, b in zip(plainly, both, strict=True):
        torch.testing.assert_close(b - a, policy.table.grad, rtol=1e-6, atol=1e-8)  # shares are fp32
    assert metrics["mix_loss"] == pytest.approx(float(want.detach()))


def test_of_judged_groups_the_preferred_answer_is_mixed_in():
    seen = []

    def told(logp, mask):
        seen.append((logp.shape, logp.detach().sum().item()))
        return nll(logp)

    recipe = replace(paid("rloo"), steps=1, batch=2, mix=Mix(term=Term(objective=bind(told)), batch=2))
    found = networks()
    optimise(
        recipe,
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
        judged=[group(PROMPT, [WHOLE[5], WHOLE[9], WHOLE[1]])],
    )
    shape, total = seen[0]
    assert shape == (2, 1, 3)
    assert total == pytest.approx(2 * float(reference().log_answers()[0, 5].detach()))


def test_a_mix_that_means_nothing_is_refused():
    mix = Mix(term=Term(objective=bind(nll)))
    with pytest.raises(RecipeError, match="learns from judged answers already"):
        plan(replace(method("dpo")(), mix=mix))
    with pytest.raises(RecipeError, match="`dpo` stands in `mix` and asks for `ref_logp`"):
        plan(replace(method("rloo")(), mix=Mix(term=Term(objective=bind(dpo)))))
    with pytest.raises(RecipeError, match="`batch` is 0: it is at least 1"):
        Mix(term=Term(objective=bind(nll)), batch=0)
    found = networks()
    with pytest.raises(DataError, match="`ppo-ptx` mixes judged answers in and was given none"):
        optimise(plain(ptx=1.0), networks=found, generator=TabularGenerator(found["policy"]), prompts=[PROMPT])
