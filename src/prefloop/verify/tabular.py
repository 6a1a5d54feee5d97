"""A language model small enough to enumerate: four tokens, answers of three, one table row for every prefix.

All 64 answers and their probabilities can be written down, so what a method reaches can be compared with what it should
reach, without any sampling error. A prompt's one token id says which of the model's tables it is answered from.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Sequence
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from ..batch import Batch
from ..models.places import Comparison, Places, compared
from ..ops import soft_min
from ..recipe import Decoding
from ..sampling.draw import draw
from ..sampling.generator import Begun
from ..text import Group, Prompt, Response

TOKENS, LENGTH = 4, 3
PREFIXES = sum(TOKENS**n for n in range(LENGTH))
ANSWERS = torch.tensor(list(itertools.product(range(TOKENS), repeat=LENGTH)))
"""Every answer (64 3), in the order of their text."""


def prompt_rows(batch: Batch) -> Tensor:
    """The table of each prompt (P 1 1), or of each response's own (P K 1): its last token."""
    trunks = [trunk for row in batch.asked for trunk in row] or batch.trunks
    ends = torch.tensor([trunk.numel() for trunk in trunks]).cumsum(0) - 1
    return torch.cat([*trunks])[ends].view(len(batch), -1, 1)


def prefix_rows(ids: Tensor) -> Tensor:
    """The table row of the prefix before each token: shorter prefixes first, then in the order of their text.

    >>> prefix_rows(torch.tensor([0, 2, 1])).tolist()
    [0, 1, 7]
    """
    rows = [torch.zeros_like(ids[..., 0])]
    for t in range(LENGTH - 1):
        # The children of row n are TOKENS n + 1 to TOKENS n + TOKENS, as in a heap.
        rows.append(TOKENS * rows[-1] + 1 + ids[..., t])
    return torch.stack(rows, -1)


def answer_rows(ids: Tensor) -> Tensor:
    """The place of each answer in `ANSWERS`.

    >>> answer_rows(torch.tensor([[0, 0, 1], [1, 2, 0]])).tolist()
    [1, 24]
    """
    return (ids * torch.tensor([TOKENS**n for n in reversed(range(LENGTH))])).sum(-1)


def text_of(ids: Sequence[int]) -> str:
    """An answer as digits.

    >>> text_of((0, 1, 2))
    '012'
    """
    return "".join(map(str, ids))


class Tabular(nn.Module):
    """A table of numbers with one row for every prompt, as a network of the learner."""

    def __init__(self, start: Tensor) -> None:
        """`start` (prompts ...) is copied: what the table holds before anything is learnt."""
        super().__init__()
        self.version = "tabular@0"
        self.table = nn.Parameter(start.detach().to(torch.float64).clone())


class Policy(Tabular):
    """Logits (prompts 21 4): the next token after every prefix."""

    def outputs(
        self,
        batch: Batch,
        want: Collection[str],
        *,
        temperature: float = 1.0,
        compare: Sequence[Comparison] = (),
    ) -> dict[str, Tensor]:
        """See `Network.outputs`: `logp` and `entropy`."""
        ids, every = batch["ids"], (self.table / temperature).log_softmax(-1)
        at = (prompt_rows(batch), prefix_rows(ids))
        given = {"logp": every[(*at, ids)], "entropy": -(every.exp() * every).sum(-1)[at]}
        found = {name: given[name] for name in want}
        chosen = batch["mask"].bool()
        for comparison in compare:
            values = compared(comparison, self.places(batch), temperature=temperature)
            found[comparison.gives] = torch.zeros(chosen.shape, dtype=values.dtype).masked_scatter(chosen, values)
        return found

    def places(self, batch: Batch) -> Places:
        """See `Speaker.places`: the rows are logits already, which a head of ones passes on."""
        rows = self.table[prompt_rows(batch), prefix_rows(batch["ids"])][batch["mask"].bool()]
        return Places(hidden=rows, weight=torch.eye(TOKENS, dtype=rows.dtype))

    def log_answers(self) -> Tensor:
        """The log-probability of every answer to every prompt (prompts 64), differentiable."""
        steps = self.table.log_softmax(-1)[:, prefix_rows(ANSWERS), ANSWERS]
        return steps.sum(-1)


