"""Online identity preference optimisation."""

from __future__ import annotations

from typing import Unpack

from ..binding import bind
from ..objectives.pairs import ipo as objective
from ..recipe import Recipe
from ._families import Online, own_pairs


def online_ipo(*, tau: float = 0.1, **common: Unpack[Online]) -> Recipe:
    """IPO on the policy's own answers: two to each prompt, the better-paid one preferred; of more, best and worst.

    Where the better-paid answer is always preferred, as here, it comes to rest at a policy that `tau` holds to the
    reference, while `online-dpo` goes on to the best-paid answers alone. `reward` may be a judge of two answers.
    """
    return own_pairs(
        name="online-ipo",
        paper="Guo et al. 2024, arXiv 2402.04792 (OAIF), algorithm 1 with the loss of IPO, summed over tokens",
        summary="brings pairs of its own answers to a fixed lead, ordered by a reward or a judge",
        objective=bind(objective, tau=tau),
        **common,
    )
