"""How prefloop's step grows: seconds and peak memory, each row in a process of its own so that its peak is its own.

    python -m bench.growth

The step is one of full supervised fine-tuning in bf16, which every method contains; see bench/README.md.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import data
from bench.turns import peak

RESULTS = Path(__file__).parent / "results" / "growth.json"
STEPS = 4  # the first is not timed
SHAPES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2},
    "135M": {"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3},
    "360M": {"hidden_size": 960, "num_hidden_layers": 32, "num_attention_heads": 15, "num_key_value_heads": 5},
}
WIDER = {"tiny": 128, "135M": 1536, "360M": 2560}
USUAL = {"shape": "135M", "prompts": 8, "k": 1, "prompt": 64, "answer": 64}
TABLES: dict[str, list[dict[str, Any]]] = {
    # Always 4,096 tokens in a step, half of them answers.
    "length": [{"prompts": 4096 // n, "prompt": n // 2, "answer": n // 2} for n in (128, 256, 512, 1024, 2048, 4096)],
    # Sixteen answers of 64 tokens: the prompt of 160 is read once for each group.
    "responses": [{"prompts": 16 // k, "k": k, "prompt": 160} for k in (1, 2, 4, 8, 16)],
    # 256 tokens a prompt: from 16 prompts on a step takes several parts of 4,096 tokens.
    "batch": [{"prompts": n, "prompt": 128, "answer": 128} for n in (1, 2, 4, 8, 16, 32)],
    "model": [{"shape": shape} for shape in SHAPES],
    "vocabulary": [
        {"vocabulary": v, "trained": trained} for trained in (False, True) for v in (32_000, 49_152, 100_000, 150_000)
    ],
}


def make(shape: str, folder: Path) -> None:
    """A Llama of this shape with random weights and SmolLM2's vocabulary, in Hugging Face format."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    tokenizer = AutoTokenizer.from_pretrained(data.model(endless=False))
    config = LlamaConfig(
        **SHAPES[shape],
        intermediate_size=WIDER[shape],
        vocab_size=len(tokenizer),
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    network: Any = LlamaForCausalLM(config)
    network.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def steps(*, model: str, prompts: int, k: int, prompt: int, answer: int, shape: str) -> dict[str, Any]:
    """Seconds of a step and peak memory for so many prompts, answers to each, and tokens of both."""
    from prefloop.loops.networks import load_networks
    from prefloop.loops.optimise import optimise
    from prefloop.planning import plan
    from prefloop.recipes.sft import sft
    from prefloop.text import Group, Prompt, Response

    # Every answer is learnt from, not only the first.
    recipe = replace(sft(model=model, batch=prompts), select=(), steps=STEPS, epochs=None)
    networks = load_networks(recipe, plan(recipe))
    tokenizer = networks["policy"].tokenizer
    known = data.words(tokenizer)

    def group(i: int) -> Group:
        said = (data.text(tokenizer, known, answer - 1, i, j) for j in range(k))  # the end token is one more
        return Group(
            prompt=Prompt(text=data.text(tokenizer, known, prompt, i)), responses=tuple(Response(text=t) for t in said)
        )

    seconds: list[float] = []

    def on_step(step: int, metrics: dict[str, float], groups: Sequence[Group]) -> None:
        seconds.append(metrics["seconds"])

    optimise(recipe, networks=networks, judged=[group(i) for i in range(prompts)], on_step=on_step)
    return {"seconds": seconds[1:], "peak": peak()}


def logprobs(*, vocabulary: int, trained: bool, tokens: int = 4096, width: int = 576) -> dict[str, Any]:
    """Memory above what was there before, while log-probabilities and their gradient are worked out.

    With a head that is `trained`, its own gradient is among it. The allocator is set up as in every run.
    """
    import torch

    from prefloop.models.allocator import keep_memory
    from prefloop.models.logprobs import token_logprobs

    keep_memory()
    hidden = torch.randn(tokens, width, dtype=torch.bfloat16, requires_grad=True)
    weight = (torch.randn(vocabulary, width, dtype=torch.bfloat16) / width).requires_grad_(trained)
    target = torch.randint(vocabulary, (tokens,))
    # The libraries' own buffers, and the compiler, which starts at a formula's first large tensors.
    token_logprobs(hidden[:128], weight[:999], None, target[:128] % 999)[0].sum().backward()
    before = _reset_peak()
    logp, _ = token_logprobs(hidden, weight, None, target)
    logp.sum().backward()
    return {"above": peak() - before}


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is in RAM now
    return peak()


def measured(row: dict[str, Any]) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.growth", "--row", json.dumps(row)]
    said = subprocess.check_output(command, cwd=Path(__file__).parent.parent, text=True, stderr=subprocess.DEVNULL)
    return dict(json.loads(said.splitlines()[-1]))


def printed(row: dict[str, Any], found: dict[str, Any]) -> str:
    name = ", ".join(f"{k} {v}" for k, v in row.items())
    if "above" in found:
        return f"{name:40} {found['above'] / 2**20:6.0f} MiB"
    s = found["seconds"]
    return f"{name:40} {statistics.median(s):7.2f} s ({min(s):.2f}-{max(s):.2f})  {found['peak'] / 2**30:6.2f} GiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=TABLES, help="one table, beside those measured before")
    parser.add_argument("--row", type=json.loads, help=argparse.SUPPRESS)  # what a row's own process is asked
    asked = parser.parse_args()
    if asked.row is not None:
        print(json.dumps(logprobs(**asked.row) if "vocabulary" in asked.row else steps(**asked.row)))
        return
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as home:
        for name, rows in TABLES.items():
            if asked.only not in (None, name):
                continue
            print(f"\n{name}")
            results[name] = []
            for row in rows:
                full = dict(row) if name == "vocabulary" else {**USUAL, **row}
                if "shape" in full:
                    folder = Path(home) / full["shape"]
                    if not folder.is_dir():
                        make(full["shape"], folder)
                    full["model"] = str(folder)
                found = measured(full)
                full.pop("model", None)
                results[name].append({**full, **found})
                print(printed(row, found), flush=True)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
