"""The fast formulas against the plain ones they stand for, at sizes where every branch of theirs is taken."""

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention, silu

import tiny
from prefloop.models import compiled, fused, lean, logprobs, pieces, prepacked
from prefloop.models.attention import Packed
from prefloop.models.decoder import Decoder
from prefloop.recipe import Decoding
from prefloop.sampling.draw import draw

TRUNKS, BRANCHES = [5, 1, 7], [[3, 0, 9, 1, 1], [2, 2, 2, 2, 2], [0, 0, 0, 4, 0]]


@pytest.fixture
def everything_compiled(monkeypatch):
    """Formulas compiled at any size; a machine without a compiler would fail here, and users' machines would not."""
    monkeypatch.setattr(compiled, "_SMALL", 0)
    monkeypatch.setattr(compiled, "_available", True)
    yield
    assert compiled._available


def seen_by_definition(window):
    """Who may look at whom, straight from the layout: one token at a time."""
    owner, branch, position = [], [], []
    for p, (root, lengths) in enumerate(zip(TRUNKS, BRANCHES, strict=True)):
        for b, n in enumerate([root, *lengths]):
            owner += [p] * n
            branch += [b] * n
            position += range(n) if b == 0 else range(root, root + n)
    n = len(owner)
    seen = torch.zeros(n, n, dtype=torch.bool)
    for i in range(n):
        for j in range(n):
            distance = position[i] - position[j]
            related = owner[i] == owner[j] and branch[j] in (0, branch[i])
            seen[i, j] = related and distance >= 0 and (window is None or distance < window)
    return seen


@pytest.mark.parametrize("window", [None, 3, 6])
@pytest.mark.parametrize(("rows", "together"), [(256, 64), (2, 1), (3, 4)])
def test_attention_in_pieces_is_attention_under_the_mask_of_the_layout(monkeypatch, rows, together, window):
    monkeypatch.setattr(pieces, "_ROWS", rows)
    monkeypatch.setattr(pieces, "_TOGETHER", together)
    torch.manual_seed(0)
    n = sum(TRUNKS) + sum(map(sum, BRANCHES))
    q, k, v = (torch.randn(heads, n, 4, dtype=torch.float64, requires_grad=True) for heads in (6, 2, 2))
    seen = seen_by_definition(window)
    plain = scaled_dot_product_attention(q[None], k[None], v[None], attn_mask=seen, enable_gqa=True)[0].transpose(0, 1)
    cut = pieces.pieces(TRUNKS, BRANCHES, window=window, dtype=torch.float64)
    ours = pieces.attention(q, k, v, cut, 4**-0.5)
    torch.testing.assert_close(ours, plain, rtol=0, atol=1e-12)
    weight = torch.randn_like(plain)
    for mine, theirs in zip(
        torch.autograd.grad((ours * weight).sum(), (q, k, v)),
        torch.autograd.grad((plain * weight).sum(), (q, k, v)),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-12)


