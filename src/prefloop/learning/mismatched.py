"""What models think of answers to prompts that are not theirs."""

from __future__ import annotations

from collections.abc import Mapping

from ..batch import Batch
from .learner import Network
from .update import ReadLogp, logp_in_parts


def mismatch(batch: Batch) -> Batch:
    """The same responses, each after the next prompt that differs from its own.

    Where all prompts are one, its own is all there is.
    """
    prompts, n = [tuple(t.tolist()) for t in batch.trunks], len(batch)
    others = list(range(n))
    for i in reversed(range(2 * n)):  # twice around, so that what follows the last row is known when it is asked for
        i, after = i % n, (i + 1) % n
        others[i] = others[after] if prompts[after] == prompts[i] else after
    return Batch(
        trunks=tuple(batch.trunks[i] for i in others),
        lengths=batch.lengths,
        tensors={name: batch[name] for name in ("ids", "mask")},
        instructed={role: tuple(trunks[i] for i in others) for role, trunks in batch.instructed.items()},
    )


def with_mismatched(
    batch: Batch,
    elsewhere: Batch,
    wanted: Mapping[str, str],
    networks: Mapping[str, Network],
    *,
    tokens: int,
    read: ReadLogp = logp_in_parts,
) -> Batch:
    """The batch with the log-probabilities of its responses in `elsewhere`: the tensors wanted, each from its role."""
    return batch.having(
        **{tensor: read(networks[role], elsewhere.read_by(role), tokens=tokens) for tensor, role in wanted.items()}
    )
