"""A file read row by row as questions and events with ids of their own, and what is found on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ..errors import DataError, PrefloopError
from ..text import Kind, Question
from .duplicates import Duplicates
from .files import Row, stream
from .formats.converter import Format, Said, content, digest, named
from .formats.known import format_of
from .kinds import KINDS, asked, check_question, check_value, plain
from .records import Event
from .seen import Seen
from .shapes import LeftOut

_LOOKED_AT = 100  # rows whose columns tell the format
_SHOWN = 10  # problems that are kept in words
_FIRST = 3  # questions that are kept to be shown
_ONE = ("edit", "critique", "spans")  # kinds that are asked about one response


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What one row holds: its questions, and what was said of them.

    >>> Converted(place="pairs.csv, row 1", questions=(), events=()).events
    ()
    """

    place: str
    questions: tuple[Question, ...]
    events: tuple[Event, ...]


class Reading:
    """The rows of a file, converted as they are asked for; what was found so far stands in the attributes.

    A row is taken whole or, where anything in it is wrong, not at all. `within` is a project whose questions these are
    to be: ids differ from project to project, so that the same may be asked in two.
    """

    def __init__(
        self,
        path: Path,
        *,
        format: str | None = None,
        kind: Kind | None = None,
        options: Mapping[str, Any] | None = None,
        name: str | None = None,
        within: str = "",
    ) -> None:
        """Look at the first rows, which tell the format."""
        self.path, self.name, self.within = path, name or path.name, within
        self.kind, self.options = kind, dict(options or {})
        self.rows = self.answers = self.problem_count = 0
        self.kinds, self.lost = Counter[str](), Counter[str]()
        self.problems: list[str] = []
        self.first: list[Question] = []
        if kind is not None and kind not in KINDS:
            raise DataError(f"there is no kind `{kind}` of question: it is one of {', '.join(KINDS)}.")
        coming = self._stream()
        looked_at = list(islice(coming, _LOOKED_AT))
        good = [row for row in looked_at if isinstance(row, Row)]
        if not good:
            raise DataError(self._short(str(looked_at[0])) if looked_at else f"{self.name} has no rows.")
        columns = dict.fromkeys(str(column) for row in good for column in row.values)
        self.format: Format = format_of(columns, self.name, name=format)
        self.seen = Seen()
        self.duplicates = Duplicates(self.seen)
        self._coming: Iterable[Row | DataError] = chain(looked_at, coming)

    def __iter__(self) -> Iterator[Converted]:
        """What each good row holds; the others are counted."""
        try:
            for row in self._coming:
                if isinstance(row, DataError):
                    self.problem(str(row))
                elif (made := self._row(row)) is not None:
                    yield made
        finally:
            self.seen.close()

    def problem(self, message: str) -> None:
        """Count a bad row, and keep the first messages."""
        self.problem_count += 1
        if len(self.problems) < _SHOWN:
            self.problems.append(self._short(message))

    def _stream(self) -> Iterator[Row | DataError]:
        """The rows; where the rest cannot be read, that is the last thing that comes."""
        try:
            yield from stream(self.path)
        except DataError as error:
            yield DataError(f"{error} What comes after it was not read.")

    def _short(self, message: str) -> str:
        """The message with the name of the file, without its folders."""
        return message.replace(str(self.path), self.name)

    def _row(self, row: Row) -> Converted | None:
        try:
            held = list(self.format.convert(row))
            questions, events, lost = self._settled(row, held)
            for question in questions.values():
                _check(question)
            for event in events:
                _check_event(event, questions)
        except PrefloopError as error:
            self.problem(_placed(row.place, str(error)))
            return None
        except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
            what = f"{type(error).__name__}: {error}"
            self.problem(f"{row.place} is no row of the format `{self.format.name}` ({what}): mend it or take it out.")
            return None
        return self._counted(row, questions, events, lost)

    def _settled(self, row: Row, held: list[Said]) -> tuple[dict[str, Question], list[Event], list[str]]:
        """Questions under their ids, events about those, and what was lost."""
        lost = [one.why for one in held if isinstance(one, LeftOut)]
        questions: dict[str, Question] = {}
        ids: dict[str, str] = {}
        for one in held:
            if isinstance(one, Question):
                made = self._asked(one, row)
                ids[one.id] = made.id if self._keeps_answers(one) else ""
                questions.setdefault(made.id, made)
                lost += ["responses beside the first" for _ in range(_fewer(one, made))]
        events = []
        for one in held:
            if isinstance(one, Event):
                about = ids.get(one.question, one.question)
                if about:
                    events.append(replace(one, question=about, project=self.within or one.project))
                else:
                    lost.append(f"answers, because these are asked anew as {self.kind}")
        return questions, events, lost

    def _keeps_answers(self, question: Question) -> bool:
        return self.kind in (None, question.kind) and (not self.options or self.options == question.options)

    def _asked(self, question: Question, row: Row) -> Question:
        """The question, of the kind that is wanted, under an id of this project, with its place in the file."""
        own = question.id == f"{question.kind}-{content(question)}"
        parent = question.parent
        if not self._keeps_answers(question):
            kind = self.kind or question.kind
            most = 0 if kind == "demonstration" else 1 if kind in _ONE else len(question.group.responses)
            group = replace(question.group, responses=question.group.responses[:most])
            options = self.options or {k: v for k, v in question.options.items() if k in KINDS[kind].options}
            question = replace(question, kind=kind, group=group, options=options, parent=parent)
            own = True
        if own:
            question = named(question, within=self.within)
        place = self._short(row.place)
        return question if question.why or self.format.name == "log" else replace(question, why=place)

    def _counted(self, row: Row, questions: Mapping[str, Question], events: list[Event], lost: list[str]) -> Converted:
        self.rows += 1
        self.lost.update(lost)
        if self.format.keeps:
            for name, value in row.values.items():
                if name not in self.format.keeps and value not in (None, "", [], {}):
                    self.lost[f"column `{name}`"] += 1
        self.duplicates.row(list(questions.values()), events)
        for question in questions.values():
            if not self.seen.before("id", question.id):
                self.kinds[question.kind] += 1
                if len(self.first) < _FIRST:
                    self.first.append(question)
        self.answers += len(events)
        return Converted(
            place=self._short(row.place),
            questions=tuple(questions.values()),
            events=tuple(self._identified(event) for event in events),
        )

    def _identified(self, event: Event) -> Event:
        """The event under a submission that follows from what it says and what came before it, and under a name."""
        if event.submission and event.who:
            return event
        says = [event.question, event.who, event.event, event.value, event.order, event.seconds, event.at, event.reason]
        submission = event.submission or f"import-{digest([says, self.seen.before('says', says)])}"
        if event.who:
            return replace(event, submission=submission)
        before = self.seen.before("unnamed", event.question)
        who = f"unnamed in {self.name}" + (f", {before + 1}" if before else "")
        return replace(event, submission=submission, who=who)


def _fewer(question: Question, made: Question) -> int:
    return len(question.group.responses) - len(made.group.responses)


def _check(question: Question) -> None:
    check_question(question)
    prompt = question.group.prompt
    for text in (prompt.text or "", *(m.content for m in prompt.messages), *question.group.texts):
        plain(text, "a text of it")


def _check_event(event: Event, questions: Mapping[str, Question]) -> None:
    plain(f"{event.who}{event.reason}{event.submission}", "a name or a reason in it")
    question = questions.get(event.question)
    if question is not None and event.event == "answer":
        check_value(event.value, asked(question))
        if sorted(event.order) != list(range(len(question.group.responses))):
            raise DataError(f"`order` is {list(event.order)}: it has each of the responses once, counted from 0.")


def _placed(place: str, message: str) -> str:
    return message if place in message else f"{place}: {message}"
