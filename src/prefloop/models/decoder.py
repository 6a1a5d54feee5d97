"""A decoder and its named outputs: the packed forward that serves every method.

Heads by name, each a stock transformers class, so that every checkpoint loads without prefloop:

    lm           AutoModelForCausalLM                 logp, entropy          (P K T)
    value        AutoModelForTokenClassification      value, before a token  (P K T)
    token_score  AutoModelForTokenClassification      token_score, after it  (P K T)
    score        AutoModelForSequenceClassification   score                  (P K)
                                                      scores, with channels  (P K D)
                                                      features, read by it   (P K D)
                                                      views of them, two     (P K 2 D)
                                                      states, after a token  (P K T D)

A value head may have several critics, one label each: the value is their soft minimum, and the config says how soft it
is (`prefloop_softness`). A language model that is trained may have a second head, a linear layer of our own beside the
stock model: degree_logits (P K D), at the last token of a response. A reward model with channels also gives directions
(P D H), what they read it by, and overlap (P D D), the cosines of those; and where a gate lies beside it gate (P D), at
the end of the prompt.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..batch import Batch
from ..errors import ModelError
from ..ops import final, present, soft_min
from ..recipe_models import GIVEN_BY_HEAD, OF_CHANNELS, Head
from .attention import Packed, Tree
from .beside import Gate
from .lean import Lean, fits
from .logprobs import token_logprobs
from .places import Comparison, Places, compared
from .prepacked import prepacked
from .trial import set_up
from .views import seen_twice

Forward = Callable[[Tensor, Tensor, Tree], Tensor]
"""Hidden states (N d) of token ids (N) at positions (N) in a tree."""


class Decoder:
    """A transformers decoder with one head, computing its outputs for a whole batch in one packed row.

    `version` names the weights: it changes with every optimiser step, and every response records it.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        *,
        head: Head = "lm",
        name: str = "model",
        degree_head: nn.Linear | None = None,
        gate: Gate | None = None,
    ) -> None:
        """Wrap a loaded transformers (or peft) model, with the small heads beside it where it has any."""
        self.model, self.tokenizer, self.head, self.name = model, tokenizer, head, name
        self.degree_head, self.gate = degree_head, gate
        self.version = f"{name}@0"
        stock = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._stock = stock
        self._trunk = getattr(stock, stock.base_model_prefix)
        self.context = int(getattr(stock.config.get_text_config(), "max_position_embeddings", 0)) or None
        # What is read after an answer before its score is taken; kept in the checkpoint's config.
        said = getattr(stock.config, "prefloop_ending", "") if head == "score" else ""
        self.softness = getattr(stock.config, "prefloop_softness", None) if head == "value" else None
        self.channels: tuple[str, ...] = tuple(getattr(stock.config, "prefloop_channels", ()))
        self.ending = tuple(tokenizer(said, add_special_tokens=False)["input_ids"]) if said else ()
        model.eval()  # no dropout: the sampler and the trainer must agree on every log-probability
        set_up(self)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return torch.device(next(self.model.parameters()).device)

    @property
    def base(self) -> Any:
        """The stock transformers model under any adapter."""
        return self._stock

    def digest(self) -> str:
        """A hash of all that this model's numbers depend on: its configuration, its weights and its adapter's."""
        heads = {"degree_head": self.degree_head, "gate": self.gate}
        beside = {f"{h}.{n}": w for h, head in heads.items() if head for n, w in head.state_dict().items()}
        return _digest(self._stock.config, {**self.model.state_dict(), **beside})

    def trunk_digest(self) -> str:
        """A hash of all that the hidden states depend on: as `digest`, without heads and what is said of them."""
        return _digest(self._stock.config, self._trunk.state_dict(), without=_OF_HEADS)

    def row(self, channel: int) -> list[float]:
        """The weights that one channel is read with."""
        found: list[float] = self._directions()[channel].tolist()
        return found

    def new_head(self) -> list[nn.Parameter]:
        """The weights of a head that did not come with the pretrained model."""
        return self._beside() if self.head == "lm" or self.gate else list(self._score_layer().parameters())

    def _beside(self) -> list[nn.Parameter]:
        return [p for head in (self.degree_head, self.gate) if head for p in head.parameters()]

    def parameters(self) -> list[nn.Parameter]:
        """The weights that are trained."""
        return [p for p in self.model.parameters() if p.requires_grad] + self._beside()

    def hidden(self, ids: Tensor, positions: Tensor, tree: Tree) -> Tensor:
        """Final hidden states (N d) of one packed row of tokens."""
        out = self._trunk(
            input_ids=ids[None], position_ids=positions[None], attention_mask=None, use_cache=False, tree=tree
        )
        hidden: Tensor = out.last_hidden_state[0]
        return hidden

    @contextlib.contextmanager
    def decoding(self, rows: int) -> Iterator[Forward]:
        """The fastest way to the hidden states of some `rows` tokens at a time, while the weights stay as they are."""
        if fits(self._trunk):
            yield Lean(self._trunk, rows)
        else:
            with prepacked(self._trunk, rows):
                yield self.hidden

    def head_weights(self) -> tuple[Tensor, Tensor | None]:
        """Weight (V d) and bias of the language-model head."""
        head = self._stock.get_output_embeddings()
        return head.weight, getattr(head, "bias", None)

    def must_fit(self, tokens: int) -> None:
        """Refuse a prompt with its response that is longer than the model reads."""
        if self.context and tokens > self.context:
            raise ModelError(
                f"a prompt with its response takes {tokens} tokens and {self.name} reads at most {self.context}: "
                "shorten the prompts or sample fewer tokens."
            )

    def places(self, batch: Batch) -> Places:
        """The places before the chosen tokens of the batch, in the order of its mask."""
        _, tree, chosen, hidden = self._read(batch.alone() if batch.asked else batch)
        return self._places(hidden[tree.before[chosen]])

    def _places(self, hidden: Tensor) -> Places:
        weight, bias = self.head_weights()
        return Places(hidden=hidden, weight=weight, bias=bias)

    def _read(self, batch: Batch) -> tuple[Tensor, Packed, Tensor, Tensor]:
        """The batch as one packed row of ids, its tree, which of its tokens were chosen, and the hidden states."""
        tree = Packed(batch.trunks, batch.lengths, batch.same())
        self.must_fit(int(tree.positions.max()) + 1)
        ids = tree.pack(batch.trunks, batch["ids"].cpu()).to(self.device)
        chosen = batch["mask"].cpu().flatten(0, 1)[:, : tree.slot.shape[1]].bool() & tree.exists
        hidden = self.hidden(ids, tree.positions.to(self.device), tree.to(self.device))
        return ids, tree, chosen.to(self.device), hidden

    def outputs(
        self,
        batch: Batch,
        want: Collection[str],
        *,
        temperature: float = 1.0,
        compare: Sequence[Comparison] = (),
    ) -> dict[str, Tensor]:
        """The named outputs of this model's head for every response of the batch; 0 where the mask is 0.

        Log-probabilities and entropies are those of the distribution at `temperature`, and so is what the comparisons
        are shown.
        """
        self._must_give(want)
        if batch.asked:
            return self._apart(batch, want, temperature=temperature, compare=compare)
        longest = batch["ids"].shape[-1]
        ids, tree, chosen, hidden = self._read(batch)
        # Tokens of a response that several rows share are read once.
        slots, back = torch.unique(tree.slot[chosen], return_inverse=True)
        before = torch.empty_like(slots).scatter_(0, back, tree.before[chosen])

        def spread(values: Tensor) -> Tensor:
            """Values of the chosen tokens, back on P K T."""
            full = values.new_zeros(chosen.shape[0], longest, *values.shape[1:])
            full[:, : chosen.shape[1]][chosen] = values
            return full.view(*batch["mask"].shape, *values.shape[1:])

        def at_ends(read: Callable[[Tensor], Tensor]) -> Tensor:
            """What is read at the last token of every response, on P K; 0 for a missing one."""
            lengths = batch.lengths.flatten().to(self.device)
            there = lengths > 0
            ends = tree.slot.gather(1, (lengths - 1).clamp(min=0)[:, None]).squeeze(1)
            values = read(hidden[ends[there]])
            full = values.new_zeros(len(there), *values.shape[1:])
            full[there] = values
            return full.view(*batch.lengths.shape, *values.shape[1:])

        if self.head == "lm":
            found = {}
            if compare:
                every = self._places(hidden[tree.before[chosen]])
                found = {c.gives: spread(compared(c, every, temperature=temperature)) for c in compare}
            if self.degree_head and "degree_logits" in want:
                found["degree_logits"] = _whole(at_ends(self.degree_head))
            if set(want) - {"degree_logits"}:
                own = token_logprobs(hidden[before], *self.head_weights(), ids[slots], temperature=temperature)
                found |= {n: spread(v[back]) for n, v in zip(("logp", "entropy"), own, strict=True) if n in want}
            return found
        if self.head == "score" and self.channels:
            named: dict[str, Callable[[], Tensor]] = {
                "scores": lambda: at_ends(self._scores) - self._price_of(batch),
                "features": lambda: at_ends(_whole),
                "views": lambda: seen_twice(at_ends(_whole), batch, at=self.version),
                "directions": lambda: self._directions().expand(len(batch), -1, -1),
                "overlap": lambda: self._overlap().expand(len(batch), -1, -1),
                "gate": lambda: self._gated(hidden[tree.stems.to(self.device)]),
            }
            return {name: named[name]() for name in want}
        if self.head == "score":
            plain: dict[str, Callable[[], Tensor]] = {
                "score": lambda: at_ends(self._scores),
                "features": lambda: at_ends(_whole),
                "views": lambda: seen_twice(at_ends(_whole), batch, at=self.version),
                "states": lambda: spread(_whole(hidden[slots])[back]),
            }
            return {name: plain[name]() for name in want}
        at = before if self.head == "value" else slots
        return {self.head: spread(self._scores(hidden[at])[back])}

    def _must_give(self, want: Collection[str]) -> None:
        """Refuse outputs that another head gives."""
        given = OF_CHANNELS if self.channels else GIVEN_BY_HEAD[self.head]
        beside = {"degree_logits": self.degree_head, "gate": self.gate}
        foreign = set(want) - {*given, *(name for name, head in beside.items() if head)}
        if foreign:
            raise ModelError(f"{self.name} has the head `{self.head}` and cannot give {', '.join(sorted(foreign))}.")

    def _apart(self, batch: Batch, want: Collection[str], **how: Any) -> dict[str, Tensor]:
        """`outputs` of responses that do not all answer the prompt of their row: each is read after its own."""
        if "gate" in want:
            raise ModelError(
                f"{self.name} weighs its channels by the prompt, and answers to different prompts are compared: take a "
                "model without a gate, or leave comparisons of prompts out of the data."
            )
        found = self.outputs(batch.alone(), want, **how)
        shape = batch.lengths.shape
        # what says nothing of a response is the same in every row
        return {
            n: t[: len(batch)] if n in ("overlap", "directions") else t.view(*shape, *t.shape[2:])
            for n, t in found.items()
        }

    def _scores(self, hidden: Tensor) -> Tensor:
        scores = _whole(self._score_layer()(hidden))
        if self.channels:
            return scores
        return scores.squeeze(-1) if self.softness is None else soft_min(scores, softness=self.softness)

    def _gated(self, hidden: Tensor) -> Tensor:
        if self.gate is None:
            raise ModelError(f"{self.name} has no gate.")
        weights: Tensor = self.gate(hidden)
        return _whole(weights)

    def _directions(self) -> Tensor:
        weight = self._score_layer().get_parameter("weight")  # under adapters that of the copy that learns
        return _whole(weight)

    def _overlap(self) -> Tensor:
        read = normalize(self._directions(), dim=-1)
        return read @ read.T

    def _price_of(self, batch: Batch) -> Tensor:
        """What each channel is to lose of every response for its length (P K D), as the checkpoint says."""
        prices = getattr(self._stock.config, "prefloop_length_prices", None) or [0.0] * len(self.channels)
        lengths = (final(batch["mask"]) + 1) * present(batch["mask"])
        return (lengths[..., None] * torch.tensor(prices)).to(self.device)

    def _score_layer(self) -> nn.Module:
        layer = getattr(self._stock, "score", None) or getattr(self._stock, "classifier", None)
        if not isinstance(layer, nn.Module):
            raise ModelError(
                f"{type(self._stock).__name__} has no `score` or `classifier` layer to read a number from."
            )
        return layer


