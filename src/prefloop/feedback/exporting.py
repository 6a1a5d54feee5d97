"""From the feedback store to the rows that trainers read, one at a time, with where each came from.

    log         everything, to be imported again
    pairs       prompt, chosen, rejected (`dpo` is another name): TRL's explicit prompt, and OpenRLHF's with prompt_key
    reward      chosen, rejected with the prompt in both, for reward models: TRL's implicit prompt
    kto         prompt, completion, label: TRL's unpaired preferences
    sft         prompt, completion: TRL's prompt and completion
    ranking     prompt, responses (best first), ranks
    rating      prompt, responses (best first), scores
    oasst       conversation trees in Open Assistant's format
    openrlhf-kto, openrlhf-sft      input, output and label, as OpenRLHF names them

A prompt of turns stays a list of messages, and so do the answers to it. The other columns are those of `provenance`,
which trainers pass over.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Any

from sqlalchemy import func, select

from ..errors import DataError, nearest
from ..text import Answer, Group, Question
from .database import BATCH
from .formats import oasst
from .growing import REFUSED, refused_in_trees
from .projects import Projects
from .provenance import columns
from .records import Event
from .rows import ADJUDICATION, standing
from .rows import event as event_of
from .settled import settled
from .store import Split, Store
from .streams import export as log_lines
from .streams import questions as all_questions
from .tables import EVENTS, ITEMS
from .views import VIEWS

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportShape:
    """The columns of a shape, the view they are made of, and how a group of it becomes rows.

    rows: gives, for each row, its own columns and the places of its responses in the group.
    """

    name: str
    view: str
    columns: tuple[str, ...]
    rows: Callable[[Group], Iterator[tuple[Row, Sequence[int]]]]


def _prompt(group: Group) -> Any:
    prompt = group.prompt
    return prompt.text if prompt.text is not None else _turns(prompt.messages)


def _turns(messages: Iterable[Any]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in messages]


def _reply(group: Group, text: str) -> Any:
    """An answer as its prompt is written: a text after a text, a turn after turns."""
    return text if group.prompt.text is not None else [{"role": "assistant", "content": text}]


def _pair(group: Group) -> Iterator[tuple[Row, Sequence[int]]]:
    better, worse = (_reply(group, text) for text in group.texts)
    yield {"prompt": _prompt(group), "chosen": better, "rejected": worse, "target": group.target}, (0, 1)


def _whole(group: Group) -> Iterator[tuple[Row, Sequence[int]]]:
    better, worse = (_prompt(group) + _reply(group, text) for text in group.texts)
    yield {"chosen": better, "rejected": worse, "target": group.target}, (0, 1)


def _thumbs(group: Group) -> Iterator[tuple[Row, Sequence[int]]]:
    for place, (text, label) in enumerate(zip(group.texts, group.labels, strict=True)):
        yield {"prompt": _prompt(group), "completion": _reply(group, text), "label": bool(label)}, (place,)


def _written(group: Group) -> Iterator[tuple[Row, Sequence[int]]]:
    yield {"prompt": _prompt(group), "completion": _reply(group, group.texts[0])}, (0,)


def _ranking(group: Group) -> Iterator[tuple[Row, Sequence[int]]]:
    levels = sorted(set(group.labels), reverse=True)
    ranks = [levels.index(label) + 1 for label in group.labels]
    yield {"prompt": _prompt(group), "responses": list(group.texts), "ranks": ranks}, range(len(ranks))


def _rating(group: Group) -> Iterator[tuple[Row, Sequence[int]]]:
    scores = list(group.labels)
    yield {"prompt": _prompt(group), "responses": list(group.texts), "scores": scores}, range(len(scores))


def _named(shape: ExportShape, name: str, **others: str) -> ExportShape:
    """A shape with other names of its columns."""

    def rows(group: Group) -> Iterator[tuple[Row, Sequence[int]]]:
        for row, places in shape.rows(group):
            yield {others.get(column, column): value for column, value in row.items()}, places

    renamed = tuple(others.get(column, column) for column in shape.columns)
    return ExportShape(name=name, view=shape.view, columns=renamed, rows=rows)


_PAIRS = ExportShape(name="pairs", view="pairs", columns=("prompt", "chosen", "rejected", "target"), rows=_pair)
_KTO = ExportShape(name="kto", view="thumbs", columns=("prompt", "completion", "label"), rows=_thumbs)
_SFT = ExportShape(name="sft", view="demonstrations", columns=("prompt", "completion"), rows=_written)

EXPORTS: Mapping[str, ExportShape] = {
    shape.name: shape
    for shape in (
        _PAIRS,
        _named(_PAIRS, "dpo"),
        ExportShape(name="reward", view="pairs", columns=("chosen", "rejected", "target"), rows=_whole),
        _KTO,
        _SFT,
        ExportShape(name="ranking", view="rankings", columns=("prompt", "responses", "ranks"), rows=_ranking),
        ExportShape(name="rating", view="ratings", columns=("prompt", "responses", "scores"), rows=_rating),
        _named(_KTO, "openrlhf-kto", prompt="input", completion="output"),
        _named(_SFT, "openrlhf-sft", prompt="input", completion="output"),
    )
}
"""Every shape whose rows are judgements, by name."""
NAMES = ("log", *EXPORTS, "oasst")
"""What can be exported."""


@dataclass(kw_only=True)
class Export:
    """Rows of a store in a shape: iterate over it. `left_out` counts, as it goes, what the shape does not hold.

    project: that one alone. split: questions of this use. pseudonyms: numbers instead of people's names.

    >>> from prefloop.text import Prompt, Response
    >>> group = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> with Store.open("sqlite://") as store:
    ...     store.add_questions([Question(id="q1", kind="comparison", group=group)])
    ...     said = [Answer(question="q1", who=w, value=v, order=(0, 1), seconds=3.0, at=0.0) for w, v in
    ...             (("ada", 1), ("ben", "tie"))]
    ...     store.add_answers(said)
    ...     rows = Export(store=store, shape="pairs", pseudonyms=True)
    ...     [(row["chosen"], row["who"], row["agreement"]) for row in rows], dict(rows.left_out)
    ([(' 2', 'person-1', 0.0)], {'ties': 1})
    """

    store: Store
    shape: str
    project: str | None = None
    split: Split = "train"
    pseudonyms: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Refuse a shape that there is not.

        Raises:
            DataError: there is none of this name.
        """
        if self.shape not in NAMES:
            raise DataError(
                f"there is no shape `{self.shape}` to export.{nearest(self.shape, NAMES)} Shapes: {', '.join(NAMES)}."
            )
        self._people: dict[str, str] = {}

    def __iter__(self) -> Iterator[Row]:
        """The rows."""
        if self.shape == "log":
            yield from self._log()
            return
        if self.shape == "oasst":
            yield from self._trees()
            return
        refused = self._refused()
        coming = all_questions(self.store, project=self.project)
        while some := list(islice(coming, BATCH)):
            asked = self._asked(some)
            said = self._said(asked)
            for question in asked:
                events = [e for e in said[question.id] if not refused(_answer(e))]
                self._left(REFUSED, len(said[question.id]) - len(events))
                yield from self._of_question(EXPORTS[self.shape], question, events)

    def _log(self) -> Iterator[Row]:
        for line in log_lines(self.store, project=self.project):
            row = json.loads(line)
            if self.pseudonyms and row["record"] == "event":
                who = self._name(row["who"])
                row |= {"who": who, "submission": f"{who}, {row['question']}, {row['revision']}"}
            yield row

    def _trees(self) -> Iterator[Row]:
        settings = None if self.project is None else Projects(self.store).get(self.project).tree
        asked = all_questions(self.store, project=self.project)
        for line in oasst.write(asked, self.store.events(project=self.project), settings=settings):
            yield json.loads(line)

    def _asked(self, questions: Sequence[Question]) -> list[Question]:
        """The questions of this use that nobody only practised on."""
        ids = [q.id for q in questions if q.split == self.split]
        with self.store.database.reading() as connection:
            practice = select(ITEMS.c.question).where(ITEMS.c.question.in_(ids), ITEMS.c.purpose == "practice")
            tried = set(connection.execute(practice).scalars())
        self._left(f"questions that are not for `{self.split}`", len(questions) - len(ids))
        self._left("questions to practise on", len(tried))
        return [q for q in questions if q.split == self.split and q.id not in tried]

    def _said(self, questions: Sequence[Question]) -> Mapping[str, list[Event]]:
        """The standing answers to the questions; what else was done with them is counted."""
        ids = [q.id for q in questions]
        found: defaultdict[str, list[Event]] = defaultdict(list)
        with self.store.database.reading() as connection:
            every = select(func.count()).select_from(EVENTS).where(EVENTS.c.question.in_(ids))
            count = connection.execute(every).scalar_one()
            stand = standing().where(EVENTS.c.question.in_(ids)).subquery()
            standing_count = connection.execute(select(func.count()).select_from(stand)).scalar_one()
            query = settled().where(EVENTS.c.question.in_(ids)).order_by(EVENTS.c.seq)
            for row in connection.execute(query).mappings():
                found[row["question"]].append(event_of(row))
        kept = [event for said in found.values() for event in said]
        judged = sum(event.event == ADJUDICATION for event in kept)
        self._left("answers that were settled otherwise, or of people left out", standing_count + judged - len(kept))
        self._left("events that are skipped, taken back or said otherwise since", count - standing_count - judged)
        return found

    def _refused(self) -> Callable[[Answer], bool]:
        if EXPORTS[self.shape].view != "demonstrations":
            return lambda answer: False
        with self.store.database.reading() as connection:
            return refused_in_trees(connection)

    def _of_question(self, shape: ExportShape, question: Question, said: list[Event]) -> Iterator[Row]:
        view = VIEWS[shape.view].get(question.kind)
        self._left("questions without an answer", int(not said))
        if view is None:
            self._left(f"answers of the kind {question.kind}, which {shape.name} does not hold", len(said))
            return
        for event in said:
            for made in view(question, _answer(event)):
                if isinstance(made, str):
                    self._left(made, 1)
                else:
                    yield from self._rows(shape, question, event, said, made)

    def _rows(
        self, shape: ExportShape, question: Question, event: Event, said: list[Event], made: Group
    ) -> Iterator[Row]:
        place = {id(response): n for n, response in enumerate(question.group.responses)}
        who = self._name(event.who) if self.pseudonyms else None
        for row, places in shape.rows(made):
            shown = [place[id(made.responses[p])] for p in places if id(made.responses[p]) in place]
            yield row | columns(question, event, said, shown, who=who)

    def _name(self, who: str) -> str:
        return self._people.setdefault(who, f"person-{len(self._people) + 1}")

    def _left(self, what: str, count: int) -> None:
        if count:
            self.left_out[what] += count


def _answer(event: Event) -> Answer:
    return Answer(**{f.name: getattr(event, f.name) for f in fields(Answer)})
