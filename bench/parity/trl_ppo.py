"""PPO of TRL 1.12.0 on recorded rollouts: `python -m bench.parity.trl_ppo DRAWN OUT`.

TRL's loop is one function, `PPOTrainer.train`. It runs here as it is, for one step on one batch. Only what asks a model
is replaced, in the module where the loop looks it up: answers, values and scores are the recorded ones, and so is each
token's log-probability, as the one logit there is. What the loop made of them is read from its own local variables, at
the moment it hands its loss to `accelerator.backward`.
"""

import importlib.metadata
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from bench.parity.record import SHAPE, network, tokenizer
from bench.parity.record_online import read, write
from datasets import Dataset
from torch import Tensor
from torch.nn.functional import pad
from trl.experimental.ppo import PPOConfig, PPOTrainer, ppo_trainer

PADDING, END, FIRST = 2, 1, 3  # token ids; answer i is to the prompt FIRST + i
PPO: dict[str, dict[str, Any]] = {
    "ppo": {},
    "ppo.cut": {},  # every answer as long as can be
    "ppo.discounted": {"gamma": 0.9, "lam": 0.8},
    "ppo.whitened": {"whiten_rewards": True},
}


def trainer(rows: int, longest: int, told: dict[str, Any]) -> Any:
    config = PPOConfig(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        per_device_train_batch_size=rows,
        total_episodes=rows,
        num_ppo_epochs=1,
        num_sample_generations=0,
        response_length=longest,
        stop_token_id=END,
        temperature=1 - 1e-7,  # it adds 1e-7
        kl_coef=0.05,
        vf_coef=0.5,
        **told,
    )
    prompts = Dataset.from_list([{"input_ids": [FIRST + i]} for i in range(rows)])
    shape = transformers.LlamaConfig(**{**SHAPE, "num_labels": 1, "pad_token_id": PADDING})
    scored: list[Any] = [transformers.LlamaForSequenceClassification(shape) for _ in range(2)]
    return PPOTrainer(
        args=config,
        processing_class=tokenizer(),
        model=network(0),
        ref_model=network(0),
        reward_model=scored[0],
        value_model=scored[1],
        train_dataset=prompts,
        eval_dataset=prompts,  # it is read at the start only
    )


def answers(length: Tensor, longest: int) -> Tensor:
    """Token ids that end where the recorded answers do; what is sampled after the end is for TRL to cut off."""
    ids = torch.full((len(length), longest), FIRST)
    ended = length < longest
    ids[ended, length[ended] - 1] = END
    return ids


def learnt(drawn: dict[str, Tensor], told: dict[str, Any]) -> dict[str, Tensor]:
    transformers.set_seed(0)  # it shuffles, by numpy too
    logp, value = (drawn[n].clone().requires_grad_() for n in ("logp", "value"))
    rows, longest = logp.shape
    made, ids = trainer(rows, longest, told), answers(drawn["length"], longest)
    seen: dict[str, Tensor] = {}

    def of(queries: Tensor, what: Tensor) -> Tensor:
        return what[queries[:, 0] - FIRST]

    def generated(_: Any, queries: Tensor, *__: Any) -> tuple[Tensor, Tensor]:
        return torch.cat((queries, of(queries, ids)), 1), of(queries, drawn["old_logp"])[..., None]

    def forward(model: Any, queries: Tensor, _: int) -> Any:
        if model is made.ref_model:
            return SimpleNamespace(logits=pad(of(queries, drawn["ref_logp"])[..., None], (0, 0, 0, 1)))
        said, worth = (pad(of(queries, x)[..., None], (0, 0, 0, 1)) for x in (logp, value))
        return SimpleNamespace(logits=said), worth

    def scored(_: Any, queries: Tensor, *__: Any) -> tuple[Tensor, Tensor, None]:
        return pad(of(queries, drawn["old_value"])[..., None], (0, 0, 0, 1)), of(queries, drawn["reward"]), None

    whiten, backward = ppo_trainer.masked_whiten, made.accelerator.backward

    def whitened(values: Tensor, *rest: Any, **more: Any) -> Tensor:
        seen["advantage"] = values  # the last it is asked for in a step
        return torch.as_tensor(whiten(values, *rest, **more))

    def ended(loss: Tensor) -> None:
        its = sys._getframe(1).f_locals
        seen.update({"token_reward": its["rewards"], "returns": its["returns"], "whitened": its["advantages"]})
        order = (its["queries"][:, 0] - FIRST).argsort()  # its loader shuffles
        seen.update({n: t[order] for n, t in seen.items()})
        seen.update({"loss": loss, "policy_loss": its["pg_loss"], "value_loss": its["vf_loss"]})
        backward(loss)

    replaced = {
        "batch_generation": generated,
        "forward": forward,
        "get_reward": scored,
        "selective_log_softmax": lambda logits, _: logits[..., 0],
        "masked_whiten": whitened,
    }
    before = {n: getattr(ppo_trainer, n) for n in replaced}
    made.accelerator.backward = ended
    try:
        for name, stand_in in replaced.items():
            setattr(ppo_trainer, name, stand_in)
        made.train()
    finally:
        for name, own in before.items():
            setattr(ppo_trainer, name, own)
    assert logp.grad is not None
    assert value.grad is not None
    return {**seen, "logp": logp.grad, "value": value.grad}


def main(drawn: Path, out: Path) -> None:
    given, _ = read(drawn)
    found: dict[str, Tensor] = {}
    for name, told in PPO.items():
        whole = torch.full_like(given["length"], given["logp"].shape[1])
        rollouts = {**given, "length": whole} if name == "ppo.cut" else given
        said = learnt(rollouts, told)
        found |= {f"{name}/{n}": t for n, t in said.items()}
        print(f"{name:24} {said['loss'].item():.6f}")
    write(found, {"told": PPO, "trl": importlib.metadata.version("trl")}, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