class Telling(Policy):
    """A policy that has a second table, logits (prompts 64 degrees): what every answer is taken to lack."""

    def __init__(self, start: Tensor, degrees: int) -> None:
        """The policy of these logits, to which every degree is as likely."""
        super().__init__(start)
        self.degrees = nn.Parameter(torch.zeros(len(start), len(ANSWERS), degrees, dtype=self.table.dtype))

    def outputs(
        self,
        batch: Batch,
        want: Collection[str],
        *,
        temperature: float = 1.0,
        compare: Sequence[Comparison] = (),
    ) -> dict[str, Tensor]:
        """See `Network.outputs`: `degree_logits` as well."""
        others = [name for name in want if name != "degree_logits"]
        told = self.degrees[prompt_rows(batch)[..., 0], answer_rows(batch["ids"])]
        found = super().outputs(batch, others, temperature=temperature, compare=compare)
        return {**found, "degree_logits": told} if "degree_logits" in want else found


class Critic(Tabular):
    """Values (prompts 21): what is to come after every prefix."""

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `value`, before each token."""
        return {"value": self.table[prompt_rows(batch), prefix_rows(batch["ids"])]}


class Critics(Tabular):
    """Values (prompts 21 critics), read as their soft minimum."""

    def __init__(self, start: Tensor, softness: float) -> None:
        """The critics of this table."""
        super().__init__(start)
        self.softness = softness

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `value`, before each token."""
        every = self.table[prompt_rows(batch), prefix_rows(batch["ids"])]
        return {"value": soft_min(every, softness=self.softness)}


class RewardModel(Tabular):
    """Scores (prompts 64), or of several channels (prompts 64 D): one for every answer."""

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `score`, or `scores` with channels; of what they say of all answers, also `diversity`,
        and their `overlap`.
        """
        found = {name: self.table[prompt_rows(batch)[..., 0], answer_rows(batch["ids"])] for name in want}
        if "diversity" in want:
            said = self.table[0] - self.table[0].mean(0)
            found["diversity"] = torch.linalg.matrix_norm(said, ord="nuc").expand(len(batch))
        if "overlap" in want:
            read = normalize(self.table.flatten(0, 1), dim=0)
            found["overlap"] = (read.T @ read).expand(len(batch), -1, -1)
        return found


class Hidden(RewardModel):
    """Scores (prompts 64), and tables of what a model would read them from, of 8 numbers each.

    `features` (prompts 64 8) are those of whole answers, and `states` (prompts 21 4 8) those after each token. Scores
    do not depend on them: what a loss makes of the one leaves the other alone.
    """

    def __init__(self, start: Tensor, features: Tensor, states: Tensor) -> None:
        """The scores, features and states of these tables."""
        super().__init__(start)
        self.features, self.states = nn.Parameter(features.clone()), nn.Parameter(states.clone())

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `score`, `views`, which are one and the same, and `states`."""
        at, ids = prompt_rows(batch), batch["ids"]
        read: dict[str, Callable[[], Tensor]] = {
            "score": lambda: self.table[at[..., 0], answer_rows(ids)],
            "views": lambda: self.features[at[..., 0], answer_rows(ids)].unsqueeze(2).expand(-1, -1, 2, -1),
            "states": lambda: self.states[at, prefix_rows(ids), ids],
        }
        return {name: read[name]() for name in want}


class Prototyped(Hidden):
    """Hidden states as those, and beside the score prototypes that channels read the features by (prompts D 8).

    The first of them stands for the reward's, which is read by none here.
    """

    def __init__(self, start: Tensor, features: Tensor, states: Tensor, directions: Tensor) -> None:
        """The scores, features, states and directions of these tables."""
        super().__init__(start, features, states)
        self.directions = nn.Parameter(directions.clone())

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `scores`, `views` and `directions`."""
        at, answers = prompt_rows(batch)[..., 0], answer_rows(batch["ids"])
        beside = torch.einsum("pkh,pdh->pkd", self.features[at, answers], self.directions[at[:, 0], 1:])
        found = super().outputs(batch, {"score", "views"})
        scores = torch.cat([found["score"].unsqueeze(-1), beside], -1)
        given = {"scores": scores, "views": found["views"], "directions": self.directions[at[:, 0]]}
        return {name: given[name] for name in want}


class Gated(Tabular):
    """How much each channel counts (prompts D), as logits, and channels that stay as they are (prompts 64 D)."""

    def __init__(self, start: Tensor, channels: Tensor) -> None:
        """The gate of these logits."""
        super().__init__(start)
        self.channels = channels

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `scores` and `gate`."""
        at = prompt_rows(batch)[..., 0]
        found = {"scores": self.channels[at, answer_rows(batch["ids"])], "gate": self.table[at[:, 0]].softmax(-1)}
        return {name: found[name] for name in want}


