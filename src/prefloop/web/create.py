"""A project from a file or from the demo, in a few fields."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import DataError
from ..feedback.files import Row, read_rows
from ..feedback.judged import read_judged
from ..feedback.kinds import KINDS, check_question
from ..feedback.records import Item
from ..text import Group, Prompt, Question, Response

_BLOCK = 1 << 20


def key_of(title: str) -> str:
    """A project's id from its title.

    >>> key_of("Tone of voice, 2nd try")
    'tone-of-voice-2nd-try'
    """
    return re.sub(r"[^\w.]+", "-", title.lower()).strip("-")[:64] or "project"


def demo() -> list[Group]:
    """A few prompts with three answers each, to try the page on.

    >>> len(demo()[0].responses)
    3
    """
    lines = files("prefloop").joinpath("data/label_demo.jsonl").read_text(encoding="utf-8").splitlines()
    return [_group(Row(place=f"the demo, line {n}", values=json.loads(line))) for n, line in enumerate(lines, 1)]


def uploaded(name: str, content: BinaryIO) -> list[Group]:
    """The groups of a file that somebody sent: rows with `prompt` and `responses`, or any shape of judged answers.

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
            rows = read_rows(str(path))
            if rows and "prompt" in rows[0].values and ("responses" in rows[0].values or len(rows[0].values) == 1):
                return [_group(row) for row in rows]
            return list(read_judged(str(path)).groups)
        except DataError as error:
            raise DataError(str(error).replace(str(path), name)) from error


def items(project: str, kind: str, groups: list[Group], options: dict[str, Any]) -> Iterator[Item]:
    """The groups as work items of one kind, with no more responses than the kind takes.

    Raises:
        DataError: a group that cannot be asked about in this way.
    """
    most = 1 if kind in ("edit", "critique", "spans") else 0 if kind == "demonstration" else KINDS[kind].responses[1]
    for number, group in enumerate(groups, 1):
        kept = group.responses[: int(most)] if most < len(group.responses) else group.responses
        asked = Group(prompt=group.prompt, prompt_ids=group.prompt_ids, responses=kept)
        question = Question(id=f"{project}-{number}", kind=kind, group=asked, options=options)  # type: ignore[arg-type]
        check_question(question)
        yield Item(question=question)


def _group(row: Row) -> Group:
    prompt, responses = row.values["prompt"], row.values.get("responses", [])
    if isinstance(responses, str):
        responses = json.loads(responses) if responses.lstrip().startswith("[") else [responses]
    if not isinstance(prompt, str) or not isinstance(responses, list) or not all(isinstance(r, str) for r in responses):
        raise DataError(f"{row.place}: `prompt` is a text and `responses` a list of texts.")
    return Group(prompt=Prompt(text=prompt), responses=tuple(Response(text=r) for r in responses))
