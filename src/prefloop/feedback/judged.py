"""Judged answers from any source, as groups; what could not be used is counted and said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..errors import DataError
from ..recipe import Data, Form
from ..text import Group
from .files import read_rows
from .known_shapes import MARKED, shape_of
from .shapes import LeftOut
from .store import Store

_FORMS: dict[str, Form] = {
    "choices": "choices",
    "pairs": "pairs",
    "comparisons": "pairs",
    "thumbs": "thumbs",
    "rankings": "rankings",
    "ratings": "ratings",
    "corrections": "pairs",
    "parts": "parts",
}
"""The views of a feedback store that are judged answers, and the form each is in; `pairs` are the choices as pairs, and
`comparisons` the same with ties."""
_SQLITE = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Judged answers in one form, and in `notes` what was left out or changed on the way, with counts."""

    groups: tuple[Group, ...]
    form: Form
    notes: tuple[str, ...] = ()


def read_judged(data: Data | str) -> Judged:
    r"""Judged answers as they lie: from a file, a folder, a data set on the Hugging Face hub, or a feedback store.

    What the rows say is told from their columns (`known_shapes.SHAPES`), and who said it from `who` or `annotator`. A
    row that lacks a field is an error; one that cannot be learnt from (equal answers, an empty one, a single one) is
    left out and counted in `notes`.

    Raises:
        DataError: nothing to read, or not what it should be; the message has the row and the field.

    >>> from tempfile import mkdtemp
    >>> file = Path(mkdtemp()) / "pairs.csv"
    >>> _ = file.write_text("prompt,chosen,rejected\nOne, two, 2\n")
    >>> read_judged(str(file)).groups[0].texts
    (' two', ' 2')
    """
    data = data if isinstance(data, Data) else Data(source=data)
    if is_store(data.source):
        return _stored(data)
    rows = read_rows(data.source, split=data.split)
    if not rows:
        raise DataError(f"{data.source} has no rows.")
    columns = dict.fromkeys(str(name) for row in rows for name in row.values)
    shape = shape_of(columns, data.source, form=data.form)
    read = partial(shape.read, about=data.about, ends=data.ends) if shape.read in MARKED else shape.read
    groups: list[Group] = []
    left: defaultdict[str, list[str]] = defaultdict(list)
    for row in rows:
        for found in read(row):
            why = found.why if isinstance(found, LeftOut) else _useless(found, shape.form)
            if why is not None:
                left[why].append(row.place)
            elif isinstance(found, Group):
                groups.append(
                    replace(found, who=found.who or str(row.values.get("who") or row.values.get("annotator") or ""))
                )
    notes = tuple(_said(why, places) for why, places in left.items())
    if not groups:
        raise DataError(f"{data.source} has nothing to learn from: {' '.join(notes)}")
    return Judged(groups=tuple(groups), form=shape.form, notes=notes)


def _useless(group: Group, form: Form) -> str | None:
    """Why nothing can be learnt from a group; `None` where something can."""
    if not group.prompt.shown.strip():
        return "the prompt is empty"
    if not all(t.strip() for t in group.texts):
        return "an answer is empty"
    if form == "parts" and not group.marks:
        return "no part of the answer was judged"
    if form not in ("thumbs", "parts") and not group.aspects and len(group.texts) < 2:
        return "there is one answer, and nothing to compare it with"
    if len({group.answer(k) for k in range(len(group.texts))}) < len(group.texts):
        return "two answers are the same"
    return None


def _said(why: str, places: Sequence[str]) -> str:
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return f"{len(places)} left out, {why}: {places[0]}{more}."


def is_store(source: str) -> bool:
    """Whether judged answers lie in a feedback store: a file of one, or the address of a server."""
    if "://" in source:
        return True
    path = Path(source).expanduser()
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(len(_SQLITE)) == _SQLITE


def _stored(data: Data) -> Judged:
    """What people said in a feedback store: the view that is asked for, or the only one that has something."""
    source, view = data.source, data.split or ("parts" if data.form == "parts" else None)
    if view is not None and view not in _FORMS:
        raise DataError(
            f"the answers in {source} have no view `{view}` to learn from: take one of {', '.join(_FORMS)}."
        )
    with Store.open(source) as store:
        views = [view] if view is not None else [name for name in _FORMS if name not in ("pairs", "comparisons")]
        found = {
            name: said
            for name in views
            if (said := store.view(name, about=data.about, ends=data.ends)) or said.left_out
        }
    if not found:
        wanted = f" as {view}" if view else ""
        raise DataError(f"nobody has answered a question in {source} that could be learnt from{wanted}.")
    if len(found) > 1:
        counts = ", ".join(f"{len(said)} {name}" for name, said in found.items())
        most = max(found, key=lambda name: len(found[name]))
        raise DataError(f"{source} holds answers of several kinds, {counts}: say which, for example --split {most}.")
    [(name, said)] = found.items()
    notes = tuple(f"{count} left out: {why}." for why, count in said.left_out.items())
    return Judged(groups=tuple(j.group for j in said), form=_FORMS[name], notes=notes)
