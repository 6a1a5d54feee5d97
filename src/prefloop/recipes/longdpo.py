"""Step-level DPO: pairs of steps that go on from one prefix."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..credit import beyond_prefix
from ..objectives.pairs import dpo as objective
from ..recipe import Recipe, Term
from ._families import Direct, direct


def longdpo(*, beta: float = 0.1, **common: Unpack[Direct]) -> Recipe:
    """DPO on pairs of steps that go on from one prefix, which is read and not learnt.

    The loss is that of `dpo` on the answers as a whole, in which the prefix cancels: it is the data that is step by
    step. It comes as rows with a `prefix`, or from a tree of steps by `sibling_pairs` of `prefloop.feedback.steps`. The
    search for such a tree and the critiques of the paper are not part of this.
    """
    return direct(
        name="longdpo",
        paper="Ping et al. 2025, arXiv 2502.02095; as Step-DPO, Lai et al. 2024, arXiv 2406.18629",
        summary="learns from pairs of steps that go on from one prefix",
        derive=(bind(beyond_prefix),),
        objective=(Term(objective=bind(objective, beta=beta)),),
        **common,
    )
