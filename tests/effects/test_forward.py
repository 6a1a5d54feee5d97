"""The packed forward gives what the stock model gives for one sequence at a time."""

import copy

import peft
import pytest
import torch

import tiny
from prefloop.errors import ModelError
from prefloop.models import attention
from prefloop.models.decoder import Decoder, WithoutAdapter

ARCHITECTURES = ["llama", "llama-tied", "qwen2", "qwen3", "gemma", "gpt2", "mistral", "gemma3"]
TRUNKS, LENGTHS = (9, 3, 14), [[5, 1, 0, 8], [11, 0, 0, 1], [2, 3, 7, 4]]
PRECISION = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.fixture(params=["pieces", "rectangles"])
def both_ways(request, monkeypatch):
    """Attention as a CPU has it, and as a GPU has it."""
    if request.param == "rectangles":
        monkeypatch.setattr(attention.Packed, "attend", lambda self, _, *rest: self._rectangles(*rest))


def distributions(model, ids, temperature=1.0):
    """The stock model's next-token log-probabilities, the token that follows each position being known."""
    return (model(input_ids=ids[None], use_cache=False).logits[0] / temperature).log_softmax(-1)


def plainly(model, batch, temperature=1.0):
    """`logp` and `entropy` by the stock model, each sequence alone."""
    found = {name: torch.zeros(batch["ids"].shape, dtype=torch.float64) for name in ("logp", "entropy")}
    for p, k, start, ids in tiny.sequences(batch):
        before = distributions(model, ids, temperature)[start - 1 : -1]
        rows = {"logp": before[range(len(before)), ids[start:]], "entropy": -(before.exp() * before).sum(-1)}
        for name, row in rows.items():
            found[name] = found[name].index_put(
                (torch.tensor(p), torch.tensor(k), torch.arange(len(row))),
                row.double() * batch["mask"][p, k, : len(row)],
            )
    return found


def packed(model, *, head="lm"):
    return Decoder(copy.deepcopy(model), tiny.tokenizer(), head=head)


def assert_same(got, want, tolerance):
    assert got.keys() == want.keys()
    for name in want:
        torch.testing.assert_close(got[name].double(), want[name].double(), rtol=0, atol=tolerance, msg=name)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("kind", ARCHITECTURES)
@torch.no_grad()
def test_every_token_has_the_log_probability_and_entropy_it_has_alone(kind, dtype):
    model, batch = tiny.network(kind, dtype=dtype), tiny.batch(TRUNKS, LENGTHS)
    got = packed(model).outputs(batch, ("logp", "entropy"), temperature=0.7)
    assert_same(got, plainly(model, batch, temperature=0.7), PRECISION[dtype])


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_gradient_of_every_weight_is_that_of_the_plain_forward(kind):
    model, batch = tiny.network(kind, dtype=torch.float64), tiny.batch(TRUNKS, LENGTHS)
    decoder = packed(model)
    share = {name: torch.randn(batch["ids"].shape, dtype=torch.float64) for name in ("logp", "entropy")}
    for outputs in (plainly(model, batch, 1.3), decoder.outputs(batch, ("logp", "entropy"), temperature=1.3)):
        sum((share[name] * outputs[name]).sum() for name in share).backward()
    want = {name: p.grad for name, p in model.named_parameters()}
    assert all(g.abs().max() > 1e-3 for g in want.values())
    assert_same({name: p.grad for name, p in decoder.model.named_parameters()}, want, 1e-10)


@pytest.mark.parametrize("k", [1, 2, 16])
@torch.no_grad()
def test_the_number_of_responses_does_not_matter(k):
    model = tiny.network("llama")
    batch = tiny.batch((4, 7), [[1 + (3 * j) % 5 for j in range(k)], [1] * k], holes=False)
    assert_same(packed(model).outputs(batch, ("logp", "entropy")), plainly(model, batch), 1e-5)


@torch.no_grad()
def test_a_batch_of_missing_responses_gives_zeros():
    outputs = packed(tiny.network("llama")).outputs(tiny.batch((4, 7), [[0, 0], [0, 0]]), ("logp", "entropy"))
    assert all(o.shape == (2, 2, 1) and not o.any() for o in outputs.values())


@torch.no_grad()
def test_what_stands_beside_a_response_does_not_change_it():
    decoder, batch = packed(tiny.network("qwen2")), tiny.batch(TRUNKS, LENGTHS)
    want = decoder.outputs(batch.take([2, 0]), ("logp",))["logp"]
    torch.testing.assert_close(decoder.outputs(batch, ("logp",))["logp"][[2, 0]], want, rtol=0, atol=1e-5)


