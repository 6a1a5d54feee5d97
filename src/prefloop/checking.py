"""What will be trained on, as the model sees it: tokens marked, and what must not be trained on refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .text import Group, Response

Part = Literal["prompt", "learnt", "hole", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that must not be trained on: where it is, what it is, and the mend."""

    where: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} {self.mend}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A run of tokens that play the same part, decoded."""

    part: Part
    text: str
    tokens: int


def problems(groups: Sequence[Group], tokenizer: Any, *, context: int | None = None) -> list[Problem]:
    """Everything wrong with these groups, in a tokenizer's ids, for a model that reads `context` tokens."""
    found: list[Problem] = []
    for p, group in enumerate(groups):
        found += _prompt(group, tokenizer, f"prompt {p}")
        for k, response in enumerate(group.responses):
            found += _response(group, response, tokenizer, context, f"prompt {p}, response {k}")
    return found


def _prompt(group: Group, tokenizer: Any, where: str) -> list[Problem]:
    bos = tokenizer.bos_token_id
    if bos is not None and bos != tokenizer.eos_token_id and group.prompt_ids[:2] == (bos, bos):
        return [
            Problem(
                where=where,
                what="begins with the beginning-of-text token twice.",
                mend="Take it out of the text or of the chat template: the tokenizer adds one.",
            )
        ]
    return []


def _response(group: Group, response: Response, tokenizer: Any, context: int | None, where: str) -> list[Problem]:
    eos = tokenizer.eos_token_id
    if not response.ids:
        return [
            Problem(
                where=where,
                what="the answer has no tokens, so its reward would be read from the prompt.",
                mend="Drop empty answers, or let them end with the end token.",
            )
        ]
    found = []
    if not any(response.mask):
        found.append(
            Problem(
                where=where, what="no token of it is learnt from: its mask is all 0.", mend="Mend the mask or drop it."
            )
        )
    if eos is not None and response.ids[-2:] == (eos, eos):
        found.append(
            Problem(where=where, what="ends with the end token twice.", mend="Take the end token out of the text.")
        )
    if context is not None and len(group.prompt_ids) >= context:
        found.append(
            Problem(
                where=where,
                what=f"the prompt alone takes {len(group.prompt_ids)} of the model's {context} tokens: "
                "the answer would be cut off whole.",
                mend="Shorten the prompt or take a model that reads more.",
            )
        )
    return found


def pieces(group: Group, response: Response, tokenizer: Any) -> list[Piece]:
    """A prompt and a response as runs of tokens: prompt, learnt tokens, holes, and the end token."""
    ends = {tokenizer.eos_token_id}
    runs: list[tuple[Part, list[int]]] = [("prompt", list(group.prompt_ids))]
    for token, chosen in zip(response.ids, response.mask, strict=True):
        part: Part = "hole" if not chosen else "end" if token in ends else "learnt"
        if runs[-1][0] != part:
            runs.append((part, []))
        runs[-1][1].append(token)
    return [Piece(part=part, text=tokenizer.decode(ids), tokens=len(ids)) for part, ids in runs]
