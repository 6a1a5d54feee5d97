"""Groups as tensors: prompts as ragged rows, responses as P K T."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from .errors import DataError
from .ops import present
from .text import Group, Response


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """P prompts with K responses each, as named tensors (`names.py`).

    `trunks` are the prompts' token ids, ragged. `lengths` (P K) counts the tokens of each response that exist, so
    nothing is ever told from a padding id. Every tensor has the prompts on its first axis. `instructed` are the
    prompts' token ids once more, as each frozen role reads them that has an instruction of its own. `asked` (P K
    ragged) are the prompts of the responses, where some do not answer that of their row; else it is empty.
    """

    trunks: tuple[Tensor, ...]
    lengths: Tensor
    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    instructed: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)
    asked: tuple[tuple[Tensor, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.trunks)

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def having(self, **tensors: Tensor) -> Batch:
        """The same batch with more (or other) tensors."""
        return replace(self, tensors={**self.tensors, **tensors})

    def without(self, *names: str) -> Batch:
        """The same batch, lacking these tensors."""
        return replace(self, tensors={n: t for n, t in self.tensors.items() if n not in names})

    def rows(self, start: int, stop: int) -> Batch:
        """The prompts from `start` up to `stop`, as a view."""
        return Batch(
            trunks=self.trunks[start:stop],
            lengths=self.lengths[start:stop],
            tensors={n: t[start:stop] for n, t in self.tensors.items()},
            instructed={role: trunks[start:stop] for role, trunks in self.instructed.items()},
            asked=self.asked[start:stop],
        )

    def take(self, index: Sequence[int]) -> Batch:
        """The prompts at these positions, copied in this order."""
        at = torch.tensor(list(index), dtype=torch.long)
        return Batch(
            trunks=tuple(self.trunks[i] for i in index),
            lengths=self.lengths[at],
            tensors={n: t[at] for n, t in self.tensors.items()},
            instructed={role: tuple(trunks[i] for i in index) for role, trunks in self.instructed.items()},
            asked=tuple(self.asked[i] for i in index) if self.asked else (),
        )

    def alone(self) -> Batch:
        """Every response as a row of its own (P K rows), after the prompt that it answers; with `ids` and `mask`."""
        return Batch(
            trunks=tuple(prompt for row in self.asked for prompt in row),
            lengths=self.lengths.flatten()[:, None],
            tensors={name: self[name].flatten(0, 1)[:, None] for name in ("ids", "mask")},
        )

    def read_by(self, role: str) -> Batch:
        """The same responses after the prompts as this role reads them: with its instruction, where it has one."""
        return replace(self, trunks=self.instructed.get(role, self.trunks))

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors beside the model's; the layout stays on the CPU, where it is computed."""
        return replace(self, tensors={n: t.to(device) for n, t in self.tensors.items()})

    def keep(self, chosen: Tensor) -> Batch:
        """Only the chosen responses (P K): the others become missing, and prompts left with none are dropped."""
        kept = replace(self, lengths=self.lengths * chosen.to(self.lengths))
        kept = kept.having(mask=self["mask"] * chosen.to(self["mask"]).unsqueeze(-1))
        return kept.take(chosen.bool().any(-1).nonzero().flatten().tolist())

    def arrange(self, places: Tensor) -> Batch:
        """The responses at these places (P N) of each prompt, in this order; what is said of the prompt stays."""

        def at(x: Tensor) -> Tensor:
            index = places.to(x.device).view(*places.shape, *[1] * (x.dim() - 2))
            return x.gather(1, index.expand(*places.shape, *x.shape[2:]))

        tensors = {n: at(t) if t.dim() > 1 and n != "resampled" else t for n, t in self.tensors.items()}
        rows = zip(self.asked, places.tolist(), strict=True) if self.asked else ()
        asked = tuple(tuple(row[k] for k in order) for row, order in rows)
        return replace(self, lengths=at(self.lengths), tensors=tensors, asked=asked)

    def selected(self, chosen: Tensor) -> Batch:
        """What a selection lets go on: a keep mask (P K) or the places (P N) of responses in their new order."""
        return self.keep(chosen) if chosen.dtype == torch.bool else self.arrange(chosen)

    def same(self) -> Tensor:
        """For every prompt and each of its responses (P 1+K), the place of the first that is the same.

        Places are counted row by row, a prompt before its responses. Prompts are the same by their tokens, responses by
        those of their prompt and their own.

        >>> batch = Batch(trunks=(torch.tensor([7]),) * 2, lengths=torch.ones(2, 2, dtype=torch.long))
        >>> batch.having(ids=torch.tensor([[[1], [2]], [[3], [1]]])).same()
        tensor([[0, 1, 2],
                [0, 4, 1]])
        """
        places: dict[tuple[int, bytes], int] = {}
        found: list[int] = []
        for trunk, lengths, answers in zip(self.trunks, self.lengths.tolist(), self["ids"].cpu().numpy(), strict=True):
            prompt = places.setdefault((-1, trunk.numpy().tobytes()), len(found))
            found.append(prompt)
            for n, answer in zip(lengths, answers, strict=True):
                found.append(places.setdefault((prompt, answer[:n].tobytes()), len(found)))
        return torch.tensor(found, dtype=torch.long).view(len(self), 1 + self.lengths.shape[1])

    def prompts(self) -> list[int]:
        """For every row the number of its prompt, in the order in which prompts first appear."""
        number: dict[int, int] = {}
        return [number.setdefault(place, len(number)) for place in self.same()[:, 0].tolist()]

    def _sizes(self) -> Tensor:
        """The tokens of the parts that the packed forward reads of each row: of its prompt and its responses (P 1+K).

        Where the responses have prompts of their own, of each of them before its response (P 2K).
        """
        if not self.asked:
            return torch.cat([torch.tensor([t.numel() for t in self.trunks])[:, None], self.lengths], dim=1)
        prompts = torch.tensor([[t.numel() for t in row] for row in self.asked])
        return torch.stack([prompts, self.lengths], -1).flatten(1)

    def _same_parts(self) -> Tensor:
        """For every part of each row the place of the first that is the same."""
        return self.alone().same().view(len(self), -1) if self.asked else self.same()

    @property
    def tokens(self) -> list[int]:
        """Tokens each prompt adds to the packed forward: its own and its responses', without what was there before."""
        same = self._same_parts()
        first = same == torch.arange(same.numel()).view_as(same)
        return torch.where(first, self._sizes(), 0).sum(-1).tolist()

    def split(self, budget: int) -> Iterator[tuple[int, int]]:
        """Cut into runs of prompts of at most `budget` tokens; a prompt over the budget goes alone.

        What the prompts of a run have in common counts once, as in the packed forward.
        """
        sizes = self._sizes()
        if int(sizes.sum()) <= budget:  # without a look at what is the same
            yield from [(0, len(self))] if len(self) else []
            return
        same = self._same_parts()
        start, used = 0, 0
        seen: set[int] = set()
        for i, (places, row) in enumerate(zip(same.tolist(), sizes.tolist(), strict=True)):
            parts = dict(zip(places, row, strict=True))
            added = sum(n for place, n in parts.items() if place not in seen)
            if i > start and used + added > budget:
                yield start, i
                start, used, added = i, 0, sum(parts.values())
                seen.clear()
            used += added
            seen.update(parts)
        yield start, len(self)


