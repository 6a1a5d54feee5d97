"""Reward heads on a frozen model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..terminal import Shown
from .shared import As, HeldOut, Split, console, table


def head(
    data: Annotated[str, typer.Option(help="Judged answers: a file, a folder, a feedback store or a hub's data set.")],
    model: Annotated[str, typer.Option(help="What is read: a folder, hub id, .gguf file or wheel:NAME.")] = "",
    out: Annotated[Path, typer.Option(help="The folder that is written.")] = Path("runs/head"),
    gates: Annotated[int, typer.Option(min=0, help="Fit a head of two layers too, with so many neurons.")] = 0,
    held_out: HeldOut = 0.2,
    ending: Annotated[str, typer.Option(help="Text read after an answer, before its score.")] = "",
    split: Split = "",
    form: As = "",
    seed: Annotated[int, typer.Option(help="Another seed, other gates.")] = 0,
) -> None:
    """Fit a reward head to pairs on a frozen model, in one solve; its hidden states are worked out once.

    Example: `prefloop head --data pairs.jsonl --gates 32 --out runs/head`
    """
    from ..loops.heads import FitHead, fit_heads
    from ..recipe import Data
    from ..recipes import SMOLLM2

    judged = Data(source=data, split=split or None, form=form or None)  # type: ignore[arg-type]
    wanted = FitHead(
        data=judged, model=model or SMOLLM2, gates=gates, held_out=held_out, ending=ending or None, seed=seed
    )
    found = fit_heads(wanted, out, say=Shown(console).say)
    rows = [(h.name, h.accuracy, h.accuracy.n, f"{h.price:.3g}", f"{h.short:.1e}") for h in found.heads]
    columns = ("head", "held-out accuracy", "prompts", "price", "above the optimum by at most")
    console.print(table(f"heads fitted to {found.learnt} pairs (95 %, Wilson)", columns, rows))
    if found.gain:
        console.print(f"Two layers beside one: {found.gain} (paired bootstrap over prompts).", highlight=False)
    console.print(f"Pick the longer: {found.longer}.", highlight=False)
    console.print(f"The model with the linear head: {out / 'reward'}", highlight=False, soft_wrap=True)
