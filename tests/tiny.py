"""Language models small enough to be made on the fly: every architecture the tests speak of, and their tokenizer."""

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from prefloop.batch import Batch

START, END, UNKNOWN = "<|start|>", "<|end|>", "<|unknown|>"
TEMPLATE = (
    "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
TEXT = "The old harbour lay quiet in the rain, and the boats that had gone out in the morning were not yet back."
VOCABULARY = 300

COMMON = {"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
SHAPE = {
    **COMMON,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
GPT2 = {**COMMON, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
WIDE = {**SHAPE, "head_dim": 16}
EVERY_OTHER = {
    **WIDE,
    "num_hidden_layers": 3,
    "sliding_window": 6,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}

CONFIGS = {
    "llama": lambda: transformers.LlamaConfig(**SHAPE, tie_word_embeddings=False),
    "llama-tied": lambda: transformers.LlamaConfig(**SHAPE, tie_word_embeddings=True),
    "qwen2": lambda: transformers.Qwen2Config(**SHAPE),
    "qwen3": lambda: transformers.Qwen3Config(**WIDE),
    "gemma": lambda: transformers.GemmaConfig(**{**WIDE, "num_key_value_heads": 1}),
    "gpt2": lambda: transformers.GPT2Config(**GPT2),
    "mistral": lambda: transformers.MistralConfig(**SHAPE, sliding_window=6),
    "gemma2": lambda: transformers.Gemma2Config(**EVERY_OTHER),
    "gemma3": lambda: transformers.Gemma3TextConfig(**EVERY_OTHER),
    "granite": lambda: transformers.GraniteConfig(**SHAPE, logits_scaling=4.0),
    "cohere": lambda: transformers.CohereConfig(**SHAPE, logit_scale=0.25),
    "gpt-oss": lambda: transformers.GptOssConfig(**WIDE, num_local_experts=2, num_experts_per_tok=1),
    "mamba": lambda: transformers.MambaConfig(**COMMON, hidden_size=32, num_hidden_layers=2, state_size=4),
}
HEADS = {
    "lm": transformers.AutoModelForCausalLM,
    "score": transformers.AutoModelForSequenceClassification,
    "value": transformers.AutoModelForTokenClassification,
    "token_score": transformers.AutoModelForTokenClassification,
}


def tokenizer():
    """Bytes and a few merges; the end token is also the padding, as in SmolLM2."""
    inner = Tokenizer(models.BPE(unk_token=UNKNOWN))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[START, END, UNKNOWN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    inner.train_from_iterator([TEXT] * 4, trainer)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        unk_token=UNKNOWN,
        chat_template=TEMPLATE,
    )


class Norm(torch.nn.Module):
    """The same normalisation without transformers' detour through fp32, for tests in fp64."""

    def __init__(self, stock):
        super().__init__()
        self.weight, self.eps = stock.weight, getattr(stock, "eps", 1e-6)
        self.shift = float(type(stock).__name__.startswith("Gemma"))

    def forward(self, x):
        return x * (x.square().mean(-1, keepdim=True) + self.eps).rsqrt() * (self.weight + self.shift)


def network(kind, *, head="lm", dtype=torch.float32, seed=0, spread=0.1, labels=1):
    """A stock transformers model with random weights everywhere, biases and norms included."""
    torch.manual_seed(seed)
    config = CONFIGS[kind]()
    if head != "lm":
        config.num_labels = labels
    # transformers' eager attention takes its softmax in fp32
    plain = "sdpa" if dtype == torch.float64 else "eager"
    model = HEADS[head].from_config(config, attn_implementation=plain).to(dtype).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape).to(dtype) * spread)
    if dtype == torch.float64:
        for name, module in list(model.named_modules()):
            if type(module).__name__.endswith("RMSNorm"):
                model.set_submodule(name, Norm(module))
    return model


def batch(trunks, lengths, *, seed=0, holes=True):
    """Random token ids for prompts and responses of these lengths; every third token a hole."""
    source = torch.Generator().manual_seed(seed)

    def some(*shape):
        return torch.randint(3, VOCABULARY, shape, generator=source)

    lengths = torch.tensor(lengths)
    t = max(int(lengths.max()), 1)
    exists = torch.arange(t) < lengths[..., None]
    ids = torch.where(exists, some(*lengths.shape, t), 0)
    mask = exists & (torch.arange(t) % 3 != 1) if holes else exists
    return Batch(trunks=tuple(some(n) for n in trunks), lengths=lengths, tensors={"ids": ids, "mask": mask.long()})


def sequences(batch):
    """Every response that is there as (p, k, prompt length, ids of prompt and response)."""
    for p, trunk in enumerate(batch.trunks):
        for k, n in enumerate(batch.lengths[p].tolist()):
            if n:
                yield p, k, len(trunk), torch.cat([trunk, batch["ids"][p, k, :n]])
