"""Reward models on people's real judgements: held-out accuracy, learning curves and time, as Markdown tables.

    python -m bench.rewards --data ../shared/data

Every row is a run of `prefloop reward` in a folder of its own under `--out`: SmolLM2-135M-Instruct, all its weights or
adapters of rank 16. With `--implicit` the same comparisons are also learnt by DPO, whose policy is a reward model
itself, and measured on the same prompts. Read are the rows of each file that are short enough for a CPU, as `SETS`
says. A run that is already there is not repeated, and one that was stopped goes on. See
docs/explanation/reward-models-on-real-data.md.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.direct import Set, cut
from rich.console import Console

from prefloop.evaluation.preference import Alignment
from prefloop.evaluation.reward_report import REWARD, CurvePoint, RewardReport
from prefloop.feedback.importing import import_file
from prefloop.feedback.store import Store
from prefloop.loops.align import ACCURACY, Align
from prefloop.loops.reward import FitReward
from prefloop.loops.run import run
from prefloop.recipe import Data, Lora, Recipe
from prefloop.recipes import SMOLLM2
from prefloop.recipes.bradley_terry import bradley_terry
from prefloop.recipes.dpo import dpo
from prefloop.terminal import Shown

SETS = {
    "hh harmless": Set("hh_harmless_test.jsonl.gz", 1000),
    "QA-Feedback": Set("qa_feedback_dev.json", 4900),
    "PandaLM": Set("pandalm_testset.json", 900),
    "Tulu": Set("tulu1_human_eval.xlsx", 1500),
}
# Adapters need about ten times the rate of all weights; the new head learns at 1e-3 with both.
WEIGHTS = {"full": (5e-5, 20.0, None), "LoRA": (5e-4, 2.0, Lora(rank=16))}


def store(chosen: argparse.Namespace, one: Set) -> Path:
    """A feedback store of the first rows of a file that are short enough."""
    rows = cut(chosen, one)
    kept = rows.with_suffix(".sqlite")
    if not kept.is_file():
        with Store.open(kept) as into:
            import_file(into, rows)
    return kept


def recipe(made: Recipe, data: Path, chosen: argparse.Namespace, adapter: Lora | None = None) -> Recipe:
    """The method on the comparisons of a store; ties, which neither reads, are left out."""
    models = {role: replace(m, dtype=chosen.dtype) for role, m in made.models.items()}
    models = {role: replace(m, adapter=adapter) if m.train else m for role, m in models.items()}
    return replace(made, models=models, data=Data(source=str(data), split="choices"), seed=chosen.seed)


def ran(what: Align, folder: Path, file: str) -> Any:
    """What a run wrote, which is run where it has not been yet."""
    if not (folder / file).is_file():
        run(what, out=folder, resume=(folder / "recipe.yaml").is_file(), progress=Shown(Console(stderr=True)))
    return json.loads((folder / file).read_text(encoding="utf-8"))


def explicit(weights: str, data: Path, chosen: argparse.Namespace) -> RewardReport:
    """A reward model by Bradley-Terry."""
    lr, head, adapter = WEIGHTS[weights]
    made = recipe(bradley_terry(model=chosen.model, lr=lr, head=head, batch=chosen.batch), data, chosen, adapter)
    fit = FitReward(recipe=made, held_out=chosen.held_out, held_out_people=0.0, curve=tuple(chosen.curve))
    return RewardReport.from_json(ran(fit, chosen.out / f"{data.stem}-{weights}".lower(), REWARD))


def implicit(data: Path, chosen: argparse.Namespace) -> Alignment:
    """DPO with all weights: its policy's log-ratio to the reference is a reward (Rafailov et al. 2023, equation 5)."""
    made = recipe(dpo(model=chosen.model, lr=WEIGHTS["full"][0], batch=chosen.batch), data, chosen)
    align = Align(recipe=made, held_out=chosen.held_out)
    return Alignment.from_json(ran(align, chosen.out / f"{data.stem}-dpo", ACCURACY))


def lines(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    table = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in table)


def row(data: str, weights: str, found: RewardReport) -> tuple[object, ...]:
    """A model's figures on the prompts held out."""
    first, sure = found.held_out[0], found.calibration
    heated = f"{found.tempered.after.ece:.2f}" if found.tempered else "-"
    return (
        data,
        weights,
        f"{found.learnt} / {first.comparisons}",
        first.accuracy,
        first.people or "unknown",
        first.longer,
        f"{sure.ece:.2f}, {heated}",
        f"{sure.brier:.3f}",
        f"{sure.nll:.3f}",
        f"{found.seconds:.0f} s",
    )


def point(at: CurvePoint) -> str:
    """A point of a learning curve."""
    return f"{at.judgements}: {at.accuracy} ({at.seconds:.0f} s)"


def tables(chosen: argparse.Namespace) -> str:
    """The figures, and the learning curves."""
    stores = {title: store(chosen, SETS[title]) for title in chosen.sets}
    found = {(title, w): explicit(w, data, chosen) for title, data in stores.items() for w in chosen.weights}
    head = ("data", "weights", "learnt from / compared", "accuracy", "people", "pick the longer", "ECE, tempered")
    figures = lines((*head, "Brier", "NLL", "learning"), [row(*name, report) for name, report in found.items()])
    curves = [(*name, "; ".join(map(point, report.curve))) for name, report in found.items()]
    drawn = [figures, lines(("data", "weights", "judgements: accuracy (learning)"), curves)]
    if chosen.implicit:
        learnt = {title: implicit(data, chosen) for title, data in stores.items()}
        rows = [(t, f"{a.learnt} / {a.comparisons}", a.agreements[0].after, a.longer) for t, a in learnt.items()]
        drawn.append(lines(("data", "learnt from / compared", "DPO's implicit reward", "pick the longer"), rows))
    return "\n\n".join(drawn)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="the folder of the four files")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--weights", nargs="+", choices=WEIGHTS, default=list(WEIGHTS))
    parser.add_argument("--rows", type=int, help="at most so many short rows of every file are read; all without it")
    parser.add_argument("--curve", nargs="*", type=int, default=[75, 150])
    parser.add_argument("--implicit", action="store_true", help="learn the same by DPO as well")
    parser.add_argument("--model", default=SMOLLM2)
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--held-out", type=float, default=0.3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/rewards"))
    return parser.parse_args(words)


if __name__ == "__main__":
    print(tables(arguments()))
