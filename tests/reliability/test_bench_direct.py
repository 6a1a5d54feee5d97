"""The table of direct methods has a row for every method and data set, with a reason where one cannot be measured."""

import json

from bench import direct


def test_every_cell_is_a_run_or_says_why_it_is_none(folder, tmp_path):
    def pair(n):
        turns = [{"from": "human", "value": f"The {n} boat"}]
        return {
            "conversations": turns,
            "chosen": {"from": "gpt", "value": "lay"},
            "rejected": {"from": "gpt", "value": "rain"},
        }

    def thumb(n):
        asked, said = {"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "rain"}
        return {"messages": [asked, said], "label": n % 2 == 0}

    (tmp_path / "llamafactory_dpo_en.json").write_text(json.dumps([pair(n) for n in range(40)]))
    (tmp_path / "llamafactory_kto_en.json").write_text(json.dumps([thumb(n) for n in range(40)]))
    sets = ["LLaMA-Factory pairs", "LLaMA-Factory thumbs"]
    words = ["--data", str(tmp_path), "--rows", "30", "--model", str(folder), "--out", str(tmp_path / "out")]
    chosen = direct.arguments([*words, "--dtype", "float32", "--methods", "dpo", "kto", "none", "--sets", *sets])
    _, _, *rows = (line.strip("| ").split(" | ") for line in direct.table(chosen).splitlines())
    assert [(r[0], r[1]) for r in rows] == [(s, m) for s in sets for m in ("dpo", "kto", "none")]
    assert [r[3] for r in rows if r[1] == "kto"] == ["implicit reward"] * 2
    assert rows[0][2].split(" / ")[0].isdigit()
    assert rows[2][2].startswith("there is no such method")
    assert "nothing is left" in rows[3][2], "no prompt has two thumbs, so there are no pairs"
    again = direct.table(chosen)
    assert rows == [line.strip("| ").split(" | ") for line in again.splitlines()][2:]
