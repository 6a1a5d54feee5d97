"""TRL's losses on a tiny model, by its own trainers: `python -m bench.parity.record`, where trl==1.16.0 is installed.

Writes tests/parity/trl.safetensors: the weights of a policy and of a reference, a batch, and for every loss its value,
the norm of the gradient of each weight, and the gradients of two weights in full.
"""

import importlib
import importlib.metadata
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from datasets import Dataset
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor

OUT = Path(__file__).parents[2] / "tests" / "parity" / "trl.safetensors"
IN_FULL = ("model.layers.0.self_attn.q_proj.weight", "model.norm.weight")
SHAPE: dict[str, Any] = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "tie_word_embeddings": False,
}
PROMPTS, CHOSEN, REJECTED = (3, 5, 2, 4), (4, 2, 6, 3), (2, 5, 3, 3)  # tokens
LIKED = (True, False, True, False)

# By TRL's own names: what the trainer's config is told. `label_smoothing` and the rest only where the loss reads it.
DPO: dict[str, dict[str, Any]] = {
    "sigmoid": {},
    "hinge": {},
    "ipo": {},
    "exo_pair": {"label_smoothing": 0.1},
    "nca_pair": {},
    "robust": {"label_smoothing": 0.1},
    "bco_pair": {},
    "sppo_hard": {},
    "aot": {"label_smoothing": 0.1},
    "aot_unpaired": {"label_smoothing": 0.1},
    "apo_zero": {},
    "apo_down": {},
    "discopop": {"discopop_tau": 0.5},
    "sft": {},
    "sigmoid_norm": {},
}
KTO: dict[str, dict[str, Any]] = {
    "kto": {"desirable_weight": 1.2, "undesirable_weight": 0.8},
    "apo_zero_unpaired": {"desirable_weight": 1.2, "undesirable_weight": 0.8},
}
CPO: dict[str, dict[str, Any]] = {
    "sigmoid": {"cpo_alpha": 0.7},
    "hinge": {"cpo_alpha": 0.7},
    "ipo": {"cpo_alpha": 0.7},
    "simpo": {"cpo_alpha": 0.0, "simpo_gamma": 0.2},
    "alphapo": {"cpo_alpha": 0.0, "alpha": 0.3, "simpo_gamma": 0.2},
}
BETA = 0.3


def network(seed: int, start: dict[str, Tensor] | None = None) -> Any:
    """A Llama with random weights everywhere, or with some noise on those of another."""
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**SHAPE, "attn_implementation": "eager"}))
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(
                torch.randn(p.shape) * 0.3 + p.mean() if start is None else start[name] + 0.05 * torch.randn(p.shape)
            )
    return model


def tokenizer() -> Any:
    """One that knows a word for each number; the trainers want one, the batch has its tokens already."""
    inner = Tokenizer(models.WordLevel({str(i): i for i in range(SHAPE["vocab_size"])}, unk_token="0"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="0", eos_token="1", pad_token="2", unk_token="0"
    )


def some(source: torch.Generator, lengths: tuple[int, ...]) -> list[list[int]]:
    return [torch.randint(3, SHAPE["vocab_size"], (n,), generator=source).tolist() for n in lengths]


def trainer(where: str, policy: Any, ref: Any, rows: list[dict[str, Any]], **told: Any) -> Any:
    """A trainer of TRL as a user makes it."""
    module, name = where.split(":")
    trl = importlib.import_module(module)
    config = getattr(trl, f"{name}Config")(
        output_dir=tempfile.mkdtemp(),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        report_to="none",
        per_device_train_batch_size=len(rows),
        beta=BETA,
        **told,
    )
    made = getattr(trl, f"{name}Trainer")(
        model=policy,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=tokenizer(),
        **({"ref_model": ref} if ref is not None else {}),
    )
    made.model.train()  # there is no dropout; as in a step of training
    return made


def padded(rows: list[list[int]], value: int) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True, padding_value=value)


