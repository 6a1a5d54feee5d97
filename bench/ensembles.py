"""What an ensemble of reward models costs beside one model: peak memory, and the seconds of a forward.

    python -m bench.ensembles --rounds 3

A process for each of: one model with one head, four heads on one trunk, one LoRA adapter, four of them on one model,
and two whole models. Each loads SmolLM2-135M, or `--model`, reads the same pairs of answers so often without a
gradient, and says its own peak memory (`VmHWM`) and the median of its seconds of all cores together, which other work
on the machine hardly changes. A row is printed, and stored in `bench/results/ensembles.json`, once it is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.turns import peak

RESULTS = Path(__file__).parent / "results" / "ensembles.json"
KINDS = ("one model", "4 heads", "1 LoRA adapter", "4 LoRA adapters", "2 whole models")
PAIRS, WORDS = 8, "the old harbour lay quiet under a low grey sky and nobody came "


def models(kind: str, source: str) -> tuple[Any, ...]:
    """The reward models of a kind, ready to score, with heads of chance."""
    import torch

    from prefloop.models.load import load
    from prefloop.recipe import Lora, Model
    from prefloop.scoring.model import MEMBER

    channels = tuple(f"{MEMBER} {n}" for n in range(4)) if kind.startswith("4") else ()
    lora = Lora(rank=8, alpha=16, members=max(1, len(channels))) if "LoRA" in kind else None
    declared = Model(
        source=source, head="score", channels=channels, adapter=lora, start="random", train=lora is not None
    )
    torch.manual_seed(0)
    found = tuple(load(declared, name=f"reward {n}") for n in range(2 if kind == "2 whole models" else 1))
    for model in found:
        model.model.requires_grad_(False)
    return found


def measured(kind: str, source: str, rounds: int) -> dict[str, Any]:
    """Peak memory before and after reading, and the seconds of each forward but the first."""
    import torch

    from prefloop.batch import assemble
    from prefloop.models.encode import for_model
    from prefloop.text import Group, Prompt, Response

    networks = models(kind, source)
    loaded = peak()
    groups = [
        Group(prompt=Prompt(text=WORDS * 4), responses=tuple(Response(text=f" {WORDS * k}{p}") for k in (2, 4)))
        for p in range(PAIRS)
    ]
    first = networks[0]
    batch = assemble([for_model(g, first.tokenizer, ending=first.ending) for g in groups])
    name = "scores" if first.channels else "score"
    seconds = []
    for _ in range(rounds + 1):
        began = time.process_time()
        with torch.no_grad():
            for network in networks:
                network.outputs(batch, {name})
        seconds.append(time.process_time() - began)
    return {"loaded": loaded, "peak": peak(), "seconds": seconds[1:]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a folder; without it SmolLM2-135M-Instruct")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.kind:
        print(json.dumps(measured(asked.kind, asked.model, asked.rounds)))
        return
    from prefloop.recipes import SMOLLM2

    found: dict[str, dict[str, Any]] = {}
    facts = {"asked": {"model": asked.model, "rounds": asked.rounds}, "load before": round(os.getloadavg()[0], 1)}
    print(f"{'':16} {'peak MiB':>9} {'of one':>7} {'seconds':>8} {'of one':>7}", flush=True)
    for kind in KINDS:
        options = ["--kind", kind, "--model", asked.model or SMOLLM2, "--rounds", str(asked.rounds)]
        said = subprocess.check_output([sys.executable, "-m", "bench.ensembles", *options], text=True)
        found[kind] = one = json.loads(said.splitlines()[-1])
        alone, seconds = found["one model"], statistics.median(one["seconds"])
        slower = seconds / statistics.median(alone["seconds"])
        mib, more = one["peak"] / 2**20, one["peak"] / alone["peak"]
        print(f"{kind:16} {mib:9.0f} {more:7.2f} {seconds:8.2f} {slower:7.2f}", flush=True)
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({**facts, "found": found}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
