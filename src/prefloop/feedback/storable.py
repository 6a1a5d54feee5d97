"""What no database can hold is refused before it gets there, with words for who has to mend it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import DataError


def check_row(table: str, row: Mapping[str, Any]) -> None:
    r"""Refuse a row with a text that has the character U+0000, which PostgreSQL cannot hold and SQLite cuts texts at.

    Half of a surrogate pair is refused too, but in JSON, which writes it as an escape.

    Raises:
        DataError: names the column and shows the text.

    >>> check_row("notes", {"key": "model", "value": {"tags": ["a" + chr(0)]}})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    prefloop.errors.DataError: `notes.value` cannot be kept: the text 'a\x00' has the character U+0000 at place 1...
    """
    for name, value in row.items():
        for text in _texts(value):
            if "\0" in text:
                raise unholdable(f"`{table}.{name}`", _near(text, text.index("\0")))
        if isinstance(value, str) and not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise unholdable(f"`{table}.{name}`", _near(value, error.start)) from None


def unholdable(what: str, why: str) -> DataError:
    """The error of a text that no database holds."""
    return DataError(f"{what} cannot be kept: {why}. No database holds that: take it out, or put U+FFFD in its place.")


def _near(text: str, place: int) -> str:
    shown = text[max(0, place - 30) : place + 30]
    return f"the text {shown!r} has the character U+{ord(text[place]):04X} at place {place}"


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value, however deep; lists of numbers, which tokens are, are not gone through."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from (str(key), *_texts(one))
    elif isinstance(value, list | tuple) and value and not isinstance(value[0], int | float):
        for one in value:
            yield from _texts(one)
