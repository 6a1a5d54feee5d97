"""TRL's PPO: `python -m bench.peers.trl_ppo ppo MODEL STEPS best|default`; it takes models and token ids, not names."""

import sys
import tempfile
from typing import Any

import torch
from bench import data
from bench.peers.trl_trainers import LR, Blocking
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl.experimental.ppo import PPOConfig, PPOTrainer

BATCH = 16


def settings(steps: int, against: str) -> dict[str, Any]:
    """One pass over one batch a step, as PPO of prefloop has it unless told otherwise."""
    told: dict[str, Any] = {
        "output_dir": tempfile.mkdtemp(),
        "use_cpu": True,
        "total_episodes": BATCH * steps,
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
        "per_device_train_batch_size": BATCH,
        "num_ppo_epochs": 1,
        "num_sample_generations": 0,
        "response_length": data.NEW,
        "temperature": 1.0,
        "kl_coef": 0.05,
    }
    return told | ({"bf16": False, "gradient_checkpointing": False} if against == "best" else {})


def main(task: str, model: str, steps: int, against: str) -> None:
    callback = Blocking(data.tokens(task))
    tokenizer = AutoTokenizer.from_pretrained(model, padding_side="left")
    dtype = torch.bfloat16 if against == "best" else torch.float32
    policy, reference = (AutoModelForCausalLM.from_pretrained(model, dtype=dtype) for _ in range(2))
    critic, reward = (
        AutoModelForSequenceClassification.from_pretrained(model, num_labels=1, dtype=dtype) for _ in range(2)
    )
    prompts = [
        tokenizer.apply_chat_template(c, add_generation_prompt=True, return_dict=False)
        for c in data.chats(tokenizer, BATCH * steps)
    ]
    trainer = PPOTrainer(
        args=PPOConfig(**settings(steps, against)),
        processing_class=tokenizer,
        model=policy,
        ref_model=reference,
        reward_model=reward,
        value_model=critic,
        train_dataset=Dataset.from_list([{"input_ids": ids} for ids in prompts]),
        eval_dataset=Dataset.from_list([{"input_ids": ids} for ids in prompts[:BATCH]]),  # it is read at the start only
        callbacks=[callback],
    )
    trainer.train()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
