"""What stands before a prompt, said to the policy alone, and rewards by name for what was said there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..binding import Bound
from ..errors import RewardError
from ..text import Group, Message, Prompt
from .scorer import score


def told(prompt: Prompt, said: re.Pattern[str]) -> tuple[re.Match[str], Prompt] | None:
    r"""What `instructed` put before a prompt, if it is of this form, and the prompt as it was before.

    >>> found = told(Prompt(text="Be brief.\n\nHi"), re.compile(r"Be (\w+)\.(?:\n\n|\Z)"))
    >>> found[0][1], found[1].text
    ('brief', 'Hi')
    """
    first = prompt.text if prompt.text is not None else prompt.messages[0].content
    found = said.match(first)
    if found is None:
        return None
    rest = first[found.end() :]
    if prompt.text is not None:
        return found, Prompt(text=rest)
    whole = (Message(role="system", content=rest),) if rest else ()
    return found, Prompt(messages=(*whole, *prompt.messages[1:]))


def paid_by_name(
    groups: Sequence[Group],
    before: Sequence[Prompt],
    said: Sequence[Mapping[str, float]],
    *,
    what: str,
    reward: Bound,
    names: Collection[str],
    model: Any = None,
) -> Tensor:
    """What a reward of several numbers pays after the prompts as they were `before` (P K D), one for each of the names.

    Raises:
        RewardError: the reward gives another count of numbers, or a prompt says `what` of others than these names.
    """
    plain = [replace(g, prompt=prompt, prompt_ids=()) for g, prompt in zip(groups, before, strict=True)]
    knobs = {**reward.knobs, **({} if model is None else {"model": model})}
    paid = score(Bound(reward.function, knobs), plain, {})
    if paid.dim() != 3 or paid.shape[-1] != len(names):
        raise RewardError(
            f"`{reward.name}` gives rewards of the shape {tuple(paid.shape)}, and the names are {', '.join(names)}: "
            "give a reward with one number for each of them."
        )
    for way in said:
        if set(way) != set(names):
            raise RewardError(f"a prompt says {what} among {', '.join(way)}, and the rewards are {', '.join(names)}.")
    return paid
