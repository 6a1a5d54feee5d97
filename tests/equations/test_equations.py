"""Each pure function against the formula of its paper, restated in plain Python."""

import importlib
import inspect
import pkgutil

import pytest
import torch

import oracles
from prefloop import baselines, credit, objectives, select, shaping
from prefloop.errors import RecipeError
from prefloop.objectives import divergences, margins, pairs


@pytest.mark.parametrize(
    ("function", "knobs"), [pytest.param(f, k, id=f.__name__) for f, k in oracles.PURE_FUNCTIONS.items()]
)
def test_a_function_equals_its_scalar_restatement(function, knobs):
    oracles.check(function, knobs)


def everything_in(package):
    return [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]


def test_no_pure_function_is_left_without_an_oracle():
    modules = (*everything_in(objectives), *everything_in(shaping), credit, baselines, select)
    public = {
        f.__name__
        for module in modules
        for f in vars(module).values()
        if inspect.isfunction(f) and f.__module__ == module.__name__ and not f.__name__.startswith("_")
    }
    assert public == {f.__name__ for f in oracles.PURE_FUNCTIONS}


def test_a_deviation_that_is_not_one_of_the_two_is_refused():
    as_installed = inspect.unwrap(credit.grpo)
    with pytest.raises(RecipeError, match="'population' and 'sample'"):
        as_installed(torch.ones(1, 2), torch.ones(1, 2, 1), deviation="unbiased")


@pytest.mark.parametrize(
    ("function", "knobs", "said"),
    [
        (pairs.robust_dpo, {"flips": 0.5}, r"below 0\.5"),
        (pairs.exo, {"smoothing": 0.0}, "`smoothing` of `exo` is 0: it is above 0"),
        (margins.modpo, {"share": -0.5}, r"`share` of `modpo` is -0\.5"),
        (divergences.f_dpo, {"divergence": "alpha", "alpha": 0.0}, "`alpha` of `f_dpo` is 0"),
    ],
)
def test_a_knob_where_the_formula_has_no_meaning_is_refused(function, knobs, said):
    tensors = oracles.batch(0, k=2)
    with pytest.raises(RecipeError, match=said):
        function(*(tensors[name] for name in oracles.inputs(function)), **knobs)
