"""What the methods that say how far a policy may go, and from where, are known to reach."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from .. import recipes
from ..models.soup import averaged
from .distance import Verdict
from .known_rewards import OWN, learnt
from .problem import REWARD, distribution, reference, speaking
from .tabular import Policy


def followed(*, beta: float, decay: float, moves: int) -> Tensor:
    """The policy that maximises E[r] - beta KL(pi || anchor) after the anchor moved so often, each time from rest:

        pi = anchor exp(r / beta) / Z        anchor <- decay anchor + (1 - decay) pi, in the weights

    The weights are logits, so that the anchor's next token is a geometric mean of theirs.
    """
    anchor = reference()
    for _ in range(moves):
        best = speaking((distribution(anchor).log() + REWARD / beta).softmax(-1))
        shares = (decay, 1 - decay)
        anchor = Policy(averaged([anchor.state_dict(), best.state_dict()], shares=shares)["table"])
    return (distribution(anchor).log() + REWARD / beta).softmax(-1)


def _warp_ema(beta: float = 1.5, decay: float = 0.5, every: int = 60, moves: int = 3) -> Verdict:
    # The last move comes with the last step, and nothing is learnt after it.
    recipe = recipes.method("warp-ema")(**{**OWN, "steps": (moves + 1) * every}, beta=beta, decay=decay, every=every)
    return Verdict(
        method="warp-ema",
        what=f"anchor exp(r/beta)/Z after the anchor moved half way to that {moves} times, from its own samples",
        distance=learnt(recipe, followed(beta=beta, decay=decay, moves=moves)),
    )


KNOWN_TRUST: dict[str, Callable[[], Verdict]] = {
    "warp-ema": _warp_ema,
}
"""How each of them is verified."""
