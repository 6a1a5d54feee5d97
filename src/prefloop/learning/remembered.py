"""What a frozen model thinks of judged answers, worked out once and kept on disk.

An entry is found by what it depends on: the weights, and the tokens of one prompt and one answer, in which text,
template and tokenizer all show. So a second epoch, a second run and a run on more data work out what is new and
nothing else, and a model that was changed in any way finds nothing of its old self. The files lie in the cache folder
(`models.load.cache`), one for each set of weights; any of them may be deleted at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..batch import Batch
from ..models.load import cache
from .learner import Network
from .update import logp_in_parts

_FORWARD = 1  # raise it when the same weights and tokens are to give other numbers than before
_log = logging.getLogger(__name__)


def remembered_logp(network: Network, batch: Batch, *, tokens: int, temperature: float = 1.0) -> Tensor:
    """As `logp_in_parts`; what is on disk is read there, and what is not is put there. In fp32.

    A network that has no `digest` of its weights is asked every time.
    """
    digest = getattr(network, "digest", None)
    if digest is None:
        return logp_in_parts(network, batch, tokens=tokens, temperature=temperature)
    keys = {(p, k): _key(batch, p, k, temperature) for p, k in _there(batch)}
    with _entries(f"{_FORWARD}-{digest()}") as entries:
        known = entries.read(sorted(set(keys.values())))
        missing = {key: place for place, key in reversed(keys.items()) if key not in known}  # the first of equal ones
        if missing:
            asked = torch.zeros(batch.lengths.shape, dtype=torch.bool)
            asked[tuple(torch.tensor(list(missing.values())).T)] = True
            kept = batch.keep(asked)
            found = logp_in_parts(network, kept, tokens=tokens, temperature=temperature).float().cpu()
            row = asked.any(-1).cumsum(0) - 1
            new = {key: found[row[p], k, : int(batch.lengths[p, k])] for key, (p, k) in missing.items()}
            entries.write(new)
            known |= new
    logp = torch.zeros(batch["ids"].shape)
    for (p, k), key in keys.items():
        logp[p, k, : len(known[key])] = known[key]
    return logp.to(batch["ids"].device)


def _there(batch: Batch) -> list[tuple[int, int]]:
    """The places of the responses that are there."""
    return [(p, k) for p, k in batch.lengths.nonzero().tolist()]


def _key(batch: Batch, p: int, k: int, temperature: float) -> bytes:
    length = int(batch.lengths[p, k])
    trunk = batch.asked[p][k] if batch.asked else batch.trunks[p]
    parts = (trunk, batch["ids"][p, k, :length], batch["mask"][p, k, :length])
    content = repr((temperature, *(part.tolist() for part in parts)))
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


class _Entries:
    """Log-probabilities by key, in an SQLite file that several runs may use at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE IF NOT EXISTS logp (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")

    def read(self, keys: list[bytes]) -> dict[bytes, Tensor]:
        found = {}
        for key in keys:
            row = self._connection.execute("SELECT value FROM logp WHERE key = ?", (key,)).fetchone()
            if row is not None:
                found[key] = torch.from_numpy(np.frombuffer(row[0], dtype="<f4").copy())
        return found

    def write(self, new: Mapping[bytes, Tensor]) -> None:
        rows = [(key, value.numpy().astype("<f4").tobytes()) for key, value in new.items()]
        with self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO logp VALUES (?, ?)", rows)


@contextlib.contextmanager
def _entries(name: str) -> Iterator[_Entries]:
    """The file of this name; where none can be had there, one in memory that is forgotten again."""
    path = Path(cache()) / "logprobs" / f"{name}.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=60)
        entries = _Entries(connection)
    except (OSError, sqlite3.Error) as error:
        _log.warning("Log-probabilities of frozen models are not kept: %s: %s", path, error)
        connection = sqlite3.connect(":memory:")
        entries = _Entries(connection)
    with contextlib.closing(connection):
        yield entries
