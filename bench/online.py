"""Methods that learn from their own answers, on the demo's task: what each gains on held-out prompts, and its price.

    python -m bench.online

The demo's first round collects the judgements and fits the reward model that pays all of them. Each method then starts
from the untouched model, in a process of its own, and learns from 32 answers a step. Gold is the people's true taste,
which nothing that learns has read; a method that is already measured under `--out` is not run again.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

from bench.turns import peak
from rich.console import Console

from prefloop.evaluation.held_out import Measured, difference, mean, measure_policy
from prefloop.feedback.taste import sentiment
from prefloop.loops.demo import TOKENS, demo
from prefloop.loops.networks import networks_of
from prefloop.loops.optimise import optimise
from prefloop.loops.run import run
from prefloop.loops.seeds import seed_of
from prefloop.models.load import load
from prefloop.prompts import load_prompts
from prefloop.recipe import Decoding, Model, Recipe
from prefloop.recipes import SMOLLM2, method
from prefloop.sampling.local import LocalGenerator
from prefloop.statistics import Interval
from prefloop.terminal import Shown

KNOBS: dict[str, dict[str, float]] = {
    "ppo": {"beta": 0.1},
    "rloo": {"beta": 0.1},
    "reinforce-plus-plus": {"beta": 0.1},
    "grpo": {"beta": 0.1},
    # and the greedy answer to each of the 16 prompts, from which nothing is learnt
    "remax": {"beta": 0.1, "k": 1, "batch": 16, "steps": 32, "lr": 2e-4},
    "raft": {},
    "superhf": {"beta": 0.1, "steps": 40},
    "online-dpo": {"k": 2, "batch": 16},
}
"""The methods, with what is not the same for all: where the common rate and steps teach little, those as well."""
HELD_OUT, K = 100, 4


def task(chosen: argparse.Namespace) -> Path:
    """The run folder of the demo's first round, with the reward model and what the untouched model answers.

    Its policy takes one step, which nothing here looks at.
    """
    folder: Path = chosen.out / "demo"
    if not (folder / "summary.json").is_file():
        whole = demo(method_name="rloo", seed=chosen.seed, rounds=1)
        short = replace(whole, policy=replace(whole.policy, steps=1))
        run(short, out=folder, resume=(folder / "recipe.yaml").is_file(), progress=Shown(Console(stderr=True)))
    return folder


def recipe(name: str, chosen: argparse.Namespace) -> Recipe:
    knobs = {"lr": chosen.lr, "steps": chosen.steps, "max_tokens": TOKENS, **KNOBS[name]}
    made = replace(method(name)(**knobs), seed=chosen.seed)
    paid_by = Model(source=str(chosen.out / "demo" / "reward"), head="score")
    return replace(made, models={**made.models, "reward": paid_by})


def one(name: str, chosen: argparse.Namespace) -> None:
    """Train and measure a method, and write its row down."""
    shown = Shown(Console(stderr=True))
    made, prompts = recipe(name, chosen), load_prompts(demo().prompts)
    networks = networks_of(made, say=shown.say)
    generator = LocalGenerator(networks["policy"])
    steps: list[dict[str, float]] = []
    worked = [time.process_time()]

    def on_step(step: int, metrics: dict[str, float], groups: object) -> None:
        worked.append(time.process_time())
        steps.append({**metrics, "worked": worked[-1] - worked[-2]})

    optimise(made, networks=networks, generator=generator, prompts=prompts.train, on_step=on_step, progress=shown)
    used = peak()
    untouched = networks.get("ref") or load(Model(source=SMOLLM2), name="ref")
    measured = measure_policy(
        generator,
        networks["policy"],
        untouched,
        prompts.held_out[:HELD_OUT],
        k=K,
        decoding=Decoding(max_tokens=TOKENS),
        gold=sentiment,
        seed=seed_of(chosen.seed, "measure"),
    )
    before = Measured.from_json(json.loads((chosen.out / "demo" / "state" / "0-measured.json").read_text()))
    assert before.gold is not None
    assert measured.gold is not None
    found: dict[str, Any] = {
        "after": asdict(mean(measured.gold, seed=chosen.seed)),
        "gain": asdict(difference(before.gold, measured.gold, seed=chosen.seed)),
        "kl": asdict(mean(measured.kl, seed=chosen.seed)),
        "seconds": median(s["seconds"] for s in steps),
        "worked": median(s["worked"] for s in steps),
        "learnt": median(s["tokens"] for s in steps),
        "sampled": median(s["tokens_sampled"] for s in steps),
        "peak": used,
    }
    found["steps"], found["lr"] = made.steps, made.optimiser.lr
    (chosen.out / f"{name}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")


def row(name: str, chosen: argparse.Namespace) -> str:
    file = chosen.out / f"{name}.json"
    if not file.is_file():
        subprocess.run([sys.executable, "-m", "bench.online", *sys.argv[1:], "--one", name], check=True)
    found = json.loads(file.read_text(encoding="utf-8"))
    after, gain, kl = (Interval(**found[cell]) for cell in ("after", "gain", "kl"))
    cells = (
        name,
        f"{found['steps']} at {found['lr']:g}",
        after,
        gain,
        kl,
        f"{found['seconds']:.1f}",
        f"{found['worked']:.1f}",
        f"{found['sampled']:.0f}",
        f"{found['learnt']:.0f}",
        f"{found['peak'] / 2**30:.1f}",
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def table(chosen: argparse.Namespace) -> str:
    before = Measured.from_json(json.loads((task(chosen) / "state" / "0-measured.json").read_text()))
    assert before.gold is not None
    head = (
        "method",
        "steps and rate",
        "gold after",
        "gain",
        "KL spent, nats an answer",
        "s a step",
        "core-s a step",
        "tokens drawn a step",
        "tokens learnt a step",
        "peak GiB",
    )
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += [row(name, chosen) for name in chosen.methods]
    return f"Gold of the untouched model: {mean(before.gold, seed=chosen.seed)}\n\n" + "\n".join(lines)


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=KNOBS, default=list(KNOBS))
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/online"))
    parser.add_argument("--one", choices=KNOBS, help=argparse.SUPPRESS)
    return parser.parse_args(words)


if __name__ == "__main__":
    asked = arguments()
    if asked.one:
        one(asked.one, asked)
    else:
        print(table(asked))
