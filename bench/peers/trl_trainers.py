"""TRL's side: `python -m bench.peers.trl_trainers TASK MODEL STEPS best|default`, by its own trainers and columns."""

import importlib
import sys
import tempfile
from typing import Any

from bench import data
from bench.turns import Turns
from datasets import Dataset
from transformers import AutoTokenizer, TrainerCallback

LR = 1e-6
TRAINERS = {
    "dpo": "trl:DPO",
    "lora-dpo": "trl:DPO",
    "reward": "trl:Reward",
    "sft": "trl:SFT",
    "kto": "trl:KTO",
    "grpo": "trl:GRPO",
    "rloo": "trl:RLOO",
    "online-dpo": "trl.experimental.online_dpo:OnlineDPO",
}
ONLINE = ("grpo", "rloo", "online-dpo")


def reward(completions: list[Any], completion_ids: list[list[int]], **_: Any) -> list[float]:
    if any(len(ids) != data.NEW for ids in completion_ids):
        raise ValueError(f"TRL sampled answers of {[len(ids) for ids in completion_ids]} tokens, not {data.NEW}")
    texts = [c if isinstance(c, str) else c[0]["content"] for c in completions]
    return [t.count("e") / (1 + len(t)) for t in texts]


class Blocking(TrainerCallback):
    """Waits for its turn at the end of every step."""

    def __init__(self, tokens: int) -> None:
        self.turns, self.tokens = Turns(), tokens

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.turns.ended(self.tokens)


def rows(task: str, tokenizer: Any, steps: int) -> list[dict[str, Any]]:
    """The data in the columns TRL asks for."""
    if task in ONLINE:
        return [{"prompt": c} for c in data.chats(tokenizer, steps * (8 if task == "online-dpo" else 4))]
    pairs = data.pairs(tokenizer, steps)
    if task == "sft":
        return [{"prompt": p.prompt, "completion": p.chosen} for p in pairs]
    if task == "kto":
        thumbs = [(p.prompt, text, up) for p in pairs for text, up in ((p.chosen, True), (p.rejected, False))]
        return [{"prompt": p, "completion": c, "label": up} for p, c, up in thumbs]
    return [p._asdict() for p in pairs]


def settings(task: str, steps: int, against: str) -> dict[str, Any]:
    """What the trainer is told; "default" leaves precision, checkpointing and the reference's cache as TRL has them."""
    told: dict[str, Any] = {
        "output_dir": tempfile.mkdtemp(),
        "use_cpu": True,  # its default, bf16 autocast, is refused on a CPU that was not asked for
        "max_steps": steps,
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "per_device_train_batch_size": {"kto": 8, "grpo": 16, "rloo": 16, "online-dpo": 8}.get(task, 4),
    }
    if task in ("grpo", "rloo"):
        told |= {"num_generations": 4, "max_completion_length": data.NEW, "beta": 0.05, "temperature": 1.0}
    elif task == "online-dpo":
        told |= {"max_new_tokens": data.NEW, "temperature": 1.0, "beta": 0.1}
    else:
        told |= {"train_sampling_strategy": "sequential"}  # every step the same lengths
    if against == "best":
        told |= {
            "bf16": False,  # no autocast: the weights are bf16 already
            "gradient_checkpointing": False,
            "model_init_kwargs": {"dtype": "bfloat16"},
            "logging_strategy": "no",
        }
        if task in ("dpo", "lora-dpo", "kto"):
            told |= {"precompute_ref_log_probs": True}
    return told


def main(task: str, model: str, steps: int, against: str) -> None:
    callback = Blocking(data.tokens(task))
    module, name = TRAINERS[task].split(":")
    trl = importlib.import_module(module)
    tokenizer = AutoTokenizer.from_pretrained(model)
    more: dict[str, Any] = {}
    if task == "lora-dpo":
        from peft import LoraConfig

        more["peft_config"] = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    if task in ONLINE:
        more["reward_funcs"] = reward
    trainer = getattr(trl, f"{name}Trainer")(
        model=model,
        args=getattr(trl, f"{name}Config")(**settings(task, steps, against)),
        train_dataset=Dataset.from_list(rows(task, tokenizer, steps)),
        processing_class=tokenizer,
        callbacks=[callback],
        **more,
    )
    trainer.train()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
