"""A model is tried before it is believed: the packed forward must give what the model gives by itself.

Much of what a transformers model may do lies outside its attention interface: recurrent layers, attention sinks,
logits that are scaled after the head. Such a model would run in the packed forward and be silently wrong.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..batch import Batch
from ..errors import ModelError
from .attention import NAME, Packed
from .compiled import as_written
from .fused import fuse

_FINE, _COARSE = 1e-3, 0.1  # mean difference in fp32 and fp64, and in 16 bits, where rounding makes a hundredth


@torch.no_grad()
def set_up(decoder: Any) -> None:
    """Give a decoder the packed attention, and refuse a model for which that is not enough.

    Raises:
        ModelError: on one prompt with two responses it differs from the model's own forward by more than rounding.
    """
    stock = decoder.base
    if stock.config._attn_implementation == NAME:
        return  # it was tried when it was first set up
    batch = _batch(stock.config.get_text_config().vocab_size)
    plain = _alone(decoder, batch)
    stock.set_attn_implementation(NAME)
    fuse(stock)
    with as_written():
        packed = _packed(decoder, batch)
    gap = float((packed - plain).abs().mean() / plain.abs().mean().clamp(min=1))
    if not gap < (_FINE if stock.dtype in (torch.float32, torch.float64) else _COARSE):
        raise ModelError(
            f"{decoder.name} ({type(stock).__name__}) does more than the packed forward knows of: its own outputs are "
            f"{gap:.2g} away in the mean. Models with recurrent layers, attention sinks or scaled logits cannot be "
            "used; those in the shape of Llama, Mistral, Qwen 2 and 3, Gemma, GPT-2 or SmolLM can."
        )


def _batch(vocabulary: int) -> Batch:
    lengths = torch.tensor([[6, 3]])
    exists = torch.arange(6) < lengths[..., None]
    ids = torch.arange(1, 18) * 37 % vocabulary
    tensors = {"ids": ids[5:].view(exists.shape), "mask": exists.long()}
    return Batch(trunks=(ids[:5],), lengths=lengths, tensors=tensors)


def _alone(decoder: Any, batch: Batch) -> Tensor:
    """Log-probabilities of the response tokens, or the hidden states under another head, each sequence by itself."""
    rows = []
    for k, n in enumerate(batch.lengths[0].tolist()):
        ids = torch.cat([batch.trunks[0], batch["ids"][0, k, :n]]).to(decoder.device)
        if decoder.head == "lm":
            logits = decoder.base(input_ids=ids[None], use_cache=False).logits[0].float()
            rows.append(logits[:-1].log_softmax(-1).gather(-1, ids[1:, None])[-n:, 0])
        else:
            rows.append(decoder.base.base_model(input_ids=ids[None], use_cache=False).last_hidden_state[0, -n:])
    return torch.cat(rows)


def _packed(decoder: Any, batch: Batch) -> Tensor:
    """The same from the packed forward."""
    if decoder.head == "lm":
        logp: Tensor = decoder.outputs(batch, ("logp",))["logp"]
        return logp[batch["mask"].bool().to(logp.device)]
    tree = Packed(batch.trunks, batch.lengths)
    ids = tree.pack(batch.trunks, batch["ids"]).to(decoder.device)
    hidden: Tensor = decoder.hidden(ids, tree.positions.to(decoder.device), tree.to(decoder.device))
    return hidden[tree.slot[tree.exists]]
