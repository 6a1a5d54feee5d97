"""The few tensor operations against plain loops."""

import math
import statistics

import pytest
import torch

import restated_hidden
from oracles import batch
from prefloop.ops import at_final, final, lead, log_odds, present, sinkhorn, soft_min, tmean, tsum, whiten, wmean


@pytest.fixture(params=range(4))
def groups(request):
    return batch(request.param, k=4)


def chosen(groups):
    """The positions that the model chose, response by response."""
    return [[[t for t, m in enumerate(row) if m] for row in prompt] for prompt in groups["mask"].tolist()]


def near(got, want):
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype), rtol=0, atol=1e-12)


def test_a_sum_and_a_mean_are_over_the_chosen_tokens(groups):
    logp, mask = groups["logp"], groups["mask"]
    seen = [
        [[logp[p, k, t].item() for t in positions] for k, positions in enumerate(prompt)]
        for p, prompt in enumerate(chosen(groups))
    ]
    near(tsum(logp, mask), [[math.fsum(xs) for xs in prompt] for prompt in seen])
    near(tmean(logp, mask), [[statistics.fmean(xs) if xs else 0.0 for xs in prompt] for prompt in seen])


def test_a_mean_by_weight_is_over_the_chosen_tokens_and_0_where_nothing_weighs(groups):
    logp, mask, weight = (groups[n] for n in ("logp", "mask", "token_weight"))
    seen = [
        [
            math.fsum(weight[p, k, t].item() * logp[p, k, t].item() for t in positions)
            / math.fsum(weight[p, k, t].item() for t in positions)
            if positions
            else 0.0
            for k, positions in enumerate(prompt)
        ]
        for p, prompt in enumerate(chosen(groups))
    ]
    near(wmean(logp, weight, mask), seen)
    near(wmean(logp, torch.ones_like(logp), mask), tmean(logp, mask).tolist())
    near(wmean(logp, torch.zeros_like(logp), mask), torch.zeros(5, 4).tolist())


def test_a_response_is_present_when_a_token_of_it_was_chosen(groups):
    near(present(groups["mask"]), [[bool(positions) for positions in prompt] for prompt in chosen(groups)])


def test_the_lead_is_that_of_the_first_of_two(groups):
    two = groups["score"][:, :2]
    near(lead(two), [a - b for a, b in two.tolist()])


def test_log_odds_are_those_of_the_probability_and_finite_at_its_ends(groups):
    logp = groups["logp"]
    near(log_odds(logp), [[[x - math.log(1 - math.exp(x)) for x in row] for row in p] for p in logp.tolist()])
    near(log_odds(torch.tensor([-800.0, -1e-12], dtype=torch.float64)), [-800.0, -1e-12 + 12 * math.log(10)])
    ends = torch.tensor([-800.0, 0.0, -1e-30], requires_grad=True)
    log_odds(ends).sum().backward()
    assert bool(log_odds(ends).isfinite().all())
    assert ends.grad.tolist() == [1.0, 0.0, 0.0]


def test_the_final_token_is_the_last_that_was_chosen(groups):
    last = [[max(positions, default=0) for positions in prompt] for prompt in chosen(groups)]
    near(final(groups["mask"]), last)
    placed = [
        [
            [x if positions and t == max(positions) else 0.0 for t in range(groups["mask"].shape[-1])]
            for x, positions in zip(rewards, prompt, strict=True)
        ]
        for rewards, prompt in zip(groups["reward"].tolist(), chosen(groups), strict=True)
    ]
    near(at_final(groups["reward"], groups["mask"]), placed)


def test_whitening_takes_the_mean_and_the_population_variance_of_what_is_masked(groups):
    x, mask = groups["score"].flatten(), present(groups["mask"]).long().flatten()
    seen = [v for v, m in zip(x.tolist(), mask.tolist(), strict=True) if m]
    scale = math.sqrt(statistics.pvariance(seen) + 0.5)
    want = [(v - statistics.fmean(seen)) / scale * m for v, m in zip(x.tolist(), mask.tolist(), strict=True)]
    near(whiten(x, mask, eps=0.5), want)


def test_whitening_nothing_gives_nothing():
    assert whiten(torch.ones(3), torch.zeros(3)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("count", [2, 3])
def test_the_soft_minimum_is_minus_the_logarithm_of_the_mean_of_exponentials(count):
    rows = torch.randn(5, count, generator=torch.Generator().manual_seed(count), dtype=torch.float64)
    a = 0.4
    near(
        soft_min(rows, softness=a),
        [-a * math.log(statistics.fmean(math.exp(-x / a) for x in row)) for row in rows.tolist()],
    )


def test_the_soft_minimum_lies_between_the_least_and_the_mean_and_comes_to_both():
    rows = torch.randn(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    least, mean = rows.amin(-1), rows.mean(-1)
    soft = soft_min(rows, softness=0.4)
    assert bool((soft > least).all() and (soft < mean).all())
    torch.testing.assert_close(soft_min(rows, softness=1e-9), least, rtol=0, atol=1e-8)
    torch.testing.assert_close(soft_min(rows, softness=1e7), mean, rtol=0, atol=1e-6)
    torch.testing.assert_close(soft_min(rows + 1000, softness=0.4), soft + 1000, rtol=0, atol=1e-10)


def test_equal_numbers_are_their_own_soft_minimum():
    rows = torch.tensor([[2.0, 2.0, 2.0], [-900.0, -900.0, -900.0]], dtype=torch.float64)
    near(soft_min(rows, softness=0.3), [2.0, -900.0])


def test_the_soft_minimum_learns_most_through_the_lower_number():
    """The gradient is softmax(-x / a), whose parts sum to 1."""
    rows = torch.tensor([[0.0, 0.5]], dtype=torch.float64, requires_grad=True)
    soft_min(rows, softness=0.25).sum().backward()
    lower = 1 / (1 + math.exp(-0.5 / 0.25))
    near(rows.grad, [[lower, 1 - lower]])


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_sharing_out_by_turns_is_that_of_whole_rows_and_columns(groups, rounds):
    x = 3 * groups["scores"].flatten(0, 1)
    near(sinkhorn(x, rounds=rounds), restated_hidden.sinkhorn(x.tolist(), rounds=rounds))


def test_rows_add_up_and_columns_share_them_evenly_by_factors_of_rows_and_columns(groups):
    x = 3 * groups["scores"].flatten(0, 1)
    shares = sinkhorn(x, rounds=500)
    near(shares.sum(1), [1.0] * len(x))
    near(shares.sum(0), [len(x) / x.shape[1]] * x.shape[1])
    factors = shares.log() - x
    near(factors - factors[:1] - factors[:, :1] + factors[0, 0], torch.zeros_like(x).tolist())


def test_sharing_out_holds_where_numbers_are_large():
    near(sinkhorn(torch.tensor([[1e4, 0.0], [1e4, 0.0]]).double(), rounds=3), [[0.5, 0.5], [0.5, 0.5]])
