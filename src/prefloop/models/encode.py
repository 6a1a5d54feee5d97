"""Text as token ids, in one place, so that sampling, training and scoring can never disagree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..errors import DataError
from ..text import Group, Prompt, Response


def encode(prompt: Prompt, tokenizer: Any) -> tuple[int, ...]:
    """The tokens the model reads before it answers.

    Plain text is tokenized as it is, with whatever beginning the tokenizer adds of its own; messages go through the
    chat template with the generation prompt. Either way the beginning-of-text token stands at most once.
    """
    if prompt.text is not None:
        ids = tokenizer(prompt.text)["input_ids"]
        if len(ids) > 1 and ids[-1] == tokenizer.eos_token_id:
            ids = ids[:-1]  # some tokenizers close every text; the answer is still to come
    else:
        messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise DataError(f"the prompt {prompt.shown!r} has no tokens: there is nothing to continue.")
    return tuple(ids)


def for_model(group: Group, tokenizer: Any) -> Group:
    """The group in a model's own tokens.

    Where policy and reward model share a tokenizer the sampled ids are kept as they are; otherwise the text is encoded
    anew, so that no two models need the same vocabulary. An answer that ended keeps its end token either way.
    """
    if group.prompt_ids and encode(group.prompt, tokenizer) == group.prompt_ids and _same(group, tokenizer):
        return group
    prompt = encode(group.prompt, tokenizer)
    return replace(group, prompt_ids=prompt, responses=tuple(_encoded(r, tokenizer) for r in group.responses))


def _same(group: Group, tokenizer: Any) -> bool:
    size = len(tokenizer)
    return all(
        r.ids and max(r.ids) < size and r.text.strip() in tokenizer.decode(list(r.ids)) for r in group.responses
    )


def _encoded(response: Response, tokenizer: Any) -> Response:
    ids = tokenizer(response.text, add_special_tokens=False)["input_ids"]
    if response.finish == "end" and tokenizer.eos_token_id is not None:
        ids = [*ids, tokenizer.eos_token_id]
    return replace(response, ids=tuple(ids), mask=(1,) * len(ids), logp=())
