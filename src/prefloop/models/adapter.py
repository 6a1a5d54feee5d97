"""Low-rank adapters, in peft's format: new ones, and folders that hold one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import ModelError
from ..recipe import Head, Lora

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_TASKS: dict[Head, str] = {"lm": "CAUSAL_LM", "score": "SEQ_CLS", "value": "TOKEN_CLS", "token_score": "TOKEN_CLS"}


def holds_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter and not a model of its own."""
    return (folder / _CONFIG).is_file()


def base_of(folder: Path) -> str:
    """The reference of the model that the adapter in a folder stands on.

    Raises:
        ModelError: the adapter names none, or its weights are not safetensors.
    """
    if not (folder / _WEIGHTS).is_file():
        raise ModelError(
            f"the adapter in {folder} has no {_WEIGHTS}, and pickled weights are never read: save it anew."
        )
    base = json.loads((folder / _CONFIG).read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise ModelError(
            f"{folder / _CONFIG} does not say which model the adapter stands on: set base_model_name_or_path."
        )
    return str(base)


def add_adapter(stock: Any, lora: Lora, head: Head) -> Any:
    """A model with a new adapter, which changes nothing until it is trained."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=lora.target, task_type=_TASKS[head])
    return get_peft_model(stock, config, autocast_adapter_dtype=False)


def put_on(stock: Any, folder: Path, *, train: bool) -> Any:
    """A model with the adapter from a folder, which alone is trained with `train`."""
    from peft import PeftModel

    return PeftModel.from_pretrained(stock, folder, is_trainable=train, autocast_adapter_dtype=False)


def merged(stock: Any) -> dict[str, Any]:
    """The weights of a model by their plain names, any adapter added to those under it; the model stays as it is."""
    weights = {n.replace(".base_layer.", "."): w for n, w in stock.state_dict().items() if ".lora_" not in n}
    for name, layer in stock.named_modules():
        if hasattr(layer, "get_delta_weight"):
            plain = layer.base_layer.weight.detach()
            weights[f"{name}.weight"] = plain + sum(layer.get_delta_weight(a) for a in layer.active_adapters)
    return weights
