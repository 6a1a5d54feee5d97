"""Log-probabilities and entropies in chunks, with their own backward, against log_softmax and autograd."""

import pytest
import torch

from prefloop.models import logprobs
from prefloop.models.logprobs import token_logprobs

ROWS, WIDTH, VOCABULARY = 7, 5, 11


@pytest.fixture(params=[1, 2 * VOCABULARY, 10**6], ids=["a row at a time", "two rows", "all at once"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(logprobs, "_CHUNK_ELEMENTS", request.param)


def inputs(dtype=torch.float64):
    source = torch.Generator().manual_seed(0)
    hidden, weight, bias = (
        torch.randn(shape, generator=source, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in [(ROWS, WIDTH), (VOCABULARY, WIDTH), (VOCABULARY,)]
    )
    return hidden, weight, bias, torch.randint(0, VOCABULARY, (ROWS,), generator=source)


def plainly(hidden, weight, bias, target, temperature):
    logits = hidden @ weight.T if bias is None else hidden @ weight.T + bias
    everything = torch.log_softmax(logits / temperature, dim=-1)
    return everything[range(len(target)), target], torch.distributions.Categorical(logits=everything).entropy()


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("share", [(1.0, 0.0), (0.0, 1.0), (0.5, -2.0)], ids=["logp", "entropy", "both"])
def test_values_and_gradients_are_those_of_log_softmax(temperature, with_bias, share):
    hidden, weight, bias, target = inputs()
    given = (hidden, weight, bias) if with_bias else (hidden, weight)
    pull = torch.randn(2, ROWS, dtype=torch.float64) * torch.tensor(share)[:, None]
    sides = []
    for function in (token_logprobs, lambda *x, temperature: plainly(*x, temperature)):
        results = function(hidden, weight, bias if with_bias else None, target, temperature=temperature)
        gradients = torch.autograd.grad(sum((p * r).sum() for p, r in zip(pull, results, strict=True)), given)
        sides.append((*(r.detach() for r in results), *gradients))
    for got, want in zip(*sides, strict=True):
        assert want.abs().max() > 1e-3
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_backward_passes_the_finite_difference_check(temperature):
    hidden, weight, bias, target = inputs()
    assert torch.autograd.gradcheck(
        lambda h, w, b: token_logprobs(h, w, b, target, temperature=temperature), (hidden, weight, bias)
    )


def test_bf16_weights_are_reduced_in_fp32():
    hidden, weight, bias, target = inputs(torch.bfloat16)
    got = token_logprobs(hidden, weight, bias, target)
    rounded = torch.nn.functional.linear(hidden, weight, bias).double()
    want = torch.log_softmax(rounded, -1)[range(ROWS), target]
    assert [x.dtype for x in got] == [torch.float32] * 2
    torch.testing.assert_close(got[0].double(), want, rtol=0, atol=1e-5)


def test_a_frozen_head_passes_the_gradient_on():
    hidden, weight, bias, target = inputs()
    token_logprobs(hidden, weight.detach(), bias.detach(), target)[0].sum().backward()
    [want] = torch.autograd.grad(plainly(hidden, weight, bias, target, 1.0)[0].sum(), hidden)
    torch.testing.assert_close(hidden.grad, want, rtol=0, atol=1e-12)


def test_no_rows_give_no_numbers_and_no_gradient():
    hidden, weight, bias, target = inputs()
    logp, entropy = token_logprobs(hidden[:0], weight, bias, target[:0])
    assert logp.shape == entropy.shape == (0,)
    logp.sum().backward()
    assert not weight.grad.any()
    assert not bias.grad.any()
