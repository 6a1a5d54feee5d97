"""Which rows of a file say again what a row before them said, and which say the opposite."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from ..text import Question
from .kinds import preferred
from .records import Event
from .seen import Seen


@lru_cache(maxsize=64)  # one prompt is asked about several times
def normalised(text: str) -> str:
    """The text without what a reader passes over: case, white space, forms of the same character, marks at the end.

    >>> normalised("  What  is\u00a0it? ") == normalised("what is IT")
    True
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return plain.rstrip(".!?:;, ")


class Duplicates:
    """Counts, row by row, of what came before; `counts` and `contradictory` are what was found so far."""

    def __init__(self, seen: Seen) -> None:
        """Nothing yet."""
        self.seen, self.counts, self.contradictory = seen, Counter[str](), 0

    def row(self, questions: Sequence[Question], events: Sequence[Event]) -> None:
        """Look at what one row holds."""
        if questions:
            self._prompt(questions[0].group.prompt.shown)
        for question in questions:
            self._answers(question)
        asked = {q.id: q for q in questions}
        for event in events:
            if event.event == "answer" and event.question in asked:
                self._verdicts(asked[event.question], event)

    def _prompt(self, prompt: str) -> None:
        if self.seen.before("prompt", prompt):
            self.counts["prompts"] += 1
        if self.seen.before("prompt, normalised", normalised(prompt)):
            self.counts["prompts, normalised"] += 1

    def _answers(self, question: Question) -> None:
        """Equal answers within a question, and questions that were asked before in whichever order."""
        texts = question.group.texts
        if len(set(texts)) < len(texts):
            self.counts["answers"] += 1
        plain = [normalised(t) for t in texts]
        if len(set(plain)) < len(plain):
            self.counts["answers, normalised"] += 1
        about = [question.kind, question.options]
        if self.seen.before("question", about, question.group.prompt.shown, sorted(texts)):
            self.counts["questions"] += 1
        if self.seen.before("question, normalised", about, normalised(question.group.prompt.shown), sorted(plain)):
            self.counts["questions, normalised"] += 1

    def _verdicts(self, question: Question, event: Event) -> None:
        prompt = normalised(question.group.prompt.shown)
        for about, verdict in _verdicts(question, event.value):
            before = self.seen.first(["verdict", question.kind, event.who, prompt, about], verdict)
            if before is not None and before != verdict:
                self.contradictory += 1


def _verdicts(question: Question, value: Any) -> Iterator[tuple[list[str], str]]:
    """What an answer says of some texts, so that the opposite can be told: of comparisons, choices and thumbs."""
    texts = [normalised(t) for t in question.group.texts]
    if question.kind in ("comparison", "choice") and (best := preferred(value)) is not None:
        if len(set(texts)) > 1:
            yield sorted(texts), texts[best]
    elif question.kind == "thumbs":
        for text, liked in zip(texts, value, strict=False):
            yield [text], str(liked)


def said(counts: Mapping[str, int]) -> str:
    """The counts in words.

    >>> said({"prompts": 2, "prompts, normalised": 3})
    '2 prompts (3 normalised)'
    """
    kinds = dict.fromkeys(name.removesuffix(", normalised") for name in counts)
    return ", ".join(f"{counts.get(k, 0)} {k} ({counts.get(f'{k}, normalised', 0)} normalised)" for k in kinds)