def test_a_piece_sees_no_more_keys_than_its_sequence_has(monkeypatch):
    monkeypatch.setattr(pieces, "_ROWS", 16)
    cut = pieces.pieces([64], [[64] * 8], window=None, dtype=torch.float32)
    asked = sum(p.bias.numel() for p in cut)
    needed = 64 * 65 / 2 + 8 * (64 * 64 + 64 * 65 / 2)
    assert asked < 1.2 * needed
    assert asked < (64 * 9) ** 2 / 5  # a mask over the whole row


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.usefixtures("everything_compiled")
def test_compiled_norm_and_gate_have_the_values_and_gradients_of_autograd(dtype):
    torch.manual_seed(1)
    x, gate, up = (torch.randn(5, 24, dtype=dtype, requires_grad=True) for _ in range(3))
    weight = torch.randn(24, dtype=dtype, requires_grad=True)
    exact = {torch.float64: 1e-12, torch.bfloat16: 0.05}[dtype]

    def norm(x, weight):
        fp = x.double()
        return fp / (fp.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight.double()

    for ours, plain, inputs in (
        (fused.rms_norm(x, weight, 1e-5), norm(x, weight), (x, weight)),
        (fused.swiglu(gate, up), silu(gate.double()) * up.double(), (gate, up)),
    ):
        torch.testing.assert_close(ours.double(), plain, rtol=exact, atol=exact)
        seed = torch.randn(5, 24).to(dtype)
        for mine, theirs in zip(
            torch.autograd.grad(ours, inputs, seed), torch.autograd.grad(plain, inputs, seed.double()), strict=True
        ):
            torch.testing.assert_close(mine.double(), theirs.double(), rtol=exact, atol=exact)


@pytest.mark.parametrize("kept", [0, 1, 3])
@pytest.mark.usefixtures("everything_compiled")
def test_kept_and_repeated_logits_give_the_same_gradient(monkeypatch, kept):
    monkeypatch.setattr(logprobs, "_CHUNK_ELEMENTS", 4 * 11)
    monkeypatch.setattr(logprobs, "_KEPT_CHUNKS", kept)
    torch.manual_seed(2)
    hidden, weight = (torch.randn(n, 6, dtype=torch.float64, requires_grad=True) for n in (10, 11))
    target = torch.randint(11, (10,))
    logp, entropy = logprobs.token_logprobs(hidden, weight, None, target, temperature=0.7)
    plain = (hidden @ weight.T / 0.7).log_softmax(-1)
    pairs = ((logp, plain[torch.arange(10), target]), (entropy, -(plain.exp() * plain).sum(-1)))
    share = torch.randn(2, 10, dtype=torch.float64)
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    ours, theirs = (sum((s * pair[i]).sum() for s, pair in zip(share, pairs, strict=True)) for i in (0, 1))
    for a, b in zip(
        torch.autograd.grad(ours, (hidden, weight)), torch.autograd.grad(theirs, (hidden, weight)), strict=True
    ):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("everything_compiled")
def test_a_draw_in_two_strides_is_the_draw_over_the_whole_vocabulary():
    torch.manual_seed(3)
    logits = 3 * torch.randn(400, 1000, dtype=torch.float64)
    logits[:, 300:700] = -torch.inf  # a whole block without any mass
    uniform = torch.rand(400, dtype=torch.float64)
    uniform[:2] = torch.tensor([0.0, 1 - 2**-53])
    token, logp = draw(logits, Decoding(temperature=0.8), uniform)
    plain = (logits / 0.8).log_softmax(-1)
    torch.testing.assert_close(logp, plain.gather(1, token[:, None]).squeeze(1), rtol=0, atol=1e-12)
    expected = (plain.exp().cumsum(-1) <= uniform[:, None]).sum(-1)
    assert (token[2:] == expected[2:]).all()
    assert torch.isfinite(logp).all()


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2"])
def test_a_decode_step_spelled_out_is_the_stock_one(kind):
    decoder = Decoder(tiny.network(kind), tiny.tokenizer())
    assert lean.fits(decoder._trunk)
    ids, positions = torch.tensor([3, 4, 5]), torch.tensor([0, 1, 2])
    trunk = [ids]

    def tree():
        return Packed(trunk, torch.zeros(1, 1, dtype=torch.long))

    with torch.no_grad():
        stock = decoder.hidden(ids, positions, tree())
        spelled = lean.Lean(decoder._trunk, 3)(ids, positions, tree())
    torch.testing.assert_close(spelled, stock, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["gemma", "qwen3", "gpt2"])
def test_other_shapes_decode_with_their_own_layers(kind):
    assert not lean.fits(Decoder(tiny.network(kind), tiny.tokenizer())._trunk)


def test_packed_weights_are_gone_when_the_batch_is_done():
    decoder = Decoder(tiny.network("llama", dtype=torch.bfloat16), tiny.tokenizer())
    layer = decoder._trunk.layers[0].mlp.up_proj
    x = torch.randn(4, layer.in_features, dtype=torch.bfloat16)
    plain = layer(x)
    with prepacked.prepacked(decoder.base, 4):
        torch.testing.assert_close(layer(x), plain, rtol=0.02, atol=0.02)
        with torch.no_grad():
            layer.weight.zero_()
        assert layer(x).abs().sum() > 0  # the copy, not the weights
    assert "forward" not in vars(layer)
    assert (layer(x) == 0).all()


def test_without_a_compiler_formulas_run_as_they_are(monkeypatch, caplog):
    def broken(*_, **__):
        raise torch._dynamo.exc.BackendCompilerFailed(lambda: None, RuntimeError("no g++"), None)

    monkeypatch.setattr(torch, "compile", lambda *_, **__: broken)
    monkeypatch.setattr(compiled, "_available", True)
    monkeypatch.setattr(compiled, "_SMALL", 0)
    double = compiled.compiled(lambda x: 2 * x)
    assert double(torch.tensor([2.0])).item() == 4
    assert not compiled._available
    assert "uncompiled" in caplog.text


def test_formulas_run_as_written_where_a_compiler_is_not_worth_its_start(monkeypatch):
    asked = []
    monkeypatch.setattr(compiled, "_available", True)
    monkeypatch.setattr(torch, "compile", lambda formula, **_: lambda x: asked.append("compiled") or formula(x))
    double = compiled.compiled(lambda x: 2 * x)
    with compiled.as_written():
        assert float(double(torch.ones(2**16))[0]) == 2.0
    assert asked == []
    double(torch.ones(2**16))
    assert asked == ["compiled"]
