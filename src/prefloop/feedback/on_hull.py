"""Which of several rewordings are the furthest out: those on the convex hull of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import torch
from torch import Tensor

from ..errors import DataError

T = TypeVar("T")


def on_the_hull(variants: Sequence[T], embeddings: Tensor) -> list[T]:
    """The variants of one text whose embeddings (N d) are corners of their convex hull in two principal components.

    Whatever lies inside is a mixture of the corners, as far as two components show it, and is left out. In the form of
    ConvexDA (Shen et al. 2023, arXiv 2309.16155), whose variants are rewordings of a judged item. Who rewords, and how
    many of the corners are learnt from, is left to the caller. Of equal embeddings the first counts. Up to three are
    corners as they are, unless they lie on a line.

    Raises:
        DataError: there is not one embedding for every variant, or one is not finite.

    >>> square = torch.tensor([[0.0, 0.0], [2.0, 0.0], [1.0, 1.0], [0.0, 2.0], [2.0, 2.0]])
    >>> on_the_hull(["a", "b", "middle", "c", "d"], square)
    ['a', 'b', 'c', 'd']
    """
    if embeddings.shape[0] != len(variants) or not bool(embeddings.isfinite().all()):
        raise DataError(
            f"{len(variants)} variants have embeddings of the shape {tuple(embeddings.shape)}: give a row of finite "
            "numbers for each of them."
        )
    if len(variants) < 2:
        return list(variants)
    centred = (embeddings - embeddings.mean(0)).double()
    *_, directions = torch.linalg.svd(centred, full_matrices=False)
    flat = centred @ directions[:2].T
    wide = torch.zeros(len(variants), 2, dtype=flat.dtype)
    wide[:, : flat.shape[1]] = flat
    # far below what tells two variants apart, far above what rounding adds
    near = 1e-9 * max(float(flat.abs().max()), 1e-300)
    return [variants[i] for i in sorted(_corners((wide / near).round().tolist()))]


def _corners(points: Sequence[Sequence[float]]) -> list[int]:
    """The places of the corners of the hull of points in the plane, by Andrew's monotone chain."""
    first: dict[tuple[float, ...], int] = {}
    for place, point in enumerate(points):
        first.setdefault(tuple(point), place)
    ordered = sorted(first)
    if len(ordered) < 3:
        return list(first.values())
    return [first[point] for side in (ordered, ordered[::-1]) for point in _lower(side)[:-1]]


def _lower(ordered: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    chain: list[tuple[float, ...]] = []
    for point in ordered:
        while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= _ALONG:
            chain.pop()
        chain.append(point)
    return chain


_ALONG = 4e9
"""A turn, in squares of the grid that points lie on, as small as that of three points on a line."""


def _turn(a: Sequence[float], b: Sequence[float], c: Sequence[float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