def with_adapter(model):
    torch.manual_seed(1)
    config = peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    return peft.get_peft_model(model, config)


@torch.no_grad()
def test_an_adapter_counts_and_the_reference_is_the_model_without_it():
    model, batch = tiny.network("llama"), tiny.batch(TRUNKS, LENGTHS)
    adapted = with_adapter(copy.deepcopy(model))
    policy = Decoder(with_adapter(copy.deepcopy(model)), tiny.tokenizer())
    changed, original = plainly(adapted, batch), plainly(model, batch)
    assert (changed["logp"] - original["logp"]).abs().max() > 0.1
    for _ in range(2):  # turned off for the reference, and on again after it
        assert_same(policy.outputs(batch, ("logp", "entropy")), changed, 1e-5)
        assert_same(WithoutAdapter(policy).outputs(batch, ("logp", "entropy")), original, 1e-5)


def test_only_the_adapter_of_a_model_with_one_gets_a_gradient():
    model, batch = tiny.network("llama", dtype=torch.float64), tiny.batch(TRUNKS, LENGTHS)
    plain, policy = with_adapter(copy.deepcopy(model)), Decoder(with_adapter(copy.deepcopy(model)), tiny.tokenizer())
    plainly(plain, batch)["logp"].sum().backward()
    policy.outputs(batch, ("logp",))["logp"].sum().backward()
    want = {name: p.grad for name, p in plain.named_parameters() if p.grad is not None}
    assert want
    assert all("lora_" in name for name in want)
    assert_same({name: p.grad for name, p in policy.model.named_parameters() if p.grad is not None}, want, 1e-10)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2"])
@pytest.mark.parametrize(("head", "shift"), [("value", 1), ("token_score", 0)])
@torch.no_grad()
def test_a_token_head_reads_its_number_before_or_at_the_token(kind, head, shift):
    model, batch = tiny.network(kind, head=head), tiny.batch(TRUNKS, LENGTHS)
    want = torch.zeros(batch["ids"].shape)
    for p, k, start, ids in tiny.sequences(batch):
        read = model(input_ids=ids[None], use_cache=False).logits[0, :, 0]
        n = len(ids) - start
        want[p, k, :n] = read[start - shift : len(ids) - shift] * batch["mask"][p, k, :n]
    assert_same(packed(model, head=head).outputs(batch, (head,)), {head: want}, 1e-5)


@pytest.mark.parametrize("kind", ["llama", "qwen2", "gpt2"])
@torch.no_grad()
def test_the_score_is_read_at_the_last_token_of_the_response_even_when_it_is_the_padding(kind):
    model, batch = tiny.network(kind, head="score"), tiny.batch(TRUNKS, LENGTHS)
    for p, k in batch.lengths.nonzero().tolist():
        batch["ids"][p, k, batch.lengths[p, k] - 1] = 1  # the end token, which is also the padding
    want = torch.zeros(batch.lengths.shape)
    model.config.pad_token_id = 2  # so that the stock model reads the end token too
    for p, k, _, ids in tiny.sequences(batch):
        want[p, k] = model(input_ids=ids[None], use_cache=False).logits.item()
    assert_same(packed(model, head="score").outputs(batch, ("score",)), {"score": want}, 1e-5)


def test_a_sequence_longer_than_the_context_is_refused_with_both_lengths():
    decoder = packed(tiny.network("gpt2"))
    assert decoder.outputs(tiny.batch((120,), [[8]]), ("logp",))["logp"].isfinite().all()
    with pytest.raises(ModelError, match=r"takes 129 tokens and model reads at most 128"):
        decoder.outputs(tiny.batch((120,), [[9]]), ("logp",))


def test_a_prompt_without_tokens_is_refused():
    with pytest.raises(ModelError, match="without any token"):
        packed(tiny.network("llama")).outputs(tiny.batch((3, 0), [[2], [2]]), ("logp",))


def test_an_output_of_another_head_is_refused():
    with pytest.raises(ModelError, match=r"has the head `lm` and cannot give value"):
        packed(tiny.network("llama")).outputs(tiny.batch((3,), [[2]]), ("value",))


@pytest.mark.parametrize("kind", ["granite", "cohere", "gpt-oss", "mamba", "gemma2"])
def test_a_model_that_the_packed_forward_would_get_wrong_is_refused(kind):
    with pytest.raises(
        ModelError, match=r"which the packed forward does not do|does more than the packed forward knows"
    ):
        packed(tiny.network(kind))


@pytest.mark.parametrize("head", ["value", "score"])
def test_a_head_on_such_a_model_is_refused_too(head):
    with pytest.raises(ModelError, match="caps its attention logits"):
        packed(tiny.network("gemma2", head=head), head=head)
