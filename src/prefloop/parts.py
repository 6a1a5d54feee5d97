"""The parts of a text, steps, sentences or spans, and what marks on it say of them.

Where a part ends is written as a regular expression: a part ends with each match of `ends`, and blank text alone is no
part. What is left after the last match is the last part.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .text import Mark

LINES = r"\n+"
"""Steps that stand on lines of their own."""
SENTENCES = r"[.!?]+(?=\s|$)|\n+"
"""Sentences: up to a full stop, a question or exclamation mark, or a line's end."""
CLAUSES = r"[,;:.!?]+(?=\s|$)|\n+"
"""Sub-sentences: up to any mark that parts them."""
WHOLE = r"(?!)"
"""The response as one part: a pattern that nothing matches."""


def parts_of(text: str, ends: str) -> list[int]:
    r"""How much of the text there is at the end of each of its parts; -1 for a last part without an end of its own.

    >>> parts_of("First.\n\nSecond.\n", LINES), parts_of("First.\nSecond", LINES), parts_of("", LINES)
    ([8, 16], [7, -1], [-1])
    >>> parts_of("Yes, it is 3.5 m. Is it?", CLAUSES)
    [4, 17, 24]
    """
    found = [0]
    for match in re.finditer(ends, text):
        if text[found[-1] : match.end()].strip():
            found.append(match.end())
    rest = text[found[-1] :].strip()
    return [*found[1:], *([-1] if rest or len(found) == 1 else [])]


def marks_of(text: str, wrong: Sequence[tuple[int, int]], *, ends: str, response: int = 0) -> list[Mark]:
    """A mark on every part of a response: 0 where something wrong lies in it, 1 where nothing does.

    `wrong` are stretches of the text, from one character up to before another. The last part without an end of its own
    ends beyond the text, with what comes after it.

    >>> [(mark.end, mark.value) for mark in marks_of("It rains. It shone.", [(3, 8)], ends=SENTENCES)]
    [(9, 0.0), (19, 1.0)]
    >>> [(mark.end, mark.value) for mark in marks_of("It rains. It", [(10, 12)], ends=SENTENCES)]
    [(9, 1.0), (13, 0.0)]
    """
    found, begin = [], 0
    for size in parts_of(text, ends) if text.strip() else ():
        end = len(text) + 1 if size < 0 else size
        right = not any(start < end and begin < stop for start, stop in wrong)
        found.append(Mark(response=response, end=end, value=float(right)))
        begin = end
    return found
