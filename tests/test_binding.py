"""A function with its knobs: what the signature refuses, and import paths there and back."""

import re

import pytest

from prefloop import bind
from prefloop.binding import locate, resolve
from prefloop.dials import Linear
from prefloop.errors import RecipeError
from prefloop.objectives.pairs import dpo


def mine(logp, mask, *, strength: float, steps: int = 3, name="x"):
    """An objective of the user's own."""
    return logp * mask * strength


def test_positional_parameters_are_tensors_and_the_call_takes_them_by_name():
    bound = bind(mine, strength=2.0)
    assert bound.inputs == ("logp", "mask")
    assert bound({"mask": 1.0, "logp": 3.0, "reward": None}) == 6.0
    assert bound({"mask": 1.0, "logp": 3.0}, {"strength": 5.0}) == 15.0


def test_an_unknown_knob_is_answered_with_the_nearest_and_the_signature():
    with pytest.raises(RecipeError) as refused:
        bind(dpo, smothing=0.1)
    said = str(refused.value)
    assert "`dpo` has no knob `smothing`. Did you mean `smoothing`?" in said
    assert "beta: float = 0.1" in said
    assert dpo.__doc__.splitlines()[0] in said


def test_a_tensor_is_no_knob():
    with pytest.raises(RecipeError, match="no knob `logp`"):
        bind(mine, strength=1.0, logp=0.0)


def test_a_knob_without_a_default_must_be_given():
    with pytest.raises(
        RecipeError, match=re.escape("`mine` needs a value for `strength`: write bind(mine, strength=...)")
    ):
        bind(mine)


@pytest.mark.parametrize("knobs", [{"strength": "high"}, {"strength": None}, {"strength": 1.0, "steps": 2.5}])
def test_a_knob_that_is_declared_a_number_takes_a_number(knobs):
    with pytest.raises(RecipeError, match=r"of `mine` is .*: it takes a number"):
        bind(mine, **{"strength": 1.0, **knobs})


def test_a_knob_that_is_declared_a_number_takes_a_whole_number_and_a_dial():
    assert bind(mine, strength=1).knobs == {"strength": 1}
    assert bind(mine, strength=Linear(begin=0.0, end=1.0)).knobs["strength"].end == 1.0


def test_an_objective_on_pairs_is_known_by_its_shapes():
    assert bind(dpo).pairwise
    assert not bind(mine, strength=1.0).pairwise


def test_an_import_path_leads_back_to_its_function(tmp_path):
    assert resolve(locate(dpo)) is dpo
    (tmp_path / "own.py").write_text(
        "def twice(x):\n    return 2 * x\n\nclass Box:\n    def get(self):\n        return 1\n"
    )
    twice = resolve(f"{tmp_path}/own.py:twice")
    assert twice(2) == 4
    assert resolve(locate(twice)) is twice
    assert resolve(f"{tmp_path}/own.py:Box.get")(None) == 1


def test_a_file_is_looked_for_beside_the_recipe_and_then_in_the_working_folder(tmp_path, monkeypatch):
    for folder, says in (("beside", "beside"), ("working", "working")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "both.py").write_text(f"where = {says!r}\n")
    (tmp_path / "working" / "only.py").write_text("where = 'only'\n")
    monkeypatch.chdir(tmp_path / "working")
    assert resolve("both.py:where", beside=tmp_path / "beside") == "beside"
    assert resolve("both.py:where") == "working"
    assert resolve("./only.py:where", beside=tmp_path / "beside") == "only"


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("prefloop.objectives.pairs", "write `package.module:name`"),
        (":name", "is not an import path"),
        ("nowhere.at_all:name", "`nowhere` cannot be imported"),
        ("prefloop.objectives.pairs:dpoo", "nothing called `dpoo`. Did you mean `dpo`?"),
        ("missing.py:name", "there is no file"),
        ("broken.py:name", "failed while it was imported: ZeroDivisionError"),
        ("garbled.py:name", "failed while it was imported: SyntaxError"),
    ],
)
def test_a_path_that_leads_nowhere_says_why(path, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "garbled.py").write_text("def (\n")
    with pytest.raises(RecipeError, match=re.escape(says)):
        resolve(path)


def test_what_has_no_import_path_cannot_be_written_down():
    with pytest.raises(RecipeError, match="Define it with `def` at the top level"):
        locate(lambda reward: reward)
