"""The known answers of the losses on pairs can be missed, and what the papers claim of them can be seen."""

import inspect
from dataclasses import replace

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import RecipeError
from prefloop.objectives.divergences import f_dpo as objective
from prefloop.recipes import method
from prefloop.verify.distance import BOUND, PAIRS
from prefloop.verify.known_pairs import BRADLEY_TERRY, CASES, f_dpo, most_worth
from prefloop.verify.pairwise import apart, chosen, drawn, learnt
from prefloop.verify.problem import BETA, REWARD, distribution, reference, regularised_optimum
from prefloop.verify.tabular import ENDED, ended


def turned(**knobs):
    """A recipe with these knobs of its first term set otherwise."""

    def other(recipe):
        term, *more = recipe.objective
        bound = bind(term.objective.function, **{**term.objective.knobs, **knobs})
        return replace(recipe, objective=(replace(term, objective=bound), *more))

    return other


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("simpo", {"gamma": -0.5}),
        ("r-dpo", {"alpha": -0.5}),
        ("ipo-per-token", {"tau": 0.6}),
        ("ipo", {"tau": 0.12}),
        ("osp", {"beta": 1.2 * BETA}),
        ("robust-dpo", {"flips": 0.24}),
        ("exo", {"smoothing": 0.06}),
        ("discopop", {"tau": 1.2}),
        ("modpo", {"share": 0.7}),
        ("mm-dpo", {"steepness": 0.6}),
        ("odpo", {"alpha": 0.6}),
        ("wpo", {"beta": 1.2 * BETA}),
        ("cpl", {"gamma": 1.0}),
        ("apo-zero", {"beta": 1.2 * BETA}),
    ],
)
def test_another_setting_is_caught(name, knobs):
    known = CASES[name]()
    assert known.distance(turned(**knobs)(known.recipe)) > BOUND


@pytest.mark.parametrize("name", ["slic", "slic-hf", "cpo", "orpo", "nca", "apo-down", "rebel"])
def test_a_loss_turned_round_is_caught(name):
    known = CASES[name]()
    first, *more = known.recipe.objective
    assert known.distance(replace(known.recipe, objective=(replace(first, weight=-first.weight), *more))) > 5 * BOUND


@pytest.mark.parametrize("divergence", ["forward_kl", "alpha", "reverse_kl"])
def test_each_divergence_has_its_own_optimum(divergence):
    known = f_dpo(divergence)
    assert known.distance(known.recipe) < BOUND
    assert known.distance(f_dpo("js").recipe) > BOUND


@pytest.mark.parametrize("divergence", ["forward_kl", "js", "alpha", "reverse_kl"])
def test_no_policy_nearby_is_worth_more_than_the_one_of_most_worth(divergence):
    best, start = most_worth(divergence, 1.5, 0.5), distribution(reference())
    convex = {
        "reverse_kl": lambda u: u * u.log(),
        "forward_kl": lambda u: -u.log(),
        "js": lambda u: u * u.log() - (1 + u) * ((1 + u) / 2).log(),
        "alpha": lambda u: (u**0.5 - 0.5 * u - 0.5) / -0.25,
    }[divergence]

    def worth(policy):
        return (policy * REWARD).sum() - 1.5 * (start * convex(policy / start)).sum()

    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        push = 0.01 * torch.randn(64, generator=source, dtype=torch.float64)
        assert worth((best.log() + push).softmax(-1)) < worth(best)


def test_a_divergence_that_is_not_one_of_the_four_is_refused():
    logp = torch.zeros(1, 2, 1)
    with pytest.raises(RecipeError, match="'reverse_kl', 'forward_kl', 'js', 'alpha'"):
        inspect.unwrap(objective)(logp, logp, logp + 1, divergence="kl")


def test_dpo_is_misled_by_the_flipped_labels_that_robust_dpo_sees_through():
    known = CASES["robust-dpo"]()
    assert known.distance(method("dpo")(beta=BETA)) > 5 * BOUND
    assert known.distance(method("dpo")(beta=BETA, smoothing=0.2)) > 5 * BOUND


def always_better():
    """Every pair of answers paid differently, the better-paid one always chosen."""
    pairs = PAIRS[apart() != 0]
    pairs = torch.where((apart(pairs=pairs) > 0).unsqueeze(-1), pairs, pairs.flip(1))
    return pairs, torch.full((len(pairs),), 1 / len(pairs), dtype=torch.float64)


def test_an_answer_that_is_seldom_preferred_becomes_less_likely_with_dpo_and_not_with_rpo_or_dpop():
    best, middle, worst = 7, 30, 50
    answers, probability = torch.tensor([[best, middle], [middle, worst]]), torch.tensor([0.75, 0.25]).double()

    def gained(recipe):
        policy = learnt(recipe, answers, probability, steps=100)
        return float((policy / distribution(reference())).log()[middle])

    assert gained(method("dpo")(beta=BETA)) < -1
    assert gained(method("rpo")(beta=BETA, eta=0.1)) > 0
    assert gained(method("dpop")(beta=BETA)) > -0.01  # it rests where the fall would begin


def test_the_hinge_stops_at_its_margin_where_dpo_goes_on():
    def widest(name):
        policy = learnt(method(name)(beta=BETA), *always_better(), steps=100)
        return float(BETA * apart((policy / distribution(reference())).log(), always_better()[0]).mean())

    assert 1 < widest("slic") < 0.7 * widest("dpo")


def test_ipo_ends_where_dpo_does_not_when_one_answer_is_always_preferred():
    pair = torch.tensor([[0, 1]])
    for steps in (150, 300):
        policy = learnt(method("ipo")(tau=0.5), pair, torch.ones(1).double(), steps=steps)
        assert abs(float(apart((policy / distribution(reference())).log(), pair)) - 1.0) < 1e-3
    policy = learnt(method("dpo")(beta=0.5), pair, torch.ones(1).double(), steps=300)
    assert float(apart((policy / distribution(reference())).log(), pair)) > 10


def test_short_answers_are_a_distribution_of_their_own():
    start = distribution(reference())
    assert len(ENDED) == len(set(ENDED)) == 40
    assert abs(float(ended(start).sum()) - 1) < 1e-12
    assert abs(float(ended(start)[ENDED.index((0,))] - start[:16].sum())) < 1e-12


def test_every_pair_is_chosen_both_ways_and_drawn_answers_are_independent():
    answers, probability = chosen(BRADLEY_TERRY)
    assert len(answers) == 64 * 63
    optimum = regularised_optimum()
    both, together = drawn(optimum, optimum.sqrt())
    for p in (probability, together):
        assert abs(float(p.sum()) - 1) < 1e-12
    torch.testing.assert_close(torch.zeros(64).double().index_add(0, both[:, 0], together), optimum)
