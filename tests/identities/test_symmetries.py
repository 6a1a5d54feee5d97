"""What must not matter: the order of prompts and responses, padding, what lies outside the mask, a prompt's offset."""

import pytest
import torch

import oracles
from prefloop.credit import gigpo, group_mean, grpo, rloo
from prefloop.names import lookup

ORDERED = oracles.PAIRED | {
    "plackett_luce",
    "nll_of_best",
    "nll_of_best_per_token",
    "kway_choice",
    "mapl",
    "mapl_dpo",
    "best_and_worst",
    "preferred",
    "preferred_calibrate",
    "doubly_robust",
    "doubly_robust_reward",
    "drawn_baseline",
}
TRIED = [pytest.param(f, knobs[-1], id=f.__name__) for f, knobs in oracles.PURE_FUNCTIONS.items()]
MASKED = [case for case in TRIED if "mask" in oracles.inputs(case.values[0])]
ROOMY = [case for case in TRIED if {"logp", "mask", "value", "entropy"} & set(oracles.inputs(case.values[0]))]

pytestmark = pytest.mark.parametrize("seed", range(3))


def arguments(function, seed):
    return oracles.arguments(function, oracles.batch(seed, k=2 if function.__name__ in oracles.PAIRED else 4))


def results(function, tensors, knobs):
    """What the function returns, as a tuple of float64 tensors."""
    got = function(**tensors, **knobs)
    return [x.double() for x in (got if isinstance(got, tuple) else (got,))]


def assert_same(got, want):
    for one, other in zip(got, want, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("function", "knobs"), TRIED)
def test_the_order_of_prompts_does_not_matter(function, knobs, seed):
    order = [3, 0, 4, 2, 1]
    tensors = arguments(function, seed)
    shuffled = {name: x[order] for name, x in tensors.items()}
    assert_same(results(function, shuffled, knobs), [x[order] for x in results(function, tensors, knobs)])


@pytest.mark.parametrize(("function", "knobs"), [c for c in TRIED if c.values[0].__name__ not in ORDERED])
def test_the_order_of_responses_does_not_matter(function, knobs, seed):
    order = [2, 0, 3, 1]
    tensors = arguments(function, seed)
    of_prompt = {name for name in tensors if (shape := lookup(name).shape.split())[0] == "P" and "K" not in shape}
    shuffled = {name: x if name in of_prompt else x[:, order] for name, x in tensors.items()}
    whole = results(function, tensors, knobs)  # what is said of the prompt stays as it is
    assert_same(results(function, shuffled, knobs), [x[:, order] if x.dim() > 1 else x for x in whole])


@pytest.mark.parametrize(("function", "knobs"), [c for c in TRIED if c.values[0].__name__ == "kway_choice"])
def test_the_order_of_the_responses_that_were_not_chosen_does_not_matter(function, knobs, seed):
    order = [0, 3, 1, 2]
    tensors = arguments(function, seed)
    shuffled = {name: x[:, order] for name, x in tensors.items()}
    assert_same(results(function, shuffled, knobs), results(function, tensors, knobs))


@pytest.mark.parametrize(("function", "knobs"), ROOMY)
def test_padding_on_the_right_does_not_matter(function, knobs, seed):
    tensors = arguments(function, seed)
    length = max(x.shape[-1] for x in tensors.values() if x.dim() == 3)
    padded = {name: pad(name, x) if x.dim() > 2 and x.shape[2] == length else x for name, x in tensors.items()}
    shortened = [x[..., :length] if x.dim() == 3 else x for x in results(function, padded, knobs)]
    assert_same(shortened, results(function, tensors, knobs))


def pad(name, x):
    channels = (0, 0) * (x.dim() - 3)
    return torch.nn.functional.pad(x, (*channels, 0, 3), value=0 if name == "mask" else hidden(x))


def hidden(x):
    """What no result may show: not a number, and a token that stands nowhere else."""
    return torch.nan if x.is_floating_point() else 9


@pytest.mark.parametrize(("function", "knobs"), MASKED)
def test_what_lies_outside_the_mask_cannot_be_seen(function, knobs, seed):
    tensors = arguments(function, seed)
    outside = tensors["mask"] == 0
    seen = {"mask", "ids"} if function is gigpo else {"mask"}  # what others said is part of the state of a choice
    elsewhere = {
        name: x.masked_fill(outside, hidden(x)) if name not in seen and x.shape == outside.shape else x
        for name, x in tensors.items()
    }
    assert_same(results(function, elsewhere, knobs), results(function, tensors, knobs))


@pytest.mark.parametrize("function", [rloo, group_mean, grpo])
def test_paying_every_answer_to_a_prompt_more_does_not_matter(function, seed):
    tensors = arguments(function, seed)
    offset = torch.tensor([0.0, 5.0, -3.0, 1.0, 2.0])[:, None]
    more = {**tensors, "reward": tensors["reward"] + offset}
    assert_same(results(function, more, {}), results(function, tensors, {}))


def test_paying_twice_as_much_does_not_matter_to_grpo_without_eps(seed):
    tensors = arguments(grpo, seed) | {"mask": torch.ones(5, 4, 1)}
    twice = tensors | {"reward": 2 * tensors["reward"]}
    assert_same(results(grpo, twice, {"eps": 0.0}), results(grpo, tensors, {"eps": 0.0}))
