"""The examples run and reach what they promise."""

import runpy
import subprocess
import sys

from fences import ROOT

from prefloop.loops.find import find
from prefloop.loops.run import run

EXAMPLES = ROOT / "examples"


def test_dpo_by_hand_makes_preferred_answers_likelier():
    before, after = runpy.run_path(str(EXAMPLES / "dpo_by_hand.py"))["train"](steps=60)
    assert before < 1 < 2 < after


def test_dpo_by_hand_imports_only_pure_functions():
    code = "import runpy, sys; runpy.run_path(sys.argv[1]); print('transformers' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, EXAMPLES / "dpo_by_hand.py"], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False"]


def test_the_search_tries_shapes_of_the_reward_and_one_of_them_learns_faster_than_the_reward_at_the_end():
    example = runpy.run_path(str(EXAMPLES / "search_reward_shape.py"))
    shapes, _ = example["search"](runs=4, first=2, steps=2)
    assert shapes[0].tolist() == [0.0, 0.0]
    assert bool(((shapes >= 0).all(-1) & (shapes.sum(-1) <= 1)).all())
    assert len(shapes.unique(dim=0)) == 4
    sparse, dense = (sum(example["train"](w, seed=s) for s in range(8)) for w in ((0.0, 0.0), (1.0, 0.0)))
    assert dense > 1.03 * sparse


def test_my_recipe_is_found_by_its_file_and_replayed_from_its_yaml(folder, monkeypatch, tmp_path):
    changes = [
        f"models.policy.source={folder}",
        "steps=2",
        "batch=2",
        "sample.decoding.max_tokens=6",
        "score.reward.words=2",
    ]
    monkeypatch.chdir(ROOT)
    recipe = find("examples/my_recipe.py:recipe", changes)
    first = run(recipe, out=tmp_path / "first")
    again = run(find(str(tmp_path / "first/recipe.yaml")), out=tmp_path / "again")

    def played(result):
        return [{k: v for k, v in m.items() if k != "seconds"} for m in result.metrics]

    assert recipe.objective[0].objective.name == "gentle"
    assert any(m["reward"] > 0 for m in first.metrics), "the file's own reward paid"
    assert played(first) == played(again)
