"""From a file of other people's making into the feedback store: what it holds, and then all of it, in bounded memory.

Questions get ids that follow from what they hold, and answers from what they say: importing a file twice changes
nothing, and one that grew adds only what is new. A row that cannot be read is counted and named, and the others come.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..text import Kind, Question
from .reading import Reading
from .store import Store
from .writing import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a file holds.

    format: the converter's name. rows: those that were read, without bad ones. kinds: how many questions of each kind
    they become. answers: how many answers and skips come with them. duplicates: what came before in the file, exactly
    and normalised: prompts, whole questions, and equal answers within a question. contradictory: verdicts that turn
    round what the same person, or the file without a name, said before. lost: what is not kept, and how often.
    problems: the first messages about bad rows, and problem_count of all. first: a few questions.

    >>> Preview(format="pairs", rows=2, kinds={"comparison": 2}, answers=2).problem_count
    0
    """

    format: str
    rows: int
    kinds: Mapping[str, int]
    answers: int
    duplicates: Mapping[str, int] = field(default_factory=dict)
    contradictory: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    problem_count: int = 0
    first: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import did: what the file held, and how many questions and answers of it were new to the store."""

    preview: Preview
    questions: int
    answers: int


def preview(
    path: str | Path,
    *,
    format: str | None = None,
    kind: Kind | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
) -> Preview:
    r"""What a file holds, and what it would become; nothing is written.

    Args:
        path: the file.
        format: one of `formats.known.FORMATS`; told from the columns where none is named.
        kind: ask about the rows in this way instead of that of the format, without what was said of them.
        options: those of the kind, such as the axes of a rating.
        name: what the file is called, where it lies under another name.

    Raises:
        DataError: nothing of the file can be read.

    >>> from tempfile import mkdtemp
    >>> file = Path(mkdtemp()) / "pairs.csv"
    >>> _ = file.write_text("prompt,chosen,rejected\nOne, two, 2\n")
    >>> found = preview(file)
    >>> found.format, found.kinds, found.answers
    ('pairs', {'comparison': 1}, 1)
    """
    reading = Reading(Path(path), format=format, kind=kind, options=options or {}, name=name)
    for _ in reading:
        pass
    return _preview(reading)


def import_file(
    store: Store,
    path: str | Path,
    *,
    project: str | None = None,
    format: str | None = None,
    kind: Kind | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
    by: str = "import",
) -> Imported:
    """Add what a file holds to a store, and to a project where one is named, which is made where there is none.

    The other arguments are those of `preview`; `by` is who makes the project. A note under `import` says what was done.

    Raises:
        DataError: nothing of the file can be read. What came before an error is kept.

    >>> from tempfile import mkdtemp
    >>> file = Path(mkdtemp()) / "thumbs.jsonl"
    >>> _ = file.write_text('{"prompt": "One", "completion": " two", "label": true, "who": "ada"}')
    >>> with Store.open("sqlite://") as store:
    ...     done, again = import_file(store, file), import_file(store, file)
    ...     done.questions, done.answers, again.answers, store.answers()[0].who
    (1, 1, 0, 'ada')
    """
    reading = Reading(Path(path), format=format, kind=kind, options=options or {}, name=name, within=project or "")
    writer = Writer(store, project=project, by=by, problem=reading.problem)
    for row in reading:
        writer.add(row)
    writer.close()
    found = _preview(reading)
    note = {"file": reading.name, "format": found.format, "rows": found.rows, "bad rows": found.problem_count}
    done = {"questions": writer.questions, "answers": writer.events, "lost": dict(found.lost)}
    store.add_note("import", {**note, **done, **({"project": project} if project else {})})
    return Imported(preview=found, questions=writer.questions, answers=writer.events)


def _preview(reading: Reading) -> Preview:
    return Preview(
        format=reading.format.name,
        rows=reading.rows,
        kinds=dict(reading.kinds),
        answers=reading.answers,
        duplicates=dict(reading.duplicates.counts),
        contradictory=reading.duplicates.contradictory,
        lost=dict(reading.lost),
        problems=tuple(reading.problems),
        problem_count=reading.problem_count,
        first=tuple(reading.first),
    )
