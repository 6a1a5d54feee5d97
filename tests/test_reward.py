"""Fitting a reward model with one command: what is measured, stored and shown, and what is refused."""

import json
import math
import os
import random
import shutil
import signal
from dataclasses import replace

import pytest
import torch

from prefloop import Data, FitReward, bind, method
from prefloop.errors import DataError, RecipeError, RewardError
from prefloop.evaluation.preference import compared
from prefloop.evaluation.reward_report import RewardReport, headline, render_reward
from prefloop.feedback.judged import read_judged
from prefloop.feedback.store import Store
from prefloop.loops.explained import alike, channels
from prefloop.loops.measured import gaps_of
from prefloop.loops.networks import load_networks
from prefloop.loops.progress import Silent
from prefloop.loops.reward import natural
from prefloop.loops.run import run
from prefloop.models.contract import READING
from prefloop.models.load import load
from prefloop.planning import plan
from prefloop.prompts import kept_apart
from prefloop.recipe import Model
from prefloop.recipe_file import read
from prefloop.scoring.model import model_score
from prefloop.text import Answer, Group, Prompt, Question, Response
from test_cli import here, prefloop  # noqa: F401

PEOPLE = ("ada", "bob", "cyd", "dan")
WORDS = ("rain", "sun", "boat", "fog")


@pytest.fixture
def store(tmp_path):
    """Pairs judged by two people each, who like the sun and now and then err."""

    def make(count=60, people=PEOPLE, wrong=0.1, name="f.sqlite"):
        rng = random.Random(0)

        def text():
            return "".join(f" {rng.choice(WORDS)}" for _ in range(rng.randint(2, 5)))

        with Store.open(tmp_path / name) as into:
            for n in range(count):
                pair = (Response(text=f"{text()} sun"), Response(text=text().replace("sun", "fog")))
                best = rng.randrange(2)
                group = Group(prompt=Prompt(text=f"Day {n}"), responses=pair[::-1] if best else pair)
                into.add_questions([Question(id=f"q{n}", kind="comparison", group=group)])
                for who in rng.sample(people, min(2, len(people))):
                    said = 1 - best if rng.random() < wrong else best
                    into.add_answers([Answer(question=f"q{n}", who=who, value=said, order=(0, 1), seconds=1, at=0)])
        return str(tmp_path / name)

    return make


@pytest.fixture
def fitted(folder, store, tmp_path):
    """Fit a reward model and give its record."""

    def go(out="out", kind="choice", data=None, progress=None, resume=False, recipe=None, **fields):
        recipe = recipe or method(kind)(model=str(folder), lr=3e-3, batch=8, epochs=2)
        recipe = replace(recipe, data=Data(source=data or store()), checkpoint=3)
        reward = FitReward(recipe=recipe, held_out=0.3, **fields)
        run(reward, out=tmp_path / out, progress=progress, resume=resume, command="prefloop reward --data x")
        return RewardReport.from_json(json.loads((tmp_path / out / "reward.json").read_text(encoding="utf-8")))

    return go


class Pressed(Silent):
    """Presses Ctrl-C after so many steps."""

    def __init__(self, left):
        self.left = left

    def advance(self, by=1, note=""):
        if by:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)