def as_cpo_reads(prompts: list[list[int]], chosen: list[list[int]], rejected: list[list[int]]) -> dict[str, Tensor]:
    """The batch that the collator of CPO and ORPO makes."""
    found = {}
    for key, answers in (("chosen", chosen), ("rejected", rejected)):
        whole = [p + a for p, a in zip(prompts, answers, strict=True)]
        found[f"{key}_input_ids"] = padded(whole, 2)
        found[f"{key}_attention_mask"] = padded([[1] * len(w) for w in whole], 0)
        labels = [[-100] * len(p) + a for p, a in zip(prompts, answers, strict=True)]
        found[f"{key}_labels"] = padded(labels, -100)
    return found


def losses(
    weights: dict[str, dict[str, Tensor]], data: list[list[list[int]]]
) -> Iterator[tuple[str, dict[str, Any], Any, Any]]:
    """Every loss by name, what TRL was told, its value, and the model that has its gradient."""
    prompts, chosen, rejected = data
    words = [{"prompt": "3", "chosen": "4", "rejected": "5"}] * len(prompts)

    def networks() -> tuple[Any, Any]:
        policy, ref = network(0), network(0)
        policy.load_state_dict(weights["policy"])
        ref.load_state_dict(weights["ref"])
        return policy, ref

    pairs = [
        {"prompt_ids": p, "chosen_ids": c, "rejected_ids": r} for p, c, r in zip(prompts, chosen, rejected, strict=True)
    ]
    for kind, told in DPO.items():
        made = trainer("trl:DPO", *networks(), words, loss_type=[kind], **told)
        yield f"dpo.{kind}", told, made.compute_loss(made.model, made.data_collator(pairs)), made.model

    answers = [c if up else r for c, r, up in zip(chosen, rejected, LIKED, strict=True)]
    singles = [
        {"prompt_ids": p, "completion_ids": a, "KL_completion_ids": answers[i - 1], "label": up}
        for i, (p, a, up) in enumerate(zip(prompts, answers, LIKED, strict=True))
    ]
    thumbs = [{"prompt": "3", "completion": "4", "label": up} for up in LIKED]
    for kind, told in KTO.items():
        made = trainer("trl:KTO", *networks(), thumbs, loss_type=kind, **told)
        yield f"kto.{kind}", told, made.compute_loss(made.model, made.data_collator(singles)), made.model

    batch = as_cpo_reads(prompts, chosen, rejected)
    for kind, told in CPO.items():
        made = trainer("trl.experimental.cpo:CPO", networks()[0], None, words, loss_type=kind, **told)
        yield f"cpo.{kind}", told, made.get_batch_loss_metrics(made.model, batch)[0], made.model
    made = trainer("trl.experimental.orpo:ORPO", networks()[0], None, words)
    yield "orpo", {}, made.get_batch_loss_metrics(made.model, batch)[0], made.model


def main() -> None:
    policy = network(1)
    weights = {"policy": policy.state_dict(), "ref": network(2, start=policy.state_dict()).state_dict()}
    source = torch.Generator().manual_seed(0)
    data = [some(source, lengths) for lengths in (PROMPTS, CHOSEN, REJECTED)]
    found = {f"{role}.{name}": w.clone() for role, named in weights.items() for name, w in named.items()}
    knobs = {}
    for name, told, loss, model in losses(weights, data):
        loss.backward()
        slopes = {n: p.grad for n, p in model.named_parameters()}
        found[f"{name}/loss"] = loss.detach()
        found[f"{name}/norms"] = torch.stack([slopes[n].norm() for n in sorted(slopes)])
        found |= {f"{name}/{n}": slopes[n].clone() for n in IN_FULL}
        knobs[name] = told
        print(f"{name:24} {float(loss):.6f}")
    versions = {n: importlib.metadata.version(n) for n in ("trl", "transformers", "torch")}
    about = {"shape": SHAPE, "data": data, "liked": LIKED, "beta": BETA, "knobs": knobs, "versions": versions}
    OUT.parent.mkdir(exist_ok=True)
    save_file(found, OUT, metadata={"about": json.dumps(about)})
    print(OUT, OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
