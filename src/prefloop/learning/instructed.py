"""The prompts of a batch as frozen models read them that are told something first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from ..batch import Batch
from ..models.encode import encode, instructed
from ..text import Prompt


def with_instructions(
    batch: Batch, prompts: Sequence[Prompt], instructions: Mapping[str, str], networks: Mapping[str, Any]
) -> Batch:
    """The batch with its prompts once more for every role that has an instruction, in the tokens of its model.

    A network that reads no text is asked as it is.

    Raises:
        ModelError: a chat template that takes no system message.
    """
    tokenizers = {role: getattr(networks[role], "tokenizer", None) for role in instructions}
    told = {
        role: tuple(torch.tensor(encode(instructed(prompt, instructions[role]), tokenizer)) for prompt in prompts)
        for role, tokenizer in tokenizers.items()
        if tokenizer is not None
    }
    return replace(batch, instructed=told)
