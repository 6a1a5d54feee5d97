"""What a frozen decoder makes of answers: the hidden state that a score is read from, for heads to be fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..batch import assemble
from ..learning.remembered import TOKENS, features_in_parts, remembered_features
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..text import Group


@torch.no_grad()
def features_of(groups: Sequence[Group], model: Decoder, *, keep: bool = True, tokens: int = TOKENS) -> Tensor:
    """The hidden state that a reward model reads the score of each response from (P K d), in float32 on the CPU.

    `model` is a language model or a reward model, loaded with the head `score`: `load(Model(source=..., head="score"),
    name="reward")`. Its forward is in its own precision, over at most so many `tokens` at a time, what the groups have
    in common read once. The state is that of the last token of an answer, or of the model's `ending` after it; of a
    response that is not there it is 0.

    keep: whether it is looked up in the cache folder, and put there. That is for judged answers, which are read again
    and again; of answers that are drawn and forgotten leave it off.

    Raises:
        ModelError: the model has another head, or several adapters with a trunk each.
    """
    batch = assemble([for_model(g, model.tokenizer, ending=model.ending) for g in groups])
    if keep:
        return remembered_features(model, batch, tokens=tokens)
    return features_in_parts(model, batch, tokens=tokens).float().cpu()
