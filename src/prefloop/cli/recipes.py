"""What a recipe is before it runs: what it needs, what it would learn from, which there are, how true they are."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, get_args

import typer

from ..errors import RecipeError, nearest
from ..terminal import Shown
from .shared import RecipeName, Set, console, escaped, table


def explain(recipe: RecipeName, changes: Set = None) -> None:
    """Show every tensor of a recipe, who gives and who reads it, and which models load. Loads no weights.

    Example: `prefloop explain ppo`
    """
    from ..loops.find import find, recipes_in
    from ..planning import plan
    from ..roles import model_of

    for one in recipes_in(find(recipe, changes or [])):
        needs = plan(one)
        console.print(f"\n[bold]{one.name}[/]  {escaped(one.summary)}\n{escaped(one.paper)}", highlight=False)
        console.print(
            table(
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
        console.print(table("models that load", ("role", "source", "head", "weights"), models))


def check(
    recipe: RecipeName,
    prompts: Annotated[int, typer.Option(min=1, help="How many prompts to look at.")] = 3,
    changes: Set = None,
) -> None:
    """Show what the recipe would train on, token by token, and refuse what must not be trained on.

    Prompt tokens are dim, learnt tokens green, holes yellow, the end token reversed.

    Example: `prefloop check demo`
    """
    from ..checking import pieces
    from ..loops.find import find
    from ..loops.preview import preview

    seen = preview(find(recipe, changes or []), count=prompts, say=Shown(console).say)
    styles = {"prompt": "dim", "learnt": "green", "hole": "yellow", "end": "reverse"}
    for group in seen.groups:
        console.rule()
        for response in group.responses:
            shown = pieces(group, response, seen.tokenizer)
            line = "".join(f"[{styles[p.part]}]{escaped(_visible(p.text))}[/]" for p in shown)
            learnt = sum(p.tokens for p in shown if p.part in ("learnt", "end"))
            console.print(line, highlight=False)
            ended = "ends by itself" if shown[-1].part == "end" else f"cut ({response.finish})"
            console.print(
                f"  prompt {shown[0].tokens} tokens, learnt {learnt}, {ended}", style="italic", highlight=False
            )
    for problem in seen.problems:
        console.print(f"[bold red]refused:[/] {escaped(str(problem))}", highlight=False, soft_wrap=True)
    if seen.problems:
        raise typer.Exit(2)
    console.print(f"{sum(len(g.responses) for g in seen.groups)} answers looked at; nothing to refuse.")


def methods(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    family: Annotated[str | None, typer.Option(help="direct, online, imitation or reward.")] = None,
) -> None:
    """List the published methods by family: name, what each needs, and its paper.

    Example: `prefloop methods --family online`
    """
    from ..loops.catalogue import catalogue
    from ..recipe import Family

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
            console.print(table(f"{one}: {len(shown)} methods", ("name", "needs", "paper"), shown))


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
    from ..recipes import methods as known
    from ..verify import verify as measure

    found = [measure(name) for name in names or known()]
    if as_json:
        print(json.dumps([dataclasses.asdict(verdict) for verdict in found], indent=1))
    else:
        shown = table("", ("method", "known answer", "distance", "at most", ""), [])
        for v in found:
            mark = "[green]reached[/]" if v.passed else "[bold red]falls short[/]"
            shown.add_row(v.method, escaped(v.what), f"{v.distance:.4f}", f"{v.bound:g}", mark)
        console.print(shown)
    raise typer.Exit(0 if all(v.passed for v in found) else 1)


def _visible(text: str) -> str:
    return text.replace("\n", "\\n")
