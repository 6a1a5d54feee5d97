"""The whole loop on a tiny model: what a run leaves, what it says of itself, and going on after an interruption."""

import io
import json
import os
import signal
import statistics
from dataclasses import replace

import pytest
import torch
import transformers
from rich.console import Console
from safetensors.torch import load_file

from prefloop.binding import bind
from prefloop.cli import main
from prefloop.evaluation.summary import Summary
from prefloop.feedback.store import Store
from prefloop.feedback.terminal import Terminal
from prefloop.loops import run as running
from prefloop.loops.demo import METHODS
from prefloop.loops.progress import Silent
from prefloop.loops.run import run
from small import PROMPTS, cheerful, letters, small

LEFT = ("report.html", "summary.json", "metrics.jsonl", "recipe.yaml", "feedback.sqlite", "policy", "reward")


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    path.write_text(PROMPTS, encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=list(METHODS))
def finished(request, folder, prompts, tmp_path_factory):
    """A finished run of every method."""
    out = tmp_path_factory.mktemp("runs") / request.param
    run(small(folder, prompts, request.param), out=out, command="prefloop demo")
    return out


@pytest.fixture(scope="module")
def rloo(folder, prompts, tmp_path_factory):
    """A finished run of the default method."""
    out = tmp_path_factory.mktemp("runs") / "rloo"
    run(small(folder, prompts), out=out)
    return out


def summary_of(out):
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


def measured(out, number):
    return json.loads((out / "state" / f"{number}-measured.json").read_text(encoding="utf-8"))


def figures(out):
    """What two runs of one recipe share: everything that was measured, without times and places."""
    told = summary_of(out)
    return {name: told[name] for name in ("held_out", "rounds", "curves", "over_kl", "best_of", "samples", "warnings")}


def records(out):
    with Store.open(out / "feedback.sqlite") as store:
        return store.questions(), store.answers()


def weights(out):
    return {role: load_file(out / role / "model.safetensors") for role in ("policy", "reward")}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[role][n], b[role][n]) for role in a for n in a[role])


def test_a_run_leaves_everything_and_its_models_load_without_prefloop(finished):
    assert all((finished / name).exists() for name in LEFT)
    policy = transformers.AutoModelForCausalLM.from_pretrained(finished / "policy")
    assert policy.num_parameters() < 1_000_000
    scores = transformers.AutoModelForSequenceClassification.from_pretrained(finished / "reward")
    assert scores.config.num_labels == 1
    tokenizer = transformers.AutoTokenizer.from_pretrained(finished / "policy")
    assert "assistant" in tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], add_generation_prompt=True, tokenize=False
    )
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert 'src="http' not in page
    assert "<link" not in page


def test_the_summary_says_what_the_measured_answers_say(finished):
    told, before, after = summary_of(finished)["held_out"], measured(finished, 0), measured(finished, 2)

    def mean(rows):
        return statistics.fmean(x for row in rows for x in row)

    for when, rows in (("before", before), ("after", after)):
        texts = [[(g["prompt"]["text"], r["text"]) for r in g["responses"]] for g in rows["groups"]]
        gold = [[letters(*pair) for pair in group] for group in texts]
        assert told["gold"][when]["estimate"] == pytest.approx(mean(gold), abs=1e-12)
        sizes = [[len(r["ids"]) for r in g["responses"]] for g in rows["groups"]]
        assert told["length"][when]["estimate"] == pytest.approx(mean(sizes), abs=1e-12)
    gains = [statistics.fmean(a) - statistics.fmean(b) for a, b in zip(after["gold"], before["gold"], strict=True)]
    assert told["gold"]["difference"]["estimate"] == pytest.approx(statistics.fmean(gains), abs=1e-12)
    assert told["kl"]["estimate"] == pytest.approx(mean(after["kl"]), abs=1e-12)
    won = [(a[0] > b[0]) + (a[0] == b[0]) / 2 for a, b in zip(after["gold"], before["gold"], strict=True)]
    assert told["win_rate"]["estimate"] == pytest.approx(statistics.fmean(won), abs=1e-12)


def test_the_summary_says_what_the_feedback_store_says(finished):
    told, (questions, answers) = summary_of(finished), records(finished)
    asked = {q.id: q for q in questions}
    assert told["costs"]["labels"] == len(answers)
    assert told["costs"]["people_seconds"] == pytest.approx(sum(a.seconds for a in answers))
    for row in told["rounds"]:
        of_round = [a for a in answers if asked[a.question].round == row["number"]]
        assert row["labels"] == len(of_round)
        held_out = [a for a in of_round if asked[a.question].split == "held_out"]
        longest = []
        for a in held_out:
            words = [len(t.split()) for t in asked[a.question].group.texts]
            longest.append(words.index(max(words)) == a.value)
        assert row["longest"]["estimate"] == pytest.approx(statistics.fmean(longest))
        picks = json.loads((finished / "state" / f"{row['number']}-picks.json").read_text())
        hits = [picks[a.question] == a.value for a in held_out]
        assert row["accuracy"]["estimate"] == pytest.approx(statistics.fmean(hits))
    by_name = {a["name"]: a["answers"] for a in told["annotators"]}
    assert by_name == {who: sum(a.who == who for a in answers) for who in {a.who for a in answers}}


def test_every_round_learns(rloo):
    steps = [json.loads(line) for line in (rloo / "metrics.jsonl").read_text().splitlines()]
    for stage in ("1/reward", "2/reward", "1/policy", "2/policy"):
        role = stage.partition("/")[2]
        norms = [s[f"gradient_{role}"] for s in steps if s["stage"] == stage]
        assert min(norms) > 0  # a step on pairs that are told apart already may be small
        assert statistics.median(norms) > 1e-3


