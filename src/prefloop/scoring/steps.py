"""A process reward model as the score of whole answers, and which wrong answers it is worth asking people about."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import RewardError
from ..models.decoder import Decoder
from ..parts import LINES
from ..shaping.tokens import StepScore, process_reward
from ..text import Group
from .spans import span_ends, token_scores


@torch.no_grad()
def solution_score(groups: Sequence[Group], *, model: Decoder, ends: str = LINES, by: StepScore = "product") -> Tensor:
    """How good each answer is as a whole by a process reward model (P K): the product, minimum or last of its steps.

    See `shaping.tokens.process_reward` for the three, of which Lightman et al. 2023 (arXiv 2305.20050) take the
    product. `ends` says where a step ends, by default with its line.
    """
    return process_reward(
        token_scores(groups, model), span_ends(groups, model.tokenizer, ends=ends).to(torch.get_default_dtype()), by=by
    )


def convincing(scores: Tensor, right: Tensor, *, n: int) -> list[tuple[int, int]]:
    """The `n` wrong answers that a model takes for the best, as places (group, response), the most convincing first.

    scores: of every response (P K), as `solution_score` gives them. right: whether its outcome is right (P K); NaN
    where nobody knows, or where a response is missing. The active selection of Lightman et al. 2023 (arXiv 2305.20050)
    for people to judge step by step, whose model of that moment is likeliest to learn from them.

    Raises:
        RewardError: the two do not belong together.

    >>> convincing(torch.tensor([[0.9, 0.8], [0.7, 0.1]]), torch.tensor([[1.0, 0.0], [0.0, 0.0]]), n=2)
    [(0, 1), (1, 0)]
    """
    if scores.shape != right.shape:
        raise RewardError(
            f"there are scores {tuple(scores.shape)} and outcomes {tuple(right.shape)}: give one of each for every "
            "answer."
        )
    wrong = [(float(scores[p, k]), p, k) for p, k in (right == 0).nonzero().tolist()]
    return [(p, k) for _, p, k in sorted(wrong, key=lambda one: -one[0])[:n]]
