"""The folder of a run: whose it is, and what it remembers."""

import json

import pytest

from prefloop import method
from prefloop.errors import RunError
from prefloop.loops.run_folder import RunFolder
from prefloop.recipe_file import read

RECIPE, OTHER = method("sft")(), method("sft")(batch=3)


@pytest.fixture
def begun(tmp_path):
    """A run that has done something."""
    folder = RunFolder(tmp_path / "run", RECIPE)
    with folder.stage("1/ask") as facts:
        facts["answers"] = 3.0
    return folder


def files(path):
    return {p.relative_to(path): p.read_bytes() for p in path.rglob("*") if p.is_file()}


def test_a_new_folder_says_what_it_is(tmp_path):
    RunFolder(tmp_path / "deep" / "run", RECIPE)
    assert read(tmp_path / "deep" / "run" / "recipe.yaml") == RECIPE


def test_a_folder_of_another_recipe_is_refused_and_untouched(begun):
    before = files(begun.path)
    for resume in (False, True):
        with pytest.raises(RunError) as refused:
            RunFolder(begun.path, OTHER, resume=resume)
        assert "belongs to a run with another recipe" in str(refused.value)
        assert f"prefloop run {begun.path / 'recipe.yaml'} --out {begun.path} --resume" in str(refused.value)
    assert files(begun.path) == before


def test_a_begun_run_is_gone_on_with_only_when_asked(begun):
    with pytest.raises(RunError, match="already holds this run: go on with --resume"):
        RunFolder(begun.path, RECIPE)
    assert RunFolder(begun.path, RECIPE, resume=True).done("1/ask")


def test_a_folder_with_other_things_in_it_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    before = files(tmp_path)
    with pytest.raises(RunError, match="is not empty and holds no run: choose another --out"):
        RunFolder(tmp_path, RECIPE, resume=True)
    assert files(tmp_path) == before


def test_a_recipe_that_somebody_wrote_is_not_overwritten(tmp_path):
    (tmp_path / "recipe.yaml").write_text("mine")
    with pytest.raises(RunError, match="belongs to a run with another recipe"):
        RunFolder(tmp_path, RECIPE)
    assert (tmp_path / "recipe.yaml").read_text() == "mine"


def test_a_run_that_failed_before_it_collected_anything_leaves_its_folder_to_the_next(tmp_path):
    RunFolder(tmp_path / "run", RECIPE)
    RunFolder(tmp_path / "run", OTHER)
    assert read(tmp_path / "run" / "recipe.yaml") == OTHER


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunError, match="cannot be used: Not a directory"):
        RunFolder(tmp_path / "run", RECIPE)


def test_a_stage_that_fails_is_not_done_and_its_seconds_count(begun, monkeypatch):
    now = iter([10.0, 15.0, 100.0, 102.0])
    monkeypatch.setattr("time.monotonic", lambda: next(now))
    with pytest.raises(KeyboardInterrupt), begun.stage("1/reward"):
        raise KeyboardInterrupt
    again = RunFolder(begun.path, RECIPE, resume=True)
    assert not again.done("1/reward")
    with again.stage("1/reward"):
        pass
    assert RunFolder(begun.path, RECIPE, resume=True).stages["1/reward"] == {"seconds": 7.0}


def test_the_last_recording_of_a_step_counts_and_a_line_cut_short_does_not(begun):
    for step, loss in ((0, 3.0), (1, 2.0), (1, 1.0)):
        begun.record("1/reward", step, {"loss": loss})
    begun.record("2/reward", 1, {"loss": 9.0})
    with (begun.path / "metrics.jsonl").open("a") as handle:
        handle.write(json.dumps({"stage": "1/reward", "step": 2})[:-4])
    assert [(r["stage"], r["step"], r["loss"]) for r in begun.metrics()] == [
        ("1/reward", 0, 3.0),
        ("1/reward", 1, 1.0),
        ("2/reward", 1, 9.0),
    ]