def test_everything_is_measured_on_held_out_prompts_and_people(fitted, tmp_path):
    found = fitted(held_out_people=0.25, curve=(20, 40))
    rows = {h.name: h for h in found.held_out}
    assert list(rows) == [
        "prompts",
        "prompts, by people learnt from",
        "prompts, by people held out",
        "people alone, on prompts learnt from",
    ]
    first = rows["prompts"]
    assert first.accuracy.low > 0.5
    assert found.before.estimate == 0.5  # a new head says 0 of everything
    assert 0.6 < first.people.estimate < 1
    assert first.comparisons == sum(rows[n].comparisons for n in list(rows)[1:3])
    assert len(found.held_out_people) == 1
    assert found.learnt + first.comparisons + rows["people alone, on prompts learnt from"].comparisons == 120
    assert [p.judgements for p in found.curve] == [20, 40, found.learnt]
    assert found.curve[-1].accuracy == first.accuracy
    assert all(p.seconds > 0 for p in found.curve)
    assert sum(b.right.n > 0 for b in found.calibration.bins) <= 15
    assert found.reads["score"] == "last token by length"
    assert {s.by for s in found.slices} >= {"person", "tokens of an answer"}
    assert found.examples[0].better.sentences
    page = (tmp_path / "out" / "reward.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "prefloop reward --data x" in page
    assert "What it rewards" in page


def test_nothing_that_a_held_out_person_said_is_learnt_from(fitted, monkeypatch):
    import prefloop.loops.align as module

    learnt = []
    inner = module.optimise
    monkeypatch.setattr(
        module, "optimise", lambda *a, judged, **k: (learnt.extend(judged), inner(*a, judged=judged, **k))
    )
    found = fitted(held_out_people=0.25)
    assert {g.who for g in learnt} == set(PEOPLE) - set(found.held_out_people)
    assert len(learnt) == found.learnt


def test_what_is_measured_is_what_the_saved_model_says(fitted, tmp_path, store):
    found = fitted()
    model = load(Model(source=str(tmp_path / "out" / "reward"), head="score", dtype="float32"), name="reward")
    held_out = [g for g in read_judged(str(tmp_path / "f.sqlite")).groups if kept_apart(g.prompt, 0.3)]
    scores = model_score(held_out, model=model)
    right = (scores[:, 0] > scores[:, 1]).float()
    by_prompt = {}
    for group, one in zip(held_out, right.tolist(), strict=True):
        by_prompt.setdefault(group.prompt, []).append(one)
    share = sum(sum(r) / len(r) for r in by_prompt.values()) / len(by_prompt)
    assert found.held_out[0].accuracy.estimate == pytest.approx(share)
    std = model.base.config.prefloop_normalisation["std"]
    gaps = (scores[:, 0] - scores[:, 1]) * std  # as they were learnt: in log-odds
    nll = {}
    for group, one in zip(held_out, torch.nn.functional.softplus(-gaps).tolist(), strict=True):
        nll.setdefault(group.prompt, []).append(one)
    assert found.calibration.nll == pytest.approx(sum(sum(v) / len(v) for v in nll.values()) / len(nll), rel=1e-3)
    assert getattr(model.base.config, READING) == found.reads


def test_with_one_person_the_ceiling_is_unknown_and_nobody_is_held_out(fitted, store, tmp_path):
    found = fitted(data=store(people=("ada",)))
    assert [h.name for h in found.held_out] == ["prompts"]
    assert found.held_out[0].people is None
    assert "how well people do is unknown" in headline(found)
    assert "unknown: no held-out answers were compared by two people" in render_reward(found)
    assert found.held_out_people == ()


def test_a_run_that_was_stopped_goes_on_to_the_same_record(fitted, store):
    data = store()
    whole = fitted(out="whole", data=data, curve=(20,))
    with pytest.raises(KeyboardInterrupt):
        fitted(data=data, curve=(20,), progress=Pressed(5))
    again = fitted(data=data, curve=(20,), resume=True)

    def timeless(found):
        return replace(found, seconds=0.0, curve=tuple(replace(p, seconds=0.0) for p in found.curve))

    assert timeless(again) == timeless(whole)


def test_a_record_is_repeated_from_its_recipe(fitted, tmp_path):
    fitted(held_out_people=0.25, curve=(20,))
    reward = read(tmp_path / "out" / "recipe.yaml")
    assert isinstance(reward, FitReward)
    assert (reward.held_out, reward.held_out_people, reward.curve) == (0.3, 0.25, (20,))


def test_what_cannot_be_told_from_length_is_not_called_better(fitted):
    found = fitted()
    nothing = replace(found, over_longer=replace(found.over_longer, low=-0.1, estimate=0.0, high=0.1))
    worse = replace(found, over_longer=replace(found.over_longer, low=-0.3, estimate=-0.2, high=-0.1))
    assert "which cannot be told from picking the longer" in headline(nothing)
    assert "which is worse than picking the longer" in headline(worse)


def test_what_a_model_wrote_is_escaped_on_the_page(fitted):
    found = fitted()
    hostile = '"><script>alert(1)</script>'
    example = replace(found.examples[0], prompt=hostile)
    page = render_reward(replace(found, examples=(example,), warnings=(hostile,), model=hostile))
    assert "<script" not in page


def test_channels_that_say_the_same_are_named(folder):
    heads = ("a", "b", "c")
    model = load(Model(source=str(folder), head="score", channels=heads, train=True, dtype="float32"), name="reward")
    with torch.no_grad():
        weight = model.new_head()[0]
        weight.normal_()
        weight[2] = weight[0]
    groups = [
        Group(prompt=Prompt(text=f"Day {n}"), responses=(Response(text=" sun"), Response(text=" fog")))
        for n in range(9)
    ]
    [said] = alike(groups, model)
    assert said.startswith("the channels `a` and `c` say the same of all 9 held-out judgements")
    found = channels(groups, model, compared(groups, seed=0), seed=0)
    scores = model_score(groups, model=model)
    gap = (scores[:, 0] - scores[:, 1]).mean(0) / 3
    assert [c.adds.estimate for c in found] == pytest.approx(gap.tolist(), rel=1e-4)
    assert [c.name for c in found] == list(heads)


def test_an_ensemble_of_one_model_twice_is_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    recipe = method("rloo")(model=str(folder))
    models = {**recipe.models, "reward": Model(source=str(folder), head="score")}
    for source in (folder, tmp_path / "copy"):
        several = replace(
            recipe,
            models={**models, "other": Model(source=str(source), head="score")},
            score={"reward": bind(model_score, model=("reward", "other"))},
        )
        needs = plan(several)
        with pytest.raises(
            RewardError, match=r"model `reward` of `score.reward` and the reward model `other` .* have the same"
        ):
            load_networks(several, needs)


FORMS = {
    "bradley-terry": {"chosen": " b", "rejected": " c"},
    "ranking": {"responses": [" b", " c"]},
    "interval": {"responses": [" b", " c"], "scores": [3, 1]},
    "p-love": {"completion": " b", "label": True},
}


def test_the_natural_kind_is_told_from_the_form(store, tmp_path):
    assert natural(Data(source=store(2))) == "choice"
    for kind, row in FORMS.items():
        (tmp_path / "one.jsonl").write_text(json.dumps({"prompt": "a", **row}))
        assert natural(Data(source=str(tmp_path / "one.jsonl"))) == kind
    assert natural(Data(source=str(tmp_path / "one.jsonl"), form="pairs")) == "bradley-terry"


@pytest.mark.parametrize("kind", ["ranking", "interval", "p-love", "davidson", "hybrid-preference"])
def test_every_natural_kind_and_what_compares_in_pairs_is_measured(kind, fitted, tmp_path):
    rows = []
    for n in range(40):
        said = (
            {"responses": [" sun", " fog"], "scores": [5, 1]} if kind == "interval" else {"responses": [" sun", " fog"]}
        )
        if kind in ("davidson", "hybrid-preference"):
            said = {
                "chosen": " sun",
                "rejected": " fog",
                **({"target": 0.5} if n % 4 == 0 and kind == "davidson" else {}),
            }
        if kind == "p-love":
            said = {"completion": " sun" if n % 2 else " fog", "label": bool(n % 2)}
        rows.append({"prompt": f"Day {n}", **said})
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = fitted(kind=kind, data=str(tmp_path / "rows.jsonl"))
    assert found.held_out[0].accuracy.low > 0.6
    assert math.isfinite(found.calibration.nll)
    assert (found.rewarded is None) is (kind == "hybrid-preference")
    assert ("What it rewards" in render_reward(found)) is (kind != "hybrid-preference")
    if kind == "davidson":
        tied = sum(kept_apart(Prompt(text=r["prompt"]), 0.3) for r in rows if "target" in r)
        assert found.held_out[0].comparisons == sum(kept_apart(Prompt(text=r["prompt"]), 0.3) for r in rows) - tied > 0


def test_what_compares_in_pairs_says_how_sure_it_is_by_its_likelihood(folder):
    recipe = method("hybrid-preference")(model=str(folder), planes=1)
    heads = ("reward", "x", "y")
    model = load(Model(source=str(folder), head="score", channels=heads, train=True, dtype="float32"), name="reward")
    with torch.no_grad():
        model.new_head()[0].normal_()
    groups = [Group(prompt=Prompt(text="Day"), responses=(Response(text=" sun"), Response(text=" fog")))]
    (r, a, b), (s, c, d) = model_score(groups, model=model)[0].tolist()
    [[gap]] = gaps_of(recipe, groups, {"reward": model}, compared(groups, seed=0))
    assert gap == pytest.approx(r - s + a * d - b * c, rel=1e-4)


def test_judgements_that_prefer_nothing_are_refused(fitted, tmp_path):
    rows = [{"prompt": f"Day {n}", "responses": [" a", " b"], "scores": [3, 3]} for n in range(30)]
    (tmp_path / "same.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="30 left out, nothing in them was preferred"):
        fitted(kind="choice", data=str(tmp_path / "same.jsonl"))


def test_a_person_who_contradicts_themselves_is_counted(fitted, tmp_path):
    rows = [{"prompt": f"Day {n}", "chosen": " sun", "rejected": " fog", "who": "ada"} for n in range(40)]
    rows += [{**r, "chosen": " fog", "rejected": " sun", "annotator": "bob"} for r in rows[7:20]]
    rows += [{**r, "chosen": " fog", "rejected": " sun"} for r in rows[:7]]
    for row in rows[40:53]:
        del row["who"]
    (tmp_path / "twice.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = fitted(kind="bradley-terry", data=str(tmp_path / "twice.jsonl"))
    assert "7 pairs of answers were preferred both ways by one and the same person." in found.warnings


def test_a_curve_beyond_what_there_is_is_refused_before_anything_is_learnt(fitted, tmp_path):
    with pytest.raises(DataError, match=r"a learning curve is asked for up to 5000 judgements, and \d+ are there"):
        fitted(curve=(10, 5000))
    assert not (tmp_path / "out" / "metrics.jsonl").exists()
    with pytest.raises(RecipeError, match="`curve` is 0: each is a number"):
        FitReward(recipe=method("choice")(), curve=(0,))
    with pytest.raises(RecipeError, match="`held_out_people` is 1: it is the share"):
        FitReward(recipe=method("choice")(), held_out_people=1)


def test_a_method_that_fits_no_reward_model_is_refused(fitted, folder):
    with pytest.raises(RecipeError, match="`dpo` is no method of that family"):
        fitted(recipe=method("dpo")(model=str(folder)))


def test_the_command_prints_people_and_length_beside_the_model(prefloop, here, folder, store):  # noqa: F811
    words = ("reward", "--data", store(), "--model", folder, "--held-out", "0.3", "--curve", "20", "--out", "out")
    code, out, _ = prefloop(*words, "--set", "optimiser.lr=3e-3")
    assert code == 0
    for word in ("held-out accuracy of choice", "leave one", "pick the", "ECE", "temperature", "learning curve"):
        assert word in out
    assert "The report: out/reward.html" in out
    assert math.isfinite(json.loads((here / "out" / "reward.json").read_text())["calibration"]["ece"])
    code, _, err = prefloop(*words)
    assert code == 2
    assert "already holds" in err or "another recipe" in err
    code, _, err = prefloop("reward", "--data", "f.sqlite", "--curve", "many")
    assert code == 2
    assert "--curve is 'many': give numbers" in err
