"""A hierarchy of factors: which one decides, that units do not matter, and that what is fitted to it has its order."""

import random

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import RecipeError
from prefloop.feedback.hierarchy import HierarchicalComparator, in_deviations
from prefloop.objectives.rewards import bradley_terry
from prefloop.text import Group, Prompt, Question, Response
from recovery import fitted

FACTORS = tuple(lambda prompt, text, n=n: float(text.split()[n]) for n in range(3))


def answers(count, seed=0):
    draw = random.Random(seed)
    texts = [" ".join(f"{draw.gauss(0, 1):.3f}" for _ in FACTORS) for _ in range(count)]
    return Group(prompt=Prompt(text="One"), responses=tuple(Response(text=t) for t in texts))


def test_the_first_factor_beyond_its_margin_decides_and_ties_fall_through():
    heron = HierarchicalComparator(factors=FACTORS, margins=(1.0, 0.5, 0.0))
    assert heron.compare("", "2 0 0", "0 9 9") == 0
    assert heron.compare("", "1 0 9", "0 1 0") == 1  # no more than the margin
    assert heron.compare("", "1 0 0", "0 0.5 1") == 1
    assert heron.compare("", "1 0.5 3", "0 0 3") is None


@pytest.mark.parametrize("seed", range(5))
def test_factors_in_another_unit_compare_as_before_where_margins_follow_their_spread(seed):
    group = answers(30, seed)
    scaled = tuple(lambda p, t, f=f, s=s: 5 + s * f(p, t) for f, s in zip(FACTORS, (100.0, 0.01, 7.0), strict=True))
    plain, other = (list(in_deviations(f, [group]).pairs([group])) for f in (FACTORS, scaled))
    assert plain == other
    fixed = in_deviations(FACTORS, [group]).margins
    assert list(HierarchicalComparator(factors=scaled, margins=fixed).pairs([group])) != plain


def test_what_is_fitted_to_it_weighs_the_factors_in_their_order():
    for order in ((0, 1, 2), (2, 0, 1)):
        group = answers(60, 3)
        pairs = list(in_deviations([FACTORS[n] for n in order], [group], times=1.0).pairs([group]))
        x = torch.tensor([[[float(v) for v in t.split()] for t in g.texts] for g in pairs], dtype=torch.float64)
        w = fitted(bind(bradley_terry), lambda w, x=x: {"score": x @ w}, {}, torch.zeros(3)).parameters
        assert w[list(order)].tolist() == sorted(w.tolist(), reverse=True)


def test_it_answers_questions():
    said = []
    group = Group(prompt=Prompt(text="One"), responses=(Response(text="0 0 0"), Response(text="9 0 0")))
    same = Group(prompt=Prompt(text="One"), responses=(Response(text="0 0 0"), Response(text="0 0 0")))
    asked = [Question(id=str(n), kind="comparison", group=g) for n, g in enumerate((group, same))]
    HierarchicalComparator(factors=FACTORS, margins=(1.0, 1.0, 1.0)).ask(asked, said.extend)
    assert [a.value for a in said] == [1, "tie"]


def test_a_hierarchy_that_is_none_is_refused():
    for factors, margins in (((), ()), (FACTORS, (1.0,)), (FACTORS, (1.0, -1.0, 0.0))):
        with pytest.raises(RecipeError, match="at least one factor"):
            HierarchicalComparator(factors=factors, margins=margins)
    with pytest.raises(RecipeError, match="finite"):
        HierarchicalComparator(factors=(lambda p, t: float("nan"),), margins=(0.0,)).compare("", "a", "b")
    with pytest.raises(RecipeError, match="there are 1"):
        in_deviations(FACTORS, [answers(1)])
