"""GRPO and RLOO of TRL 1.16.0 on recorded rollouts: `python -m bench.parity.trl_groups DRAWN OUT`.

Each trainer scores one batch and takes its loss, all by its own code. What it is given instead of models: the answers
where it would generate, the log-probabilities where it would ask a model, the rewards as a reward function's.
"""

import importlib.metadata
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
import trl
from bench.parity.record import network, tokenizer
from bench.parity.record_online import K, read, write
from datasets import Dataset
from torch import Tensor
from transformers import AutoModelForCausalLM
from trl.rewards import get_soft_overlong_punishment

LONGEST, MARGIN = 8, 4  # tokens; the longest answer has 6
# TRL weighs each token's KL by its ratio unless it is told not to.
KL: dict[str, Any] = {"beta": 0.05, "use_bias_correction_kl": False}
WHOLE: dict[str, Any] = {"loss_type": "grpo", "importance_sampling_level": "sequence"}
GRPO: dict[str, dict[str, Any]] = {
    "grpo": {"loss_type": "grpo", **KL},
    "grpo.batch": {"loss_type": "grpo", "scale_rewards": "batch", **KL},
    "grpo.weighed_kl": {"loss_type": "grpo", "beta": 0.05},
    "bnpo": {"loss_type": "bnpo", **KL},
    "dr_grpo": {"loss_type": "dr_grpo", "scale_rewards": "none"},
    "dr_grpo.kl": {"loss_type": "dr_grpo", "scale_rewards": "none", **KL},
    "dapo": {"loss_type": "dapo", "epsilon_high": 0.28},
    "gspo": {"epsilon": 3e-4, "epsilon_high": 4e-4, **WHOLE},
    "gspo.kl": {"epsilon": 0.1, "epsilon_high": 0.15, **WHOLE, **KL},
    "cispo": {"loss_type": "cispo", "epsilon_high": 5.0},
    "cispo.kl": {"loss_type": "cispo", "epsilon_high": 1.2, **KL},
}
RLOO: dict[str, dict[str, Any]] = {"rloo": {"beta": 0.05}, "rloo.on_policy": {"beta": 0.05}}


def trainer(name: str, folder: str, reward: Tensor, told: dict[str, Any]) -> Any:
    """A trainer as a user makes it, of one batch; with two passes over it, since in one it needs no old_logp."""
    config = getattr(trl, f"{name}Config")(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        per_device_train_batch_size=len(reward),
        num_generations=K,
        num_iterations=2,
        max_completion_length=LONGEST,
        **told,
    )
    made = getattr(trl, f"{name}Trainer")(
        model=AutoModelForCausalLM.from_pretrained(folder),
        args=config,
        reward_funcs=lambda **_: reward.tolist(),
        train_dataset=Dataset.from_list([{"prompt": "3"}] * len(reward)),
        processing_class=tokenizer(),
    )
    made.model.train()
    made.current_gradient_accumulation_steps = 1  # `train` sets it
    return made


def learnt(made: Any, drawn: dict[str, Tensor], holes: bool) -> dict[str, Tensor]:
    """The trainer's advantages, its loss, and the gradient of that with respect to each token's log-probability."""
    logp = drawn["logp"].clone().requires_grad_()
    lengths = drawn["length"].tolist()
    ids = [[4] * n for n in lengths]
    generated: tuple[Any, ...] = ([[3]] * len(ids), ids, ["4"] * len(ids))
    if holes:
        kept = [row[:n] for row, n in zip(drawn["mask"].tolist(), lengths, strict=True)]
        generated = (*generated[:2], kept, generated[2], None, {}, None, None)
    made._generate = lambda prompts: generated

    def said(model: Any, *_: Any, **__: Any) -> tuple[Tensor, Tensor, None]:
        asked = logp if torch.is_grad_enabled() else drawn["ref_logp" if model is made.ref_model else "old_logp"]
        return asked, torch.zeros_like(asked), None

    made._get_per_token_logps_and_entropies = said
    batch = made._generate_and_score_completions([{"prompt": "3"}] * len(ids))
    loss = made.compute_loss(made.model, batch)
    loss.backward()
    return {"advantage": batch["advantages"], "loss": loss, "logp": logp.grad}


def main(drawn: Path, out: Path) -> None:
    given, _ = read(drawn)
    found: dict[str, Tensor] = {}
    with tempfile.TemporaryDirectory() as folder:
        network(0).save_pretrained(folder)
        for kind, cases in (("GRPO", GRPO), ("RLOO", RLOO)):
            for name, told in cases.items():
                rollouts = {**given, "logp": given["old_logp"]} if name == "rloo.on_policy" else given
                said = learnt(trainer(kind, folder, given["reward"], told), rollouts, holes=kind == "GRPO")
                found |= {f"{name}/{n}": t for n, t in said.items()}
                print(f"{name:24} {said['loss'].item():.6f}")
    overlong = get_soft_overlong_punishment(LONGEST, MARGIN)
    found["overlong"] = torch.tensor(overlong(completion_ids=[[4] * n for n in given["length"].tolist()]))
    about = {"longest": LONGEST, "margin": MARGIN, "told": GRPO | RLOO, "trl": importlib.metadata.version("trl")}
    write(found, about, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
