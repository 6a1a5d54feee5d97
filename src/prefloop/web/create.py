"""A project's items from a file or from the demo, and a look at what they would be."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO, get_args

from fastapi import UploadFile

from ..errors import DataError
from ..feedback.files import Row, read_rows
from ..feedback.judged import read_judged
from ..feedback.kinds import KINDS, asked, check_question, check_value
from ..feedback.records import Item, Purpose
from ..text import Group, Prompt, Question, Response
from .desk import Desk
from .form import NewProject, options_of

_BLOCK = 1 << 20
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One row of a file: what is asked about, what for, and the right answer where the row has one.

    >>> Given(place="a.jsonl, line 1", group=Group(prompt=Prompt(text="One"))).purpose
    'work'
    """

    place: str
    group: Group
    purpose: Purpose = "work"
    expected: Any = None
    explanation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a file would become, before anything is written.

    purposes: items by what they are for. duplicates: rows with the prompt and the answers of an earlier row, whatever
    their case, blanks and order. prompts: rows whose prompt alone came before. same: rows in which two answers are the
    same. dropped: answers that the kind has no place for.

    >>> Preview(rows=0, purposes={}, duplicates=(), prompts=0, same=(), dropped=0, first=()).rows
    0
    """

    rows: int
    purposes: Mapping[str, int]
    duplicates: Sequence[str]
    prompts: int
    same: Sequence[str]
    dropped: int
    first: Sequence[Item]


def make(desk: Desk, new: NewProject, file: UploadFile | None, *, by: str) -> str:
    """Make the project with its items, and give its id. Everything is checked before anything is written.

    Raises:
        DataError: the file cannot be read, a row cannot be asked about, or there is a project of this id.
    """
    given = uploaded(file.filename or "", file.file) if file is not None else demo()
    made = list(items(new.project.id, new.kind, given, new.options))
    desk.projects.create(new.project, by=by, guidelines=new.guidelines.strip())
    desk.queue.add_items(new.project.id, made)
    return new.project.id


def previewed(form: Mapping[str, str], file: UploadFile | None) -> Preview:
    """What the file, or the demo without one, would become as the kind in the form.

    Raises:
        DataError: as `make`.
    """
    kind = form.get("kind", "comparison")
    if kind not in KINDS:
        raise DataError(f"there is no kind `{kind}`.")
    given = uploaded(file.filename or "", file.file) if file is not None else demo()
    made = list(items("preview", kind, given, options_of(kind, form)))
    prompts = Counter(_plain(one.group.prompt.shown) for one in given)
    kept = sum(len(item.question.group.responses) for item in made)
    return Preview(
        rows=len(given),
        purposes=Counter(item.purpose for item in made),
        duplicates=_repeated(given),
        prompts=sum(prompts.values()) - len(prompts),
        same=[one.place for one in given if len(set(one.group.texts)) < len(one.group.texts)],
        dropped=sum(len(one.group.responses) for one in given) - kept,
        first=made[:_SHOWN],
    )


def _repeated(given: Sequence[Given]) -> list[str]:
    seen: set[tuple[str, ...]] = set()
    found = []
    for one in given:
        key = (_plain(one.group.prompt.shown), *sorted(map(_plain, one.group.texts)))
        if key in seen:
            found.append(one.place)
        seen.add(key)
    return found


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()


def demo() -> list[Given]:
    """A few prompts with three answers each, to try the page on.

    >>> len(demo()[0].group.responses)
    3
    """
    lines = files("prefloop").joinpath("data/label_demo.jsonl").read_text(encoding="utf-8").splitlines()
    return [_given(Row(place=f"the demo, line {n}", values=json.loads(line))) for n, line in enumerate(lines, 1)]


def uploaded(name: str, content: BinaryIO) -> list[Given]:
    """The rows of a file that somebody sent: with `prompt` and `responses`, or any shape of judged answers.

    Rows of the first form may have `expected`, `explanation` and `purpose`. One with a right answer and no purpose is a
    gold item.

    Raises:
        DataError: it cannot be read, or its rows are of neither form.
    """
    ending = "".join(Path(name).suffixes[-2:]) if name.endswith(".gz") else Path(name).suffix
    if not re.fullmatch(r"(\.\w{1,8}){1,2}", ending):
        raise DataError(f"the file is called {name!r:.80}: its name ends in .jsonl, .json, .csv or .parquet.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{ending}"
        with path.open("wb") as file:
            while block := content.read(_BLOCK):
                file.write(block)
        try:
            rows = list(read_rows(str(path)))
            if rows and "prompt" in rows[0].values and "responses" in rows[0].values:
                given = [_given(row) for row in rows]
            else:
                groups = read_judged(str(path)).groups
                given = [Given(place=f"{name}, answer {n}", group=group) for n, group in enumerate(groups, 1)]
        except DataError as error:
            raise DataError(str(error).replace(str(path), name)) from error
    return [_named(one, str(path), name) for one in given]


def _named(one: Given, path: str, name: str) -> Given:
    place = one.place.replace(path, name)
    return Given(place=place, group=one.group, purpose=one.purpose, expected=one.expected, explanation=one.explanation)


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
    prompt, responses = row.values["prompt"], row.values.get("responses")
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
