"""What is known to be found of people who do not agree, and what a policy for the worst off of them comes to."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..binding import bind
from ..recipe import Recipe
from ..recipes import method
from .distance import PAIRS, Known, Verdict, verdicts
from .learn import from_population, from_samples
from .pairwise import apart, chosen
from .problem import BETA, PROMPT, REWARD, distribution, falling_root, rises, tilted, total_variation
from .tabular import ANSWERS, text_of

SOME = PAIRS[::12]
"""Every twelfth of all pairs: enough to fix what is said of each answer."""


def random(*channels: int) -> Tensor:
    """Numbers for every answer."""
    source = torch.Generator().manual_seed(7)
    return torch.randn(len(ANSWERS), *channels, generator=source, dtype=torch.float64)


def told_apart(recipe: Recipe, first: Tensor, steps: int = 300) -> float:
    """How far the probability of a preference is from people's at most; `first` (people pairs) is how often it is."""
    rows = [chosen(share, SOME) for share in first]
    answers, often = torch.cat([a for a, _ in rows]), torch.cat([p for _, p in rows]) / len(first)
    who = torch.arange(1, 1 + len(first)).repeat_interleave(2 * len(SOME))
    found = from_population(recipe, answers, often, beside={"who": who}, steps=steps)
    tensors = {"scores": found["reward"].table[0].detach()[answers]}
    if "people" in found:
        tensors["traits"] = found["people"].rows.detach()[who]
    true = torch.stack([first, 1 - first], 1).flatten()
    return float((probability(recipe, tensors) - true).abs().max())


def probability(recipe: Recipe, tensors: dict[str, Tensor]) -> Tensor:
    """How probable the objective of a recipe says it is that the first is preferred."""
    found: Tensor = (-recipe.objective[0].objective(tensors)).exp()
    return found


def _ahead(values: Tensor) -> Tensor:
    return apart(values, SOME)


def annotator_groups(weights: tuple[float, ...] = (0.95, 0.5, 0.1)) -> Known:
    """Three people, each of whom follows the reward at times and the opposite of half of it at others."""
    one, other = _ahead(2 * REWARD).sigmoid(), _ahead(-REWARD + random()).sigmoid()
    first = torch.stack([w * one + (1 - w) * other for w in weights])
    return Known(
        recipe=method("annotator-groups")(groups=2),
        what="how often each of three people prefers each answer, who follow two opposed rewards at times",
        distance=lambda r: told_apart(r, first),
    )


def micro() -> Known:
    """People of two groups, of whom more of one or of the other judge each answer."""
    gate = random(2)[SOME].mean(1).softmax(-1)
    rewards = torch.stack([_ahead(2 * REWARD), _ahead(-REWARD + random())], -1)
    first = (gate * rewards.sigmoid()).sum(-1)
    return Known(
        recipe=method("micro")(groups=2),
        what="how often people prefer each answer, who follow two opposed rewards, one more often after some answers",
        distance=lambda r: told_apart(r, first.unsqueeze(0)),
    )


def differing(weights: tuple[float, ...]) -> Tensor:
    """How often each of several people prefers the first of a pair, who care more or less about something."""
    return torch.stack([_ahead(REWARD + w * random()).sigmoid() for w in weights])


def annotator_embedding() -> Known:
    """Three people who share a reward and care differently about something else."""
    return Known(
        recipe=method("annotator-embedding")(dimensions=1),
        what="how often each of three people prefers each answer, who share a reward and differ in one thing",
        distance=lambda r: told_apart(r, differing((-1.0, 0.2, 1.0))),
    )


def vpl() -> Known:
    """The same people, where to be sure of them costs nothing."""
    return Known(
        recipe=method("vpl")(dimensions=1, price=0.0),
        what="how often each of three people prefers each answer, where to be sure of them costs nothing",
        distance=lambda r: told_apart(r, differing((-1.0, 0.2, 1.0))),
    )


def falls(prompt: str, response: str) -> float:
    """What the other group wants: small digits at the end, most of all no 3.

    >>> falls("0", "010"), falls("0", "013")
    (1.5, 0.0)
    """
    return 1.5 - 0.5 * int(response[-1])


def of_two_groups(groups: list[object]) -> list[list[list[float]]]:
    """What each answer pays two groups of people."""
    return [
        [[rises(g.prompt.shown, text), falls(g.prompt.shown, text)] for text in g.texts]  # type: ignore[attr-defined]
        for g in groups
    ]


OTHER = torch.tensor([falls(PROMPT.shown, text_of(a)) for a in ANSWERS.tolist()], dtype=torch.float64)
"""The reward of the other group (64)."""


def maxmin_optimum(beta: float = BETA, other: Tensor = OTHER) -> Tensor:
    """The policy that maximises min_u E[r_u] - beta KL(pi || pi_ref), for r_1 = `REWARD` and r_2 = `other`:

        pi_ref exp( (w r_1 + (1 - w) r_2) / beta ) / Z        w from 0 to 1 where E[r_1] = E[r_2], if there is such a w

    The lower of two concave functions is highest where the gradient of a mixture of the two is 0.
    """

    def policy(w: Tensor) -> Tensor:
        return tilted((w * REWARD + (1 - w) * other) / beta)

    w = falling_root(lambda w: (policy(w) * (other - REWARD)).sum(), like=REWARD[0])
    return policy(w.clamp(0, 1))


def maxmin() -> Known:
    """Two groups that want different things."""
    # which group is worse off shows in many answers alone
    recipe = method("maxmin")(reward=bind(of_two_groups), beta=BETA, k=16, batch=128, steps=100)
    return Known(
        recipe=recipe,
        what="the policy whose worst-off group is best off at the price of the KL, of two that want different things",
        distance=lambda r: total_variation(distribution(from_samples(r)), maxmin_optimum()),
    )


CASES: dict[str, Callable[[], Known]] = {
    "annotator-embedding": annotator_embedding,
    "annotator-groups": annotator_groups,
    "maxmin": maxmin,
    "micro": micro,
    "vpl": vpl,
}

KNOWN_PEOPLE: dict[str, Callable[[], Verdict]] = verdicts(CASES)
"""How each of them is verified."""
