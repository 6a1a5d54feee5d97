"""Answers drawn a segment at a time, so that something may be decided in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..errors import RecipeError
from ..recipe import Decoding
from ..text import Group, Prompt, Response
from .generator import Begun, Continuing

Beginning = tuple[Prompt, Response | None]
"""A prompt, and an answer to it as far as it was drawn: nothing yet at its beginning."""


def further(
    generator: Continuing,
    begun: Sequence[Beginning],
    *,
    k: int,
    tokens: int,
    decoding: Decoding,
    seed: int,
    progress: Callable[[int], None] | None = None,
) -> list[Group]:
    """Go on with each beginning in k ways, so many tokens longer at most, in groups of their own.

    What was drawn before stands in them as it was, with its mask and log-probabilities, and they record the
    `max_tokens` of the decoding, which counts the whole answer: as if the policy had drawn each in one go.
    """
    asked: list[Begun] = [(prompt, before.ids if before else ()) for prompt, before in begun]
    drawn = generator.go_on(asked, k=k, decoding=replace(decoding, max_tokens=tokens), seed=seed, progress=progress)
    return [
        replace(group, responses=tuple(_after(before, r, decoding) for r in group.responses))
        for (_, before), group in zip(begun, drawn, strict=True)
    ]


def goes_on(response: Response | None) -> bool:
    """Whether an answer has not come to its end.

    >>> goes_on(None), goes_on(Response(text="", finish="length")), goes_on(Response(text="", finish="end"))
    (True, True, False)
    """
    return response is None or response.finish == "length"


def no_stop(function: str, decoding: Decoding) -> None:
    """Refuse a stop text, which would be cut from the middle of answers.

    Raises:
        RecipeError: the decoding has one.
    """
    if decoding.stop:
        raise RecipeError(f"`{function}` goes through the middle of answers: leave out the decoding's `stop`.")


def seed_of(*parts: int) -> int:
    """A seed of its own for each of several draws, so that no two are made with the same random numbers."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def _after(before: Response | None, response: Response, decoding: Decoding) -> Response:
    response = replace(response, sampling={**response.sampling, "max_tokens": decoding.max_tokens})
    if before is None:
        return response
    n = len(before.ids)
    return replace(response, mask=(*before.mask, *response.mask[n:]), logp=(*before.logp, *response.logp[n:]))
