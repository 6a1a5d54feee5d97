"""People: the page on which they answer, and what they said, in and out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from ..errors import DataError, RunError
from .shared import console

if TYPE_CHECKING:
    from ..feedback.importing import Preview
    from ..text import Kind, Question

say = partial(console.print, highlight=False, markup=False, soft_wrap=True)

StoreName = Annotated[str, typer.Option(help="The feedback store: a file, or a database's URL.")]


def label(
    store: StoreName = "feedback.sqlite",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port of the page.")] = 8000,
    host: Annotated[str, typer.Option(help="127.0.0.1: this machine only; 0.0.0.0: whoever reaches it.")] = "127.0.0.1",
) -> None:
    """Ask people on a page: make projects, invite annotators, watch how it goes.

    Example: `prefloop label --store answers.sqlite`
    """
    from ..models.load import cache

    try:
        from ..web.serve import serve
    except ImportError as error:
        raise RunError(f"the page needs {error.name}, which is not installed: pip install 'prefloop[web]'.") from error
    serve(store, host=host, port=port, secrets_in=cache() / "label", say=say)


def import_(
    file: Annotated[Path, typer.Argument(help="A .jsonl, .jsonl.gz, .json, .csv, .parquet or .xlsx file.")],
    store: StoreName = "feedback.sqlite",
    project: Annotated[str, typer.Option(help="The project whose items these become; made where there is none.")] = "",
    format: Annotated[str, typer.Option(help="The format's name, where its columns do not tell.")] = "",
    kind: Annotated[str, typer.Option(help="Ask anew in this way, without what the file says of the answers.")] = "",
    options: Annotated[str, typer.Option(help='Of the kind, as JSON: {"axes": {"helpful": [1, 5]}}.')] = "",
    preview: Annotated[bool, typer.Option("--preview", help="Say what the file holds, and write nothing.")] = False,
) -> None:
    """Read what people said elsewhere into a feedback store: pairs, thumbs, rankings, exports of other tools.

    Example: `prefloop import pairs.jsonl --store answers.sqlite --preview`
    """
    from ..feedback import importing
    from ..feedback.store import Store

    told: dict[str, Any] = {
        "format": format or None,
        "kind": cast("Kind | None", kind or None),
        "options": _options(options),
    }
    if preview:
        found = importing.preview(file, **told)
        _show(found)
        say("\nNothing was written.")
        raise typer.Exit(0 if found.rows else 2)
    with Store.open(store) as opened:
        done = importing.import_file(opened, file, project=project or None, **told)
    _show(done.preview)
    say(f"\n{done.questions} questions and {done.answers} answers are new in {store}.")
    if not done.preview.rows:
        raise typer.Exit(2)


def export(
    store: StoreName = "feedback.sqlite",
    shape: Annotated[
        str,
        typer.Option(
            "--as", help="log, pairs (dpo), reward, kto, sft, ranking, rating, oasst, openrlhf-kto, openrlhf-sft."
        ),
    ] = "pairs",
    out: Annotated[Path, typer.Option(help="The file: .jsonl, .csv or .parquet.")] = Path("export.jsonl"),
    project: Annotated[str, typer.Option(help="That project alone.")] = "",
    split: Annotated[str, typer.Option(help="train, or held_out: questions that were only measured on.")] = "train",
    pseudonyms: Annotated[bool, typer.Option("--pseudonyms", help="Numbers instead of people's names.")] = False,
) -> None:
    """Write what people said for a trainer, a row a judgement with where it came from, or all of it (`--as log`).

    Example: `prefloop export --store answers.sqlite --as pairs --out pairs.jsonl`
    """
    from ..feedback.export_files import export_file
    from ..feedback.exporting import Export
    from ..feedback.projects import Projects
    from ..feedback.store import Store

    if split not in ("train", "held_out"):
        raise DataError(f"there is no split `{split}`: it is train or held_out.")
    if "://" not in store and not Path(store).is_file():
        raise DataError(f"there is no feedback store {store}: check the path.")
    with Store.open(store) as opened:
        if project:
            Projects(opened).get(project)
        rows = Export(
            store=opened, shape=shape, project=project or None, split=cast("Any", split), pseudonyms=pseudonyms
        )
        done = export_file(rows, out)
    say(f"{done.rows} rows are in {out}.")
    for what, count in done.left_out.items():
        say(f"left out: {count} {what}")


def _options(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text) if text else None
    except json.JSONDecodeError as error:
        raise DataError(f'--options is no JSON ({error}): it is such as {{"axes": {{"helpful": [1, 5]}}}}.') from error
    if found is not None and not isinstance(found, dict):
        raise DataError(f"--options is {text}: it is an object of names and values.")
    return found


def _show(found: Preview) -> None:
    """What a file holds."""
    from ..feedback import duplicates

    kinds = ", ".join(f"{count} {kind}" for kind, count in found.kinds.items()) or "nothing"
    say(f"{found.rows} rows of the format {found.format} become questions ({kinds}) with {found.answers} answers.")
    if found.duplicates:
        say(f"came before: {duplicates.said(found.duplicates)}")
    if found.contradictory:
        say(f"contradictory: {found.contradictory} verdicts turn round what the same person said before")
    if found.lost:
        say(f"not kept: {', '.join(f'{count} {what}' for what, count in found.lost.items())}")
    if found.problem_count:
        say(f"bad rows: {found.problem_count}" + (", of which the first" if found.problem_count > 10 else ""))
    for problem in found.problems:
        say(f"  {problem}")
    for question in found.first:
        _show_question(question)


def _show_question(question: Question) -> None:
    say(f"\n{question.kind}, {question.why or question.id}")
    for name, text in (("prompt", question.group.prompt.shown), *(("answer", t) for t in question.group.texts)):
        line = " ".join(text.split())
        say(f"  {name}: {line if len(line) <= 100 else line[:99] + '…'}")
