"""Random numbers as a function of what they are for.

Nothing keeps a random state: every draw is seeded by the run's seed and by its own name and number, so a resumed run
draws exactly what an uninterrupted one would have.
"""

from __future__ import annotations

import hashlib

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


def endless(n: int, size: int, step: int, seed: int, *purpose: object) -> list[int]:
    """The positions of the batch number `step` in an endless pass over `n` items, each pass in a new order.

    >>> sorted(endless(4, 2, 0, 0, "x") + endless(4, 2, 1, 0, "x"))
    [0, 1, 2, 3]
    """
    found = []
    for at in range(step * size, (step + 1) * size):
        turn, place = divmod(at, n)
        found.append(order(n, seed, *purpose, turn)[place])
    return found
