"""From a tree of steps, each with what it is worth, to pairs of steps that go on from one prefix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..errors import DataError
from ..text import Group, Prompt
from .shapes import begun


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A part of an answer, what it is worth, and the steps that were tried `after` it.

    >>> Step(text=" First, add.", value=0.5).after
    ()
    """

    text: str
    value: float
    after: tuple[Step, ...] = ()


def sibling_pairs(prompt: Prompt, steps: Sequence[Step], *, margin: float = 0.0, prefix: str = "") -> Iterator[Group]:
    """The best before the worst of all steps that were tried at one place, at every place of a tree.

    `steps` are the first ones, after the `prefix`. Pairs whose values differ by `margin` or less are left out, and so
    are places where one step was tried. The steps of LongDPO (Ping et al. 2025, arXiv 2502.02095) are valued by tree
    search and a judge; where the values come from does not matter here.

    Raises:
        DataError: `margin` is below 0.

    >>> tree = [Step(text=" a", value=1.0, after=(Step(text="b", value=0.0), Step(text="c", value=1.0)))]
    >>> [pair.texts for pair in sibling_pairs(Prompt(text="One"), tree)]
    [(' ac', ' ab')]
    """
    if margin < 0:
        raise DataError(f"the margin between a step and a worse one is {margin:g}: it is at least 0.")
    if steps:
        best, worst = (choose(steps, key=lambda step: step.value) for choose in (max, min))
        if best.value - worst.value > margin:
            yield Group(prompt=prompt, responses=(begun(prefix, best.text), begun(prefix, worst.text)))
    for step in steps:
        yield from sibling_pairs(prompt, step.after, margin=margin, prefix=prefix + step.text)
