"""What `prefloop reward` makes of parts, ties, groups of people, and of data that cannot be learnt from."""

import json
import random

import pytest
import torch
import transformers

import tiny
from prefloop.evaluation.reward_report import RewardReport
from prefloop.feedback.judged import Judged, read_judged
from prefloop.loops.judged import as_taken
from prefloop.models.encode import for_model
from prefloop.models.load import load
from prefloop.prompts import kept_apart
from prefloop.recipe import Model
from prefloop.recipes import method
from prefloop.scoring.spans import token_scores
from prefloop.text import Group, Prompt, Response
from test_cli import here, prefloop  # noqa: F401
from test_every_reward import rows_for


@pytest.fixture
def reward(prefloop, here, folder):  # noqa: F811
    """The command on these rows: its code, what it said, and the record."""

    def go(rows, *words, kind="bradley-terry", steps=2, lr=3e-3, model=folder):
        (here / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
        settings = ["--set", f"optimiser.lr={lr}", "--set", f"steps={steps}", "--set", "epochs=null"]
        told = ["--data", "rows.jsonl", "--model", model, "--kind", kind, "--held-out", "0.3", "--out", "out"]
        code, out, err = prefloop("reward", *told, *settings, *words)
        path = here / "out" / "reward.json"
        found = RewardReport.from_json(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None
        return code, " ".join((out + err).split()), found

    return go


def pairs(count=30, **more):
    return [{"prompt": f"Day {n}", "chosen": " sun", "rejected": " fog", **more} for n in range(count)]


def test_parts_are_measured_as_the_saved_model_says(reward, here, folder):  # noqa: F811
    rows = rows_for(method("prm")())
    code, said, found = reward(rows, kind="prm", steps=40, lr=1e-2)
    assert code == 0, said
    model = load(Model(source=str(here / "out" / "reward"), head="token_score", dtype="float32"), name="reward")
    right = {True: {}, False: {}}
    for group in read_judged(str(here / "rows.jsonl")).groups:
        if not kept_apart(group.prompt, 0.3):
            continue
        one = for_model(group, model.tokenizer)
        scores, text = token_scores([one], model)[0, 0], ""
        ends = []
        for t, token in enumerate(one.responses[0].ids):
            text += model.tokenizer.decode([token])
            if text.endswith("\n") or t == len(one.responses[0].ids) - 1:
                ends.append(t)
        for mark, t in zip(group.marks, ends, strict=True):
            truth = bool(mark.value)
            right[truth].setdefault(group.prompt, []).append(float((float(scores[t]) > 0) is truth))
    told = {t.of: t for t in found.told}
    for truth, name in ((True, "right"), (False, "wrong")):
        own = right[truth].values()
        assert told[f"parts: {name}"].model.estimate == pytest.approx(sum(sum(r) / len(r) for r in own) / len(own))
    assert told["all parts"].model == found.held_out[0].accuracy
    assert {told[f"parts: {name}"].plain.estimate for name in ("right", "wrong")} == {0.0, 1.0}
    assert found.held_out[0].accuracy.estimate > 0.8
    assert found.held_out[0].people is None
    assert "always naming the commoner" in said


def test_ties_of_a_ranking_are_pairs_where_they_are_read_and_counted_elsewhere():
    three = tuple(Response(text=t) for t in (" a", " b", " c"))
    ranking = Group(prompt=Prompt(text="One"), responses=three, labels=(1.0, 0.0, 0.0))
    for form in ("rankings", "ratings"):
        judged = Judged(groups=(ranking,), form=form)
        taken = as_taken(judged, method("davidson")(), told="pairs")
        assert [(g.texts, g.target) for g in taken.groups] == [
            ((" a", " b"), None),
            ((" a", " c"), None),
            ((" b", " c"), 0.5),
        ]
        assert as_taken(judged, method("davidson")()).groups == taken.groups or form == "ratings"
        plain = as_taken(judged, method("bradley-terry")(), told="pairs")
        assert [g.texts for g in plain.groups] == [(" a", " b"), (" a", " c")]
        assert any("lost: 1 ties" in note for note in plain.notes)


def test_the_group_of_people_that_is_served_worst_comes_first(reward, here):  # noqa: F811
    rows, rng = [], random.Random(0)
    for n in range(60):
        few = rng.random() < 0.25  # nothing in the prompt tells
        said = {"chosen": " fog", "rejected": " sun"} if few else {"chosen": " sun", "rejected": " fog"}
        rows.append({"prompt": f"Day {n}", **said, "who": f"{'few' if few else 'many'}{n % 2}"})
    people = [{"who": f"{kind}{n}", "group": kind} for kind in ("few", "many") for n in (0, 1)]
    (here / "people.jsonl").write_text("\n".join(map(json.dumps, people)))
    code, said, found = reward(rows, "--groups", "people.jsonl", "--held-out-people", "0", steps=40)
    assert code == 0, said
    assert [h.name for h in found.by_group] == ["few (2 people)", "many (2 people)"]
    few, many = (h.accuracy.estimate for h in found.by_group)
    assert few < 0.4 < 0.8 < many
    assert few < found.held_out[0].accuracy.estimate < many
    assert "worst served is few (2 people)" in said


def test_what_each_person_prefers_is_read_by_the_table_of_people(reward):
    rows = [
        {"prompt": f"Day {n}", "who": who, "chosen": better, "rejected": worse}
        for n in range(30)
        for who, better, worse in (("ada", " sun", " fog"), ("bob", " fog", " sun"))
    ]
    words = ("--held-out-people", "0", "--set", "optimiser.tables=0.2", "--set", "models.reward.start=random")
    code, said, found = reward(rows, *words, kind="annotator-groups", steps=60, lr=1e-2)
    assert code == 0, said
    assert found.held_out[0].accuracy.estimate > 0.9  # one reward for both would be right half of the time
    assert {h.name for h in found.by_group} == {"group 1 (1 person)", "group 2 (1 person)"}


def steps(label):
    return [{"prompt": f"Day {n}", "steps": [" a\n", " b"], "labels": [label, label]} for n in range(20)]


def rated(**more):
    return [{"prompt": f"Day {n // 2}", "response": f" {n}", "helpfulness": n % 2, **more} for n in range(30)]


ALL = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
REFUSED = {
    "thumbs all the same": (
        "p-love",
        [{"prompt": f"Day {n}", "completion": " sun", "label": True} for n in range(20)],
        (),
        "no answer that was preferred",
    ),
    "parts all the same": ("prm", steps(True), (), "parts of answers that `prm` was given are right"),
    "one person": ("annotator-flips", pairs(who="ada"), (), "only ada judged these answers"),
    "nobody by name": ("vpl", pairs(), (), "nobody knows who judged"),
    "an attribute never rated": ("helpsteer2", rated(correctness=1), (), "nobody has rated `coherence`"),
    "members that are one": (
        "head-ensemble",
        pairs(),
        ("--set", "models.reward.start=zero"),
        "reward's member 1 and reward's member 2 have the same weights",
    ),
    "all too long": (
        "bradley-terry",
        [{**row, "chosen": " sun" * 200} for row in pairs()],
        (),
        "longer than the 128 tokens",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_learnt_from_is_refused(what, reward):
    kind, rows, words, why = REFUSED[what]
    code, said, _ = reward(rows, *words, kind=kind)
    assert code == 2
    assert why in said


COUNTED = {
    "both orders": (
        "bradley-terry",
        [*pairs(who="ada"), *({**r, "chosen": " fog", "rejected": " sun"} for r in pairs(4, who="ada"))],
        "4 pairs of answers were preferred both ways by one and the same person",
    ),
    "some too long": ("bradley-terry", [*pairs(), {**pairs()[0], "chosen": " sun" * 200}], "1 of 31 left out, longer"),
    "no tie": ("davidson", pairs(), "pairs is a tie: how often people see no difference is not learnt"),
    "a grade never given": (
        "ordinal",
        [{"prompt": f"Day {n}", "responses": [" sun", " fog"], "scores": [5, 1 + n % 2]} for n in range(30)],
        "nobody gave the grade 3, 4",
    ),
    "an attribute rated all the same": (
        "helpsteer2",
        rated(**dict.fromkeys(ALL[1:], 2)),
        "ratings of `coherence` are 2",
    ),
}


@pytest.mark.parametrize("what", COUNTED)
def test_what_is_missing_or_at_odds_is_counted_and_said(what, reward):
    kind, rows, why = COUNTED[what]
    code, said, found = reward(rows, kind=kind)
    assert code == 0, said
    assert any(why in warning for warning in found.warnings), found.warnings
    assert why in said


def test_a_tokenizer_without_an_end_token_is_refused(reward, tmp_path):
    tiny.network("llama-tied").save_pretrained(tmp_path / "endless")
    words = tiny.tokenizer()
    words.eos_token = None
    words.save_pretrained(tmp_path / "endless")
    code, said, _ = reward(pairs(), model=tmp_path / "endless")
    assert code == 2
    assert "has no end token" in said


def test_a_gate_over_channels_that_say_nothing_is_refused(reward):
    code, said, _ = reward(pairs(), kind="armorm")
    assert code == 2
    assert "has no channels yet" in said
    assert "prefloop reward --kind helpsteer2" in said


def test_attributes_count_by_their_published_weights(reward, here):  # noqa: F811
    code, said, _ = reward(rows_for(method("helpsteer2")()), kind="helpsteer2")
    assert code == 0, said
    config = transformers.AutoConfig.from_pretrained(here / "out" / "reward")
    assert config.prefloop_weights == [0.3, 0.74, 0.46, 0.47, -0.33]
    again = load(Model(source=str(here / "out" / "reward"), head="score", dtype="float32"), name="reward")
    from prefloop.scoring.model import made_one

    torch.testing.assert_close(made_one(torch.eye(5), again), torch.tensor(config.prefloop_weights))
    assert method("helpsteer2")(channels=("a", "b")).models["reward"].weights == ()
