"""Rewards for parts of a response: a frozen model's score of every step, sentence or span, paid where the part ends.

Where a part ends is a convention of the text (`parts.py`). What is left after the last end is the last part; it ends
with the last token of the response, the end token if there is one. A part is paid at the token that completes its text,
however it was tokenized.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..batch import assemble
from ..errors import RewardError
from ..models.decoder import Decoder
from ..models.encode import continuation, reads
from ..parts import CLAUSES as CLAUSES
from ..parts import LINES as LINES
from ..parts import SENTENCES as SENTENCES
from ..parts import WHOLE as WHOLE
from ..parts import parts_of as parts_of
from ..text import Group, Response
from .model import AT_ONCE


@torch.no_grad()
def span_score(
    groups: Sequence[Group], *, model: Decoder | tuple[Decoder, ...], ends: str | tuple[str, ...] = LINES
) -> Tensor:
    """What a model with a `token_score` head says where each part of a response ends, and 0 elsewhere (P K T).

        token_reward_t = token_score_t [a part of the response ends with token t]

    A process reward model's payment of every step (Uesato et al. 2022, arXiv 2211.14275; Lightman et al. 2023, arXiv
    2305.20050, for the model), and the reward of fine-grained RLHF (Wu et al. 2023, arXiv 2306.01693). Of several
    models P K T D, each with `ends` of its own where they are several too: channels for `weighted_spans` to make one
    of. The number is paid as the head gives it, a logit where it was fitted as one.

    Raises:
        RewardError: the model reads other tokens than the policy's, or there are not as many `ends` as models.
    """
    if isinstance(model, tuple):
        each = (ends,) * len(model) if isinstance(ends, str) else ends
        if len(each) != len(model):
            raise RewardError(
                f"`span_score` has {len(model)} models and {len(each)} `ends`: give one for each, or one."
            )
        return torch.stack([span_score(groups, model=m, ends=e) for m, e in zip(model, each, strict=True)], -1)
    if not isinstance(ends, str):
        raise RewardError(f"`span_score` has one model and several `ends`, {ends}: give one.")
    return torch.where(span_ends(groups, model.tokenizer, ends=ends), token_scores(groups, model), 0.0)


@torch.no_grad()
def token_scores(groups: Sequence[Group], model: Decoder) -> Tensor:
    """What a model with a `token_score` head says at every token (P K T).

    Raises:
        RewardError: it reads other tokens than the policy's.
    """
    in_its_tokens(groups, model)
    batch = assemble(groups)
    parts = [model.outputs(batch.rows(a, b), {"token_score"})["token_score"] for a, b in batch.split(AT_ONCE)]
    return torch.cat(parts).cpu()


def in_its_tokens(groups: Sequence[Group], model: Decoder) -> None:
    """Refuse a model that reads other tokens than the policy's, and so cannot say what each of those earned."""
    other = next((g for g in groups if not reads(g, model.tokenizer)), None)
    if other is not None:
        raise RewardError(
            f"`{model.name}` pays tokens and reads others than the policy's, as of an answer to "
            f"{other.prompt.shown[:80]!r}: take a model with the policy's tokenizer, or pay whole answers with "
            "one that has a `score` head."
        )


def span_ends(groups: Sequence[Group], tokenizer: object, *, ends: str) -> Tensor:
    """Where the parts of each response end (P K T): at the token that completes the text of the part."""
    width, longest = (max(len(g.responses) for g in groups), max(len(r.ids) for g in groups for r in g.responses))
    found = torch.zeros(len(groups), width, max(longest, 1), dtype=torch.bool)
    for p, group in enumerate(groups):
        for k, response in enumerate(group.responses):
            found[p, k, list(_tokens(group, response, tokenizer, ends))] = True
    return found


def _tokens(group: Group, response: Response, tokenizer: object, ends: str) -> Iterator[int]:
    """The tokens with which the parts of a response end."""
    ids = response.ids
    for size in parts_of(response.text, ends) if ids else ():
        begun = response.text[:size]

        def says(n: int, begun: str = begun) -> bool:
            return continuation(group.prompt_ids, ids[:n], tokenizer).startswith(begun)

        yield len(ids) - 1 if size < 0 else bisect_left(range(1, len(ids)), True, key=says)
