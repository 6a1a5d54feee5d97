"""`prefloop reward` with every method of its family: it fits, measures and shows each on what people say of answers."""

import json
import random

import pytest

from prefloop.evaluation.reward_report import RewardReport
from prefloop.loops.judged import takes
from prefloop.planning import plan
from prefloop.recipes import method, methods
from test_cli import here, prefloop  # noqa: F401

FAMILY = {name: recipe for name, make in methods().items() if (recipe := make()).family == "reward"}
WORDS = ("rain", "boat", "fog", "road")
PEOPLE = ("ada", "bob", "cyd", "dan")
ROWS = 36


def rows_for(recipe, count=ROWS):
    """Answers with the sun in them are the better ones, said in the way that a recipe learns from."""
    rng, needs, rows = random.Random(0), plan(recipe), []
    for n in range(count):
        good, bad = (f" {rng.choice(WORDS)} {word}." for word in ("sun", "night"))
        row = {"prompt": f"Day {n // 2}", "who": PEOPLE[n % 4]}
        if needs.forms == ("parts",):
            first, second = rng.sample((good, bad), 2)
            row |= {"steps": [first + "\n", second], "labels": ["sun" in first, "sun" in second]}
        elif "aspect" in needs.judged:
            rated = {name: rng.randint(0, 4) for name in recipe.models["reward"].channels}
            row |= {**rated, "response": good if n % 2 else bad, "helpfulness": 4 if n % 2 else 0}
        elif needs.forms == ("ratings",):
            row |= {"responses": [good, bad], "scores": [5 - n % 2, 1 + n % 3]}
        elif needs.forms == ("thumbs",):
            row |= {"completion": good if n % 2 else bad, "label": bool(n % 2)}
        elif not needs.pairwise and needs.forms != ("pairs",):
            row |= {"responses": [good, f" {rng.choice(WORDS)}.", bad]}
        else:
            target = {"target": 0.5 if n % 4 == 0 else 0.8} if "tied" in needs.judged else {"target": 0.8}
            row |= {"chosen": good, "rejected": bad, **target}
        rows.append(row)
    return rows


@pytest.fixture(scope="module")
def beside(folder, tmp_path_factory):
    """What stands beside the model of a recipe: reward models, and the attributes that a gate weighs."""
    import torch

    from prefloop.models.load import load, save
    from prefloop.recipe import Model

    def made(seed, **how):
        path = tmp_path_factory.mktemp("beside")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = load(Model(source=str(folder), head="score", train=True, start="random", **how), name="reward")
        save(model, path / "reward")
        return path / "reward"

    several = [made(seed) for seed in range(3)]

    def words(recipe):
        found = []
        if recipe.models["reward"].gate:
            found += ["--model", made(9, channels=recipe.models["reward"].channels)]
        else:
            found += ["--model", folder]
        others = [role for role, m in recipe.models.items() if m.source and not m.train]
        for role, path in zip(others, several, strict=False):
            model = recipe.models[role]
            found += ["--set", f"models.{role}.source={path if model.head == 'score' else folder}"]
        return found

    return words


@pytest.mark.parametrize("kind", FAMILY)
def test_every_method_is_fitted_measured_and_shown(kind, prefloop, here, beside):  # noqa: F811
    recipe = method(kind)()
    (here / "rows.jsonl").write_text("\n".join(map(json.dumps, rows_for(recipe))))
    settings = ["--set", "optimiser.lr=3e-3", "--set", "steps=2", "--set", "epochs=null", "--set", "batch=4"]
    words = ["--data", "rows.jsonl", "--kind", kind, "--held-out", "0.3", *beside(recipe), *settings, "--out", "out"]
    if recipe.draws:
        words += ["--set", "draws.decoding.max_tokens=3"]
    code, out, err = prefloop("reward", *words)
    assert code == 0, err
    assert f"held-out accuracy of {kind}" in out.replace("\n", " ")
    found = RewardReport.from_json(json.loads((here / "out" / "reward.json").read_text(encoding="utf-8")))
    first = found.held_out[0]
    assert first.comparisons > 0
    assert 0 <= first.accuracy.low <= first.accuracy.estimate <= 1
    assert 0 <= first.longer.estimate <= 1
    assert found.calibration.n > 0
    assert (here / "out" / "reward").is_dir()
    assert (here / "out" / "reward.html").stat().st_size > 0
    told = {t.of for t in found.told}
    needs = plan(recipe)
    if needs.forms == ("parts",):
        assert {"all parts", "parts: right", "parts: wrong"} <= told
    elif "aspect" in needs.judged:
        assert told == set(recipe.models["reward"].channels)
    else:
        assert bool(told) is (not needs.pairwise), takes(needs)
