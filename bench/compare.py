"""Prefloop against TRL in one run: the same model, data and environment, one step each in turns.

    python -m bench.compare --task dpo

See bench/README.md.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TASKS = ("dpo", "lora-dpo", "reward", "sft", "kto", "grpo", "rloo", "online-dpo", "ppo")
ENDLESS = ("grpo", "rloo", "online-dpo", "ppo")
# glibc hands freed tensors back to the system, which clears every page anew; prefloop tells it to keep them, and here
# TRL's is told as well.
KEEP = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1), "MALLOC_TOP_PAD_": str(64 * 2**20)}


def environment(trl: str) -> Path:
    """The Python that both sides run in: this checkout beside one version of TRL, made once."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prefloop" / "bench" / f"trl-{trl}"
    python = home / "bin" / "python"
    if not (home / "made").is_file():
        print(f"making {home}, once", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        wanted = ["-c", "constraints.txt", "-e", ".[demo]", f"trl=={trl}"]
        subprocess.run([python, "-m", "pip", "install", "-q", *wanted], cwd=ROOT, check=True)
        (home / "made").touch()
    return python


class Side:
    """One library in a process of its own, which works only while `step` waits for it."""

    def __init__(self, name: str, command: list[str], more: dict[str, str]) -> None:
        handle, log = tempfile.mkstemp(suffix=".log")
        self.name, self.log = name, Path(log)
        began = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **more},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=handle,
            text=True,
        )
        os.close(handle)
        self.said = [self._hear()]
        self.first = time.perf_counter() - began

    def step(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended, and `_hear` says why
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.said.append(self._hear())

    def _hear(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.communicate()
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise SystemExit(f"{self.name} ended early ({self.log}):\n{tail}")
        return dict(json.loads(line))

    def close(self) -> None:
        self.process.communicate()  # closes its input, on which it ends
        self.log.unlink()

    def result(self, rounds: int) -> dict[str, Any]:
        seconds = [said["seconds"] for said in self.said[-rounds:]]
        return {
            "tokens_per_second": self.said[-1]["tokens"] / statistics.median(seconds),
            "seconds": seconds,
            "peak_bytes": self.said[-1]["peak"],
            "first_step_seconds": self.first,
        }


def ratios(ours: list[float], theirs: list[float]) -> dict[str, float]:
    """How many times our seconds the peer needed, round by round.

    >>> ratios([1.0, 2.0, 1.0], [2.0, 6.0, 1.0])
    {'median': 2.0, 'least': 1.0, 'most': 3.0}
    """
    each = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {"median": statistics.median(each), "least": min(each), "most": max(each)}


def table(sides: dict[str, dict[str, Any]]) -> str:
    lines = [f"{'':24} {'tokens/s':>9} {'s a step, median (range)':>26} {'peak RSS':>10} {'first step after':>17}"]
    for name, side in sides.items():
        s = side["seconds"]
        step = f"{statistics.median(s):.2f} ({min(s):.2f}-{max(s):.2f})"
        lines.append(
            f"{name:24} {side['tokens_per_second']:9.0f} {step:>26} {side['peak_bytes'] / 2**30:6.2f} GiB"
            f" {side['first_step_seconds']:15.1f} s"
        )
    return "\n".join(lines)


def machine(python: Path) -> dict[str, Any]:
    """What the figures were measured on."""
    facts: dict[str, Any] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    flags = facts["flags"].split()
    code = "import json,torch,transformers,trl;print(json.dumps([m.__version__ for m in (torch,transformers,trl)]))"
    versions = json.loads(subprocess.check_output([python, "-c", code], stderr=subprocess.DEVNULL))
    return {
        "cpu": facts["model name"],
        "cores": os.cpu_count(),
        "flags": [f for f in ("amx_bf16", "avx512_bf16", "avx512f") if f in flags],
        **dict(zip(("torch", "transformers", "trl"), versions, strict=True)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS, required=True)
    parser.add_argument("--rounds", type=int, default=8, help="steps that are timed on each side")
    parser.add_argument("--warmup", type=int, default=2, help="steps before them")
    parser.add_argument("--against", choices=("best", "default"), default="best", help="how TRL is set up")
    parser.add_argument("--python", type=Path, help="an environment that is there already")
    asked = parser.parse_args()
    python = asked.python or environment("1.12.0" if asked.task == "ppo" else "1.16.0")
    find = f"from bench import data; print(data.model(endless={asked.task in ENDLESS}))"
    model = subprocess.check_output([python, "-c", find], cwd=ROOT, text=True).split("\n")[-2]

    work = [asked.task, model, str(asked.warmup + asked.rounds)]
    peer = "bench.peers.trl_ppo" if asked.task == "ppo" else "bench.peers.trl_trainers"
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    facts = machine(python)
    # What the reference said in an earlier run is on disk by default; here every run works it out.
    fresh = tempfile.TemporaryDirectory()
    ours = Side("prefloop", [str(python), "-m", "bench.ours", *work], {**quiet, "PREFLOOP_CACHE": fresh.name})
    if asked.against == "best":
        quiet |= KEEP
    sides = (
        ours,
        Side(f"trl {facts['trl']} ({asked.against})", [str(python), "-m", peer, *work, asked.against], quiet),
    )
    for _ in range(asked.warmup + asked.rounds - 1):
        for side in sides:
            side.step()
    for side in sides:
        side.close()
    fresh.cleanup()
    found = {side.name: side.result(asked.rounds) for side in sides}
    ratio = ratios(*(side["seconds"] for side in found.values()))
    name = asked.task + ("" if asked.against == "best" else f"-{asked.against}")
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    saved = {"task": name, "warmup": asked.warmup, "sides": found, "ratio": ratio, "machine": facts}
    (results / f"{name}.json").write_text(json.dumps(saved, indent=2) + "\n")
    print(table(found))
    print(f"ratio {ratio['median']:.2f} ({ratio['least']:.2f}-{ratio['most']:.2f})")


if __name__ == "__main__":
    main()
