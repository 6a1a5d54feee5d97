"""Element-wise formulas as one loop each, where there is a compiler.

A formula written in torch reads and writes its tensors once for every operation in it; compiled, once. Each of those
marked here takes shapes of any size, is compiled at its first use (a few seconds, kept on disk by torch between runs)
and gives the same numbers without a compiler. TORCH_COMPILE_DISABLE=1 does without.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

_SMALL = 2**16  # elements: below it a call costs more than the loop saves
_log = logging.getLogger(__name__)


def compiled(formula: Callable[P, R]) -> Callable[P, R]:
    """The same formula, compiled when it is called with a large first tensor; no gradient passes through it."""

    @functools.cache
    def fast() -> Callable[P, R]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of torch's compiler, on its own import
            return torch.compile(formula, dynamic=True)

    @functools.wraps(formula)
    @torch.no_grad()
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        first = args[0]
        assert isinstance(first, Tensor)
        if _available and first.numel() >= _SMALL:
            try:
                bare: Any = [a.detach() if isinstance(a, Tensor) else a for a in args]
                return fast()(*bare, **kwargs)
            except torch._dynamo.exc.TorchDynamoException as error:  # no compiler, or one that torch cannot use
                _give_up(error)
        return formula(*args, **kwargs)

    return call


_available = True


@contextlib.contextmanager
def as_written() -> Iterator[None]:
    """Run formulas uncompiled meanwhile: what is asked once is not worth the start of a compiler, seconds long."""
    global _available
    before, _available = _available, False
    try:
        yield
    finally:
        _available = before


def _give_up(error: Exception) -> None:
    global _available
    _available = False
    _log.warning("Formulas run uncompiled, which is slower: %s", str(error).strip().splitlines()[0])
