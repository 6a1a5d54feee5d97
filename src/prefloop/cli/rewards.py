"""Reward models: fit one to judged answers, and say how good it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RecipeError
from .runs import command_line, run_into
from .shared import As, HeldOut, Out, Resume, Set, Split, Trained, console, table

if TYPE_CHECKING:
    from ..loops.reward import FitReward

MEMBER = "member"


def reward(
    data: Annotated[str, typer.Option(help="Judged answers: a file, a folder, a feedback store or a hub's data set.")],
    model: Trained = "",
    kind: Annotated[
        str, typer.Option(help="A method of the reward family; without it the natural one of the data.")
    ] = "",
    out: Out = Path("runs/reward"),
    held_out: HeldOut = 0.1,
    held_out_people: Annotated[
        float, typer.Option(help="The share of people, of three or more, whose judgements are only measured on.")
    ] = 0.1,
    curve: Annotated[str, typer.Option(help="Fit it to so many judgements too, such as 100,300,1000.")] = "",
    members: Annotated[
        int, typer.Option(min=1, help="Fit so many, each from a seed of its own, into OUT/member-1 and so on.")
    ] = 1,
    groups: Annotated[
        str,
        typer.Option(help="A file with the columns who and group: the accuracy is shown for each, the worst first."),
    ] = "",
    split: Split = "",
    form: As = "",
    resume: Resume = False,
    changes: Set = None,
) -> None:
    """Fit a reward model to judged answers, and measure how often it agrees with people it has not learnt from.

    Example: `prefloop reward --data pairs.jsonl --curve 100,300 --out runs/reward`
    """
    from ..loops.align import on_data
    from ..loops.find import find
    from ..loops.reward import FitReward, natural
    from ..recipe import Data, Recipe

    judged = Data(source=data, split=split or None, form=form or None)  # type: ignore[arg-type]
    found = find(kind or natural(judged), changes or [])
    if not isinstance(found, Recipe):
        raise RecipeError(f"`{kind}` is a whole run already: `prefloop run {kind}`.")
    aligned = on_data(found, data=judged, model=model or None, held_out=held_out)
    value = FitReward(
        recipe=aligned.recipe,
        held_out=held_out,
        held_out_people=held_out_people,
        curve=_counts(curve),
        groups=groups,
    )
    given = {"--model": model, "--data": data, "--kind": kind, "--held-out": held_out, "--split": split, "--as": form}
    given |= {"--held-out-people": held_out_people, "--curve": curve, "--groups": groups}
    given |= {"--members": members if members > 1 else ""}
    spelt = {name: word for name, word in given.items() if word != ""}
    line = command_line("reward", spelt, out, "local", changes)
    if members > 1:
        _ensemble(value, members, out, resume, line)
        return
    run_into(value, out, resume, "local", line)
    _show(out)


def _ensemble(value: FitReward, count: int, out: Path, resume: bool, line: str) -> None:
    """Fit each member into a folder of its own, and show what they say alone and together."""
    from ..loops.ensemble import MEASURED, measure
    from ..loops.ensemble import members as of

    parts = {out / f"{MEMBER}-{n}": one for n, one in enumerate(of(value, count), 1)}
    for folder, one in parts.items():
        run_into(one, folder, resume, "local", line)
    rows = list(measure(value, list(parts), out).items())
    console.print(table(f"held-out accuracy of {count} x {value.recipe.name} (95 %, Wilson)", ("", "accuracy"), rows))
    console.print(f"{out / MEASURED}; each member's report: {out / f'{MEMBER}-1' / 'reward.html'}", soft_wrap=True)


def _counts(curve: str) -> tuple[int, ...]:
    try:
        return tuple(int(n) for n in curve.split(",") if n.strip())
    except ValueError:
        raise RecipeError(f"--curve is {curve!r}: give numbers of judgements, such as 100,300,1000.") from None


def _show(out: Path) -> None:
    """What was measured: the model, people and length side by side, and how far its sureness can be believed."""
    from ..evaluation.reward_report import PAGE, REWARD, UNKNOWN, RewardReport, headline

    found = RewardReport.from_json(json.loads((out / REWARD).read_text(encoding="utf-8")))
    rows = [(h.name, h.comparisons, h.accuracy, h.people or "unknown", h.longer, h.accuracy.n) for h in found.held_out]
    plain = found.plain.removesuffix(" one").replace("picking", "pick")
    columns = ("held out", "judgements", "reward model", "people, leave one out", plain, "prompts")
    console.print(table(f"held-out accuracy of {found.kind} (95 %, Wilson)", columns, rows))
    if found.held_out[0].people is None:
        console.print(f"The human ceiling is {UNKNOWN}.", highlight=False)
    if found.by_group:
        groups = [(h.name, h.comparisons, h.accuracy, h.longer, h.accuracy.n) for h in found.by_group]
        apart = ("group of people, the worst first", "judgements", "reward model", plain, "prompts")
        console.print(table("by group of people", apart, groups))
    if found.told:
        told = [(t.of, t.n, t.measure, t.model, f"{t.beside} {t.plain}") for t in found.told]
        console.print(table("by what people said", ("of", "held out", "measure", "reward model", "beside"), told))
    was = found.calibration
    line = f"ECE {was.ece:.3f}, Brier {was.brier:.3f}, NLL {was.nll:.3f}"
    if found.tempered:
        t = found.tempered
        line += f"; at temperature {t.temperature:.2f}, fitted on half: ECE {t.before.ece:.3f} -> {t.after.ece:.3f}"
        line += f", NLL {t.before.nll:.3f} -> {t.after.nll:.3f} on the other half"
    console.print(line, highlight=False, soft_wrap=True)
    if found.curve:
        points = [(p.judgements, p.accuracy, f"{p.seconds:.1f}") for p in found.curve]
        console.print(table("learning curve", ("judgements", "held-out accuracy", "seconds"), points))
    for warning in found.warnings:
        console.print(f"warning: {warning}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\n{headline(found)}", highlight=False, soft_wrap=True)
    console.print(f"The report: {out / PAGE}", highlight=False, soft_wrap=True)