def assemble(groups: Sequence[Group]) -> Batch:
    """Groups as a batch: `ids`, `mask`, `ended` and, where all have them, `sampled_logp`, `label` and `target`.

    Groups with fewer responses than the largest are filled with missing ones, whose `mask` row is zero.

    Raises:
        DataError: a response whose `mask` does not have a number for every token.

    >>> from prefloop.text import Prompt, Response
    >>> one = Response(text="b c", ids=(2, 3), mask=(1, 1))
    >>> batch = assemble([Group(prompt=Prompt(text="a"), prompt_ids=(1,), responses=(one,))])
    >>> batch["ids"]
    tensor([[[2, 3]]])
    """
    width = max(len(g.responses) for g in groups)
    missing = Response(text="", finish="length")
    rows = [r for g in groups for r in (*g.responses, *[missing] * (width - len(g.responses)))]
    for r in rows:
        if len(r.mask) != len(r.ids):
            raise DataError(f"{r.text!r} has {len(r.ids)} tokens and a `mask` of {len(r.mask)}: give one for each.")
    shape = (len(groups), width, max([1, *(len(r.ids) for r in rows)]))
    batch = Batch(
        trunks=tuple(torch.tensor(g.prompt_ids, dtype=torch.long) for g in groups),
        lengths=torch.tensor([len(r.ids) for r in rows], dtype=torch.long).view(shape[:2]),
        tensors={
            "ids": _filled([r.ids for r in rows], shape, torch.long),
            "mask": _filled([r.mask for r in rows], shape, torch.long),
            "ended": torch.tensor([float(r.finish != "length") for r in rows]).view(shape[:2]),
        },
        asked=_asked(groups, width),
    )
    if all(len(r.logp) == len(r.ids) for r in rows):
        batch = batch.having(sampled_logp=_filled([r.logp for r in rows], shape, torch.get_default_dtype()))
    if all(len(g.labels) == len(g.responses) for g in groups):
        batch = batch.having(label=_filled([g.labels for g in groups], shape[:2], torch.get_default_dtype()))
    targets = [g.target for g in groups if g.target is not None]
    if len(targets) == len(groups):
        batch = batch.having(target=torch.tensor(targets))
    return batch