def test_every_asked_answer_names_the_weights_that_wrote_it(rloo):
    questions, _ = records(rloo)
    written = {(q.round, r.model_version) for q in questions for r in q.group.responses}
    assert written == {(1, "policy@0"), (2, "policy-1@3")}


def test_the_gold_score_is_measured_and_never_learnt_from(folder, prompts, rloo, tmp_path):
    blind = replace(small(folder, prompts), gold=None)
    run(blind, out=tmp_path / "blind")
    assert summary_of(tmp_path / "blind")["held_out"]["gold"] is None
    assert same(weights(tmp_path / "blind"), weights(rloo))


def test_a_recipe_written_by_a_run_gives_the_same_figures_when_it_is_run_again(rloo, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["prefloop", "run", str(rloo / "recipe.yaml"), "--out", str(tmp_path / "again")])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert figures(tmp_path / "again") == figures(rloo)
    assert records(tmp_path / "again") == records(rloo)


class Steps(Silent):
    """Keeps what the steps of a policy hand out."""

    def __init__(self):
        self.seen = []

    def step(self, step, metrics, groups, rewards):
        self.seen.append((step, groups, rewards))


def test_every_step_hands_out_what_the_policy_wrote_and_what_each_answer_was_paid(folder, prompts, tmp_path):
    recipe = replace(small(folder, prompts).policy, score={"reward": bind(cheerful)}, prompts=str(prompts))
    steps = Steps()
    run(recipe, out=tmp_path / "run", progress=steps)
    assert [step for step, _, _ in steps.seen] == [0, 1, 2]
    for _, groups, rewards in steps.seen:
        assert rewards == [[cheerful(g.prompt.text, t) for t in g.texts] for g in groups]
    assert len({x for _, _, rewards in steps.seen for row in rewards for x in row}) > 1


def test_where_a_selection_comes_between_nobody_says_what_an_answer_was_paid(folder, prompts, tmp_path):
    recipe = replace(small(folder, prompts, "raft").policy, score={"reward": bind(cheerful)}, prompts=str(prompts))
    steps = Steps()
    run(recipe, out=tmp_path / "run", progress=steps)
    assert [rewards for _, _, rewards in steps.seen] == [[], [], []]


class Interrupting(Silent):
    """Somebody who presses Ctrl-C at the `when`-th sign of progress in the stage called `where`."""

    def __init__(self, where, when, how):
        self.where, self.when, self.how, self.seen, self.now = where, when, how, 0, ""

    def stage(self, title, total):
        self.now = title
        return super().stage(title, total)

    def advance(self, by=1, note=""):
        self.seen += self.now == self.where
        if self.now == self.where and self.seen == self.when:
            self.how()


def at_once():
    raise KeyboardInterrupt


def by_signal():
    os.kill(os.getpid(), signal.SIGINT)


PLACES = [
    ("round 1: sample", 2, at_once),
    ("round 1: ask", 5, at_once),
    ("round 1: reward model", 2, by_signal),
    ("round 1: measure", 2, at_once),
    ("round 2: ask", 3, by_signal),
    ("round 2: rloo", 3, at_once),
    ("round 2: rloo", 2, by_signal),
    ("round 2: measure", 1, at_once),
]


@pytest.mark.parametrize(("where", "when", "how"), PLACES, ids=lambda x: getattr(x, "__name__", str(x)))
def test_an_interrupted_run_goes_on_to_the_same_end(where, when, how, folder, prompts, rloo, tmp_path):
    rounds, out = small(folder, prompts), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(rounds, out=out, progress=Interrupting(where, when, how))
    assert not (out / "report.html").exists()
    _, answered = records(out)
    run(rounds, out=out, resume=True)
    assert figures(out) == figures(rloo)
    questions, answers = records(out)
    assert (questions, answers) == records(rloo)
    assert [a for a in answers if a in answered] == answered
    assert same(weights(out), weights(rloo))


def test_a_finished_run_that_is_resumed_stays_as_it_is(folder, prompts, rloo, tmp_path):
    before = figures(rloo), records(rloo), weights(rloo)
    run(small(folder, prompts), out=rloo, resume=True)
    assert (figures(rloo), records(rloo)) == before[:2]
    assert same(weights(rloo), before[2])


def test_the_person_at_the_keyboard_answers_and_may_stop_and_go_on(folder, prompts, tmp_path):
    rounds = replace(small(folder, prompts), people="terminal", gold=None, rounds=1, questions=4)
    typed = iter(["1", "1", KeyboardInterrupt, "1", "s", ""])

    def read(line):
        key = next(typed)
        if key is KeyboardInterrupt:
            raise KeyboardInterrupt
        return key

    somebody = Terminal(who="me", console=Console(file=io.StringIO()), read=read)
    with pytest.raises(KeyboardInterrupt):
        run(rounds, out=tmp_path / "run", people=somebody)
    assert len(records(tmp_path / "run")[1]) == 2
    run(rounds, out=tmp_path / "run", people=somebody, resume=True)
    questions, answers = records(tmp_path / "run")
    assert len(questions) == 4
    assert [(a.who, a.order[0] == a.value) for a in answers] == [("me", True)] * 3
    told = Summary.from_json(summary_of(tmp_path / "run"))
    assert told.held_out.gold is None
    assert told.costs.labels == 3


def test_a_run_at_the_keyboard_wants_somebody_there(folder, prompts, tmp_path):
    rounds = replace(small(folder, prompts), people="terminal", gold=None)
    with pytest.raises(running.RecipeError, match="hand `run` somebody"):
        run(rounds, out=tmp_path / "run")
