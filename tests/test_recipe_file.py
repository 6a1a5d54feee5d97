"""Recipes on paper: every recipe as YAML and back, and changes by path."""

import re
from dataclasses import replace

import pytest

from prefloop import AdaptiveKL, Linear, Lora, Model, Recipe, Term, bind, demo, method, methods
from prefloop.errors import RecipeError
from prefloop.loops.demo import METHODS
from prefloop.objectives.imitation import nll
from prefloop.recipe_file import changed, dump, from_tree, parse, read, with_changes
from small import letters


def back(value):
    return from_tree(parse(dump(value), place="here"))


@pytest.mark.parametrize("name", list(methods()))
def test_every_published_method_comes_back_from_yaml_as_it_was(name):
    assert back(methods()[name]()) == methods()[name]()


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("people", ["simulated", "terminal", "browser"])
def test_the_demo_comes_back_from_yaml_as_it_was(name, people):
    assert back(demo(method_name=name, people=people, seed=3)) == demo(method_name=name, people=people, seed=3)


def test_adapters_dials_and_small_numbers_come_back_from_yaml_as_they_were():
    value = method("ppo")(beta=AdaptiveKL(target=6.0), lr=Linear(begin=1e-5, end=1e-9))
    value = replace(
        value, models={**value.models, "policy": Model(source="x", train=True, adapter=Lora(target=("q", "v")))}
    )
    assert back(value) == value


def test_a_change_reaches_any_depth_and_leaves_the_rest():
    before = method("rloo")()
    after = with_changes(before, ["sample.decoding.temperature=0.7", "optimiser.lr=1e-6", "steps=7"])
    assert after.sample.decoding.temperature == 0.7
    assert after.optimiser.lr == 1e-6
    assert after.steps == 7
    undone = replace(after, sample=before.sample, optimiser=before.optimiser, steps=before.steps)
    assert undone == before
    assert with_changes(before, ["optimiser.betas=[0.8, 0.9]"]).optimiser.betas == (0.8, 0.9)


def test_a_change_reaches_a_position_in_a_list():
    assert with_changes(method("rloo")(), ["derive.0.beta=0.3"]).derive[0].knobs == {"beta": 0.3}
    assert with_changes(method("ppo")(), ["objective.1.weight=2"]).objective[1].weight == 2
    assert (
        with_changes(method("ppo")(), ["objective.0.objective.high=0.28"]).objective[0].objective.knobs["high"] == 0.28
    )
    assert with_changes(demo(), ["people.people.2.lapse=0"]).people.people[2].lapse == 0


def test_a_change_puts_another_function_and_drops_the_knobs_of_the_old_one():
    paid = with_changes(method("rloo")(), ["score.reward=small:cheerful"]).score["reward"]
    assert (paid.name, paid.knobs) == ("cheerful", {})
    assert with_changes(demo(), ["people.taste=small:letters", "gold=small:letters"]).gold is letters


def test_a_function_in_a_file_beside_the_recipe_is_found_from_anywhere(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "mine").mkdir(parents=True)
    (home / "mine" / "rewards.py").write_text("def short(prompt, response):\n    return -len(response)\n")
    (home / "recipe.yaml").write_text(dump(method("rloo")()))
    monkeypatch.chdir(tmp_path)
    for path in ("./mine/rewards.py:short", "home/mine/rewards.py:short"):
        paid = read(home / "recipe.yaml", [f"score.reward={path}"]).score["reward"]
        assert paid.function("a", "bcd") == -3


def test_numbers_with_an_exponent_are_numbers_in_a_file_too(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(dump(method("sft")(lr=0.5)).replace("lr: 0.5", "lr: 2e-5"))
    assert read(path).optimiser.lr == 2e-5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("steps", "`--set steps` has no `=`: write path=value"),
        ("optimizer.lr=1", "the recipe has nothing called `optimizer`. Did you mean `optimiser`?"),
        ("optimiser.learning=1", "Optimiser: "),
        ("optimiser.lrr=1", "Did you mean `lr`?"),
        ("derive.9.beta=1", "`9` is no position in derive: it has 3 entries, counted from 0"),
        ("derive.first.beta=1", "`first` is no position in derive"),
        ("steps.more=1", "steps is the plain value 100: there is nothing called `more` in it"),
        ("derive.0.bta=1", "`kl_in_reward` has no knob `bta`. Did you mean `beta`?"),
        ("derive.0.beta=lots", "`beta` of `kl_in_reward` is 'lots': it takes a number"),
        ("steps=many", "`steps` of Recipe is 'many': it takes int | None"),
        ("steps=2.5", "`steps` of Recipe is 2.5"),
        ("optimiser.lr=fast", "`lr` of Optimiser is 'fast': it takes float"),
        ("models.policy.head=nose", "`head` of Model is 'nose'"),
        ("objective.0.per=page", "`per` of Term is 'page'"),
        ("score=[]", "`score` of Recipe is ()"),
        ("derive=[1]", "`derive` of Recipe is (1,)"),
        ("score.reward=nowhere.py:f", "there is no file"),
        ("steps=[", "--set steps is not valid YAML"),
        ("score.reward=prefloop.recipes:SMOLLM2", "`call` takes a function or a class"),
    ],
)
def test_a_change_that_cannot_be_made_says_what_is_there(change, says):
    with pytest.raises(RecipeError, match=re.escape(says)):
        with_changes(method("rloo")(), [change])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"- 1\n", "holds no recipe: its first key is `call`"),
        (b"", "holds no recipe"),
        (b"a: [\n", "is not valid YAML"),
        (b"\xff\xfe", "is not UTF-8 text (byte 0)"),
        (b"call: 3\n", "`3` is not an import path"),
        (b"call: prefloop.recipe:Recepe\n", "nothing called `Recepe`. Did you mean `Recipe`?"),
        (b"call: prefloop.recipe:Sample\nkk: 4\n", "Did you mean `k`?"),
    ],
)
def test_a_file_that_holds_no_recipe_is_named(content, says, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match=re.escape(says)):
        read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(RecipeError, match="cannot be read: No such file"):
        read(tmp_path / "no.yaml")


def test_what_cannot_be_written_down_is_refused():
    value = Recipe(
        name="x",
        family="direct",
        paper="",
        models={},
        objective=(Term(objective=bind(nll)),),
        score={"reward": object()},
    )
    with pytest.raises(RecipeError, match="cannot be written into a recipe"):
        dump(value)


def test_a_new_entry_of_a_plain_mapping_is_taken():
    tree = changed({"call": "x", "score": {}}, ["score.reward=1"])
    assert tree["score"] == {"reward": 1}
