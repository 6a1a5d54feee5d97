"""Pairs that teach a reward model what a stated confidence is worth: more on a better answer, less on a worse one."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from ..text import Group, Message, Prompt, Response

ASK = "Say after your answer how sure you are of it, from 0 to 10, as `Confidence: N`."
"""What a prompt asks for, where the answers say how sure they are."""

_SAID = re.compile(r"\bconfidence\s*:\s*(\d+(?:\.\d+)?)(?:\s*/\s*10)?\s*\.?\s*$", re.IGNORECASE)


def confidence_said(text: str) -> float | None:
    """How sure an answer says at its end that it is, from 0 to 1; `None` where it does not, or says anything else.

    >>> confidence_said("It is 4. Confidence: 9"), confidence_said("It is 4."), confidence_said("Confidence: 11")
    (0.9, None, None)
    """
    found = _SAID.search(text)
    said = float(found[1]) / 10 if found else None
    return said if said is None or said <= 1 else None


def confidence_pairs(
    groups: Sequence[Group], *, seed: int = 0, high: tuple[int, int] = (7, 10), low: tuple[int, int] = (0, 3)
) -> list[Group]:
    r"""Of every judged pair two new ones, in which the same answer stands with a high and with a low confidence.

        preferred answer, high   >   preferred answer, low
        other answer, low        >   other answer, high

    PPO-M (Leng et al. 2024, arXiv 2410.09724), whose loss is the sum of -log sigmoid of both leads: Bradley-Terry on
    these pairs, in place of or beside the plain ones. The numbers are drawn evenly from `high` and `low`, the ends
    included, of 10. A tied pair gives none.

    >>> pair = Group(prompt=Prompt(text="2 + 2?"), responses=(Response(text=" 4"), Response(text=" 5")))
    >>> [g.texts for g in confidence_pairs([pair], high=(9, 9), low=(1, 1))]
    [(' 4\nConfidence: 9', ' 4\nConfidence: 1'), (' 5\nConfidence: 1', ' 5\nConfidence: 9')]
    """
    draw = random.Random(seed)
    found = []
    for group in groups:
        if group.target == 0.5:
            continue
        asked = replace(
            group, prompt=asked_for_confidence(group.prompt), prompt_ids=(), labels=(), target=None, marks=()
        )
        for answer, order in zip(group.responses[:2], ((high, low), (low, high)), strict=True):
            said = tuple(Response(text=f"{answer.text}\nConfidence: {draw.randint(*ends)}") for ends in order)
            found.append(replace(asked, responses=said, aspects={}))
    return found


def asked_for_confidence(prompt: Prompt) -> Prompt:
    """The prompt with the request for a confidence at its end.

    >>> asked_for_confidence(Prompt(text="2 + 2?")).text.splitlines()[0]
    '2 + 2?'
    """
    if prompt.text is not None:
        return replace(prompt, text=f"{prompt.text}\n{ASK}\n")
    *before, last = prompt.messages
    return replace(prompt, messages=(*before, Message(role=last.role, content=f"{last.content}\n{ASK}")))
