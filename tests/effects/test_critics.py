"""A value head with several critics: what it gives, how it starts, is kept and learns, and what is refused."""

import math

import pytest
import torch
import transformers

import tiny
from prefloop.errors import RecipeError
from prefloop.models.decoder import Decoder
from prefloop.models.load import load, save
from prefloop.planning import plan
from prefloop.recipe import Critics, Model
from prefloop.recipes import method

BATCH = tiny.batch((9, 3), [[5, 1, 0], [2, 7, 4]])


def loaded(folder, critics=None):
    declared = Model(source=str(folder), head="value", train=True, dtype="float32", critics=critics)
    return load(declared, name="critic")


def value(critic):
    return critic.outputs(BATCH, ("value",))["value"]


def each(critic):
    """What every critic of a decoder says before each token, each of them alone."""
    head = critic._score_layer()
    found = []
    for i in range(head.out_features):
        weight, bias = head.weight.detach()[i : i + 1], head.bias.detach()[i : i + 1]
        stock = tiny.network("llama-tied", head="value")
        stock.load_state_dict({**critic.model.state_dict(), "score.weight": weight, "score.bias": bias})
        found.append(value(Decoder(stock, tiny.tokenizer(), head="value")).detach().double())
    return found


def test_the_value_is_the_soft_minimum_of_what_the_critics_say(folder):
    critic = loaded(folder, Critics(softness=0.01))
    one, other = each(critic)
    want = -0.01 * ((-one / 0.01).exp().add((-other / 0.01).exp()) / 2).log()
    chosen = BATCH["mask"].bool()
    torch.testing.assert_close(value(critic).double()[chosen], want[chosen], rtol=1e-3, atol=1e-5)
    assert not torch.allclose(one[chosen], other[chosen], rtol=0, atol=1e-3)
    assert not value(critic)[~chosen].any()


def test_new_critics_differ_and_one_alone_says_0(folder):
    torch.manual_seed(0)
    head = loaded(folder, Critics(count=3))._score_layer()
    assert len({tuple(row.tolist()) for row in head.weight.detach()}) == 3
    assert not value(loaded(folder)).any()


def test_every_critic_learns_through_the_soft_minimum(folder):
    critic = loaded(folder, Critics())
    value(critic).sum().backward()
    one, other = critic._score_layer().weight.grad.norm(dim=-1).tolist()
    assert one > 0
    assert other > 0
    assert not math.isclose(one, other, rel_tol=1e-6)


def test_saved_critics_are_a_stock_model_that_knows_how_soft_it_is(folder, tmp_path):
    critic = loaded(folder, Critics(softness=0.2))
    save(critic, tmp_path / "critic")
    again = loaded(tmp_path / "critic", Critics(softness=0.2))
    assert torch.equal(value(again), value(critic))
    stock = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path / "critic")
    assert stock.config.num_labels == 2
    assert stock.config.prefloop_softness == 0.2
    softer = loaded(tmp_path / "critic", Critics(softness=5.0))
    assert not torch.equal(value(softer), value(critic))
    assert softer.digest() != critic.digest()


def test_critics_elsewhere_than_in_a_value_head_are_refused():
    with pytest.raises(RecipeError, match="has `critics` and the head `lm`"):
        Model(source="policy", critics=Critics())
    with pytest.raises(RecipeError, match="`count` is 1: it is at least 2"):
        Critics(count=1)
    with pytest.raises(RecipeError, match="`softness` is 0: it is above 0"):
        Critics(softness=0)


def test_safe_entropy_asks_for_them():
    recipe = method("safe-entropy")(softness=0.1)
    assert recipe.models["critic"].critics == Critics(softness=0.1)
    assert plan(recipe).outputs["critic"] == ("value",)
