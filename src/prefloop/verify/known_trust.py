"""What the methods that say how far a policy may go, and from where, are known to reach."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .. import recipes
from ..dials import GatedKL
from ..models.soup import averaged
from .distance import Verdict
from .known_rewards import OWN, learnt
from .problem import REWARD, distribution, falling_root, reference, speaking, tilted
from .tabular import LENGTH, PREFIXES, Critics, Policy


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


GATED = GatedKL(begin=0.3, weight=0.2, floor=1.2, rise=0.0, integral=0.1)
"""A dial whose threshold, gate and reward all show in where it comes to rest here."""


def gated_rest(dial: GatedKL) -> tuple[Tensor, float]:
    """Where a policy and this dial come to rest, and the weight beta there: both equations hold.

        pi   = pi_ref exp(r / beta) / Z
        beta = 2 weight max(0, KL(pi || pi_ref) - threshold) max(1/2, floor / (H + 0.1))

    At rest the reward no longer climbs, and the sum of its climbs is what it gained: `threshold` is then
    begin + integral (E_pi[r] - E_ref[r]), the gain within `most`. H, the mean entropy of a token, is a third of that of
    an answer. The higher beta, the less the second equation asks for: they meet once.
    """
    start = distribution(reference())

    def price(policy: Tensor) -> Tensor:
        kl = (policy * (policy / start).log()).sum()
        entropy = -(policy * policy.log()).sum() / LENGTH
        gain = ((policy - start) @ REWARD).clamp(-dial.most, dial.most)
        beyond = (kl - dial.begin - dial.integral * gain).clamp(min=0)
        return 2 * dial.weight * beyond * (dial.floor / (entropy + 0.1)).clamp(min=0.5)

    def beta(log: Tensor) -> Tensor:
        return log.clamp(-3, 3).exp()

    found = beta(falling_root(lambda log: price(tilted(REWARD / beta(log))) - beta(log), like=start[0]))
    return tilted(REWARD / found), float(found)


def two_critics(softness: float) -> Critics:
    """A critic that says 0 of everything, and one that says something else of every prefix."""
    source = torch.Generator().manual_seed(2)
    return Critics(torch.randn(1, PREFIXES, 2, generator=source) * torch.tensor([0.0, 1.0]), softness)


def _safe_entropy(dial: GatedKL = GATED, softness: float = 0.3) -> Verdict:
    policy, beta = gated_rest(dial)
    recipe = recipes.method("safe-entropy")(**OWN, beta=dial, softness=softness)
    return Verdict(
        method="safe-entropy",
        what=f"pi_ref exp(r/beta)/Z at the beta its KL, entropy and reward ask for ({beta:.2f}), from its own samples",
        distance=learnt(recipe, policy, critic=two_critics(softness)),
    )


KNOWN_TRUST: dict[str, Callable[[], Verdict]] = {
    "safe-entropy": _safe_entropy,
    "warp-ema": _warp_ema,
}
"""How each of them is verified."""
