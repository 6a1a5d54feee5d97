"""The table of online methods: every recipe can run on the demo's reward model, and its row says what it took."""

import json

import pytest
from bench import online

from prefloop.planning import plan


@pytest.mark.parametrize("name", online.KNOBS)
def test_every_method_draws_as_many_answers_and_is_paid_by_the_demo(name, tmp_path):
    made = online.recipe(name, online.arguments(["--out", str(tmp_path), "--steps", "3"]))
    assert made.steps == 3
    assert made.batch * (made.sample.k + made.sample.greedy) == 32
    assert made.models[plan(made).scorers[0]].source == str(tmp_path / "demo" / "reward")


def test_a_measured_method_is_not_run_again(tmp_path):
    def interval(value):
        return {"estimate": value, "low": value - 0.1, "high": value + 0.1, "n": 100, "method": "bootstrap"}

    measured = {"after": interval(0.5), "gain": interval(0.25), "kl": interval(9.0), "seconds": 8.04, "worked": 14.0}
    measured |= {"learnt": 1000.0, "sampled": 768.0, "peak": 4 * 2**30}
    (tmp_path / "rloo.json").write_text(json.dumps(measured))
    cells = online.row("rloo", online.arguments(["--out", str(tmp_path)])).strip("| ").split(" | ")
    assert cells[0] == "rloo"
    assert cells[2].startswith("0.25")
    assert cells[4:] == ["8.0", "14.0", "768", "1000", "4.0"]
