"""How a reward model reads: written into its checkpoint, and held against what stands there when it is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ModelError
from ..text import Beside, Group

READING = "prefloop_reading"
"""The entry of a reward model's config that says how it reads."""
BESIDE = "beside"
"""The part of it that says that a reference answer stands before the answer."""
_MEANING = {
    "template": "the chat template with the hash",
    "begin": "at the beginning of a text",
    "end": "after an answer that came to its end",
    "truncation": "of a text longer than the context",
    "score": "the score at",
}


PLACES = {"score": "last token by length", "token_score": "every token of an answer"}
"""Where a model with this head scores."""


def reading(tokenizer: Any, *, head: str = "score", beside: bool = False) -> dict[str, str]:
    """How a reward model with this tokenizer and head reads a prompt and its answer.

    template: a hash of the chat template. begin, end: the tokens put there. truncation: nothing is ever cut. score: the
    place it is read at, found by counting tokens and not by looking for padding, which may stand in a text. beside: a
    reference answer that stands before the answer, where the model was fitted to that.
    """
    template, first = tokenizer.chat_template, tokenizer("a")["input_ids"][:1]
    begins = tokenizer.bos_token_id is not None and first == [tokenizer.bos_token_id]
    whole = json.dumps(template, sort_keys=True)
    return {
        "template": hashlib.sha256(whole.encode()).hexdigest()[:16] if template else "none",
        "begin": str(tokenizer.bos_token) if begins else "none",
        "end": str(tokenizer.eos_token) if tokenizer.eos_token is not None else "none",
        "truncation": "none: longer is refused",
        "score": PLACES[head],
        **({BESIDE: "a reference answer to the same prompt"} if beside else {}),
    }


def is_beside(config: Any) -> bool:
    """Whether the model with this config was fitted to answers beside a reference."""
    return BESIDE in (getattr(config, READING, None) or {})


def must_be_beside(config: Any, groups: Iterable[Group], name: str) -> None:
    """Refuse to give answers by themselves to a model that was fitted to answers beside a reference.

    Raises:
        ModelError: says how such a model scores.
    """
    if is_beside(config) and not all(isinstance(g.prompt, Beside) for g in groups):
        raise ModelError(
            f"the reward model {name} was fitted to answers beside a reference answer, and says nothing of an answer "
            "by itself: score with prefloop.loops.referenced.reference_score and a file of references, or fit it to "
            "rows that have a `reference_answer`."
        )


def must_read_alike(config: Any, tokenizer: Any, name: str, *, head: str = "score") -> None:
    """Refuse a reward model whose tokenizer no longer reads as it did when the model was trained.

    Raises:
        ModelError: says what it was trained with and what is there now.
    """
    trained: Mapping[str, str] = getattr(config, READING, None) or {}
    now = reading(tokenizer, head=head, beside=is_beside(config))
    for part, was in trained.items():
        if now.get(part) != was:
            raise ModelError(
                f"the reward model {name} was trained with `{was}` ({_MEANING.get(part, part)}), and is now read with "
                f"`{now.get(part, 'nothing of the kind')}`, so that its scores would mean something else: put the "
                "tokenizer it was saved with back beside it, or train it anew."
            )
