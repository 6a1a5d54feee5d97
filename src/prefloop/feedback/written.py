"""What the log says of texts that people wrote: how much was pasted, and what they are like.

A text is like another as far as its runs of three words stand in that one:

    likeness(t, u) = |grams(t) & grams(u)| / |grams(t)|

High values are a reason to look, and no proof: a quotation is pasted, too.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from .database import BATCH
from .records import Event
from .rows import read_questions
from .store import Store
from .tables import QUESTIONS

KINDS_WRITTEN = ("edit", "critique", "demonstration")
EARLIER = 200
"""Earlier texts of a person that a new one is held against."""
_GRAM = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A written answer. `None` where the page did not say, or where there is nothing to be like.

    pasted: the share of its characters that were pasted, at most 1. like_response: its likeness to the response it is
    most like; not of a corrected one, which begins as a response. like_own: to this person's earlier texts.

    >>> Written(question="q", who="ada", characters=9, seconds=3.0, pasted=None, like_response=None, like_own=0.0).who
    'ada'
    """

    question: str
    who: str
    characters: int
    seconds: float
    pasted: float | None
    like_response: float | None
    like_own: float | None


def written(store: Store, project: str) -> Iterator[Written]:
    """The written answers of a project in the order they were given, also those that were revised since."""
    before: defaultdict[str, deque[tuple[str, frozenset[str]]]] = defaultdict(lambda: deque(maxlen=EARLIER))
    log = (e for e in store.events(project=project) if e.event == "answer")
    while some := list(islice(log, BATCH)):
        with store.database.reading() as connection:
            asked = read_questions(connection, [QUESTIONS.c.id.in_({e.question for e in some})])
        for event in some:
            question = asked[event.question]
            if question.kind in KINDS_WRITTEN:
                texts = question.group.texts if question.kind != "edit" else ()
                yield _one(event, texts, before[event.who])


def likeness(text: str, other: str) -> float:
    """How much of a text stands in another one, from 0 to 1.

    >>> likeness("the moon pulls the water", "they say the moon pulls the water up")
    1.0
    """
    return _share(grams(text), grams(other))


def grams(text: str) -> frozenset[str]:
    """The runs of three words of a text; all of it where it has fewer."""
    words = re.findall(r"\w+", text.casefold())
    return frozenset(" ".join(words[i : i + _GRAM]) for i in range(max(1, len(words) - _GRAM + 1))) - {""}


def _one(event: Event, texts: tuple[str, ...], before: deque[tuple[str, frozenset[str]]]) -> Written:
    text: str = event.value["text"]
    own = grams(text)
    earlier = [_share(own, other) for question, other in before if question != event.question]
    before.append((event.question, own))
    pasted = event.telemetry.get("pasted")
    return Written(
        question=event.question,
        who=event.who,
        characters=len(text),
        seconds=event.seconds,
        pasted=None if pasted is None else min(1.0, pasted / max(1, len(text))),
        like_response=max((_share(own, grams(t)) for t in texts), default=None),
        like_own=max(earlier, default=None),
    )


def _share(own: frozenset[str], other: frozenset[str]) -> float:
    return len(own & other) / len(own) if own else 0.0
