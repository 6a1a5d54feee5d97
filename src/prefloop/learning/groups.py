"""Groups of people who want different things, found from what they prefer, on features that stay as they are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ..errors import DataError, RecipeError

_NEWTON = 12  # steps of one fit, far more than it takes from the fit of the round before
_SETTLED = 1e-9  # of the log-likelihood: a round that gains less is the last


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """A linear reward for each group (D d), how large it is (D), and how far everybody belongs to each (people D).

    `log_likelihood` is that of everything that was said. Which group comes first is by chance.
    """

    rewards: Tensor
    sizes: Tensor
    members: Tensor
    log_likelihood: float

    @property
    def group(self) -> Tensor:
        """The group that everybody belongs to most."""
        return self.members.argmax(-1)

    def joined(self, features: Tensor) -> Tensor:
        """How far somebody new belongs to each group (D), by a few pairs of features (n 2 d), the preferred first.

        P(u | said)  proportional to  size_u prod_i sigmoid(w_u (x_i0 - x_i1))
        """
        said = logsigmoid((features[:, 0] - features[:, 1]).to(self.rewards) @ self.rewards.T)
        return (self.sizes.log() + said.sum(0)).softmax(-1)

    def score(self, features: Tensor, members: Tensor) -> Tensor:
        """The score of answers (... d) for somebody who belongs this far to each group (D): the mean of the groups'."""
        return (features.to(self.rewards) @ self.rewards.T) @ members


def found_groups(
    features: Tensor,
    who: Tensor,
    *,
    groups: int,
    hard: bool = False,
    ridge: float = 1e-2,
    starts: int = 8,
    rounds: int = 200,
    seed: int = 0,
) -> Groups:
    """Put everybody in one of several groups with a Bradley-Terry reward each, by expectation and maximisation.

        E:  q_hu proportional to  size_u prod_{i judged by h} sigmoid(w_u (x_i0 - x_i1)); the highest alone where `hard`
        M:  w_u = argmin  -sum_i q_h(i)u log sigmoid(w_u (x_i0 - x_i1)) + ridge/2 |w_u|^2,    size_u = mean_h q_hu

    MaxMin-RLHF (Chakraborty et al. 2024, arXiv 2402.08925), whose people go to the reward under which what they said is
    most probable (`hard`, there without sizes), and the same softly. The rewards are linear in `features` (P 2 d) of
    pairs, the preferred first, such as the last hidden states of a frozen model; `who` (P) judged each. EM finds a
    place from which it can only go down, so that the best of several random `starts` is kept. `ridge` is there for a
    group whose members all agree.

    Raises:
        DataError: fewer people than groups, or features that are no finite numbers.
        RecipeError: fewer than two groups.

    >>> x = torch.tensor([[[1.0], [0.0]], [[0.0], [1.0]]]).repeat(5, 1, 1)
    >>> found = found_groups(x, torch.tensor([0, 1] * 5), groups=2)
    >>> bool(found.group[0] != found.group[1])
    True
    """
    people, at = who.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    _must_serve(features, len(people), groups)
    apart = (features[:, 0] - features[:, 1]).double()
    source = torch.Generator().manual_seed(seed)
    tries = [_settled(apart, at, len(people), groups, hard, ridge, rounds, source) for _ in range(starts)]
    return max(tries, key=lambda found: found.log_likelihood)


def _must_serve(features: Tensor, people: int, groups: int) -> None:
    if groups < 2:
        raise RecipeError(f"`found_groups` is to find {groups} groups: ask for two at least, or fit `bradley-terry`.")
    if people < groups:
        raise DataError(
            f"{people} people judged these pairs, and they are to be put in {groups} groups: say who judged each pair "
            "(`who`), or ask for fewer groups."
        )
    if not bool(features.isfinite().all()):
        row = int((~features.isfinite()).flatten(1).any(1).nonzero()[0])
        raise DataError(f"the features of pair {row} are not all finite numbers: leave the pair out.")


def _settled(
    apart: Tensor, at: Tensor, people: int, groups: int, hard: bool, ridge: float, rounds: int, source: torch.Generator
) -> Groups:
    """EM from one random start until it no longer gains."""
    start = torch.randn(people, groups, generator=source, dtype=torch.float64)
    members = (3 * start).softmax(-1)
    rewards = apart.new_zeros(groups, apart.shape[1])
    now, before, sizes = -torch.inf, -torch.inf, members.mean(0)
    for _ in range(rounds):
        rewards = fitted_rewards(apart, members[at], rewards, ridge=ridge)
        sizes = members.mean(0)
        said = torch.zeros_like(members).index_add_(0, at, logsigmoid(apart @ rewards.T))
        odds = sizes.log() + said
        best = torch.nn.functional.one_hot(odds.argmax(-1), members.shape[1]).to(odds)
        members = best if hard else odds.softmax(-1)
        total = odds.amax(-1) if hard else odds.logsumexp(-1)
        before, now = now, float(total.sum() - ridge / 2 * rewards.square().sum())
        if now - before < _SETTLED * abs(now):
            break
    return Groups(rewards=rewards, sizes=sizes, members=members, log_likelihood=now)


def fitted_rewards(apart: Tensor, weight: Tensor, start: Tensor, *, ridge: float) -> Tensor:
    """Linear Bradley-Terry rewards (D d), each fitted to all pairs by its own weights of them (P D), by Newton's steps.

    argmin_w  -sum_i weight_i log sigmoid(w x_i) + ridge/2 |w|^2        x_i = x_i0 - x_i1
    """
    rewards, unit = start, torch.eye(apart.shape[1], dtype=apart.dtype)

    def loss(at: Tensor) -> Tensor:
        return -(weight * logsigmoid(apart @ at.T)).sum(0) + ridge / 2 * at.square().sum(1)

    for _ in range(_NEWTON):
        p = (apart @ rewards.T).sigmoid()
        slope = ridge * rewards - ((1 - p) * weight).T @ apart
        curve = torch.einsum("pd,pi,pj->dij", weight * p * (1 - p), apart, apart) + ridge * unit
        step = torch.linalg.solve(curve, slope)
        size = torch.ones(len(rewards), 1, dtype=apart.dtype)
        for _ in range(20):  # a whole step may go too far where a curve is flat: it is halved until it gains
            worse = loss(rewards - size * step) > loss(rewards) + 1e-12
            if not bool(worse.any()):
                break
            size = torch.where(worse.unsqueeze(1), size / 2, size)
        rewards = rewards - size * step
        if float(step.abs().max()) < 1e-8:
            break
    return rewards
