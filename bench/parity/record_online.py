"""TRL's advantages and losses on recorded rollouts, by its own trainers: `python -m bench.parity.record_online`.

Draws rollouts, has GRPO and RLOO of TRL 1.16.0 (`trl_groups`) and PPO of TRL 1.12.0 (`trl_ppo`) learn from them, each
in an environment of its own, and writes all of it to tests/parity/trl_online.safetensors.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from bench.compare import ROOT, environment
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

OUT = ROOT / "tests" / "parity" / "trl_online.safetensors"
PARTS = {"bench.parity.trl_groups": "1.16.0", "bench.parity.trl_ppo": "1.12.0"}
K, LENGTHS = 4, (6, 2, 4, 1, 3, 6, 5, 2, 4, 5, 6, 3)  # three prompts with four answers each
OTHERS = ((0, 2), (6, 0), (6, 1), (10, 4))  # tokens of others within an answer
FAR = (2, 1)  # a token that has become seven times as likely


def rollouts() -> dict[str, Tensor]:
    """What the models say of every token, and what every answer is paid; answers are padded to the longest."""
    source = torch.Generator().manual_seed(0)
    shape = (len(LENGTHS), max(LENGTHS))

    def noise(size: float) -> Tensor:
        return size * torch.randn(shape, generator=source)

    old_logp = -2 * torch.rand(shape, generator=source) - 0.3
    logp, ref_logp, old_value = old_logp + noise(0.3), old_logp + noise(0.3), noise(0.8)
    logp[FAR] = old_logp[FAR] + 2.0
    reward = torch.randn(shape[0], generator=source)
    reward[-K:] = 0.5  # answers to one prompt that are all paid alike
    length = torch.tensor(LENGTHS)
    mask = (torch.arange(shape[1]) < length[:, None]).long()
    mask[tuple(zip(*OTHERS, strict=True))] = 0
    value = old_value + noise(0.3)
    found = {"logp": logp, "old_logp": old_logp, "ref_logp": ref_logp, "value": value, "old_value": old_value}
    return {**found, "reward": reward, "length": length, "mask": mask}


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    with safe_open(path, framework="pt") as file:
        about = json.loads((file.metadata() or {}).get("about", "{}"))
        return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118


def write(found: dict[str, Tensor], about: dict[str, Any], path: Path) -> None:
    save_file({n: t.detach().clone() for n, t in found.items()}, path, metadata={"about": json.dumps(about)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--groups", type=Path, help="an environment with trl==1.16.0 that is there already: its python")
    parser.add_argument("--ppo", type=Path, help="one with trl==1.12.0")
    asked = parser.parse_args()
    given = {"bench.parity.trl_groups": asked.groups, "bench.parity.trl_ppo": asked.ppo}
    about: dict[str, Any] = {"k": K}
    found = rollouts()
    with tempfile.TemporaryDirectory() as folder:
        drawn, part = Path(folder) / "drawn", Path(folder) / "part"
        write(found, about, drawn)
        for module, trl in PARTS.items():
            python = given[module] or environment(trl)
            subprocess.run([python, "-m", module, drawn, part], cwd=ROOT, check=True)
            more, said = read(part)
            found, about = {**found, **more}, {**about, module.rpartition(".")[2]: said}
    write(found, about, OUT)
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
