"""Text as token ids, in one place, so that sampling, training and scoring can never disagree."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from ..errors import DataError, ModelError
from ..text import Group, Message, Prompt, Response


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
        if not tokenizer.chat_template:
            raise ModelError(
                f"the tokenizer of {tokenizer.name_or_path or 'this model'} has no chat template, and the prompts are "
                "conversations: put a chat_template.jinja beside the model, or use plain-text prompts."
            )
        text = _templated(prompt, tokenizer)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if not ids:
        raise DataError(f"the prompt {prompt.shown!r} has no tokens: there is nothing to continue.")
    return tuple(ids)


def _templated(prompt: Prompt, tokenizer: Any) -> str:
    messages = [{"role": m.role, "content": m.content} for m in prompt.messages]
    try:
        text: str = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    except Exception as error:  # whatever a template does; some refuse system messages
        raise ModelError(
            f"the chat template of {tokenizer.name_or_path or 'this model'} does not take a conversation of "
            f"{', '.join(m.role for m in prompt.messages)} ({error}): leave out the turns it does not know (the "
            "`instruction` of a frozen model is a system message), or use plain-text prompts."
        ) from error
    return text


def instructed(prompt: Prompt, instruction: str) -> Prompt:
    r"""The prompt with an instruction before it: a system message, or plain text and an empty line.

    Messages that begin with a system message get it at the beginning of that one: templates take no second.

    >>> instructed(Prompt(text="One"), "Count on.").text
    'Count on.\n\nOne'
    """
    if prompt.text is not None:
        return Prompt(text=f"{instruction}\n\n{prompt.text}")
    first, *rest = prompt.messages
    if first.role == "system":
        return Prompt(messages=(replace(first, content=f"{instruction}\n\n{first.content}"), *rest))
    return Prompt(messages=(Message(role="system", content=instruction), *prompt.messages))


def must_fit(prompts: Sequence[Prompt], decoder: Any, *, answer: int, instructions: Collection[str] = ()) -> None:
    """Refuse prompts that leave a model no room for an answer of so many tokens, before anything is spent.

    `instructions` are what it is also told before the prompts, one at a time.

    Raises:
        DataError: names the first such prompt.
    """
    told = (instructed(prompt, text) for text in instructions for prompt in prompts)
    for prompt in (*prompts, *told):
        tokens = len(encode(prompt, decoder.tokenizer))
        if decoder.context and tokens + answer > decoder.context:
            raise DataError(
                f"the prompt {prompt.shown[:80]!r} has {tokens} tokens and its answer up to {answer}; {decoder.name} "
                f"reads at most {decoder.context}: shorten the prompt or lower max_tokens."
            )


def continuation(prompt: Sequence[int], ids: Sequence[int], tokenizer: Any) -> str:
    """What these tokens add to their prompt as text: decoded alone, some tokenizers would drop a leading space."""
    before = tokenizer.decode(list(prompt), skip_special_tokens=True)
    together: str = tokenizer.decode([*prompt, *ids], skip_special_tokens=True)
    return together[len(before) :]


def for_model(group: Group, tokenizer: Any, *, ending: tuple[int, ...] = ()) -> Group:
    """The group in a model's own tokens.

    Where policy and reward model share a tokenizer the sampled ids are kept as they are; otherwise the text is encoded
    anew, so that no two models need the same vocabulary. An answer that ended keeps its end token either way. `ending`
    is put after every answer, as tokens nobody chose: what a reward model reads before it gives its score.
    """
    if not (all(r.ids for r in group.responses) and reads(group, tokenizer)):
        responses = tuple(_encoded(_asked_anew(r, tokenizer), tokenizer) for r in group.responses)
        group = replace(group, prompt_ids=encode(group.prompt, tokenizer), responses=responses)
    if ending:
        group = replace(group, responses=tuple(_followed(r, ending) for r in group.responses))
    return group


def _followed(response: Response, ending: tuple[int, ...]) -> Response:
    return replace(response, ids=(*response.ids, *ending), mask=(*response.mask, *(0 for _ in ending)), logp=())


def reads(group: Group, tokenizer: Any) -> bool:
    """Whether the group's own tokens say its text here too: an end token or a stop string may follow it."""
    size = len(tokenizer)
    prompts = {(group.prompt_ids, group.prompt), *((r.asked.ids, r.asked.prompt) for r in group.responses if r.asked)}
    return all(ids and encode(prompt, tokenizer) == ids for ids, prompt in prompts) and all(
        max(r.ids) < size and continuation(group.prompt_ids_of(k), r.ids, tokenizer).startswith(r.text)
        for k, r in enumerate(group.responses)
        if r.ids
    )


def _asked_anew(response: Response, tokenizer: Any) -> Response:
    asked = response.asked
    return replace(response, asked=replace(asked, ids=encode(asked.prompt, tokenizer))) if asked else response


def _encoded(response: Response, tokenizer: Any) -> Response:
    ids = tokenizer(response.text, add_special_tokens=False)["input_ids"]
    if response.finish == "end" and tokenizer.eos_token_id is not None:
        ids = [*ids, tokenizer.eos_token_id]
    return replace(response, ids=tuple(ids), mask=(1,) * len(ids), logp=())
