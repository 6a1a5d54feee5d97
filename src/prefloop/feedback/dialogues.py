"""Conversations as they lie in data sets, as messages: several notations, one record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DataError
from ..text import Message, Role

_ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}
_TURN = re.compile(r"\n\n(Human|Assistant):")


def messages(value: Any, place: str) -> tuple[Message, ...]:
    """Messages with `role` and `content`, or with `from` and `value`.

    Raises:
        DataError: it is no such list.

    >>> messages([{"from": "human", "value": "Hi"}], "row 1")
    (Message(role='user', content='Hi'),)
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise DataError(f"{place} is {value!r:.80}: it takes a list of messages.")
    return tuple(message(one, place) for one in value)


def message(value: Any, place: str) -> Message:
    """One message, in either notation."""
    if isinstance(value, Mapping):
        role, content = value.get("role", value.get("from")), value.get("content", value.get("value"))
        if role in _ROLES and isinstance(content, str):
            return Message(role=_ROLES[role], content=content)
    raise DataError(
        f"{place}: a message has a `role` (or `from`: {', '.join(_ROLES)}) and a `content` (or `value`) of text; "
        f"found {value!r:.120}."
    )


def dialogue(text: str) -> tuple[Message, ...]:
    r"""A dialogue in one text, where each turn begins with `\n\nHuman:` or `\n\nAssistant:`, as messages.

    The blanks around a turn are notation and not kept; a turn that nothing follows is empty.

    >>> [m.content for m in dialogue("\n\nHuman: Hi\n\nAssistant: Hello.")]
    ['Hi', 'Hello.']
    """
    _, *turns = _TURN.split(text)
    return tuple(
        Message(role="user" if who == "Human" else "assistant", content=said.strip())
        for who, said in zip(turns[::2], turns[1::2], strict=True)
    )
