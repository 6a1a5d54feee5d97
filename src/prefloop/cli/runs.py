"""Runs: the demo, a recipe, an alignment with judged answers."""

from __future__ import annotations

import json
import shlex
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RecipeError
from ..terminal import resumable
from .asking import NO_PAGE, Host, Page, PageStore, People, Port, asking, people_of
from .shared import As, HeldOut, Out, RecipeName, Resume, Sampler, Set, Split, Trained, console, table

if TYPE_CHECKING:
    from ..loops.align import Align
    from ..loops.rounds import Rounds
    from ..recipe import Recipe


def demo(
    method: Annotated[str, typer.Option(help="How to align: ppo, rloo, grpo, dpo, raft or best-of-n.")] = "rloo",
    people: People = "simulated",
    store: PageStore = "",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    out: Out = Path("runs/demo"),
    model: Annotated[
        str, typer.Option(help="A folder, hub id, .gguf file or wheel:NAME; `A | B` tries A, then B.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Another seed is another run.")] = 0,
    sampler: Sampler = "local",
    resume: Resume = False,
    changes: Set = None,
) -> None:
    """Align a small language model with people's preferences, and report what was gained.

    Example: `prefloop demo --method ppo --out runs/ppo`
    """
    from ..loops.demo import demo as make
    from ..recipe_file import with_changes
    from ..recipes import SMOLLM2

    rounds = with_changes(make(method_name=method, people=people, model=model or SMOLLM2, seed=seed), changes or [])
    given = {"--method": method, "--people": people, "--seed": seed, **({"--model": model} if model else {})}
    page = Page(store=store, host=host, port=port)
    line = command_line("demo", {**given, **page.given}, out, sampler, changes)
    run_into(rounds, out, resume, sampler, line, page)


def run(
    recipe: RecipeName,
    out: Out,
    people: People = "",
    store: PageStore = "",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    sampler: Sampler = "local",
    resume: Resume = False,
    changes: Set = None,
) -> None:
    """Run a recipe: a published method, one of your own, or a run folder's recipe.yaml.

    Example: `prefloop run rloo --set score.reward=my_reward.py:cheerful --set steps=50 --out runs/mine`
    """
    from ..loops.find import find

    value, page = asking(find(recipe, changes or []), people), Page(store=store, host=host, port=port)
    given = {"": recipe, **({"--people": people} if people else {}), **page.given}
    run_into(value, out, resume, sampler, command_line("run", given, out, sampler, changes), page)


def align(
    recipe: RecipeName,
    data: Annotated[
        str, typer.Option(help="Judged answers: a file, a folder, a feedback store or a data set on the hub.")
    ] = "",
    model: Trained = "",
    out: Out = Path("runs/align"),
    held_out: HeldOut = 0.1,
    split: Split = "",
    form: As = "",
    resume: Resume = False,
    changes: Set = None,
) -> None:
    """Align a model with judged answers, and measure how often it agrees with those that were held out.

    Example: `prefloop align dpo --data pairs.jsonl --out runs/mine`
    """
    from ..loops.align import on_data
    from ..loops.find import find
    from ..recipe import Data, Recipe

    found = find(recipe, changes or [])
    if not isinstance(found, Recipe):
        raise RecipeError(f"`{recipe}` is a whole run already: `prefloop run {recipe}`.")
    judged = Data(source=data, split=split or None, form=form or None) if data else None  # type: ignore[arg-type]
    options = {"--data": data, "--model": model, "--held-out": held_out, "--split": split, "--as": form}
    given = {"": recipe, **{name: value for name, value in options.items() if value}}
    value = on_data(found, data=judged, model=model or None, held_out=held_out)
    run_into(value, out, resume, "local", command_line("align", given, out, "local", changes))


def command_line(name: str, given: dict[str, Any], out: Path, sampler: str, changes: list[str] | None) -> str:
    """The line that repeats a command."""
    if sampler != "local":
        given = {**given, "--sampler": sampler}
    options = [("", name), *given.items(), *(("--set", change) for change in changes or []), ("--out", out)]
    return shlex.join(["prefloop", *(str(word) for pair in options for word in pair if word != "")])


def run_into(
    value: Recipe | Rounds | Align, out: Path, resume: bool, sampler: str, command: str, page: Page = NO_PAGE
) -> None:
    """Run something into a folder, and say what came of it; Ctrl-C ends with the line that goes on."""
    from ..loops.align import Align
    from ..loops.rounds import Rounds
    from ..loops.run import run
    from ..sampling.local import LocalGenerator
    from ..sampling.vllm import VllmGenerator

    with resumable(console, f"{command} --resume"), people_of(value, page, out.name, console) as (people, seen):
        result = run(
            value,
            out=out,
            resume=resume,
            people=people,
            progress=seen,
            sampler=LocalGenerator if sampler == "local" else partial(VllmGenerator, server=sampler),
            command=command,
        )
    if isinstance(value, Rounds):
        from ..evaluation.summary import Summary
        from ..evaluation.wording import headline

        summary = Summary.from_json(json.loads((out / "summary.json").read_text(encoding="utf-8")))
        console.print(f"\n{headline(summary)}", highlight=False)
        for warning in summary.warnings:
            console.print(f"warning: {warning}", style="yellow", highlight=False)
        console.print(f"The report: {out / 'report.html'}", highlight=False, soft_wrap=True)
    else:
        if type(value) is Align:
            _show(value, out)
        console.print(f"{len(result.metrics)} steps; the trained models are in {out}", highlight=False, soft_wrap=True)


def _show(align: Align, out: Path) -> None:
    """The table of what an alignment gained."""
    from ..evaluation.preference import Alignment
    from ..loops.align import ACCURACY

    found = Alignment.from_json(json.loads((out / ACCURACY).read_text(encoding="utf-8")))
    rows = [(a.name, a.before, a.after) for a in found.agreements]
    title = (
        f"held-out preference accuracy of {align.recipe.name}: {found.comparisons} {found.what}, "
        f"{found.longer.n} of them independent (95 %, Wilson)"
    )
    columns = ("the better answer has the higher", "before", "after")
    console.print(table(title, columns, [*rows, ("number of tokens (pick the longer)", found.longer, found.longer)]))
