"""Random numbers as a function of what they are for.

Nothing keeps a random state: every draw is seeded by the run's seed and by its own name and number, so a resumed run
draws exactly what an uninterrupted one would have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch


def seed_of(seed: int, *purpose: object) -> int:
    """A seed for one purpose of a run.

    >>> seed_of(0, "sample", 3) == seed_of(0, "sample", 3) != seed_of(0, "sample", 4)
    True
    """
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return int.from_bytes(digest[:7], "big")


def order(n: int, seed: int, *purpose: object) -> list[int]:
    """The numbers below `n`, shuffled for one purpose.

    >>> sorted(order(4, 0, "prompts"))
    [0, 1, 2, 3]
    """
    generator = torch.Generator().manual_seed(seed_of(seed, *purpose))
    return torch.randperm(n, generator=generator).tolist()


def endless(
    n: int, size: int, step: int, seed: int, *purpose: object, prompts: Sequence[int] | None = None
) -> list[int]:
    """The positions of the batch number `step` in an endless pass over `n` items, each pass in a new order.

    With `prompts`, the number of each item's prompt (0, 1, ...), the prompts are shuffled, and the items of one follow
    one another, themselves shuffled. Where every item has its own prompt, this is the order without it.

    >>> sorted(endless(4, 2, 0, 0, "x") + endless(4, 2, 1, 0, "x"))
    [0, 1, 2, 3]
    >>> found = endless(6, 6, 0, 0, "x", prompts=[0, 1, 0, 1, 0, 1])
    >>> sorted(found[:3]) in ([0, 2, 4], [1, 3, 5])
    True
    """
    places = [divmod(at, n) for at in range(step * size, (step + 1) * size)]
    turns = {turn: _turn(n, prompts, seed, *purpose, turn) for turn in {turn for turn, _ in places}}
    return [turns[turn][place] for turn, place in places]


def _turn(n: int, prompts: Sequence[int] | None, seed: int, *purpose: object) -> list[int]:
    """One pass over all items."""
    if prompts is None:
        return order(n, seed, *purpose)
    number = torch.tensor(prompts)
    apart = int(number.max()) + 1
    if apart == n:
        return order(n, seed, *purpose)
    turn = torch.empty(apart, dtype=torch.long)
    turn[order(apart, seed, *purpose)] = torch.arange(apart)
    items = torch.tensor(order(n, seed, *purpose, "within a prompt"))
    return items[turn[number[items]].argsort(stable=True)].tolist()
