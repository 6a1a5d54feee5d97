"""The same made-up texts for both sides, with exactly so many tokens, and the model both of them load."""

import json
import random
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

PROMPTS = (90, 130, 166, 220)
ANSWERS = ((112, 70), (60, 105), (128, 64), (108, 92))  # preferred, other; the end token is one of them
CHAT = 64  # tokens of a chat prompt, the template's own among them
NEW = 48  # tokens of every sampled answer
# Tokens of SmolLM2 that it practically never samples: where every answer shall be NEW long, one is the end token. The
# other is the padding, which is then no token of the chat template, as TRL's PPO has to tell padding by its id.
NEVER, PADDING = "<empty_output>", "<file_sep>"


def tokens(task: str) -> int:
    """What a step works on: real tokens of every sequence, the prompt once for each answer; online, the new tokens."""
    if task in ("grpo", "rloo", "online-dpo", "ppo"):
        return 16 * NEW
    answers = 1 if task == "sft" else 2
    return sum(answers * p + sum(both[:answers]) for p, both in zip(PROMPTS, ANSWERS, strict=True))


class Pair(NamedTuple):
    """A prompt with two answers."""

    prompt: str
    chosen: str
    rejected: str


def words(tokenizer: Any) -> list[str]:
    """The lower-case words that are one token with the space before them."""
    return sorted(w[1:] for w in tokenizer.get_vocab() if re.fullmatch("Ġ[a-z]{3,}", w))


def text(tokenizer: Any, vocabulary: list[str], tokens: int, *name: object) -> str:
    """So many words, always the same ones for the same name.

    Raises:
        ValueError: the tokenizer makes another number of tokens of them.
    """
    said = "".join(f" {w}" for w in random.Random(repr(name)).choices(vocabulary, k=tokens))
    found = len(tokenizer(said, add_special_tokens=False)["input_ids"])
    if found != tokens:
        raise ValueError(f"{tokens} words became {found} tokens: this tokenizer splits a word that it has whole.")
    return said


def pairs(tokenizer: Any, steps: int) -> list[Pair]:
    """Four pairs for each step, in the order they are to be learnt from."""
    known = words(tokenizer)
    return [
        Pair(
            text(tokenizer, known, p, step, "prompt", p),
            text(tokenizer, known, a - 1, step, "chosen", p),
            text(tokenizer, known, b - 1, step, "rejected", p),
        )
        for step in range(steps)
        for p, (a, b) in zip(PROMPTS, ANSWERS, strict=True)
    ]


def chats(tokenizer: Any, count: int) -> list[list[dict[str, Any]]]:
    """So many conversations of one question, `CHAT` tokens each.

    Raises:
        ValueError: the chat template makes another number of tokens of them.
    """

    def ask(said: str) -> list[dict[str, Any]]:
        return [{"role": "user", "content": f"Continue:{said}"}]

    def length(messages: list[dict[str, Any]]) -> int:
        said = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        return len(tokenizer(said, add_special_tokens=False)["input_ids"])

    known, own = words(tokenizer), length(ask(""))
    found = [ask(text(tokenizer, known, CHAT - own, i, "chat")) for i in range(count)]
    sizes = {length(messages) for messages in found}
    if sizes != {CHAT}:
        raise ValueError(f"the conversations have {sizes} tokens, not {CHAT}.")
    return found


def model(*, endless: bool) -> Path:
    """The folder of SmolLM2-135M-Instruct; `endless` is the same weights with an end token that is never sampled."""
    from prefloop.models.load import cache, fetch
    from prefloop.recipes import SMOLLM2

    plain = fetch(SMOLLM2).folder
    if not endless:
        return plain
    folder = cache() / "bench" / "endless"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in plain.iterdir():
        (folder / file.name).symlink_to(file.resolve())
    with (plain / "tokenizer.json").open(encoding="utf-8") as handle:
        number = {t["content"]: t["id"] for t in json.load(handle)["added_tokens"]}
    tokens = {"eos_token": NEVER, "pad_token": PADDING}
    ids = {"eos_token_id": number[NEVER], "pad_token_id": number[PADDING]}
    for name, ends in (("tokenizer_config.json", tokens), ("config.json", ids), ("generation_config.json", ids)):
        facts = json.loads((plain / name).read_text(encoding="utf-8"))
        (folder / name).unlink()
        (folder / name).write_text(json.dumps({**facts, **ends}, indent=2), encoding="utf-8")
    return folder
