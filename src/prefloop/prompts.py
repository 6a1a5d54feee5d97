"""Prompts from a file, or the openings that come with prefloop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from .errors import DataError
from .text import Beside, Message, Prompt, Role

OPENINGS = "openings"
_HELD_OUT_SHARE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Prompts to learn on and prompts to measure on; no prompt is in both."""

    train: tuple[Prompt, ...]
    held_out: tuple[Prompt, ...]

    def save(self, path: Path) -> None:
        """Write them as lines of JSON, for `load_prompts` to read again; a prompt that occurs twice is written once.

        Raises:
            DataError: the file's name does not end in .jsonl, which is how it is told from a plain list of prompts.
        """
        if path.suffix != ".jsonl":
            raise DataError(f"prompts are written as lines of JSON, and {path} is read as plain text: call it .jsonl.")
        split = dict.fromkeys(self.train, "train") | dict.fromkeys(self.held_out, "held_out")
        rows = ({**_said(prompt), "split": part} for prompt, part in split.items())
        path.write_text("".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows), encoding="utf-8")


def load_prompts(reference: str) -> Prompts:
    """Prompts from `openings` (shipped), a `.txt` file (one a line) or a `.jsonl` file.

    A line of JSON has `text` or `messages`, and perhaps `split` ("train" or "held_out"). Where no line says, one prompt
    in five is held out, chosen by its content so that it stays held out when the file grows.

    Raises:
        DataError: the file is missing or empty, or a line is malformed or repeats another (the message has its number).

    >>> len(load_prompts("openings").held_out) >= 100
    True
    """
    if reference == OPENINGS:
        text, place = (files("prefloop") / "data" / "openings.jsonl").read_text(encoding="utf-8"), OPENINGS
    else:
        path = Path(reference).expanduser()
        try:
            text, place = path.read_text(encoding="utf-8-sig"), str(path)  # some editors begin a file with a mark
        except OSError as error:
            raise DataError(f"the prompts {path} cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError as error:
            raise DataError(
                f"the prompts {path} are not UTF-8 (byte {error.start}): save the file as UTF-8."
            ) from error
    prompts: dict[Prompt, tuple[int, str | None]] = {}
    # Split on \n only: a text may hold other line separators.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        prompt, split = _parse(line, f"{place}, line {number}", as_json=place == OPENINGS or place.endswith(".jsonl"))
        if prompt in prompts:
            raise DataError(f"{place}, line {number}: the same prompt as on line {prompts[prompt][0]}; take one out.")
        prompts[prompt] = (number, split)
    if not prompts:
        raise DataError(f"{place} holds no prompts: write one a line.")
    said = any(split for _, split in prompts.values())
    train: list[Prompt] = []
    held_out: list[Prompt] = []
    for prompt, (_, split) in prompts.items():
        apart = split == "held_out" if said else kept_apart(prompt, _HELD_OUT_SHARE)
        (held_out if apart else train).append(prompt)
    if not train or not held_out:
        raise DataError(
            f"{place} gives {len(train)} prompts to learn on and {len(held_out)} to measure on: both are needed. Add "
            'prompts, or say which are held out with "split": "held_out".'
        )
    return Prompts(train=tuple(train), held_out=tuple(held_out))


def kept_apart(prompt: Prompt, share: float) -> bool:
    """Whether a prompt is among the share that is held out: told by its content alone, so that it stays there.

    >>> kept_apart(Prompt(text="One"), 1.0), kept_apart(Prompt(text="One"), 0.0)
    (True, False)
    """
    said = prompt.asked if isinstance(prompt, Beside) else prompt  # whatever the reference
    return hashlib.sha256(repr(said).encode()).digest()[0] < 256 * share


def _said(prompt: Prompt) -> dict[str, Any]:
    if prompt.text is not None:
        return {"text": prompt.text}
    return {"messages": [{"role": m.role, "content": m.content} for m in prompt.messages]}


def _parse(line: str, where: str, *, as_json: bool) -> tuple[Prompt, str | None]:
    if not as_json:
        return Prompt(text=line.rstrip("\r")), None
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON ({error.msg} at column {error.colno}).") from error
    if not isinstance(row, dict):
        raise DataError(f'{where} is {type(row).__name__}, not an object like {{"text": "..."}}.')
    split = row.get("split")
    if split not in (None, "train", "held_out"):
        raise DataError(f'{where}: `split` is {split!r}; it is "train" or "held_out".')
    return _prompt(row, where), split


def _prompt(row: Mapping[str, Any], where: str) -> Prompt:
    text, messages = row.get("text"), row.get("messages")
    if isinstance(text, str) and text.strip() and messages is None:
        return Prompt(text=text)
    if text is None and isinstance(messages, list) and messages:
        return Prompt(messages=tuple(_message(m, where) for m in messages))
    raise DataError(f"{where} has neither a non-empty `text` nor a list of `messages`; it has: {', '.join(row)}.")


def _message(row: Any, where: str) -> Message:
    if isinstance(row, dict) and row.get("role") in get_args(Role) and isinstance(row.get("content"), str):
        return Message(role=row["role"], content=row["content"])
    roles = ", ".join(get_args(Role))
    raise DataError(f"{where}: a message has a `role` ({roles}) and a `content` of text; found {row!r}.")
