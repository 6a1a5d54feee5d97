"""The command line."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table

from .asking import NO_PAGE, Host, Page, PageStore, People, Port, asking, people_of, waits
from .errors import PrefloopError, RecipeError, RunError, nearest
from .terminal import Shown, resumable

if TYPE_CHECKING:
    from .loops.align import Align
    from .loops.rounds import Rounds
    from .recipe import Recipe

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

app = typer.Typer(
    help="Close the loop of learning from human feedback: ask people, learn a reward, align, measure, ask again.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)
console = Console()

Set = Annotated[
    list[str] | None, typer.Option("--set", help="Change the recipe: path=value, for example optimiser.lr=1e-5.")
]
Out = Annotated[Path, typer.Option(help="The run folder.")]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")]
Sampler = Annotated[
    str,
    typer.Option(help="local, or a vLLM server: its URL, or the command to start one, such as a path of `vllm`."),
]
RecipeName = Annotated[
    str, typer.Argument(metavar="RECIPE", help="A method's name, a .yaml file, module:name or file.py:name.")
]


def main() -> None:
    """Run the command line: a user's mistake ends with its message and code 2, Ctrl-C with the way to go on."""
    try:
        app()
    except PrefloopError as error:
        Console(stderr=True).print(f"[bold red]error:[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(2)


@app.command()
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
    from .loops.demo import demo as make
    from .recipe_file import with_changes
    from .recipes import SMOLLM2

    rounds = with_changes(make(method_name=method, people=people, model=model or SMOLLM2, seed=seed), changes or [])
    given = {"--method": method, "--people": people, "--seed": seed, **({"--model": model} if model else {})}
    page = Page(store=store, host=host, port=port)
    _run(rounds, out, resume, sampler, _command("demo", {**given, **page.given}, out, sampler, changes), page)


@app.command()
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
    from .loops.find import find

    value, page = asking(find(recipe, changes or []), people), Page(store=store, host=host, port=port)
    given = {"": recipe, **({"--people": people} if people else {}), **page.given}
    _run(value, out, resume, sampler, _command("run", given, out, sampler, changes), page)


@app.command()
def align(
    recipe: RecipeName,
    data: Annotated[
        str, typer.Option(help="Judged answers: a file, a folder, a feedback store or a data set on the hub.")
    ] = "",
    model: Annotated[str, typer.Option(help="What is trained: a folder, hub id, .gguf file or wheel:NAME.")] = "",
    out: Out = Path("runs/align"),
    held_out: Annotated[float, typer.Option(help="The share of prompts that is only measured on.")] = 0.1,
    split: Annotated[str, typer.Option(help="Part of a folder, of a hub's data set or of a store.")] = "",
    form: Annotated[
        str, typer.Option("--as", help="Turn them into pairs, thumbs or rankings, also where something is lost.")
    ] = "",
    resume: Resume = False,
    changes: Set = None,
) -> None:
    """Align a model with judged answers, and measure how often it agrees with those that were held out.

    Example: `prefloop align dpo --data pairs.jsonl --out runs/mine`
    """
    from .loops.align import on_data
    from .loops.find import find
    from .recipe import Data, Recipe

    found = find(recipe, changes or [])
    if not isinstance(found, Recipe):
        raise RecipeError(f"`{recipe}` is a whole run already: `prefloop run {recipe}`.")
    judged = Data(source=data, split=split or None, form=form or None) if data else None  # type: ignore[arg-type]
    options = {"--data": data, "--model": model, "--held-out": held_out, "--split": split, "--as": form}
    given = {"": recipe, **{name: value for name, value in options.items() if value}}
    value = on_data(found, data=judged, model=model or None, held_out=held_out)
    _run(value, out, resume, "local", _command("align", given, out, "local", changes))


def _command(name: str, given: dict[str, Any], out: Path, sampler: str, changes: list[str] | None) -> str:
    """The line that repeats a command."""
    if sampler != "local":
        given = {**given, "--sampler": sampler}
    options = [("", name), *given.items(), *(("--set", change) for change in changes or []), ("--out", out)]
    return shlex.join(["prefloop", *(str(word) for pair in options for word in pair if word != "")])


def _run(
    value: Recipe | Rounds | Align, out: Path, resume: bool, sampler: str, command: str, page: Page = NO_PAGE
) -> None:
    from .loops.align import Align
    from .loops.rounds import Rounds
    from .loops.run import run
    from .sampling.local import LocalGenerator
    from .sampling.vllm import VllmGenerator

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
        from .evaluation.summary import Summary
        from .evaluation.wording import headline

        summary = Summary.from_json(json.loads((out / "summary.json").read_text(encoding="utf-8")))
        console.print(f"\n{headline(summary)}", highlight=False)
        for warning in summary.warnings:
            console.print(f"warning: {warning}", style="yellow", highlight=False)
        console.print(f"The report: {out / 'report.html'}", highlight=False, soft_wrap=True)
    else:
        if isinstance(value, Align):
            _show(value, out)
        console.print(f"{len(result.metrics)} steps; the trained models are in {out}", highlight=False, soft_wrap=True)


def _show(align: Align, out: Path) -> None:
    """The table of what an alignment gained."""
    from .evaluation.preference import Alignment
    from .loops.align import ACCURACY

    found = Alignment.from_json(json.loads((out / ACCURACY).read_text(encoding="utf-8")))
    rows = [(a.name, a.before, a.after) for a in found.agreements]
    title = (
        f"held-out preference accuracy of {align.recipe.name}: {found.comparisons} {found.what}, "
        f"{found.longer.n} of them independent (95 %, Wilson)"
    )
    columns = ("the better answer has the higher", "before", "after")
    console.print(_table(title, columns, [*rows, ("number of tokens (pick the longer)", found.longer, found.longer)]))


@app.command()
def explain(recipe: RecipeName, changes: Set = None) -> None:
    """Show every tensor of a recipe, who gives and who reads it, and which models load. Loads no weights.

    Example: `prefloop explain ppo`
    """
    from .loops.find import find, recipes_in
    from .planning import plan
    from .roles import model_of

    found = find(recipe, changes or [])
    console.print(waits(found), end="", highlight=False)
    for one in recipes_in(found):
        needs = plan(one)
        console.print(f"\n[bold]{one.name}[/]  {_escaped(one.summary)}\n{_escaped(one.paper)}", highlight=False)
        console.print(
            _table(
                "tensors",
                ("tensor", "shape", "given by", "read by"),
                [(r.tensor, r.shape, r.producer, ", ".join(r.consumers) or "-") for r in needs.rows],
            )
        )
        models = [
            (
                role,
                one.models[role].source if one.models[role].source in one.models else model_of(one, role).source,
                one.models[role].head,
                "trained" if role in needs.outputs else "follows" if role in needs.moving else "frozen",
            )
            for role in needs.roles or ("policy",)
        ]
        console.print(_table("models that load", ("role", "source", "head", "weights"), models))


@app.command()
def check(
    recipe: RecipeName,
    prompts: Annotated[int, typer.Option(min=1, help="How many prompts to look at.")] = 3,
    changes: Set = None,
) -> None:
    """Show what the recipe would train on, token by token, and refuse what must not be trained on.

    Prompt tokens are dim, learnt tokens green, holes yellow, the end token reversed.

    Example: `prefloop check demo`
    """
    from .checking import pieces
    from .loops.find import find
    from .loops.preview import preview

    seen = preview(find(recipe, changes or []), count=prompts, say=Shown(console).say)
    styles = {"prompt": "dim", "learnt": "green", "hole": "yellow", "end": "reverse"}
    for group in seen.groups:
        console.rule()
        for response in group.responses:
            shown = pieces(group, response, seen.tokenizer)
            line = "".join(f"[{styles[p.part]}]{_escaped(_visible(p.text))}[/]" for p in shown)
            learnt = sum(p.tokens for p in shown if p.part in ("learnt", "end"))
            console.print(line, highlight=False)
            ended = "ends by itself" if shown[-1].part == "end" else f"cut ({response.finish})"
            console.print(
                f"  prompt {shown[0].tokens} tokens, learnt {learnt}, {ended}", style="italic", highlight=False
            )
    for problem in seen.problems:
        console.print(f"[bold red]refused:[/] {_escaped(str(problem))}", highlight=False, soft_wrap=True)
    if seen.problems:
        raise typer.Exit(2)
    console.print(f"{sum(len(g.responses) for g in seen.groups)} answers looked at; nothing to refuse.")


@app.command()
def sample(
    model: Annotated[str, typer.Argument(help="A folder, hub id, .gguf file or wheel:NAME.")],
    prompt: Annotated[list[str] | None, typer.Option(help="A prompt; may be given several times.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Answers to each prompt.")] = 1,
    max_tokens: Annotated[int, typer.Option(help="The longest answer.")] = 64,
    temperature: Annotated[float, typer.Option(help="0 takes the most probable token.")] = 1.0,
    chat: Annotated[bool, typer.Option("--chat", help="Put the prompt through the chat template.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed, other answers.")] = 0,
) -> None:
    """Sample from a model.

    Example: `prefloop sample runs/demo/policy --prompt "The old harbour was" -k 4`
    """
    from .models.load import load
    from .recipe import Decoding, Model
    from .sampling.local import LocalGenerator
    from .text import Message, Prompt

    decoder = load(Model(source=model), name="policy", say=Shown(console).say)
    asked = [Prompt(messages=(Message(role="user", content=p),)) if chat else Prompt(text=p) for p in prompt or ["The"]]
    decoding = Decoding(max_tokens=max_tokens, temperature=temperature)
    for group in LocalGenerator(decoder).sample(asked, k=k, decoding=decoding, seed=seed):
        for text in group.texts:
            console.print(f"[dim]{_escaped(group.prompt.shown)}[/]{_escaped(text)}", highlight=False)


@app.command()
def track(run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]) -> None:
    """Write a run's metrics for TensorBoard; repeat it to follow a run that goes on.

    Example: `prefloop track runs/demo && tensorboard --logdir runs/demo`
    """
    from .loops.track import to_tensorboard

    console.print(f"written: {to_tensorboard(run_folder)}", highlight=False, soft_wrap=True)


