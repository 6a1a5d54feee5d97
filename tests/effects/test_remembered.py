"""Log-probabilities of frozen models: worked out once, and never those of another model, prompt or answer."""

import sqlite3

import pytest
import torch

import tiny
from prefloop.batch import Batch
from prefloop.learning.remembered import remembered_logp
from prefloop.learning.update import logp_in_parts
from prefloop.loops.optimise import optimise
from prefloop.models.decoder import Decoder, WithoutAdapter
from prefloop.models.load import load
from prefloop.recipe import Lora, Model
from prefloop.recipes import method
from prefloop.text import Group, Prompt, Response


class Counting:
    """A decoder that counts the prompts and the answers it was asked about."""

    def __init__(self, network):
        self.network, self.version, self.digest, self.asked = network, network.version, network.digest, 0
        self.answers = 0

    def outputs(self, batch, want, *, temperature=1.0):
        self.asked += len(batch)
        self.answers += int(batch.lengths.count_nonzero())
        return self.network.outputs(batch, want, temperature=temperature)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFLOOP_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def decoder(folder):
    return Counting(load(Model(source=str(folder), dtype="float32"), name="ref"))


def batch(*rows, holes=()):
    """Prompts with as many answers as lengths are given; `holes` are (prompt, answer, token) that nobody chose."""
    width = max(map(len, rows))
    lengths = torch.tensor([[*row, *[0] * (width - len(row))] for row in rows])
    there = torch.arange(int(lengths.max())) < lengths[..., None]
    ids = torch.arange(there.numel()).view(there.shape) % 250 + 5
    mask = there.long()
    for place in holes:
        mask[place] = 0
    trunks = tuple(torch.arange(4 + p) + 10 for p in range(len(rows)))
    return Batch(trunks=trunks, lengths=lengths, tensors={"ids": ids * there, "mask": mask})


def read(network, data, **more):
    return remembered_logp(network, data, tokens=40, **more)


def test_a_second_time_asks_nothing_and_gives_the_same(decoder):
    data = batch((5, 3), (4,), (2, 6), holes=[(0, 0, 2)])
    first = read(decoder, data)
    torch.testing.assert_close(first, logp_in_parts(decoder.network, data, tokens=1000))
    assert decoder.asked == 3
    assert torch.equal(read(decoder, data), first)
    assert decoder.asked == 3


def test_a_second_epoch_and_a_second_run_ask_the_reference_nothing(folder, decoder):
    def pair(n):
        return Group(
            prompt=Prompt(text=f"The {n} boat"), responses=(Response(text=" lay quiet"), Response(text=" rain"))
        )

    judged = [pair(n) for n in range(4)]
    for epochs in (2, 1):
        policy = load(Model(source=str(folder), dtype="float32", train=True), name="policy")
        learn = method("dpo")(batch=2, epochs=epochs)
        optimise(learn, networks={"policy": policy, "ref": decoder}, judged=judged)
        assert policy.version == f"policy@{2 * epochs}"
        assert decoder.asked == len(judged)


def test_more_data_asks_about_what_is_new(decoder):
    data = batch((5, 3), (4, 4), (2, 6))
    read(decoder, data.take([2, 0]))
    assert decoder.asked == 2
    torch.testing.assert_close(read(decoder, data), logp_in_parts(decoder.network, data, tokens=1000))
    assert decoder.asked == 3


def test_an_answer_that_stands_in_several_rows_is_asked_about_once(decoder):
    """The six pairs of one ranking of four answers, and a pair of another prompt."""
    ranking = batch((5, 3, 4, 6), (2, 1, 0, 0))
    pairs = [torch.tensor([[a, b]]) for a in range(4) for b in range(a + 1, 4)]
    rows = [ranking.take([0]).arrange(pair) for pair in pairs] + [ranking.take([1]).arrange(pairs[0])]
    data = Batch(
        trunks=tuple(t for row in rows for t in row.trunks),
        lengths=torch.cat([row.lengths for row in rows]),
        tensors={name: torch.cat([row[name] for row in rows]) for name in ("ids", "mask")},
    )
    torch.testing.assert_close(read(decoder, data), logp_in_parts(decoder.network, data, tokens=1000))
    assert decoder.answers == 4 + 2
    assert decoder.asked == 3 + 1  # the last three pairs have nothing new


@pytest.mark.parametrize("change", ["weight", "prompt", "answer", "mask", "temperature"])
def test_nothing_else_is_ever_read(decoder, change):
    data, more = batch((5, 3), (4, 4)), {}
    stale = read(decoder, data)
    if change == "weight":
        with torch.no_grad():
            next(decoder.network.model.parameters())[20, 3] += 0.5
    elif change == "prompt":
        data = Batch(trunks=(data.trunks[1], data.trunks[0]), lengths=data.lengths, tensors=data.tensors)
    elif change == "answer":
        data = data.having(ids=data["ids"] + data["mask"])
    elif change == "mask":
        data = data.having(mask=data["mask"] * (torch.arange(5) != 1))
    else:
        more = {"temperature": 0.5}
    now = read(decoder, data, **more)
    torch.testing.assert_close(now, logp_in_parts(decoder.network, data, tokens=1000, **more))
    assert (now - stale).abs().max() > 1e-3


def test_the_base_under_an_adapter_is_the_base_model_however_the_adapter_moves(folder, decoder):
    data = batch((5, 3), (4, 4))
    alone = read(decoder, data)
    policy = load(Model(source=str(folder), dtype="float32", train=True, adapter=Lora(rank=2)), name="policy")
    with torch.no_grad():
        for weight in policy.parameters():
            weight += 0.1
    base = WithoutAdapter(policy)
    assert base.digest() == decoder.digest() != policy.digest()
    assert torch.equal(read(base, data), alone)


def test_two_models_of_one_shape_and_other_settings_are_not_confused():
    one, other = (Decoder(tiny.network("llama-tied"), tiny.tokenizer()) for _ in range(2))
    other.base.config.rope_parameters = {**other.base.config.rope_parameters, "rope_theta": 5.0}
    with torch.no_grad():
        for a, b in zip(one.base.parameters(), other.base.parameters(), strict=True):
            b.copy_(a)
    assert one.digest() != other.digest()


def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(decoder, cache, caplog):
    (cache / "logprobs").write_text("in the way")
    data = batch((5, 3))
    torch.testing.assert_close(read(decoder, data), logp_in_parts(decoder.network, data, tokens=1000))
    assert "not kept" in caplog.text


def test_two_runs_write_at_once(decoder, cache):
    read(decoder, batch((5, 3)))
    [path] = (cache / "logprobs").glob("*.sqlite")
    with sqlite3.connect(path) as other:
        other.execute("SELECT COUNT(*) FROM logp").fetchone()
        read(decoder, batch((5, 3), (4,)))
        assert other.execute("SELECT COUNT(*) FROM logp").fetchone() == (3,)
    other.close()
