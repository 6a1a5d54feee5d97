"""How a policy serves groups of people who want different things, the worst-off first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import DataError
from ..statistics import Interval, bootstrap_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRate:
    """How often the policy's answers are better to a group of people than others."""

    group: str
    rate: Interval

    def __str__(self) -> str:
        return f"{self.group}: {self.rate}"


def rates_by_group(
    paid: Tensor, others: Tensor, names: Sequence[str], *, clusters: Sequence[object] | None = None
) -> list[GroupRate]:
    """The win rate of a policy in every group of people, the worst-off first.

        rate_u = mean_p 1/(K M) sum_km ( [paid_pku > others_pmu] + 1/2 [paid_pku = others_pmu] )

    paid (P K D) is what answers of the policy are worth to each group, others (P M D) what those are that they stand
    beside, such as a policy of one reward for everybody, or the reference. The mean hides who pays for it: report the
    first of the list beside it, as MaxMin-RLHF does (Chakraborty et al. 2024, arXiv 2402.08925). Intervals are
    bootstrapped over prompts, or over `clusters` of them.

    Raises:
        DataError: the two are not of the same prompts and groups, or the groups have not as many names.

    >>> import torch
    >>> paid = torch.tensor([[[1.0, 0.0]], [[1.0, 1.0]]])
    >>> [(one.group, one.rate.estimate) for one in rates_by_group(paid, torch.full((2, 1, 2), 0.5), ["old", "young"])]
    [('young', 0.5), ('old', 1.0)]
    """
    alike = paid.dim() == others.dim() == 3 and (paid.shape[0], paid.shape[2]) == (others.shape[0], others.shape[2])
    if not alike or len(names) != paid.shape[-1]:
        raise DataError(
            f"rewards of the shapes {tuple(paid.shape)} and {tuple(others.shape)}, and {len(names)} names: give both "
            "for the same prompts, with a number for each group and a name for each."
        )
    lead = (paid.unsqueeze(2) - others.unsqueeze(1)).double()
    won = ((lead.sign() + 1) / 2).mean((1, 2))
    rates = [
        GroupRate(group=name, rate=bootstrap_mean(won[:, d].tolist(), clusters=clusters))
        for d, name in enumerate(names)
    ]
    return sorted(rates, key=lambda one: one.rate.estimate)
