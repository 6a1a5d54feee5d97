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

    def other(i: int) -> int:
        return next((j % n for j in range(i + 1, i + n) if prompts[j % n] != prompts[i]), i)

    others = [other(i) for i in range(n)]
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
