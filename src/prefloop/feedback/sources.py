"""Where answers come from: the one form that simulated people, the terminal and every later source share."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from ..text import Answer, Question

if TYPE_CHECKING:
    from .store import Store

Record = Callable[[Sequence[Answer]], None]
"""What takes answers away as they come in, usually `Store.add_answers`: what it has taken is safe."""


class Source(Protocol):
    """Somebody who answers questions."""

    def ask(self, questions: Sequence[Question], record: Record) -> None:
        """Put the questions, and hand each answer to `record` as soon as it stands."""
        ...


Hire = Callable[["Store"], Source]
"""Makes the people of a run once its store is open, where they answer into it themselves."""


def chance(*key: object) -> random.Random:
    """Random numbers that depend on the key alone, so that they are the same in a resumed run and in any order.

    >>> chance(0, "q1", "ada").random() == chance(0, "q1", "ada").random() != chance(0, "q2", "ada").random()
    True
    """
    return random.Random(hashlib.sha256(repr(key).encode()).digest())


def shown_order(question: Question, *, who: str, seed: int) -> tuple[int, ...]:
    """The order in which somebody sees the responses: as likely as any other, and always the same for this person."""
    draw = chance(seed, "order", question.id, who)
    return tuple(sorted(range(len(question.group.responses)), key=lambda _: draw.random()))
