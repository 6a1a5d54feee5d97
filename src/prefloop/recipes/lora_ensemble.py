"""An ensemble of reward models: diverse adapters on one model."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.members import alike, each_member
from ..recipe import Lora, Recipe, Term
from ._families import Fitted, fitted, members_of


def lora_ensemble(*, members: int = 4, rank: int = 8, diversity: float = 0.01, **common: Unpack[Fitted]) -> Recipe:
    """Fit several adapters on one model to pairs, each to its own bootstrap of them, and keep them apart."""
    return fitted(
        name="lora-ensemble",
        paper="Zhai et al. 2024, arXiv 2401.00243, the diverse reward LoRA ensemble",
        summary="reward adapters on one model, kept apart by the nuclear norm of what they read",
        objective=bind(each_member),
        further=(Term(objective=bind(alike), weight=diversity),),
        adapter=Lora(rank=rank, alpha=2 * rank, members=members),
        channels=members_of(members),
        start="random",
        **common,
    )
