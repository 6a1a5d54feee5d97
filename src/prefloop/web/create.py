"""A project's items from a file or from the demo, and a look at what they would be."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

from fastapi import UploadFile

from ..errors import DataError
from ..feedback.files import Row, read_rows
from ..feedback.importing import Preview, preview
from ..feedback.kinds import KINDS, asked, check_question, check_value
from ..feedback.reading import Reading
from ..feedback.records import Item, Purpose
from ..text import Group, Prompt, Question, Response
from .desk import Desk
from .form import NewProject, options_of, prompts_of
from .tree_form import CONVERSATION, planted, to_write

_BLOCK = 1 << 20
_READ_HERE = tuple(f"column `{name}`" for name in ("expected", "explanation", "purpose"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One row of a file: what is asked about, what for, and the right answer where the row has one.

    >>> Given(place="a.jsonl, line 1", group=Group(prompt=Prompt(text="One"), responses=())).purpose
    'work'
    """

    place: str
    group: Group
    purpose: Purpose = "work"
    expected: Any = None
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a file would become, before anything is written.

    purposes: items by what they are for. dropped: answers that the kind has no place for. found: what the file holds,
    with duplicates and bad rows; `None` for the demo.

    >>> Look(purposes={"work": 8}, dropped=8, found=None).count
    8
    """

    purposes: Mapping[str, int]
    dropped: int
    found: Preview | None

    @property
    def count(self) -> int:
        """How many items."""
        return sum(self.purposes.values())


def make(desk: Desk, new: NewProject, file: UploadFile | None, *, by: str) -> str:
    """Make the project with its items, and give its id. Everything is checked before anything is written.

    Raises:
        DataError: the file cannot be read, a row cannot be asked about, or there is a project of this id.
    """
    key, tree = new.project.id, new.project.tree
    with _kept(file) as path:
        if tree is None:
            given = demo() if path is None else _read(path, new.kind, new.options)
            made = list(items(key, new.kind, given, new.options))
        elif path is None:
            made = to_write(key, new.prompts)
        else:
            made = planted(key, tree, (one.group.prompt for one in _read(path, "demonstration", {})))
    desk.projects.create(new.project, by=by, guidelines=new.guidelines.strip())
    desk.queue.add_items(new.project.id, made)
    return new.project.id


def previewed(form: Mapping[str, str], file: UploadFile | None) -> Look:
    """What the file, or the demo without one, would become as the kind in the form.

    Raises:
        DataError: as `make`.
    """
    kind = form.get("kind", "comparison")
    if kind not in (*KINDS, CONVERSATION):
        raise DataError(f"there is no kind `{kind}`.")
    if kind == CONVERSATION and file is None:
        return Look(purposes={"work": prompts_of(form)}, dropped=0, found=None)
    if kind == CONVERSATION:
        kind = "demonstration"  # of a file the prompts alone are taken
    options = options_of(kind, form)
    with _kept(file) as path:
        given = demo() if path is None else _read(path, kind, options)
        found = None if path is None else _found(path, kind, options)
    made = list(items("preview", kind, given, options))
    kept = sum(len(item.question.group.responses) for item in made)
    return Look(
        purposes=Counter(item.purpose for item in made),
        dropped=sum(len(one.group.responses) for one in given) - kept,
        found=found,
    )


def _found(path: Path, kind: str, options: Mapping[str, Any]) -> Preview:
    """What the file holds; what is said about its own columns of gold items is left out, as they are read here."""
    if not _is_plain(path):
        return preview(path, kind=kind, options=options, name=path.name)  # type: ignore[arg-type]
    found = preview(path, name=path.name)
    return replace(found, lost={what: n for what, n in found.lost.items() if what not in _READ_HERE})


def demo() -> list[Given]:
    """A few prompts with three answers each, to try the page on.

    >>> len(demo()[0].group.responses)
    3
    """
    lines = files("prefloop").joinpath("data/label_demo.jsonl").read_text(encoding="utf-8").splitlines()
    return [_given(Row(place=f"the demo, line {n}", values=json.loads(line))) for n, line in enumerate(lines, 1)]


@contextmanager
def _kept(file: UploadFile | None) -> Iterator[Path | None]:
    """The file under its own name in a folder that goes with it; `None` where none was sent.

    Raises:
        DataError: an error about it, without the folder; or its name is none that can be read.
    """
    if file is None:
        yield None
        return
    name = Path(file.filename or "").name
    if not re.fullmatch(r"[^/\0]{1,200}\.\w{1,8}", name):
        raise DataError(f"the file is called {name!r:.80}: its name ends in .jsonl, .json, .csv or .parquet.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        with path.open("wb") as copy:
            shutil.copyfileobj(file.file, copy, _BLOCK)
        try:
            yield path
        except DataError as error:
            raise DataError(str(error).replace(f"{folder}/", "")) from error


def _read(path: Path, kind: str, options: Mapping[str, Any]) -> list[Given]:
    """The rows: with `prompt` and `responses`, or in any format that can be imported, asked anew.

    Rows of the first form may have `expected`, `explanation` and `purpose`. One with a right answer and no purpose is a
    gold item.
    """
    if _is_plain(path):
        return [
            replace(one, place=one.place.replace(str(path), path.name)) for one in map(_given, read_rows(str(path)))
        ]
    reading = Reading(path, kind=kind, options=options, name=path.name)  # type: ignore[arg-type]
    found = {q.id: Given(place=row.place, group=q.group) for row in reading for q in row.questions}
    if not found:
        raise DataError(f"nothing in {path.name} can be asked about in this way. {' '.join(reading.problems[:1])}")
    return list(found.values())


def _is_plain(path: Path) -> bool:
    first = next(iter(read_rows(str(path))), None)
    return first is not None and ({"prompt", "responses"} <= set(first.values) or set(first.values) == {"prompt"})


def items(project: str, kind: str, given: Sequence[Given], options: Mapping[str, Any]) -> Iterator[Item]:
    """The rows as items of one kind, with no more responses than the kind takes.

    Raises:
        DataError: a row that cannot be asked about in this way, or whose right answer is none.
    """
    most = 1 if kind in ("edit", "critique", "spans") else 0 if kind == "demonstration" else KINDS[kind].responses[1]
    for number, one in enumerate(given, 1):
        group = one.group
        kept = group.responses[: int(most)] if most < len(group.responses) else group.responses
        about = Group(prompt=group.prompt, prompt_ids=group.prompt_ids, responses=kept)
        question = Question(id=f"{project}-{number}", kind=kind, group=about, options=dict(options))  # type: ignore[arg-type]
        try:
            check_question(question)
            if one.purpose != "work":
                check_value(one.expected, asked(question))
        except DataError as error:
            raise DataError(f"{one.place}: {error}") from error
        yield Item(question=question, purpose=one.purpose, expected=one.expected, explanation=one.explanation)


def _given(row: Row) -> Given:
    prompt, responses = row.values["prompt"], row.values.get("responses", [])
    if isinstance(responses, str):
        listed = _right(responses)
        responses = listed if isinstance(listed, list) else [responses]
    if not isinstance(prompt, str) or not isinstance(responses, list) or not all(isinstance(r, str) for r in responses):
        raise DataError(f"{row.place}: `prompt` is a text and `responses` a list of texts.")
    expected = row.values.get("expected")
    expected = None if expected == "" else _right(expected) if isinstance(expected, str) else expected
    purpose: Any = row.values.get("purpose") or ("work" if expected is None else "gold")
    if purpose not in get_args(Purpose):
        raise DataError(f"{row.place}: `purpose` is {purpose!r:.40}; it is one of {', '.join(get_args(Purpose))}.")
    if purpose == "work" and expected is not None:
        raise DataError(f"{row.place}: it has a right answer, and its `purpose` is work: make it gold or practice.")
    group = Group(prompt=Prompt(text=prompt), responses=tuple(Response(text=r) for r in responses))
    explanation = str(row.values.get("explanation") or "")
    return Given(place=row.place, group=group, purpose=purpose, expected=expected, explanation=explanation)


def _right(text: str) -> Any:
    """What a cell of text holds: JSON where it is some, else the word itself, such as tie."""
    try:
        return json.loads(text)
    except ValueError:
        return text
