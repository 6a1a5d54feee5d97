"""The table of reward models on real judgements: every figure is that of a run, and a run is made once."""

import json

from bench import rewards


def test_the_table_is_made_of_runs_and_they_are_made_once(folder, tmp_path):
    rows = [
        {"prompt": f"Boat {n}", "chosen": " lay still in the rain", "rejected": " rain", "who": f"p{n % 2}"}
        for n in range(40)
    ]
    (tmp_path / "pandalm_testset.json").write_text(json.dumps(rows))
    where = ["--data", str(tmp_path), "--model", str(folder), "--dtype", "float32", "--out", str(tmp_path / "out")]
    chosen = rewards.arguments([*where, "--sets", "PandaLM", "--rows", "30", "--curve", "4", "--implicit"])
    printed = rewards.tables(chosen)
    figures, curves, implicit = ([r.strip("| ").split(" | ") for r in t.splitlines()] for t in printed.split("\n\n"))
    assert [r[:2] for r in figures[2:]] == [["PandaLM", "full"], ["PandaLM", "LoRA"]]
    learnt, compared = map(int, figures[2][2].split(" / "))
    assert learnt + compared == 30
    assert implicit[2][1] == figures[2][2], "both learn from the same comparisons and are measured on the same"
    assert implicit[2][3] == figures[2][5]
    assert [point.split(":")[0] for point in curves[2][2].split("; ")] == ["4", str(learnt)]
    for run in (tmp_path / "out").glob("*/reward.json"):
        run.write_text(run.read_text().replace('"learnt": ', '"learnt": 1'))  # told from a run made anew
    assert f"1{learnt} / {compared}" in rewards.tables(chosen)
