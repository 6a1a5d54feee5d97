"""How a reward model reads: written into its checkpoint, and held against what stands there when it is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ..errors import ModelError

READING = "prefloop_reading"
"""The entry of a reward model's config that says how it reads."""
_MEANING = {
    "template": "the chat template with the hash",
    "begin": "at the beginning of a text",
    "end": "after an answer that came to its end",
    "truncation": "of a text longer than the context",
    "score": "the score at",
}


def reading(tokenizer: Any) -> dict[str, str]:
    """How a reward model with this tokenizer reads a prompt and its answer.

    template: a hash of the chat template. begin, end: the tokens put there. truncation: nothing is ever cut. score: the
    place it is read at, found by counting tokens and not by looking for padding, which may stand in a text.
    """
    template, first = tokenizer.chat_template, tokenizer("a")["input_ids"][:1]
    begins = tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id]
    whole = json.dumps(template, sort_keys=True)
    return {
        "template": hashlib.sha256(whole.encode()).hexdigest()[:16] if template else "none",
        "begin": str(tokenizer.bos_token) if begins else "none",
        "end": str(tokenizer.eos_token) if tokenizer.eos_token is not None else "none",
        "truncation": "none: longer is refused",
        "score": "last token by length",
    }


def must_read_alike(config: Any, tokenizer: Any, name: str) -> None:
    """Refuse a reward model whose tokenizer no longer reads as it did when the model was trained.

    Raises:
        ModelError: says what it was trained with and what is there now.
    """
    trained: Mapping[str, str] = getattr(config, READING, None) or {}
    now = reading(tokenizer)
    for part, was in trained.items():
        if now.get(part) != was:
            raise ModelError(
                f"the reward model {name} was trained with `{was}` ({_MEANING.get(part, part)}), and is now read with "
                f"`{now.get(part, 'nothing of the kind')}`, so that its scores would mean something else: put the "
                "tokenizer it was saved with back beside it, or train it anew."
            )