def _whole(x: Tensor) -> Tensor:
    """At least in fp32, as losses want it."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


_OF_HEADS = ("prefloop_", "id2label", "label2id", "num_labels", "problem_type", "architectures", "pad_token_id")
"""What the names of a config's entries begin with that no hidden state depends on."""


def _digest(config: Any, weights: Mapping[str, Tensor], *, without: tuple[str, ...] = ()) -> str:
    said = config.to_diff_dict().items()
    settings = {name: value for name, value in said if name != "_name_or_path" and not name.startswith(without)}
    found = hashlib.sha256(repr(sorted(settings.items())).encode())
    for name, tensor in weights.items():
        found.update(repr((name, tensor.dtype, tuple(tensor.shape))).encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()[:32]


class WithoutAdapter:
    """The base model under a LoRA policy: its reference, at no memory."""

    def __init__(self, decoder: Decoder) -> None:
        """The policy whose adapter is turned off while this one speaks."""
        self.decoder, self.name, self.tokenizer = decoder, f"{decoder.name}-base", decoder.tokenizer
        self.version = f"{self.name}@0"

    def digest(self) -> str:
        """See `Decoder.digest`: that of the base model by itself, however its adapter has been trained."""
        weights = self.decoder.base.state_dict()
        base = {name.replace(".base_layer.", "."): w for name, w in weights.items() if ".lora_" not in name}
        return _digest(self.decoder.base.config, base)

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Decoder.outputs`."""
        with self.decoder.model.disable_adapter():
            return self.decoder.outputs(batch, want, temperature=temperature)

    def places(self, batch: Batch) -> Places:
        """See `Decoder.places`."""
        with self.decoder.model.disable_adapter():
            return self.decoder.places(batch)
