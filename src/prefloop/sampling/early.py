"""Answers that are given up early, so that a vote over the others costs fewer tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from torch import Tensor

from ..errors import at_least
from ..recipe import Decoding
from ..text import Group, Prompt, Response
from .generator import Continuing
from .segments import further, goes_on, no_stop, seed_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """The answers to one prompt that came to their end or to the last token, and those given up before.

    >>> said = (Response(text=" two", ids=(7, 8)),)
    >>> Filtered(kept=Group(prompt=Prompt(text="One"), responses=said), dropped=(Response(text=" n", ids=(9,)),)).tokens
    3
    """

    kept: Group
    dropped: tuple[Response, ...]

    @property
    def tokens(self) -> int:
        """All that were drawn."""
        return sum(len(r.ids) for r in (*self.kept.responses, *self.dropped))


def filtered(
    generator: Continuing,
    prompts: Sequence[Prompt],
    *,
    k: int,
    value: Callable[[Sequence[Group]], Tensor],
    lowest: float,
    tokens: int = 16,
    decoding: Decoding | None = None,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> list[Filtered]:
    """Draw k answers to each prompt, and give up those whose `value` falls below `lowest`, every so many tokens.

    `value` is given groups of answers as far as they are drawn, and says a number for each (P K), such as
    `scoring.goals.goal_value`. An answer that has come to its end is asked about too. Where all answers to a prompt
    have been given up, all are drawn to their end: then there is nothing to tell them apart by.

    The filter before majority voting of goal-conditioned reward models (Nath et al. 2024, arXiv 2407.13887), in the
    form of their published code, which asks after every token of finished answers (`evaluation.voting` counts so).

    Raises:
        RecipeError: `k` or `tokens` is below 1, or the decoding has a `stop`.
    """
    decoding = decoding or Decoding()
    at_least("filtered", 1, tokens=tokens, k=k)
    no_stop("filtered", decoding)
    rows = [[_Answer(prompt) for _ in range(k)] for prompt in prompts]
    answers = [answer for row in rows for answer in row]
    for step in count():
        running = [a for a in answers if not a.low and goes_on(a.said) and a.length < decoding.max_tokens]
        if not running:
            break
        for length, some in _by_length(running):
            drawn = further(
                generator,
                [(a.prompt, a.said) for a in some],
                k=1,
                tokens=min(tokens, decoding.max_tokens - length),
                decoding=decoding,
                seed=seed_of(seed, step, length),
                progress=progress,
            )
            for answer, group, worth in zip(some, drawn, value(drawn)[:, 0].tolist(), strict=True):
                answer.come_to(group, low=worth < lowest)
        for row in rows:
            if all(a.low for a in row):
                for a in row:
                    a.low, a.stays = False, True
    return [_filtered(row) for row in rows]


@dataclass(slots=True, eq=False)
class _Answer:
    """An answer while it is drawn, in a group of its own; `low` where it is given up, unless it stays all the same."""

    prompt: Prompt
    group: Group | None = None
    low: bool = False
    stays: bool = False

    @property
    def said(self) -> Response | None:
        return self.group.responses[0] if self.group else None

    @property
    def length(self) -> int:
        return len(self.said.ids) if self.said else 0

    def come_to(self, group: Group, *, low: bool) -> None:
        self.group, self.low = group, low and not self.stays


def _by_length(answers: Sequence[_Answer]) -> Iterator[tuple[int, list[_Answer]]]:
    """Those that were taken up again are shorter than the rest."""
    for length in sorted({a.length for a in answers}):
        yield length, [a for a in answers if a.length == length]


def _filtered(row: Sequence[_Answer]) -> Filtered:
    groups = [a.group for a in row if a.group]
    kept, dropped = (
        tuple(g.responses[0] for a, g in zip(row, groups, strict=True) if a.low == low) for low in (False, True)
    )
    return Filtered(kept=replace(groups[0], responses=kept), dropped=dropped)
