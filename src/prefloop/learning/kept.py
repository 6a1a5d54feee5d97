"""Numbers that a frozen model gave each answer, in a file of the cache folder: worked out once and found again.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ..batch import Batch
from ..models.load import cache

Place = tuple[int, int]
"""A response of a batch: its prompt and its own number."""
Kind = Literal["logprobs", "features"]
"""What the numbers are, and the folder they lie in."""
_CALLED: dict[Kind, str] = {"logprobs": "Log-probabilities", "features": "Hidden states"}
_log = logging.getLogger(__name__)


def remembered(
    batch: Batch,
    ask: Callable[[Batch], Tensor],
    *,
    kind: Kind,
    name: str,
    beside: Sequence[object] = (),
) -> dict[Place, Tensor]:
    """What `ask` gives each response of a batch (P K N, of `logprobs` one for each token), in fp32 on the CPU.

    Only of those responses is it asked that the file `name` does not have yet, of equal ones once. `beside` is what an
    entry depends on besides the tokens.
    """
    keys = {(p, k): _key(batch, p, k, beside) for p, k in batch.lengths.nonzero().tolist()}
    with _entries(kind, name) as entries:
        known = entries.read(sorted(set(keys.values())))
        missing = {key: place for place, key in reversed(keys.items()) if key not in known}
        if missing:
            asked = torch.zeros(batch.lengths.shape, dtype=torch.bool)
            asked[tuple(torch.tensor(list(missing.values())).T)] = True
            found = ask(batch.keep(asked)).float().cpu()
            row = asked.any(-1).cumsum(0) - 1
            new = {key: found[row[p], k] for key, (p, k) in missing.items()}
            if kind == "logprobs":
                new = {key: new[key][: int(batch.lengths[place])] for key, place in missing.items()}
            entries.write(new)
            known |= new
    return {place: known[key] for place, key in keys.items()}


def _key(batch: Batch, p: int, k: int, beside: Sequence[object]) -> bytes:
    length = int(batch.lengths[p, k])
    trunk = batch.asked[p][k] if batch.asked else batch.trunks[p]
    parts = (trunk, batch["ids"][p, k, :length], batch["mask"][p, k, :length])
    content = repr((*beside, *(part.tolist() for part in parts)))
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


class _Entries:
    """Rows of numbers by key, in an SQLite file that several runs may use at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("CREATE TABLE IF NOT EXISTS logp (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")

    def read(self, keys: Sequence[bytes]) -> dict[bytes, Tensor]:
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
def _entries(kind: Kind, name: str) -> Iterator[_Entries]:
    """The file of this name; where none can be had there, one in memory that is forgotten again."""
    path = Path(cache()) / kind / f"{name}.sqlite"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=60)
        entries = _Entries(connection)
    except (OSError, sqlite3.Error) as error:
        _log.warning("%s of frozen models are not kept: %s: %s", _CALLED[kind], path, error)
        connection = sqlite3.connect(":memory:")
        entries = _Entries(connection)
    with contextlib.closing(connection):
        yield entries
