"""Direct methods on real judged data: held-out preference accuracy before and after, as a Markdown table.

    python -m bench.direct --data ../shared/data --epochs 1

Read are the rows of each file that are short enough for a CPU, as `SETS` says. Every row of the table is a run of
`prefloop align` in a folder of its own under `--out`; a run that is already there is not repeated, and one that was
stopped goes on. See bench/README.md.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from prefloop.errors import PrefloopError
from prefloop.evaluation.preference import Alignment
from prefloop.feedback.files import read_rows
from prefloop.loops.align import ACCURACY, Align
from prefloop.loops.run import run
from prefloop.planning import plan
from prefloop.recipe import Data, Recipe
from prefloop.recipes import SMOLLM2, method, methods
from prefloop.terminal import Shown

METHODS = ("dpo", "ipo", "kto", "orpo", "simpo", "lipo-lambda")


class Set(NamedTuple):
    """A published file, and the characters up to which a row of it, as a line of JSON, is read."""

    file: str
    longest: int


SETS = {
    "hh harmless": Set("hh_harmless_test.jsonl.gz", 1000),
    "QA-Feedback": Set("qa_feedback_dev.json", 4900),
    "LLaMA-Factory pairs": Set("llamafactory_dpo_en.json", 4000),
    "LLaMA-Factory thumbs": Set("llamafactory_kto_en.json", 2500),
}


def cut(chosen: argparse.Namespace, one: Set) -> Path:
    """The first rows of a file that are short enough, as JSON lines."""
    path: Path = chosen.out / "data" / f"{one.file.partition('.')[0]}-{chosen.rows or 'all'}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(dict(row.values), default=str) for row in read_rows(str(chosen.data / one.file)))
    short = (line for line in lines if len(line) <= one.longest)
    path.write_text("\n".join(islice(short, chosen.rows)), encoding="utf-8")
    return path


def recipe(name: str, data: Path, chosen: argparse.Namespace) -> Recipe:
    made = method(name)(model=chosen.model, batch=chosen.batch)
    optimiser = replace(made.optimiser, lr=chosen.lr) if chosen.lr else made.optimiser
    # Rankings with ties lose these as pairs, which every peer's pairs lose as well.
    form: Any = "pairs" if plan(made).pairwise else "thumbs" if plan(made).mismatched else None
    where = Data(source=str(data), form=form)
    made = replace(made, data=where, optimiser=optimiser, epochs=chosen.epochs, steps=None, seed=chosen.seed)
    return replace(made, models={role: replace(m, dtype=chosen.dtype) for role, m in made.models.items()})


def measured(name: str, data: Path, folder: Path, chosen: argparse.Namespace) -> Alignment:
    file = folder / ACCURACY
    if not file.is_file():
        align = Align(recipe=recipe(name, data, chosen), held_out=chosen.held_out)
        run(align, out=folder, resume=(folder / "recipe.yaml").is_file(), progress=Shown(Console(stderr=True)))
    return Alignment.from_json(json.loads(file.read_text(encoding="utf-8")))


def row(name: str, data: str, found: Alignment) -> str:
    first = found.agreements[0]
    learnt = f"{found.learnt} / {found.comparisons}"
    cells = (data, name, learnt, first.name, first.before, first.after, found.longer)
    return "| " + " | ".join(map(str, cells)) + " |"


def table(chosen: argparse.Namespace) -> str:
    head = ("data", "method", "learnt from / compared", "measure", "before", "after", "pick the longer")
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    for title in chosen.sets:
        data = cut(chosen, SETS[title])
        for name in chosen.methods:
            if name not in methods():
                lines.append(f"| {title} | {name} | there is no such method |" + " |" * (len(head) - 3))
                continue
            try:
                lines.append(row(name, title, measured(name, data, chosen.out / f"{data.stem}-{name}", chosen)))
            except PrefloopError as error:  # such as thumbs on prompts of which each has one answer, for pairs
                reason = str(error).replace("|", "\\|").replace("\n", " ")
                lines.append(f"| {title} | {name} | {reason} |" + " |" * (len(head) - 3))
    return "\n".join(lines)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the four files")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--rows", type=int, help="at most so many short rows of every file are read; all without it")
    parser.add_argument("--model", default=SMOLLM2)
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--lr", type=float, default=5e-5, help="of all methods; 0 leaves each its own")
    parser.add_argument("--held-out", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/direct"))
    return parser.parse_args(words)


if __name__ == "__main__":
    print(table(arguments()))
