"""The sampler in this process: the trained model's own weights, so it can never be stale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..models.decoder import Decoder, Forward
from ..models.encode import continuation, encode
from ..models.prepacked import linear as packed_linear
from ..recipe import Decoding
from ..text import Finish, Group, Prompt, Response
from .cache import Decode, Prefill
from .draw import draw
from .generator import Begun, end_tokens, settings_of


class LocalGenerator:
    """Samples from a `Decoder`: prompts prefilled once per group, finished responses dropped from the batch."""

    def __init__(self, decoder: Decoder, *, width: int = 64) -> None:
        """`width` responses are decoded side by side."""
        self.decoder, self.width = decoder, width
        self._ends = end_tokens(decoder)

    @torch.no_grad()
    def sample(
        self,
        prompts: Sequence[Prompt],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Generator.sample`. Every response has its own stream of random numbers, whatever the batch."""
        nothing: tuple[int, ...] = ()
        return self.go_on([(p, nothing) for p in prompts], k=k, decoding=decoding, seed=seed, progress=progress)

    @torch.no_grad()
    def go_on(
        self,
        begun: Sequence[Begun],
        *,
        k: int,
        decoding: Decoding,
        seed: int,
        progress: Callable[[int], None] | None = None,
    ) -> list[Group]:
        """See `Continuing.go_on`; `decoding.max_tokens` are those that are drawn."""
        encoded = [(encode(p, self.decoder.tokenizer), first) for p, first in begun]
        lengths = [len(ids) + len(first) for ids, first in encoded]
        self.decoder.must_fit(max(lengths, default=0) + decoding.max_tokens)
        at_once = max(1, self.width // k)
        # Prompts of like length side by side: less of the cache is empty.
        order = sorted(range(len(begun)), key=lambda i: lengths[i])
        groups: dict[int, Group] = {}
        for start in range(0, len(order), at_once):
            some = order[start : start + at_once]
            uniform = torch.stack([_uniform(seed, i, j, decoding.max_tokens) for i in some for j in range(k)])
            answers = self._decode([encoded[i] for i in some], k, decoding, uniform)
            for n, i in enumerate(some):
                responses = tuple(answers[n * k : (n + 1) * k])
                groups[i] = Group(prompt=begun[i][0], prompt_ids=encoded[i][0], responses=responses)
                if progress is not None:
                    progress(sum(sum(r.mask) for r in responses))
        return [groups[i] for i in range(len(begun))]

    def _decode(
        self,
        encoded: Sequence[tuple[tuple[int, ...], tuple[int, ...]]],
        k: int,
        decoding: Decoding,
        uniform: Tensor,
    ) -> list[Response]:
        device = self.decoder.device
        trunks = [torch.tensor([*ids, *first]) for ids, first in encoded]
        lengths = torch.tensor([len(t) for t in trunks])
        prefill = Prefill(trunks)
        hidden = self.decoder.hidden(torch.cat(trunks).to(device), prefill.packed.positions.to(device), prefill)
        hidden = hidden[(lengths.cumsum(0) - 1).to(device)].repeat_interleave(k, 0)
        cache = Decode(prefill, lengths, k, decoding.max_tokens)
        drawn = [_Drawn.after(ids, first) for ids, first in encoded for _ in range(k)]
        with self.decoder.decoding(len(drawn)) as forward:
            self._continue(forward, drawn, hidden, cache, decoding, uniform)
        settings = settings_of(decoding)
        return [
            Response(
                text=d.text if d.finish == "stop" else self._text(d),
                ids=tuple(d.ids),
                mask=(0,) * d.begun + (1,) * (len(d.ids) - d.begun),
                logp=tuple(d.logp),
                finish=d.finish,
                model_version=self.decoder.version,
                sampling=settings,
            )
            for d in drawn
        ]

    def _continue(
        self,
        forward: Forward,
        drawn: Sequence[_Drawn],
        hidden: Tensor,
        cache: Decode,
        decoding: Decoding,
        uniform: Tensor,
    ) -> None:
        """Draw token after token from the last hidden states (B d) of the prompts until every response has ended."""
        device = hidden.device
        head = packed_linear(*self.decoder.head_weights(), len(drawn))
        running = torch.arange(len(drawn))
        for step in range(decoding.max_tokens):
            token, logp = draw(head(hidden), decoding, uniform[running, step].to(device))
            going = torch.tensor(
                [
                    self._goes_on(drawn[i], t, p, decoding)
                    for i, t, p in zip(running.tolist(), token.tolist(), logp.tolist(), strict=True)
                ]
            )
            if step == decoding.max_tokens - 1 or not bool(going.any()):
                break
            cache.keep(going.to(device))
            running, token = running[going], token[going.to(device)]
            hidden = forward(token, cache.position.to(device), cache)
            cache.advance()

    def _goes_on(self, drawn: _Drawn, token: int, logp: float, decoding: Decoding) -> bool:
        """Take one token in; False when it ends the response."""
        drawn.ids.append(token)
        drawn.logp.append(logp)
        if token in self._ends:
            drawn.finish = "end"
            return False
        if decoding.stop:
            text = self._text(drawn)
            said = len(continuation(drawn.prompt, drawn.ids[: drawn.begun], self.decoder.tokenizer))
            at = min((i for i in (text.find(s, said) for s in decoding.stop) if i >= 0), default=-1)
            if at >= 0:
                drawn.text, drawn.finish = text[:at], "stop"
                return False
        return True

    def _text(self, drawn: _Drawn) -> str:
        return continuation(drawn.prompt, [i for i in drawn.ids if i not in self._ends], self.decoder.tokenizer)


@dataclass(slots=True)
class _Drawn:
    """A response while it is being drawn; the first `begun` tokens of it are somebody else's."""

    prompt: tuple[int, ...]
    begun: int = 0
    ids: list[int] = field(default_factory=list)
    logp: list[float] = field(default_factory=list)
    finish: Finish = "length"
    text: str = ""

    @classmethod
    def after(cls, prompt: tuple[int, ...], first: tuple[int, ...]) -> _Drawn:
        """One of which the first tokens are there; nobody drew them, and their log-probability is put down as 0."""
        return cls(prompt=prompt, begun=len(first), ids=list(first), logp=[0.0] * len(first))


def _uniform(seed: int, prompt: int, response: int, steps: int) -> Tensor:
    """The random numbers of one response: a function of the seed and its place, not of the batch it ran in."""
    return torch.from_numpy(np.random.default_rng([seed, prompt, response]).random(steps))
