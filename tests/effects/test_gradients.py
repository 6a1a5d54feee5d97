"""One gradient of every method, however its batch is cut, ordered, padded and packed."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from torch.nn.functional import pad

from prefloop import recipes
from prefloop.names import of_tokens
from updates import furthest, gradients, make, shares

FITTING = {
    "expert-iteration": {"least": 0.0},  # so that of each prompt an answer is kept, and not every one
    "ordinal": {"lowest": 0, "highest": 2},  # the labels of `make`
}
RECIPES = {name: make_recipe(**FITTING.get(name, {})) for name, make_recipe in recipes.methods().items()}
LEARNING = [name for name, recipe in RECIPES.items() if recipe.objective]
ACROSS = {
    "bco": "midpoint",
    "dense-reward": "whiten_advantage",
    "fine-grained-rlhf": "whiten_advantage",
    "kto": "mismatched_kl",
    "maxmin": "worst_group",
    "odin": "length_correlation",
    "pf-ppo": "whiten_advantage",
    "ppo": "whiten_advantage",
    "ppo-max": "whiten_advantage",
    "ppo-ptx": "whiten_advantage",
    "prm-rl": "whiten_advantage",
    "reinforce": "batch_mean",
    "reinforce-plus-plus": "whiten_advantage",
    "reinforce-plus-plus-baseline": "whiten_advantage",
    "rto": "whiten_advantage",
    "safe-entropy": "whiten_advantage",
    "salsa": "whiten_advantage",
    "seq2seq-rm": "whiten_advantage",
    "simcse-reward": "simcse",
    "swav-reward": "swav",
}
"""The methods that compare answers to different prompts, and what does: a prompt alone teaches them something else."""
NEAR = 1e-10

pytestmark = pytest.mark.parametrize("name", LEARNING)


@pytest.fixture(autouse=True)
def in_double():
    """The factors of the loss are as exact as its terms, so that sums over parts are exact as well."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.fixture
def recipe(name):
    return RECIPES[name]


@pytest.fixture
def batch(recipe):
    return make(recipe)


@pytest.fixture
def whole(name):
    return of_the_whole(name)


@cache
def of_the_whole(name):
    return gradients(RECIPES[name], make(RECIPES[name]))


def test_pushing_a_batch_through_in_parts_gives_the_gradient_of_the_whole(recipe, batch, whole):
    """Two prompts or one at a time."""
    assert 1 < len(list(batch.split(45))) < len(batch)
    assert furthest(gradients(recipe, batch, 45), whole) < NEAR


def test_the_order_of_the_prompts_does_not_change_the_gradient(recipe, batch, whole):
    assert furthest(gradients(recipe, batch.take([2, 0, 3, 1])), whole) < NEAR


def test_more_padding_does_not_change_the_gradient(recipe, batch, whole):
    """Whatever token it is made of; and one more missing answer, where there need not be two."""
    answers = int(batch.lengths.shape[1] > 2)

    def roomier(name, x):
        nothing = {"ids": 7, "degree": -1, "aspect": torch.nan, "token_label": torch.nan}.get(name, 0)
        tokens = (0, 5) if of_tokens(name) else ()
        channels = (0, 0) * (x.dim() - 2 - len(tokens) // 2)
        return pad(x, (*channels, *tokens, 0, answers), value=nothing)

    room = {n: roomier(n, t) for n, t in batch.tensors.items() if t.dim() > 1}
    wider = replace(batch, lengths=pad(batch.lengths, (0, answers))).having(**room)
    assert furthest(gradients(recipe, wider), whole) < NEAR


def test_prompts_packed_alone_add_up_unless_the_method_compares_across_them(name, recipe, batch, whole):
    alone = [gradients(recipe, batch.rows(p, p + 1)) for p in range(len(batch))]
    parts = list(zip(shares(recipe, batch), alone, strict=True))
    total = {n: sum(share * gradient[n] for share, gradient in parts) for n in whole}
    assert (furthest(total, whole) < NEAR) == (name not in ACROSS)
    pieces = (*recipe.derive, *(term.objective for term in recipe.objective))
    assert ACROSS.get(name) in (None, *(bound.name for bound in pieces))


def test_the_tokens_of_a_hole_are_read_and_not_learnt(name, recipe, batch, whole):
    """The same answers with every token learnt have another gradient, so the mask is seen."""
    exists = torch.arange(batch["ids"].shape[-1]) < batch.lengths[..., None]
    without_holes = gradients(recipe, batch.having(mask=exists.long()))
    # a reward model's score is read at the last token all the same; a length is that of what was chosen, as states are
    assert (furthest(without_holes, whole) > NEAR) == (
        recipe.family != "reward" or name in ("goal-conditioned", "odin")
    )
