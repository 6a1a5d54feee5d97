"""Rows that share a prompt or an answer share its computation, and nothing else about them changes."""

from dataclasses import replace

import pytest
import torch

import tiny
from apart import must_be_as_apart
from prefloop.batch import Batch
from prefloop.models import attention, decoder
from prefloop.models.attention import Packed
from prefloop.models.decoder import Decoder
from prefloop.recipes import method
from updates import furthest, gradients, make

TRUNKS, LENGTHS = (9, 3, 14), [[5, 1, 0, 8], [11, 0, 0, 1], [2, 3, 7, 4]]
TOKENS = [9 + 14, 3 + 12, 0, 14 + 16, 12, 0]
"""What each row of `repeating` brings that no row before it has."""


@pytest.fixture(params=["pieces", "rectangles"])
def both_ways(request, monkeypatch):
    """Attention as a CPU has it, and as a GPU has it."""
    if request.param == "rectangles":
        monkeypatch.setattr(attention.Packed, "attend", lambda self, _, *rest: self._rectangles(*rest))


@pytest.fixture
def in_double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def repeating():
    """Six rows of three prompts, apart from one another.

    One has its answers in another order, one has answers that another prompt has too, one was chosen in other tokens.
    """
    batch = tiny.batch(TRUNKS, LENGTHS).take([0, 1, 0, 2, 1, 0])
    batch = batch.arrange(torch.tensor([[3, 0, 2, 1] if p == 2 else [0, 1, 2, 3] for p in range(6)]))
    batch["mask"][5] = (torch.arange(11) < batch.lengths[5, :, None]) & (torch.arange(11) % 2 == 0)
    return replace(batch, trunks=(*batch.trunks[:4], batch.trunks[0], batch.trunks[5]))


def alone(batch, p, k):
    """One sequence, which shares nothing with any other."""
    n = max(int(batch.lengths[p, k]), 1)
    tensors = {name: t[p : p + 1, k : k + 1, :n] for name, t in batch.tensors.items()}
    return Batch(trunks=batch.trunks[p : p + 1], lengths=batch.lengths[p : p + 1, k : k + 1], tensors=tensors)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("llama", "lm"),
        ("gpt2", "lm"),
        ("gemma3", "lm"),
        ("llama", "value"),
        ("qwen2", "token_score"),
        ("llama", "score"),
    ],
)
def test_rows_of_one_prompt_have_the_outputs_and_gradients_they_have_alone(kind, head):
    must_be_as_apart(kind, head, repeating(), alone)


def test_every_prompt_and_every_answer_to_it_is_laid_out_once():
    batch = repeating()
    tree = Packed(batch.trunks, batch.lengths, batch.same())
    assert tree.total == len(tree.positions) == sum(TOKENS)
    assert batch.tokens == TOKENS
    assert Packed(batch.trunks, batch.lengths).total == sum(map(len, batch.trunks)) + int(batch.lengths.sum())
    ids = tree.pack(batch.trunks, batch["ids"])
    for p, k in batch.lengths.nonzero().tolist():
        n = int(batch.lengths[p, k])
        assert torch.equal(ids[tree.slot[p * 4 + k, :n]], batch["ids"][p, k, :n])
        assert int(tree.positions[tree.slot[p * 4 + k, 0]]) == len(batch.trunks[p])


def test_the_head_reads_each_chosen_token_once(monkeypatch):
    read = []
    own = decoder.token_logprobs
    monkeypatch.setattr(
        decoder, "token_logprobs", lambda hidden, *rest, **more: read.append(len(hidden)) or own(hidden, *rest, **more)
    )
    model, batch = Decoder(tiny.network("llama"), tiny.tokenizer()), repeating()
    read.clear()  # those of the trial
    model.outputs(batch, ("logp",))
    chosen = {
        (tuple(batch.trunks[p].tolist()), tuple(batch["ids"][p, k, : batch.lengths[p, k]].tolist()), t)
        for p, k, t in batch["mask"].nonzero().tolist()
    }
    assert read == [len(chosen)]
    assert len(chosen) < int(batch["mask"].sum())


def test_a_run_of_rows_is_filled_with_what_it_costs():
    batch = repeating()
    assert list(batch.split(10**6)) == [(0, 6)]
    assert list(batch.split(sum(TOKENS))) == [(0, 6)]
    assert list(batch.split(sum(TOKENS[:4]))) == [(0, 4), (4, 6)]  # the next run has its prompts anew
    assert list(batch.split(1)) == [(p, p + 1) for p in range(6)]
    for a, b in batch.split(40):
        part = batch.rows(a, b)
        assert b == a + 1 or Packed(part.trunks, part.lengths, part.same()).total <= 40


def test_a_batch_of_repeated_prompts_has_one_gradient_however_it_is_cut(in_double):
    recipe = method("dpo")()
    batch = make(recipe).take([0, 1, 0, 2, 2, 3, 1])
    cut = list(batch.split(45))
    assert 1 < len(cut) < len(batch)
    assert furthest(gradients(recipe, batch, 45), gradients(recipe, batch)) < 1e-10