@app.command()
def label(
    store: Annotated[str, typer.Option(help="The feedback store: a file, or a database's URL.")] = "feedback.sqlite",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="The port of the page.")] = 8000,
    host: Annotated[str, typer.Option(help="127.0.0.1: this machine only; 0.0.0.0: whoever reaches it.")] = "127.0.0.1",
) -> None:
    """Ask people on a page: make projects, invite annotators, watch how it goes.

    Example: `prefloop label --store answers.sqlite`
    """
    from .models.load import cache

    try:
        from .web.serve import serve
    except ImportError as error:
        raise RunError(f"the page needs {error.name}, which is not installed: pip install 'prefloop[web]'.") from error
    say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    serve(store, host=host, port=port, secrets_in=cache() / "label", say=say)


@app.command()
def methods(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    family: Annotated[str | None, typer.Option(help="direct, online, imitation or reward.")] = None,
) -> None:
    """List the published methods by family: name, what each needs, and its paper.

    Example: `prefloop methods --family online`
    """
    from .loops.catalogue import catalogue
    from .recipe import Family

    families = get_args(Family)
    if family is not None and family not in families:
        raise RecipeError(f"there is no family `{family}`.{nearest(family, families)} Families: {', '.join(families)}.")
    rows = [r for r in catalogue() if family in (None, r["family"])]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    for one in families:
        shown = [(r["name"], ", ".join(r["needs"]), r["paper"]) for r in rows if r["family"] == one]
        if shown:
            console.print(_table(f"{one}: {len(shown)} methods", ("name", "needs", "paper"), shown))


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="METHOD...", help="Methods; all when none is named.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Measure how close methods come to the known optimum of a problem small enough to enumerate.

    Ends with code 1 when any falls short.

    Example: `prefloop verify dpo rloo`
    """
    from .recipes import methods as known
    from .verify import verify as measure

    found = [measure(name) for name in names or known()]
    if as_json:
        print(json.dumps([dataclasses.asdict(verdict) for verdict in found], indent=1))
    else:
        table = _table("", ("method", "known answer", "distance", "at most", ""), [])
        for v in found:
            mark = "[green]reached[/]" if v.passed else "[bold red]falls short[/]"
            table.add_row(v.method, _escaped(v.what), f"{v.distance:.4f}", f"{v.bound:g}", mark)
        console.print(table)
    raise typer.Exit(0 if all(v.passed for v in found) else 1)


def _table(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    table = Table(*columns, title=title or None, title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*(_escaped(str(cell)) for cell in row))
    return table


def _visible(text: str) -> str:
    return text.replace("\n", "\\n")


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
