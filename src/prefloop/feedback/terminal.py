"""Asking the person at the keyboard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, cast

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from ..text import Answer, Question
from .sources import Record, shown_order

Command = Literal["s", "q", "u"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """One person, one question at a time: the responses blind, in random order, under numbered keys.

    An answer is recorded when the next one is given, or when the asking ends: until then it can be undone. Ending with
    Ctrl-C records it as well.

    >>> Terminal(who="ada", console=Console(quiet=True), read=lambda line: "q").ask([], print)
    """

    who: str
    console: Console
    read: Callable[[str], str] = input
    seed: int = 0
    stopwatch: Callable[[], float] = time.monotonic
    clock: Callable[[], float] = time.time

    def ask(self, questions: Sequence[Question], record: Record) -> None:
        """Ask until the questions end or the person stops; skipped questions are left unanswered."""
        held: list[tuple[int, Answer]] = []  # the last answer, with its question's place
        place = 0
        try:
            while place < len(questions) or held:
                reply = self._put(questions, place, undoable=bool(held))
                if isinstance(reply, Answer):
                    held.append((place, reply))
                    if len(held) > 1:
                        record([held[0][1]])
                        del held[0]
                    place += 1
                elif reply == "s":
                    place += 1
                elif reply == "u":
                    place, _ = held.pop()
                else:
                    return
        finally:
            if held:
                record([answer for _, answer in held])

    def _put(self, questions: Sequence[Question], place: int, *, undoable: bool) -> Answer | Command:
        undo = ", u to undo the last answer" if undoable else ""
        if place == len(questions):
            self.console.print("That was the last question.", style="bold")
            return "u" if self._key({"", "q", "u"}, f"Enter to finish{undo}: ") == "u" else "q"
        question = questions[place]
        order = shown_order(question, who=self.who, seed=self.seed)
        self._show(question, order, f"Question {place + 1} of {len(questions)}")
        index_of = {str(number): index for number, index in enumerate(order, start=1)}
        began = self.stopwatch()
        key = self._key({*index_of, *("squ" if undoable else "sq")}, f"1-{len(order)}, s to skip{undo}, q to stop: ")
        if key not in index_of:
            return cast(Command, key)
        return Answer(
            question=question.id,
            who=self.who,
            value=index_of[key],
            order=order,
            seconds=self.stopwatch() - began,
            at=self.clock(),
        )

    def _show(self, question: Question, order: tuple[int, ...], title: str) -> None:
        self.console.rule(title)
        self.console.print(Panel(_printable(question.group.prompt.shown), title="The text so far", title_align="left"))
        for number, index in enumerate(order, start=1):
            self.console.print(Panel(_printable(question.group.texts[index]), title=str(number), title_align="left"))
        self.console.print("Which is better?" if question.kind == "comparison" else "Which is best?", style="bold")

    def _key(self, known: set[str], line: str) -> str:
        while True:
            try:
                key = self.read(line).strip().lower()
            except EOFError:
                return "q"
            if key in known:
                return key
            self.console.print(f"There is no `{key}` here.", style="yellow", markup=False)


def _printable(text: str) -> Text:
    """The text without what could move the cursor or colour the screen: a model may have written anything."""
    return Text("".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text))
