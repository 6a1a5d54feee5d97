"""Expert iteration."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.imitation import nll
from ..recipe import Recipe, Term
from ..select import passing
from ._families import Online, online


def expert_iteration(*, least: float = 1.0, passes: int = 2, minibatches: int = 16, **common: Unpack[Online]) -> Recipe:
    """Rounds of imitating own answers that are paid at least `least`: draw for many prompts, keep, learn, again.

    `raft` keeps the best answer to each prompt, however good; this keeps all that are good enough, several to one
    prompt and none to another, and comes to rest where all are. A round is a step: all its answers are drawn before
    anything moves. Each round goes on from the last; ReST-EM begins each with the first model again.
    """
    common.setdefault("k", 8)
    common.setdefault("batch", 128)
    common.setdefault("steps", 3)
    return online(
        name="expert-iteration",
        family="imitation",
        paper="Anthony et al. 2017, arXiv 1705.08439; as ReST-EM, Singh et al. 2023, arXiv 2312.06585, but each round "
        "goes on from the last policy",
        summary="imitates in rounds all own answers that are paid enough",
        select=(bind(passing, least=least),),
        objective=(Term(objective=bind(nll)),),
        passes=passes,
        minibatches=minibatches,
        checkpoint=1,
        **common,
    )
