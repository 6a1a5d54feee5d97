"""The compiled step is the plain one."""

import pytest
import torch

from prefloop.learning.adamw import adamw, dials, square_sum

DIALS = dials(scale=0.5, lr=1e-2, step=3, betas=(0.8, 0.9), decay=0.01)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_the_compiled_step_is_the_plain_one(dtype):
    source = torch.Generator().manual_seed(1)
    weight, grad, m = (torch.randn(300, 300, generator=source) for _ in range(3))
    before = [weight, m, torch.rand(300, 300, generator=source)]
    before += [weight.to(dtype)] if dtype != weight.dtype else []

    def stepped(rows):
        """The step on so many rows at a time: on all of them it is compiled, on few it is not."""
        state = [x.clone() for x in before]
        for at in range(0, 300, rows):
            weight, m, v, *rounded = (x[at : at + rows] for x in state)
            adamw(weight, grad.to(dtype)[at : at + rows], m, v, rounded[0] if rounded else None, DIALS)
        return state

    whole, parts = stepped(300), stepped(100)
    for compiled, plain, old in zip(whole, parts, before, strict=True):
        torch.testing.assert_close(compiled, plain, rtol=1e-6 if old.dtype == torch.float32 else 1e-2, atol=1e-7)
        assert (compiled - old).abs().max() > 1e-3
    assert torch.equal(whole[-1], (whole[0] if len(whole) == 4 else whole[2]).to(dtype))


def test_the_sum_of_squares_of_a_large_bf16_tensor_keeps_its_small_elements():
    assert float(square_sum(torch.full((300, 300), 0.5, dtype=torch.bfloat16))) == 22500.0
