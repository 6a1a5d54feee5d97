"""Recipes by the name a person gives them."""

import re

import pytest

from prefloop import method
from prefloop.errors import RecipeError
from prefloop.loops.find import find
from prefloop.loops.rounds import Rounds
from prefloop.recipe_file import dump

OWN = """
from prefloop import method

def recipe():
    return method("sft")(batch=3)

def wrong():
    return 3

def greedy(needed):
    return None

def broken():
    return {}["model"]

ready = recipe()
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return path


def test_a_method_is_found_by_its_name_with_changes():
    assert find("best_of_n") == find("best-of-n") == method("best-of-n")()
    assert find("dpo", ["batch=2"]).batch == 2
    assert isinstance(find("demo"), Rounds)


def test_a_recipe_of_ones_own_is_found_in_its_file(own, tmp_path):
    assert find(f"{own}:recipe", ["epochs=4"]) == method("sft")(batch=3, epochs=4)
    assert find(f"{own}:ready") == method("sft")(batch=3)
    (tmp_path / "r.yaml").write_text(dump(method("sft")(batch=5)))
    assert find(str(tmp_path / "r.yaml"), ["seed=2"]).batch == 5


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("rlo", "`rlo` is no recipe. Did you mean `rloo`? Give a .yaml file, an import path"),
        ("own.py:wrong", "is a int, not a Recipe, Align or Rounds"),
        ("own.py:greedy", "raised TypeError: greedy() missing 1 required positional argument: 'needed'"),
        ("own.py:broken", "raised KeyError: 'model'"),
        ("own.py:recipes", "Did you mean `recipe`?"),
    ],
)
def test_what_is_no_recipe_is_refused_with_the_reason(name, says, own, monkeypatch):
    monkeypatch.chdir(own.parent)
    with pytest.raises(RecipeError, match=re.escape(says)):
        find(name)