class Digits:
    """The tokenizer of a model whose tokens are digits."""

    eos_token_id = None

    def __len__(self) -> int:
        return TOKENS

    def __call__(self, text: str) -> dict[str, list[int]]:
        """See `encode`: a token for every digit."""
        return {"input_ids": [int(digit) for digit in text]}

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        """See `continuation`: there are no special tokens."""
        return text_of(ids)


class StepModel(Tabular):
    """Scores (prompts 21 4): one for every token after every prefix."""

    name, tokenizer = "steps", Digits()

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `token_score`."""
        return {"token_score": self.table[prompt_rows(batch), prefix_rows(batch["ids"]), batch["ids"]]}


class PartModel(Tabular):
    """Scores (prompts 85): one for everything that can be left of an answer, in the order of `prefix_rows`."""

    name, tokenizer, ending, channels = "parts", Digits(), (), ()
    base = SimpleNamespace(config=None)
    """Of a reward model that was never normalised."""

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`: `score`."""
        ids, row = batch["ids"], torch.zeros_like(batch.lengths)
        for t in range(ids.shape[-1]):
            row = torch.where(t < batch.lengths, TOKENS * row + 1 + ids[..., t], row)
        return {"score": self.table[prompt_rows(batch)[..., 0], row].detach()}


class TabularGenerator:
    """Draws answers from a tabular policy, token by token, as the local sampler draws them from a language model."""

    def __init__(self, policy: Policy) -> None:
        """Draw from `policy` as it is at each call."""
        self.policy = policy

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
        """See `Generator.sample`; a prompt ends with the number of its table."""
        nothing: tuple[int, ...] = ()
        return self.go_on([(p, nothing) for p in prompts], k=k, decoding=decoding, seed=seed)

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
        """See `Continuing.go_on`: the answers are as long as any."""
        which = torch.tensor([number(p) for p, _ in begun]).repeat_interleave(k)
        firsts = [first for _, first in begun for _ in range(k)]
        source = torch.Generator().manual_seed(seed)
        ids = torch.zeros(len(which), LENGTH, dtype=torch.long)
        logp = torch.zeros(len(which), LENGTH, dtype=torch.float64)
        for t in range(LENGTH):
            logits = self.policy.table[which, prefix_rows(ids)[:, t]]
            uniform = torch.rand(len(which), generator=source, dtype=torch.float64)
            ids[:, t], logp[:, t] = draw(logits, decoding, uniform)
            for row, first in enumerate(firsts):
                if t < len(first):
                    ids[row, t], logp[row, t] = first[t], 0.0
        version = self.policy.version
        rows = zip(ids.tolist(), logp.tolist(), firsts, strict=True)
        drawn = [response(i, p, version, begun=len(first)) for i, p, first in rows]
        return [group(prompt, drawn[k * n : k * (n + 1)]) for n, (prompt, _) in enumerate(begun)]


def response(ids: Sequence[int], logp: Sequence[float] = (), version: str = "", *, begun: int = 0) -> Response:
    """An answer as a record, with the version of the table that drew it; the tokens it was begun with are no choice."""
    mask = (0,) * begun + (1,) * (len(ids) - begun)
    return Response(text=text_of(ids), ids=tuple(ids), mask=mask, logp=tuple(logp), model_version=version)


def until_zero(ids: Sequence[int]) -> tuple[int, ...]:
    """An answer up to its first 0, for methods to which lengths matter: 0 is then the token that ends it.

    >>> until_zero((1, 0, 2))
    (1, 0)
    """
    return tuple(ids[: (*ids, 0).index(0) + 1])


WHOLE = tuple(response(a) for a in ANSWERS.tolist())
"""Every answer (64) as a record."""

ENDED = tuple(dict.fromkeys(until_zero(a) for a in ANSWERS.tolist()))
"""The token ids of every answer that ends with its first 0 or is whole (40)."""


def ended(distribution: Tensor) -> Tensor:
    """The probability of each of `ENDED`, from that of every whole answer (64): those it begins share it."""
    places = torch.tensor([ENDED.index(until_zero(a)) for a in ANSWERS.tolist()])
    return torch.zeros(len(ENDED), dtype=distribution.dtype).index_add(0, places, distribution)


def number(prompt: Prompt) -> int:
    r"""The number of a prompt's table, which stands at its end, after what it may be told.

    >>> number(Prompt(text="Be brief.\n\n2"))
    2
    """
    return int(prompt.shown.split()[-1])


def group(prompt: Prompt, responses: Sequence[Response], labels: Sequence[float] = ()) -> Group:
    """A prompt with answers as a record, and what people said of each."""
    return Group(prompt=prompt, prompt_ids=(number(prompt),), responses=tuple(responses), labels=tuple(labels))
