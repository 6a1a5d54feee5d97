"""The outputs and gradients of a batch as a whole, held against those of each of its answers alone."""

import copy

import torch

import tiny
from prefloop.models.decoder import Decoder
from prefloop.models.places import Comparison

EXACT = {"rtol": 0, "atol": 1e-10}


def outputs(model, other, batch, head):
    if head != "lm":
        return model.outputs(batch, (head,))
    with torch.no_grad():
        said = other.places(batch)
    apart = Comparison(
        gives="apart",
        function=lambda named: (named["logits"].softmax(-1) * named["ref_logits"].log_softmax(-1)).sum(-1),
        others={"ref_logits": said},
    )
    return model.outputs(batch, ("logp", "entropy"), temperature=0.7, compare=[apart])


def must_be_as_apart(kind, head, batch, alone):
    """Every answer has the outputs and gradients that it has by itself; `alone` makes a batch of one."""
    network = tiny.network(kind, head=head, dtype=torch.float64)
    together, apart = (Decoder(copy.deepcopy(network), tiny.tokenizer(), head=head) for _ in range(2))
    other = Decoder(tiny.network(kind, dtype=torch.float64, seed=5), tiny.tokenizer())
    got = outputs(together, other, batch, head)
    torch.manual_seed(6)
    share = {name: torch.randn_like(values) for name, values in got.items()}
    sum((share[name] * values).sum() for name, values in got.items()).backward()
    for p, k in batch.lengths.nonzero().tolist():
        found = outputs(apart, other, alone(batch, p, k), head)
        total = 0
        for name, values in found.items():
            place = (p, k, slice(values.shape[2])) if values.dim() == 3 else (p, k)
            torch.testing.assert_close(values[0, 0], got[name][place], **EXACT)
            total = total + (share[name][place] * values).sum()
        total.backward()
    for a, b in zip(together.model.parameters(), apart.model.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, **EXACT)
