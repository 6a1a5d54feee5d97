"""What each person gets next, and what becomes of what they say.

Two people never have the same place of an item, nobody gets an item twice, and a submission that comes twice counts
once. Answers, skips and undos are events of the log; who has which item now is in the slots.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice

from sqlalchemy import Connection, RowMapping, bindparam, select

from ..errors import DataError
from ..text import Answer, Question
from . import log, slots
from .database import BATCH, insert_rows, lookup, one_at_a_time
from .growing import wait_for_turn
from .kinds import asked, check_value, json_text, plain
from .pace import check_pace
from .projects import project_of
from .records import Item, Leased, Project, Purpose, Receipt, Submission
from .rows import answer_row, next_revision, read_question, read_questions
from .sources import chance, shown_order
from .stopping import Stopping
from .store import Store, asked_one, checked, put_questions
from .tables import EVENTS, ITEMS, QUESTIONS, SLOTS
from .telemetry import FINAL
from .tree_queue import grow, grow_all

HELD_AT_MOST = 3
"""Items that one person may have at a time: the one before them, and those fetched ahead."""


@dataclass(frozen=True, slots=True)
class Queue:
    """The queue of every project in a store.

    >>> from prefloop.feedback.projects import Projects
    >>> from prefloop.text import Group, Prompt, Response
    >>> pair = Group(prompt=Prompt(text="One"), responses=(Response(text=" two"), Response(text=" 2")))
    >>> with Store.open("sqlite://") as store:
    ...     _ = Projects(store).create(Project(id="tone", title="Tone", kinds=("comparison",)), by="lee")
    ...     queue = Queue(store)
    ...     queue.add_items("tone", [Item(question=Question(id="q1", kind="comparison", group=pair))])
    ...     got = queue.next_item("tone", "ada")
    ...     said = Submission(id="5f0c", project="tone", question="q1", who="ada", value="tie", order=got.order)
    ...     queue.submit(said), queue.submit(said).repeated, queue.next_item("tone", "ada")
    1
    (Receipt(revision=0, repeated=False), True, None)
    """

    store: Store
    clock: Callable[[], float] = time.time
    seed: int = 0
    _stopping: Stopping = field(default_factory=Stopping, compare=False, repr=False)

    def add_items(self, project: str, items: Iterable[Item]) -> int:
        """Add items as they come, some at a time, and say how many were new. An item that is there is left as it is.

        Raises:
            DataError: a question of another kind than the project's, of a used id with other responses, or in another
                project; a gold or practice item without the right answer. What came before it is kept.
        """
        added, coming = 0, iter(items)
        while some := list(islice(coming, BATCH)):
            added += self._add(project, some)
        return added

    def next_item(self, project: str, who: str, *, holding: Collection[str] = ()) -> Leased | None:
        """Lease somebody the next question, or give again what they have already; `None` where there is none for them.

        `holding` are the questions they have on the page, so that the one after those can be fetched ahead; at most
        `HELD_AT_MOST` in all.

        Raises:
            DataError: there is no such project, or this is no name.
        """
        now, who = self.clock(), plain(who, "the name")
        with self.store.database.writing() as connection:
            found = project_of(connection, project)
            one_at_a_time(connection, "person", project, who)
            wait_for_turn(connection, found)
            expires = now + found.lease_seconds
            held = slots.held(connection, project, who)
            item = next((i for i, question in held if question not in holding), None)
            if item is not None:
                slots.put(connection, item, who, "leased", expires)
            elif len(held) < HELD_AT_MOST and found.state == "open":
                item = self._take(connection, found, who, now, expires)
            return None if item is None else self._leased(connection, found, item, who, expires)

    def submit(self, submission: Submission) -> Receipt:
        """Keep an answer, a skip or an undo. It is on the disk when this returns; the same submission may come again.

        An answer whose lease expired meanwhile is kept all the same.

        Raises:
            DataError: the item is not theirs, the value is not what its kind takes, `revision` is not the next, or they
                have seen since who wrote what or what is right.
            TooFast: this person sends more in a minute than the project takes.
        """
        with self.store.database.writing() as connection:
            one_at_a_time(connection, "person", submission.project, submission.who)
            repeated = _repeated(connection, submission)
            if repeated is not None:
                return repeated
            project = project_of(connection, submission.project)
            check_pace(connection, project, submission.who, self.clock())
            wait_for_turn(connection, project)
            item = _own(connection, submission)
            slots.lock_item(connection, item["seq"])
            self._log(connection, submission, item["revision"])
            self._follow(connection, project, item, submission)
        return Receipt(revision=submission.revision)

    def settle(self, project: str) -> None:
        """Give every item the free places it needs: after a change of the overlap, or of when skipped items retire."""
        with self.store.database.writing() as connection:
            found = project_of(connection, project)
            wait_for_turn(connection, found)
            slots.settle_all(connection, found)
            if found.tree is not None:
                grow_all(connection, found, self.store.database.place)

    def rebuild(self, project: str) -> None:
        """Make the queue of a project anew from the log, in case somebody else changed it; leases stay."""
        with self.store.database.writing() as connection:
            found = project_of(connection, project)
            wait_for_turn(connection, found)
            slots.rebuild(connection, found)
            if found.tree is not None:
                grow_all(connection, found, self.store.database.place)

    def items(
        self, project: str, *, purpose: Purpose | None = None, after: int = 0, limit: int = 100
    ) -> list[tuple[int, Item]]:
        """Some items with their places in the project, in order: those after a place, for a page of them."""
        where = [ITEMS.c.project == project, ITEMS.c.seq > after]
        if purpose is not None:
            where.append(ITEMS.c.purpose == purpose)
        with self.store.database.reading() as connection:
            rows = connection.execute(select(ITEMS).where(*where).order_by(ITEMS.c.seq).limit(limit)).mappings().all()
            asked_ = read_questions(connection, [QUESTIONS.c.id.in_([row["question"] for row in rows])])
        return [(row["seq"], _item(row, asked_[row["question"]])) for row in rows]

    def _add(self, project: str, items: list[Item]) -> int:
        with self.store.database.writing() as connection:
            found = project_of(connection, project)
            wait_for_turn(connection, found)
            for item in items:
                _check_item(found, item)
            ids = [item.question.id for item in items]
            known = dict(lookup(connection, select(ITEMS.c.question, ITEMS.c.project), ITEMS.c.question, ids))
            for question, other in known.items():
                if other != project:
                    raise DataError(
                        f"question `{question}` is in project `{other}` already: give the new one another id."
                    )
            put_questions(connection, [item.question for item in items], self.store.database.place)
            new = {item.question.id: item for item in items if item.question.id not in known}
            insert_rows(connection, ITEMS, [_item_row(project, item) for item in new.values()])
            seqs = dict(lookup(connection, select(ITEMS.c.question, ITEMS.c.seq), ITEMS.c.question, new))
            if found.tree is not None:
                for key in new:
                    grow(connection, found, key, self.store.database.place)
                return len(new)
            work = [seqs[key] for key, item in new.items() if item.purpose == "work"]
            insert_rows(connection, SLOTS, [slots.new(found, i, n) for i in work for n in range(found.overlap)])
        return len(new)

    def _take(self, connection: Connection, project: Project, who: str, now: float, expires: float) -> int | None:
        if self._stopping.reached(connection, self.store.columns, project, now):
            return None
        practice = slots.take_other(connection, project, who, expires, "practice", after=project.examples)
        if practice is not None:
            return practice
        if project.gold_share and gold_is_due(project, who, slots.seen(connection, project.id, who)):
            item = slots.take_other(connection, project, who, expires, "gold")
            if item is not None:
                return item
        return slots.take_work(connection, project, who, now, expires)

    def _leased(self, connection: Connection, project: Project, item: int, who: str, expires: float) -> Leased:
        row = connection.execute(_GIVEN, {"item": item, "by": who}).one()
        question = read_question(connection, row.question)
        return Leased(
            question=question,
            order=shown_order(question, who=who, seed=self.seed),
            expires=expires,
            guideline=project.guideline,
            purpose=row.purpose,
            revision=row.revision,
        )

    def _log(self, connection: Connection, said: Submission, expected: int) -> None:
        if said.revision:
            _refuse_final(connection, said)
        if said.revision != expected:
            raise DataError(
                f"{said.who} sent revision {said.revision} of question `{said.question}`, and the next is {expected}: "
                "it was answered, skipped or undone in another window meanwhile. Load it again."
            )
        value = said.value if said.event == "answer" else None
        answer = Answer(
            question=said.question,
            who=said.who,
            value=value,
            order=said.order,
            seconds=said.seconds,
            at=self.clock(),
            guideline=said.guideline,
            revision=said.revision,
        )
        if said.event == "answer":
            value = checked(answer, asked_one(connection, said.question), self.store.database.place)
            answer = replace(answer, value=value)
        row = answer_row(answer, submission=said.id, project=said.project)
        told = {"event": said.event, "reason": plain(said.reason, "the reason"), "telemetry": dict(said.telemetry)}
        log.append(connection, [row | told])

    def _follow(self, connection: Connection, project: Project, item: RowMapping, said: Submission) -> None:
        """The slot of who did it, and then the places of the item that are still free."""
        state = {"answer": "done", "skip": "skipped", "undo": "leased"}[said.event]
        expires = self.clock() + project.lease_seconds if said.event == "undo" else None
        slots.put(connection, item["seq"], said.who, state, expires)
        if project.tree is not None:
            grow(connection, project, said.question, self.store.database.place)
        elif item["purpose"] == "work":
            slots.settle(connection, project, item["seq"])


def gold_is_due(project: Project, who: str, seen: int) -> bool:
    """Whether the item after so many is to be gold.

    With share s, the j-th gold item comes at place (j + u) / s, u even between 0 and 1 and the person's own: the share
    holds for everybody, and nobody can count to the next one.

    >>> half = Project(id="p", title="", kinds=("choice",), gold_share=0.5)
    >>> sum(gold_is_due(half, "ada", n) for n in range(100))
    50
    """
    first, last = int(seen * project.gold_share), int((seen + 1) * project.gold_share)
    places = ((j + chance("gold", project.id, who, j).random()) / project.gold_share for j in range(first, last + 1))
    return any(seen <= place < seen + 1 for place in places)


def _repeated(connection: Connection, said: Submission) -> Receipt | None:
    """The receipt of a submission that is there already.

    Raises:
        DataError: somebody else, or something else, has this id.
    """
    row = connection.execute(_SENT, {"id": said.id}).first()
    if row is None:
        return None
    if (row.who, row.question) != (said.who, said.question):
        raise DataError(
            f"the submission `{said.id}` of {said.who} has an id that is in use: make a random one for each."
        )
    return Receipt(revision=row.revision, repeated=True)


def _own(connection: Connection, said: Submission) -> RowMapping:
    """The item that was leased to this person.

    Raises:
        DataError: it is not in the project, or they never had it.
    """
    about = {"question": said.question, "project": said.project, "by": said.who}
    row = connection.execute(_OWN, about).mappings().first()
    if row is None:
        raise DataError(f"question `{said.question}` was not given to {said.who} in project `{said.project}`.")
    return row


_SENT = select(EVENTS.c.who, EVENTS.c.question, EVENTS.c.revision).where(EVENTS.c.submission == bindparam("id"))
_REVISION = next_revision(ITEMS.c.question, bindparam("by")).label("revision")
_GIVEN = select(ITEMS.c.question, ITEMS.c.purpose, _REVISION).where(ITEMS.c.seq == bindparam("item"))
_MINE = (SLOTS.c.item == ITEMS.c.seq, SLOTS.c.who == bindparam("by"), SLOTS.c.state != "barred")
_HAD = select(1).where(*_MINE).exists()
_OWN = select(ITEMS.c.seq, ITEMS.c.purpose, _REVISION).where(
    ITEMS.c.question == bindparam("question"), ITEMS.c.project == bindparam("project"), _HAD
)


def _refuse_final(connection: Connection, said: Submission) -> None:
    """An answer after which somebody was shown the source, or the right answer, stays as it is.

    Raises:
        DataError: this one is.
    """
    mine = select(EVENTS.c.telemetry).where(EVENTS.c.question == said.question, EVENTS.c.who == said.who)
    last = connection.execute(mine.order_by(EVENTS.c.revision.desc()).limit(1)).scalar()
    if last and last.get(FINAL):
        raise DataError(
            f"the answer of {said.who} to question `{said.question}` is closed: what lay behind it was shown after it."
        )


def _item_row(project: str, item: Item) -> dict[str, object]:
    return {
        "project": project,
        "question": item.question.id,
        "purpose": item.purpose,
        "expected": item.expected,
        "explanation": item.explanation,
    }


def _item(row: RowMapping, question: Question) -> Item:
    return Item(question=question, purpose=row["purpose"], expected=row["expected"], explanation=row["explanation"])


def _check_item(project: Project, item: Item) -> None:
    question = item.question
    if question.kind not in project.kinds:
        raise DataError(
            f"question `{question.id}` is a {question.kind}, and project `{project.id}` asks "
            f"{', '.join(project.kinds)}."
        )
    if item.purpose != "work":
        check_value(item.expected, asked(question))
    elif item.expected is not None:
        raise DataError(f"question `{question.id}` has a right answer and is neither gold nor for practice.")
    json_text(item.expected, f"the right answer to question `{question.id}`")
