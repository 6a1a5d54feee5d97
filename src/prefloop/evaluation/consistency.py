"""Whether a reward model notices that two prompts ask for different things, though they look alike."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..errors import DataError
from ..statistics import Interval, wilson


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """Shares of contrast sets, with their intervals.

    responses: in which the first prompt's own answer is paid more there than the other's. instructions: in which the
    other's answer is paid more after its own prompt than after the first. both: in which both are so.
    """

    responses: Interval
    instructions: Interval
    both: Interval


def consistency(scores: Tensor) -> Consistency:
    """Of contrast sets by their scores (N 2 2): that of answer j after prompt i, to which answer i belongs.

        responses     r(x, y) > r(x, y')
        instructions  r(x', y') > r(x, y')

    The two measures of Contrast Instructions (Shen et al. 2023, arXiv 2309.16155); a tie is no win. By chance each is
    one half.

    Raises:
        DataError: there are no sets, or a score is not finite.

    >>> import torch
    >>> found = consistency(torch.tensor([[[2.0, 1.0], [0.0, 3.0]], [[2.0, 1.0], [0.0, 0.5]]]))
    >>> found.responses.estimate, found.instructions.estimate, found.both.estimate
    (1.0, 0.5, 0.5)
    """
    if not len(scores) or tuple(scores.shape[1:]) != (2, 2) or not bool(scores.isfinite().all()):
        raise DataError(
            f"contrast sets have scores of the shape {tuple(scores.shape)}: give a finite score of both answers after "
            "each of the two prompts, N 2 2."
        )
    responses, instructions = scores[:, 0, 0] > scores[:, 0, 1], scores[:, 1, 1] > scores[:, 0, 1]
    return Consistency(
        responses=_share(responses), instructions=_share(instructions), both=_share(responses & instructions)
    )


def _share(right: Tensor) -> Interval:
    return wilson(int(right.sum()), len(right))
