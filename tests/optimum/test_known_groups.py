"""One reward cannot serve people who want different things; a policy for the worst-off group does better by them."""

from itertools import pairwise

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import DataError
from prefloop.evaluation.by_group import rates_by_group
from prefloop.recipes import method
from prefloop.verify.distance import PAIRS
from prefloop.verify.known_attributes import likeliest
from prefloop.verify.known_people import OTHER, maxmin_optimum
from prefloop.verify.known_told import VALUES
from prefloop.verify.learn import from_samples
from prefloop.verify.pairwise import apart
from prefloop.verify.problem import BETA, REWARD, distribution, reference, tilted
from prefloop.verify.tabular import answer_rows

NAMES = ("many", "few")
EVERY = torch.cat([PAIRS, PAIRS.flip(1)])


def served(policy):
    """How often an answer of the policy is better to each group than one of the reference, enumerated."""
    start = distribution(reference())
    lead = VALUES.unsqueeze(1) - VALUES.unsqueeze(0)
    return torch.einsum("i,ijd,j->d", policy, (lead.sign() + 1) / 2, start).tolist()


def of_one_reward(share):
    """The best policy for the one reward that is likeliest, where so many of the people are of the first group."""
    chosen = share * apart(REWARD, EVERY).sigmoid() + (1 - share) * apart(OTHER, EVERY).sigmoid()
    return tilted(likeliest(EVERY, chosen) / BETA)


LEVEL = OTHER + distribution(reference()) @ (REWARD - OTHER)
"""The reward of the few with the same zero as that of the many: the mean of the reference."""


def test_the_rate_of_the_few_falls_with_their_number_under_one_reward_and_maxmin_does_better_by_them_than_any():
    rates = [served(of_one_reward(share)) for share in (0.5, 0.7, 0.9, 1.0)]
    assert all(after[1] < before[1] - 0.03 for before, after in pairwise(rates))
    fair = served(maxmin_optimum(other=LEVEL))
    assert min(fair) > 0.53
    assert min(fair) > max(min(rate) for rate in rates) + 0.01


def test_the_recipe_serves_the_worst_off_better_than_one_reward_for_everybody():
    def of_both(groups):
        rows = [answer_rows(torch.tensor([r.ids for r in g.responses])) for g in groups]
        return [torch.stack([REWARD, LEVEL], -1)[row].tolist() for row in rows]

    recipe = method("maxmin")(reward=bind(of_both), beta=BETA, k=16, batch=32, steps=60)
    fair = served(distribution(from_samples(recipe)))
    assert min(fair) > 0.5 > 0.4 > min(served(of_one_reward(0.9)))


def test_who_is_one_of_few_is_worse_off_than_if_nothing_had_been_learnt():
    """The impossibility of MaxMin-RLHF (arXiv 2402.08925): it is in the reward, however well that is fitted."""
    many, few = served(of_one_reward(0.95))
    assert many > 0.6
    assert few < 0.5


def test_draws_tell_the_enumerated_rates_and_who_is_worst_off_comes_first():
    source = torch.Generator().manual_seed(0)
    prompts, k = 400, 2
    policy = of_one_reward(0.95)

    def drawn(p):
        return VALUES[torch.multinomial(p, prompts * k, replacement=True, generator=source)].view(prompts, k, 2)

    found = rates_by_group(drawn(policy), drawn(distribution(reference())), NAMES)
    assert [one.group for one in found] == ["few", "many"]
    want = dict(zip(NAMES, served(policy), strict=True))
    for one in found:
        assert one.rate.low < want[one.group] < one.rate.high
        assert one.rate.high - one.rate.low < 0.12


def test_ties_count_half_and_prompts_of_a_cluster_are_drawn_together():
    paid = torch.tensor([[[1.0, 0.0], [0.0, 0.0]], [[2.0, 1.0], [2.0, 0.0]]])
    others = torch.tensor([[[0.0, 0.0]], [[1.0, 2.0]]])
    found = {one.group: one.rate.estimate for one in rates_by_group(paid, others, NAMES)}
    assert found == {"many": (0.75 + 1.0) / 2, "few": (0.5 + 0.0) / 2}
    alone = rates_by_group(paid, others, NAMES, clusters=["a", "a"])
    assert alone[0].rate.n == 1


def test_other_shapes_and_names_are_refused():
    for paid, others, names in (
        (torch.zeros(2, 1, 2), torch.zeros(2, 1, 3), NAMES),
        (torch.zeros(2, 1, 2), torch.zeros(3, 1, 2), NAMES),
        (torch.zeros(2, 1, 2), torch.zeros(2, 1, 2), ("many",)),
        (torch.zeros(2, 2), torch.zeros(2, 2), NAMES),
    ):
        with pytest.raises(DataError, match="a number for each group"):
            rates_by_group(paid, others, names)
