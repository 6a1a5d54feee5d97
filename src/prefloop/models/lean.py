"""One decode step of a Llama-shaped decoder, spelled out.

With a few rows at a time the arithmetic of a step is short and what surrounds it is long: a stock decoder calls a
thousand modules and small operations for it. Here a layer is four matrix products on prepacked weights, with the
projections of one input in one product, and the few operations between them. Other shapes, and adapters, decode with
the stock layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu

from .attention import Tree
from .prepacked import linear

_PARTS = (
    "input_layernorm",
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "post_attention_layernorm",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


def fits(trunk: Any) -> bool:
    """Whether a decoder has the layers of Llama, Mistral or Qwen 2 and nothing besides."""
    layers = getattr(trunk, "layers", ())
    return bool(layers) and all(_plain(layer) for layer in layers) and hasattr(trunk, "rotary_emb")


def _plain(layer: nn.Module) -> bool:
    weighted = {name for name, module in layer.named_modules() if list(module.parameters(recurse=False))}
    if weighted != set(_PARTS):
        return False
    parts = [layer.get_submodule(name) for name in _PARTS]
    return (
        all(type(p) is nn.Linear or hasattr(p, "variance_epsilon") for p in parts)
        and torch.equal(layer.mlp.act_fn(_RAMP), silu(_RAMP))  # type: ignore[union-attr, operator]
    )


_RAMP = torch.linspace(-5, 5, 32)


class Lean:
    """A decode step, on weights packed for `rows` rows; it lasts until the weights change.

    x = x + o(attend(rope(q), rope(k), v)),  q, k, v = qkv(norm(x))
    x = x + down(silu(gate) up),             gate, up = gate_up(norm(x))
    """

    def __init__(self, trunk: Any, rows: int) -> None:
        """Pack the layers of a `trunk` that `fits`."""
        self._embed, self._rotary, self._norm = trunk.embed_tokens, trunk.rotary_emb, _norm(trunk.norm)
        self._layers = [_Layer(layer, rows) for layer in trunk.layers]

    def __call__(self, ids: Tensor, positions: Tensor, tree: Tree) -> Tensor:
        """Final hidden states (N d) of one token for each of N responses."""
        x: Tensor = self._embed(ids)
        cos, sin = self._rotary(x[None], positions[None])
        half = cos.shape[-1] // 2
        # rotate_half(t) * sin, as a roll times a sine whose first half has changed its sign.
        sin = torch.cat([-sin[..., :half], sin[..., half:]], dim=-1)
        turn = (cos.transpose(0, 1), sin.transpose(0, 1))
        for i, layer in enumerate(self._layers):
            x = layer(i, x, turn, tree)
        hidden: Tensor = self._norm(x)
        return hidden


class _Layer:
    def __init__(self, layer: Any, rows: int) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.before, self.between = _norm(layer.input_layernorm), _norm(layer.post_attention_layernorm)
        self.width, self.scale = attention.head_dim, attention.scaling
        # Mistral's layers read the window off the configuration, those of Qwen 2 have their own.
        self.window = getattr(attention, "sliding_window", getattr(attention.config, "sliding_window", None))
        self.heads = attention.q_proj.out_features // self.width
        self.groups = attention.k_proj.out_features // self.width
        self.qkv = _joint((attention.q_proj, attention.k_proj, attention.v_proj), rows)
        self.out = _joint((attention.o_proj,), rows)
        self.gate_up = _joint((mlp.gate_proj, mlp.up_proj), rows)
        self.down = _joint((mlp.down_proj,), rows)

    def __call__(self, i: int, x: Tensor, turn: tuple[Tensor, Tensor], tree: Tree) -> Tensor:
        qkv = self.qkv(self.before(x)).view(len(x), -1, self.width)
        qk, v = qkv[:, : self.heads + self.groups], qkv[:, self.heads + self.groups :]
        qk = torch.addcmul(qk * turn[0], qk.roll(self.width // 2, -1), turn[1]).transpose(0, 1)
        seen = tree.attend(i, qk[: self.heads], qk[self.heads :], v.transpose(0, 1), self.scale, self.window)
        x = x + self.out(seen.flatten(1))
        gate, up = self.gate_up(self.between(x)).chunk(2, -1)
        out: Tensor = x + self.down(silu(gate) * up)
        return out


def _norm(layer: Any) -> Callable[[Tensor], Tensor]:
    weight = layer.weight.detach()
    return partial(rms_norm, normalized_shape=weight.shape, weight=weight, eps=layer.variance_epsilon)


def _joint(layers: Sequence[nn.Linear], rows: int) -> Any:
    """Layers that read the same input, as one."""
    biases = [layer.bias for layer in layers]
    bias = torch.cat([b.detach() for b in biases]) if biases[0] is not None else None
    return linear(torch.cat([layer.weight.detach() for layer in layers]), bias, rows)