def _filled(rows: Sequence[Sequence[float]], shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Rows of different lengths as one tensor, with zeros behind the shorter ones."""
    *_, width = shape
    return torch.tensor([(*row, *(0,) * (width - len(row))) for row in rows], dtype=dtype).view(shape)


def _asked(groups: Sequence[Group], width: int) -> tuple[tuple[Tensor, ...], ...]:
    """The prompts of the responses, where some are not their group's; for a missing one, that of the group's first."""
    if not any(g.compares_prompts for g in groups):
        return ()
    rows = []
    for group in groups:
        own = [torch.tensor(group.prompt_ids_of(k), dtype=torch.long) for k in range(len(group.responses))]
        rows.append((*own, *own[:1] * (width - len(own))))
    return tuple(rows)


def teaching(batch: Batch, *, pairwise: bool) -> Batch:
    """The prompts that have an answer with tokens to learn from; of pairs, those whose answers both have some.

    An answer without any counts as missing, and a pair with one missing would be a comparison with nothing.

    >>> mask = torch.tensor([[[1], [0]], [[0], [0]]])
    >>> batch = Batch(trunks=(torch.tensor([1]),) * 2, lengths=mask.sum(-1), tensors={"mask": mask})
    >>> len(teaching(batch, pairwise=False)), len(teaching(batch, pairwise=True))
    (1, 0)
    """
    there = present(batch["mask"])
    serves = there[:, :2].all(-1) if pairwise else there.any(-1)
    return batch if bool(serves.all()) else batch.take(serves.nonzero().flatten().tolist())


def joined(batches: Sequence[Batch]) -> Batch:
    """The prompts of several batches with the same tensors as one, filled up to the longest response.

    >>> one, two = (Batch(trunks=(torch.tensor([1]),), lengths=torch.tensor([[n]]),
    ...                   tensors={"ids": torch.ones(1, 1, n)}) for n in (1, 2))
    >>> joined([one, two])["ids"].tolist()
    [[[1.0, 0.0]], [[1.0, 1.0]]]
    """
    if len(batches) == 1:
        return batches[0]
    return Batch(
        trunks=tuple(trunk for b in batches for trunk in b.trunks),
        lengths=_stacked([b.lengths for b in batches]),
        tensors={name: _stacked([b[name] for b in batches]) for name in batches[0].tensors},
        instructed={role: tuple(t for b in batches for t in b.instructed[role]) for role in batches[0].instructed},
        asked=_all_asked(batches),
    )


def _all_asked(batches: Sequence[Batch]) -> tuple[tuple[Tensor, ...], ...]:
    if not any(b.asked for b in batches):
        return ()
    width = max(b.lengths.shape[1] for b in batches)
    rows = [row for b in batches for row in b.asked or [(t,) for t in b.trunks]]
    return tuple((*row, *row[:1] * (width - len(row))) for row in rows)


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Tensors one below the other, the smaller ones filled with zeros."""
    widest = [max(sizes) for sizes in zip(*(t.shape[1:] for t in tensors), strict=True)]
    whole = tensors[0].new_zeros(sum(map(len, tensors)), *widest)
    start = 0
    for t in tensors:
        whole[(slice(start, start + len(t)), *map(slice, t.shape[1:]))] = t
        start += len(t)
    return whole
