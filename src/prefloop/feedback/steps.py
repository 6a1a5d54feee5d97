"""From a tree of steps, each with what it is worth, to pairs that go on from one prefix."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from ..errors import DataError
from ..text import Group, Prompt, Response
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
    _must_be_margin(margin)
    if steps:
        best, worst = (choose(steps, key=lambda step: step.value) for choose in (max, min))
        if best.value - worst.value > margin:
            yield Group(prompt=prompt, responses=(begun(prefix, best.text), begun(prefix, worst.text)))
    for step in steps:
        yield from sibling_pairs(prompt, step.after, margin=margin, prefix=prefix + step.text)


def leaf_pairs(
    prompt: Prompt, steps: Sequence[Step], *, depths: Collection[int] | None = None, margin: float = 0.0
) -> Iterator[Group]:
    """Every two whole answers of a tree, the better first, that part after one of these numbers of steps.

    An answer is a way from the first steps to one after which nothing was tried, and is worth what its last step is. At
    a depth of 0 two answers share nothing, at 1 their first step, and so on; without `depths` all pairs are given.
    Pairs whose values differ by `margin` or less are left out. The data of tree-structured reward modelling (Qiu et al.
    2024, arXiv 2402.10184), in the form: answers that share a beginning are compared by what they do not share.

    Raises:
        DataError: `margin` is below 0.

    >>> tree = [Step(text=" a", value=0.5, after=(Step(text="b", value=0.0), Step(text="c", value=1.0)))]
    >>> tree.append(Step(text=" d", value=0.5))
    >>> [pair.texts for pair in leaf_pairs(Prompt(text="One"), tree, depths=(0,))]
    [(' d', ' ab'), (' ac', ' d')]
    >>> [pair.texts for pair in leaf_pairs(Prompt(text="One"), tree, depths=(1,))]
    [(' ac', ' ab')]
    """
    _must_be_margin(margin)
    for one, other in combinations(_ways(steps), 2):
        parted = (depth for depth, (a, b) in enumerate(zip(one, other, strict=False)) if a is not b)
        shared = next(parted, len(one))
        better, worse = sorted((one, other), key=lambda way: -way[-1].value)
        if better[-1].value - worse[-1].value > margin and (depths is None or shared in depths):
            texts = ["".join(step.text for step in way) for way in (better, worse)]
            yield Group(prompt=prompt, responses=tuple(Response(text=text) for text in texts))


def _ways(steps: Sequence[Step]) -> Iterator[tuple[Step, ...]]:
    """Every way through a tree, to a step after which nothing was tried."""
    for step in steps:
        yield from ((step, *rest) for rest in _ways(step.after)) if step.after else [(step,)]


def _must_be_margin(margin: float) -> None:
    if margin < 0:
        raise DataError(f"the margin between a step and a worse one is {margin:g}: it is at least 0.")
