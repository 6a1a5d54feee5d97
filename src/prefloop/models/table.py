"""Numbers that are learnt beside the models: of everybody who judged, or the same for all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from ..batch import Batch
from ..folders import written_whole

_WEIGHTS, _WHO = "table.safetensors", "table.json"


class Table(nn.Module):
    """Rows of numbers, all 0 until they are learnt; the first is for whoever the table does not know.

    With `apart` it gives `traits`, the row of who judged, else `numbers`, the first row for everybody.

    >>> table = Table(("tie",), apart=False)
    >>> table.outputs(Batch(trunks=(torch.tensor([1]),), lengths=torch.tensor([[1]])), ("numbers",))["numbers"].tolist()
    [[0.0]]
    """

    def __init__(self, channels: Sequence[str], *, apart: bool, name: str = "table") -> None:
        """A table with names for its columns, which knows nobody yet."""
        super().__init__()
        self.channels, self.apart, self.name, self.version = tuple(channels), apart, name, f"{name}@0"
        self.people: tuple[str, ...] = ()
        self.rows = nn.Parameter(torch.zeros(1, len(self.channels)))

    def know(self, people: Collection[str]) -> None:
        """Add a row for everybody who has none yet, before the table is trained: as everybody is until then."""
        new = sorted(set(people) - {*self.people, ""})
        self.people = (*self.people, *new)
        first = self.rows.detach()[:1].expand(len(new), -1)
        self.rows = nn.Parameter(torch.cat([self.rows.detach(), first]))

    def number(self, who: str) -> int:
        """The row of a person."""
        return 1 + self.people.index(who) if who in self.people else 0

    def outputs(self, batch: Batch, want: Collection[str], *, temperature: float = 1.0) -> dict[str, Tensor]:
        """See `Network.outputs`."""
        at = batch["who"] if self.apart else torch.zeros(len(batch), dtype=torch.long)
        return {name: self.rows[at.to(self.rows.device)] for name in want}

    def digest(self) -> str:
        """A hash of its numbers."""
        return hashlib.sha256(self.rows.detach().cpu().numpy().tobytes()).hexdigest()[:32]

    def save(self, folder: Path) -> None:
        """Write it as safetensors, with the names of its rows and columns beside it."""
        with written_whole(folder) as scratch:
            save_file({"rows": self.rows.detach().cpu().contiguous()}, scratch / _WEIGHTS)
            names = {"channels": self.channels, "people": self.people, "apart": self.apart}
            (scratch / _WHO).write_text(json.dumps(names, ensure_ascii=False, indent=1), encoding="utf-8")


def read_table(folder: Path) -> Table:
    """The table that `save` wrote."""
    names = json.loads((folder / _WHO).read_text(encoding="utf-8"))
    table = Table(names["channels"], apart=names["apart"], name=folder.name)
    table.people = tuple(names["people"])
    table.rows = nn.Parameter(load_file(folder / _WEIGHTS)["rows"])
    return table
