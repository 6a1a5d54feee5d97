"""The one place that divides: its denominators, and that cutting a batch into micro-batches changes nothing."""

import inspect

import pytest
import torch

from oracles import batch
from prefloop.errors import RecipeError
from prefloop.objectives.pairs import dpo
from prefloop.objectives.penalties import kl_k2
from prefloop.objectives.policy import ppo_clip
from prefloop.objectives.rewards import kway_choice
from prefloop.reduce import weights

P, K, T = 5, 4, 6


@pytest.fixture(autouse=True)
def float64():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(params=range(3))
def groups(request):
    return batch(request.param, k=K)


def counted(mask):
    """For each prompt that has any, for each of its responses that is there, the positions the model chose."""
    chosen = [[[t for t in range(T) if mask[p, k, t]] for k in range(K)] for p in range(P)]
    return {p: {k: ts for k, ts in enumerate(row) if ts} for p, row in enumerate(chosen) if any(row)}


def mean(xs):
    xs = list(xs)
    return sum(xs) / len(xs)


def responses(tree):
    return [(p, k) for p in tree for k in tree[p]]


# The loss by its definition, from terms `x` and the responses and tokens that are there.
DEFINITIONS = {
    ("token", 3): lambda x, tree: mean(x[p, k, t] for p, k in responses(tree) for t in tree[p][k]),
    ("response", 3): lambda x, tree: mean(mean(x[p, k, t] for t in tree[p][k]) for p, k in responses(tree)),
    ("response", 2): lambda x, tree: mean(x[p, k] for p, k in responses(tree)),
    ("prompt", 3): lambda x, tree: mean(mean(mean(x[p, k, t] for t in tree[p][k]) for k in tree[p]) for p in tree),
    ("prompt", 2): lambda x, tree: mean(mean(x[p, k] for k in tree[p]) for p in tree),
    ("prompt", 1): lambda x, tree: mean(x[p] for p in tree),
    ("constant", 3): lambda x, tree: mean(sum(x[p, k, t] for t in tree[p][k]) / 7 for p, k in responses(tree)),
    ("constant", 2): lambda x, tree: mean(x[p, k] / 7 for p, k in responses(tree)),
    ("constant", 1): lambda x, tree: sum(x[p] for p in tree) / 7 / len(responses(tree)),
}


@pytest.mark.parametrize(("per", "level"), DEFINITIONS)
def test_the_loss_is_the_mean_that_was_asked_for(per, level, groups):
    terms = random_terms(level)
    factors = weights(terms.shape, groups["mask"], per=per, constant=7.0 if per == "constant" else None)
    near((factors * terms).sum(), DEFINITIONS[per, level](terms, counted(groups["mask"])))


@pytest.mark.parametrize(("level", "per"), [(1, "prompt"), (2, "response"), (3, "token")])
def test_unasked_the_mean_is_over_the_finest_axis_of_the_terms(level, per, groups):
    shape = random_terms(level).shape
    near(weights(shape, groups["mask"]), weights(shape, groups["mask"], per=per))


@pytest.mark.parametrize(("per", "level"), [case for case in DEFINITIONS if case[0] != "constant"])
def test_the_factors_of_a_mean_sum_to_one(per, level, groups):
    near(weights(random_terms(level).shape, groups["mask"], per=per).sum(), torch.tensor(1.0))


@pytest.mark.parametrize(("per", "level"), DEFINITIONS)
def test_importance_multiplies_the_terms_of_a_prompt_and_leaves_the_denominator(per, level, groups):
    importance = torch.tensor([2.0, 0.0, 1.0, 3.0, 5.0])
    terms, mask, constant = random_terms(level), groups["mask"], 7.0 if per == "constant" else None
    plain = weights(terms.shape, mask, per=per, constant=constant)
    weighted = weights(terms.shape, mask, per=per, constant=constant, importance=importance)
    weighted_terms = torch.stack([i * x for i, x in zip(importance, terms, strict=True)])
    near((weighted * terms).sum(), (plain * weighted_terms).sum())


def test_a_batch_of_missing_responses_weighs_nothing():
    mask = torch.zeros(P, K, T, dtype=torch.int64)
    for per, level in DEFINITIONS:
        factors = weights(random_terms(level).shape, mask, per=per, constant=7.0)
        assert factors.eq(0).all(), (per, level)


OBJECTIVES = {
    "tokens": (lambda logp, x: ppo_clip(logp, x["old_logp"], x["advantage"]), 3),
    "penalty": (lambda logp, x: kl_k2(logp, x["ref_logp"]), 3),
    "responses": (lambda logp, x: (logp * x["mask"]).sum(-1).square(), 2),
    "choices": (lambda logp, x: kway_choice(logp.sum(-1), x["mask"]), 1),
    "pairs": (lambda logp, x: dpo(logp[:, :2], x["ref_logp"][:, :2], x["mask"][:, :2], beta=0.5), 1),
}


@pytest.mark.parametrize("cuts", [[5], [1, 1, 1, 1, 1], [2, 3], [4, 1]], ids=str)
@pytest.mark.parametrize(
    ("objective", "per"),
    [(name, per) for name, (_, level) in OBJECTIVES.items() for per, axes in DEFINITIONS if axes == level],
)
def test_micro_batches_change_neither_the_loss_nor_its_gradient(objective, per, cuts, groups):
    function, level = OBJECTIVES[objective]
    factors = weights(random_terms(level).shape, groups["mask"], per=per, constant=7.0 if per == "constant" else None)

    def loss_and_gradient(sizes):
        logp = groups["logp"].clone().requires_grad_()
        total = 0.0
        for rows in torch.arange(P).split(sizes):
            part = {name: x[rows] for name, x in groups.items()}
            loss = (factors[rows] * function(logp[rows], part)).sum()
            loss.backward()
            total += loss.item()
        return torch.tensor(total), logp.grad

    for got, want in zip(loss_and_gradient(cuts), loss_and_gradient([P]), strict=True):
        near(got, want)


@pytest.mark.parametrize(
    ("level", "knobs", "says"),
    [
        (2, {"per": "token"}, "2 axes cannot be averaged per 'token'"),
        (1, {"per": "response"}, "1 axes cannot be averaged per 'response'"),
        (3, {"per": "word"}, "'prompt', 'response', 'token', 'constant'"),
        (3, {"per": "constant"}, "needs a positive `constant`"),
        (3, {"per": "constant", "constant": 0.0}, "needs a positive `constant`"),
        (0, {}, "leave out the mean"),
    ],
)
def test_a_mean_that_cannot_be_taken_is_refused_with_what_to_write(level, knobs, says):
    as_installed = inspect.unwrap(weights)
    with pytest.raises(RecipeError, match=says):
        as_installed(torch.Size((P, K, T)[:level]), torch.ones(P, K, T), **knobs)


def random_terms(level):
    return torch.randn((P, K, T)[:level], generator=torch.Generator().manual_seed(level))


def near(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
