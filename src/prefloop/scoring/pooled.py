"""Sequences that are asked about at the same time, scored in one packed forward."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from ..errors import RunError
from ..models.decoder import Decoder
from ..text import Group
from .model import AT_ONCE, plain_scores

Score: TypeAlias = Callable[[Sequence[Group]], Tensor]
"""The scores of groups of one response each, (P 1) or (P 1 D)."""


class Full(RunError):
    """So much is waiting that nothing more is taken; a little later it may be."""


@dataclass(slots=True, eq=False)
class _Request:
    rows: Sequence[Group]
    future: Future[Tensor] = field(default_factory=Future)
    came: float = field(default_factory=time.monotonic)
    taken: int = 0
    scores: list[Tensor] = field(default_factory=list)


class Pool:
    """A queue before a reward model: whatever waits is read together, in the order in which it came.

    A forward begins `wait` seconds after the oldest request came, or as soon as `tokens` wait; while one runs, the next
    fills up by itself. A forward takes `tokens` at most, a prompt that several rows begin with counted and read once; a
    row that is longer goes alone. A request whose future is cancelled is dropped with all of it that has not been read.
    Where a forward fails each of its rows is read alone, so that only the requests that make it fail do. Whatever a
    forward does, the thread that reads lives on: nobody waits for an answer that cannot come.

    >>> from prefloop.text import Prompt, Response
    >>> def lengths(rows): return torch.tensor([[float(len(r.responses[0].ids))] for r in rows])
    >>> one = Group(prompt=Prompt(text="a"), prompt_ids=(1,), responses=(Response(text="b", ids=(2,), mask=(1,)),))
    >>> with Pool(lengths).open() as pool:
    ...     pool.submit([one, one]).result()
    tensor([1., 1.])
    """

    def __init__(self, score: Score, *, wait: float = 0.002, tokens: int = AT_ONCE, room: int = 4096) -> None:
        """`score` reads the rows of one forward. `room` is how many rows may be there at once, waiting or read."""
        self._score, self._wait, self._tokens, self.room = score, wait, tokens, room
        self._waiting: deque[_Request] = deque()
        self._held = 0
        self._closed = True
        self._changed = threading.Condition()

    @classmethod
    def of(cls, model: Decoder, *, wait: float = 0.002, tokens: int = AT_ONCE, room: int = 4096) -> Pool:
        """The pool before this model, whose scores are normalised as its checkpoint says."""
        return cls(lambda rows: plain_scores(rows, model, at_once=tokens), wait=wait, tokens=tokens, room=room)

    @contextmanager
    def open(self) -> Iterator[Pool]:
        """Score until the end of the block; what waits then and is not dropped is scored before it is left."""
        self._closed = False
        worker = threading.Thread(target=self._work, name="reward", daemon=True)
        worker.start()
        try:
            yield self
        finally:
            with self._changed:
                self._closed = True
                self._changed.notify_all()
            worker.join()

    def drop(self) -> None:
        """Cancel what waits; what is being read is still answered."""
        with self._changed:
            waiting = list(self._waiting)
        for request in waiting:  # not under the lock: whoever waits is told at once
            request.future.cancel()

    @contextmanager
    def admitted(self, rows: int) -> Iterator[None]:
        """Room for so many rows, until the end of the block.

        Raises:
            Full: there is none.
        """
        with self._changed:
            if self._held + rows > self.room:
                raise Full(f"{self._held} sequences are waiting and {self.room} may: ask again a little later.")
            self._held += rows
        try:
            yield
        finally:
            with self._changed:
                self._held -= rows

    def submit(self, rows: Sequence[Group]) -> Future[Tensor]:
        """The scores of rows of one response each, in the model's own tokens: (n), or (n D) with channels.

        Raises:
            RunError: the pool is closed.
            ValueError: there are no rows.
        """
        if not rows:
            raise ValueError("there is nothing to score: give one row or more.")
        request = _Request(rows)
        with self._changed:
            if self._closed:
                raise RunError("the reward model is stopped.")
            self._waiting.append(request)
            self._changed.notify_all()
        return request.future

    def _work(self) -> None:
        while parts := self._next():
            found = self._scores([request.rows[i] for request, i in parts])
            for (request, _), score in zip(parts, found, strict=True):
                self._scored(request, score)

    def _next(self) -> list[tuple[_Request, int]]:
        """The rows of the next forward, each as a request and a place in it; none when all is done and closed."""
        with self._changed:
            while True:
                self._drop_cancelled()
                if not self._waiting:
                    if self._closed:
                        return []
                    self._changed.wait()
                    continue
                left = self._waiting[0].came + self._wait - time.monotonic()
                if left <= 0 or self._closed or self._enough():
                    return self._take()
                self._changed.wait(left)

    def _drop_cancelled(self) -> None:
        self._waiting = deque(r for r in self._waiting if not r.future.cancelled())

    def _enough(self) -> bool:
        rows = (row for request in self._waiting for row in request.rows[request.taken :])
        total = 0
        return any((total := total + _size(row) + len(row.prompt_ids)) >= self._tokens for row in rows)

    def _take(self) -> list[tuple[_Request, int]]:
        taken: list[tuple[_Request, int]] = []
        seen: set[tuple[int, ...]] = set()
        total = 0
        while self._waiting:
            request = self._waiting[0]
            row = request.rows[request.taken]
            total += _size(row) + (0 if row.prompt_ids in seen else len(row.prompt_ids))
            if taken and total > self._tokens:
                break
            seen.add(row.prompt_ids)
            taken.append((request, request.taken))
            request.taken += 1
            if request.taken == len(request.rows):
                self._waiting.popleft()
        return taken

    def _scores(self, rows: list[Group]) -> list[Tensor | Exception]:
        try:
            found = list(self._score(rows)[:, 0])
            if len(found) != len(rows):
                raise ValueError(f"it gave {len(found)} scores for {len(rows)} sequences")
            return found
        except BaseException as error:
            if len(rows) == 1:
                return [_to_be_raised(error)]
        return [score for row in rows for score in self._scores([row])]

    def _scored(self, request: _Request, score: Tensor | Exception) -> None:
        if request.future.done():  # cancelled, or failed with an earlier row
            return
        if isinstance(score, Tensor):
            request.scores.append(score)
            if len(request.scores) < len(request.rows):
                return
        else:
            with self._changed:  # nothing more of it is read
                self._waiting = deque(r for r in self._waiting if r is not request)
        if not request.future.set_running_or_notify_cancel():
            return
        if isinstance(score, Tensor):
            request.future.set_result(torch.stack(request.scores))
        else:
            request.future.set_exception(score)


def _to_be_raised(error: BaseException) -> Exception:
    """The error, or one that says it: some end a loop, a task or a program where they are raised again."""
    if isinstance(error, Exception) and not isinstance(error, (StopIteration, StopAsyncIteration, CancelledError)):
        return error
    return RuntimeError(f"the model raised {type(error).__name__}: {error}")


def _size(row: Group) -> int:
    return len(row.responses[0].ids)
