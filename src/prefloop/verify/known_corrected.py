"""What a policy is known to reach that is paid by a model which corrects its answers."""

from __future__ import annotations

import torch
from torch import Tensor

from ..batch import Batch
from ..models.places import Places
from ..recipe import Recipe
from ..recipes import method
from .distance import Known, verdicts
from .learn import from_samples
from .problem import BETA, distribution, tilted, total_variation
from .tabular import ANSWERS, LENGTH, PREFIXES, TOKENS, Digits, Tabular, answer_rows, prefix_rows


class Reading(Digits):
    """The tokenizer of a model that reads the digits of a text and none of its words."""

    def __call__(self, text: str) -> dict[str, list[int]]:
        """See `encode`: a token for every digit."""
        return super().__call__("".join(filter(str.isdigit, text)))


class Corrector(Tabular):
    """Logits (answers 64, prefixes 21, tokens 4) of what should stand in place of an answer that it is shown."""

    name, tokenizer = "corrector", Reading()

    def places(self, batch: Batch) -> Places:
        """See `Speaker.places`: what is shown is the number of the prompt, the answer, and the number again."""
        shown = torch.stack([torch.stack([ids[1 : 1 + LENGTH] for ids in row]) for row in batch.asked])
        rows = self.table[answer_rows(shown).unsqueeze(-1), prefix_rows(batch["ids"])][batch["mask"].bool()]
        return Places(hidden=rows.detach(), weight=torch.eye(TOKENS, dtype=rows.dtype))


def corrector(ahead: float = 0.0) -> Corrector:
    """One that goes on from what it has written, and heeds what it was shown beyond that so much."""
    source = torch.Generator().manual_seed(12)
    every = torch.randn(1 + len(ANSWERS), PREFIXES, TOKENS, generator=source, dtype=torch.float64)
    return Corrector(every[:1] + ahead * every[1:])


def worth(table: Tensor, right: float, wrong: float) -> Tensor:
    """What every answer (64) is paid in all, by going along it token by token."""
    paid = []
    for answer, logits in zip(ANSWERS, table, strict=True):
        other = logits.argmax(-1)[prefix_rows(answer)] != answer
        kept = other.tolist().index(True) if other.any() else LENGTH
        paid.append((right * kept - wrong * int(other.sum())) / LENGTH)
    return torch.tensor(paid, dtype=torch.float64)


def seq2seq_rm(right: float = 1.0, wrong: float = 1.5, ahead: float = 0.0) -> Known:
    """A corrector that does not look ahead: what a later token earns for an earlier one is credited to neither."""
    model = corrector(ahead)
    best = tilted(worth(model.table.detach(), right, wrong) / BETA)

    def distance(recipe: Recipe) -> float:
        return total_variation(distribution(from_samples(recipe, corrector=model)), best)

    return Known(
        recipe=method("seq2seq-rm")(right=right, wrong=wrong, beta=BETA, k=8, batch=16, steps=250),
        what="pi_ref exp(s/beta)/Z, s the pay of a model that corrects answers as it reads them, for what it leaves",
        distance=distance,
    )


CASES = {"seq2seq-rm": seq2seq_rm}

KNOWN_CORRECTED = verdicts(CASES)
"""How it is verified."""
