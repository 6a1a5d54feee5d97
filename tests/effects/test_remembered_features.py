"""Hidden states of judged answers: read where the score is, worked out once, and never those of another trunk."""

import sqlite3

import pytest
import torch
import transformers

import tiny
from prefloop.models.encode import for_model
from prefloop.models.load import load
from prefloop.recipe import Model
from prefloop.scoring.hidden import features_of
from prefloop.text import Group, Message, Prompt, Response


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFLOOP_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def asked(monkeypatch):
    """How many answers were read by any model."""
    from prefloop.models.decoder import Decoder

    answers, own = [], Decoder.outputs
    monkeypatch.setattr(
        Decoder,
        "outputs",
        lambda self, batch, *r: answers.append(batch.lengths.count_nonzero()) or own(self, batch, *r),
    )
    return lambda: sum(map(int, answers))


def group(*texts, prompt="The old harbour", finish="end"):
    said = Prompt(messages=(Message(role="user", content=prompt),))
    return Group(prompt=said, responses=tuple(Response(text=t, finish=finish) for t in texts))


GROUPS = [group(" lay quiet.", " slept."), group(" rain", " boats, boats", " not yet", prompt="Morning")]


def loaded(folder, **more):
    return load(Model(source=str(folder), head="score", dtype="float32", **more), name="reward")


@pytest.mark.parametrize("ending", [None, " In all"])
def test_it_is_the_last_hidden_state_of_a_stock_model_that_reads_one_answer_alone(folder, ending):
    features = features_of(GROUPS, loaded(folder, ending=ending), tokens=20)
    stock = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    after = tuple(tiny.tokenizer()(ending, add_special_tokens=False)["input_ids"]) if ending else ()
    assert features.shape == (2, 3, 32)
    assert not features[0, 2].any()
    for p, g in enumerate(GROUPS):
        read = for_model(g, tiny.tokenizer(), ending=after)
        for k, answer in enumerate(read.responses):
            with torch.no_grad():
                hidden = stock(torch.tensor([[*read.prompt_ids, *answer.ids]])).last_hidden_state[0, -1]
            torch.testing.assert_close(features[p, k], hidden, rtol=1e-4, atol=1e-5)


def test_the_second_time_only_what_is_new_is_read(folder, asked, cache):
    model = loaded(folder)
    first = features_of(GROUPS, model)
    assert asked() == 5
    assert torch.equal(features_of([*GROUPS, group(" slept.", " lay quiet.")], loaded(folder))[:2], first)
    assert asked() == 5, "the same answers to the same prompt"
    features_of([group(" slept.", " woke.")], model)
    assert asked() == 6
    [file] = (cache / "features").glob("*.sqlite")
    with sqlite3.connect(file) as kept:
        assert kept.execute("SELECT COUNT(*), MAX(LENGTH(value)) FROM logp").fetchone() == (6, 4 * 32)
    kept.close()
    features_of(GROUPS, model, keep=False)
    assert asked() == 11


def test_a_head_may_change_and_the_trunk_may_not(folder, asked):
    model = loaded(folder)
    before = features_of(GROUPS, model)
    with torch.no_grad():
        model.base.score.weight += 1
    model.base.config.prefloop_normalisation = {"mean": 1.0, "std": 2.0}
    assert torch.equal(features_of(GROUPS, model), before)
    assert torch.equal(features_of(GROUPS, loaded(folder, channels=("true", "kind"))), before)
    assert asked() == 5
    with torch.no_grad():
        next(iter(model.base.model.layers.parameters())).add_(0.1)
    assert not torch.equal(features_of(GROUPS, model), before)
    model.base.config.rope_parameters = {**model.base.config.rope_parameters, "rope_theta": 5.0}
    features_of(GROUPS, model)
    assert asked() == 15


def test_how_it_ends_is_part_of_an_answer(folder):
    whole, cut = (features_of([group(" slept.", " lay", finish=f)], loaded(folder)) for f in ("end", "length"))
    assert (whole - cut).abs().max() > 1e-3


def test_a_bf16_model_gives_numbers_in_fp32_near_those_of_an_fp32_one(folder):
    exact = features_of(GROUPS, loaded(folder))
    rough = features_of(GROUPS, load(Model(source=str(folder), head="score"), name="reward"))
    assert rough.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.1 * exact.abs().max()
