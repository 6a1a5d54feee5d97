"""The command line as a person meets it: what it shows, and what a mistake gets."""

import json
import subprocess
import sys

import pytest
import transformers

import tiny
from prefloop.cli import app, main
from prefloop.cli.asking import asking
from prefloop.feedback.store import Store
from prefloop.loops.demo import demo
from prefloop.recipe import Family
from prefloop.recipe_file import dump
from prefloop.text import Answer, Group, Prompt, Question, Response
from small import PROMPTS

OWN = """
from prefloop import Model, Optimiser, Recipe, Term, bind, method

def mine(logp, ref_logp, mask, *, beta):
    \"\"\"Squared distance of the log-ratio from beta.\"\"\"
    return (((logp - ref_logp) * mask).sum(-1) - beta) ** 2

def cheerful(prompt: str, response: str) -> float:
    return float(response.count("e"))

def recipe():
    return Recipe(
        name="mine", family="online", paper="none",
        models={"policy": Model(source="TINY", train=True), "ref": Model(source="policy")},
        sample=method("rloo")(max_tokens=5).sample, score={"reward": bind(cheerful)},
        objective=(Term(objective=bind(mine, beta=0.5)),),
        optimiser=Optimiser(lr=1e-2), batch=2, steps=2, prompts="PROMPTS",
    )

def stumbling(prompt, response):
    raise KeyError("mood")

def undecided(prompt, response):
    return float("nan")

def generous(groups):
    return [[1.0] * (1 + len(g.responses)) for g in groups]

def lopsided(logp, mask):
    return logp[:, :1] @ mask

def vague(logp, mask):
    return 1.0
"""


@pytest.fixture
def prefloop(monkeypatch, capsys, tmp_path):
    """The command line in a working folder of its own: words in; exit code, output and errors out."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        monkeypatch.setattr("sys.argv", ["prefloop", *map(str, words)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return call


@pytest.fixture
def here(tmp_path, folder, prefloop):
    """The working folder, with prompts, and with a recipe, rewards and objectives of the user's own."""
    (tmp_path / "prompts.jsonl").write_text(PROMPTS)
    (tmp_path / "own.py").write_text(
        OWN.replace("TINY", str(folder)).replace("PROMPTS", str(tmp_path / "prompts.jsonl"))
    )
    return tmp_path


@pytest.fixture
def tiny_rloo(folder, here):
    """The published method on the tiny model, in the working folder."""
    changes = {
        "models.policy.source": folder,
        "score.reward": "own.py:cheerful",
        "prompts": "prompts.jsonl",
        "sample.decoding.max_tokens": 4,
        "steps": 2,
        "batch": 2,
    }

    def words(*more, **others):
        together = {**changes, **{k.replace("__", "."): v for k, v in others.items()}}
        return ("run", "rloo", *(w for k, v in together.items() for w in ("--set", f"{k}={v}")), "--out", "out", *more)

    return words


COMMANDS = [c.name or c.callback.__name__ for c in app.registered_commands]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, prefloop):
    code, out, _ = prefloop(command, "--help")
    assert code == 0
    assert "Example: " in out
    assert f"prefloop {command}" in out.partition("Example: ")[2]


def test_the_commands_are_those_that_were_promised():
    assert {"demo", "run", "explain", "check", "sample", "methods", "verify"} <= set(COMMANDS)


def test_help_is_there_before_anything_heavy_is_loaded():
    script = "import prefloop.cli, sys; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_methods_for_programs_are_json_with_every_family(prefloop):
    code, out, _ = prefloop("methods", "--json")
    rows = json.loads(out)
    assert code == 0
    assert {row["family"] for row in rows} == set(Family.__args__)
    assert all(row.keys() == {"name", "family", "paper", "summary", "needs"} and row["paper"] for row in rows)
    code, out, _ = prefloop("methods", "--json", "--family", "online")
    assert {row["family"] for row in json.loads(out)} == {"online"}


def test_explain_needs_no_model(prefloop):
    code, out, err = prefloop("explain", "ppo", "--set", "models.policy.source=/no/such/model")
    assert (code, err) == (0, "")
    for word in ("token_reward", "kl_in_reward", "old_value", "critic", "frozen", "/no/such/model"):
        assert word in out
    code, out, _ = prefloop("explain", "demo")
    assert code == 0
    assert "kway_choice" in out
    assert "rloo" in out


def test_explain_says_how_long_a_round_waits_for_people(prefloop, tmp_path):
    (tmp_path / "asked.yaml").write_text(dump(demo(people="browser")))
    code, out, _ = prefloop("explain", "asked.yaml", "--set", "wait.share=0.9")
    assert code == 0
    assert out.startswith("A round learns when 90 % of the labels asked for so far have come.")
    assert "A round learns" not in prefloop("explain", "demo")[1]


def test_real_people_have_no_known_taste():
    asked = asking(demo(), "browser")
    assert (asked.people, asked.gold, asked.gold_scale) == ("browser", None, "")
    assert asking(demo(), "simulated") == demo() == asking(demo(), "")


def test_sample_continues_a_prompt_as_often_as_asked(prefloop, folder):
    words = ("sample", folder, "--prompt", "The old", "--prompt", "A", "-k", "2", "--max-tokens", "3")
    code, out, _ = prefloop(*words)
    assert code == 0
    assert out.count("The old") == 2
    assert prefloop(*words)[1] == out
    assert prefloop(*words, "--seed", "1")[1] != out


def test_check_shows_what_is_learnt_and_refuses_nothing_of_a_sound_recipe(prefloop, here):
    code, out, _ = prefloop("check", "own.py:recipe", "--prompts", "2")
    assert code == 0
    assert out.count("prompt ") == 4
    assert "4 answers looked at; nothing to refuse." in out


@pytest.fixture
def judged(here, folder):
    """A feedback store with one answered question about these two answers."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)

    def sampled(text, chosen):
        ids = tuple(tokenizer(text)["input_ids"])
        return Response(text=text, ids=ids, mask=(chosen,) * len(ids), finish="length")

    def make(first):
        group = Group(
            prompt=Prompt(text="How"),
            prompt_ids=tuple(tokenizer("How")["input_ids"]),
            responses=(first if isinstance(first, Response) else sampled(*first), sampled(" fine", 1)),
        )
        with Store.open(here / "feedback.sqlite") as store:
            store.add_questions([Question(id="q", kind="comparison", group=group)])
            store.add_answers([Answer(question="q", who="me", value=0, order=(0, 1), seconds=1.0, at=0.0)])
        return ("check", "dpo", "--set", f"models.policy.source={folder}", "--set", "data=feedback.sqlite")

    return make


def test_check_refuses_an_end_that_stands_twice(prefloop, judged):
    code, out, _ = prefloop(*judged(Response(text=f" are you{tiny.END}", finish="end")))
    assert code == 2
    assert "refused: prompt 0, response 0: ends with the end token twice." in out


def test_check_refuses_an_answer_without_a_learnt_token(prefloop, judged):
    code, out, _ = prefloop(*judged((" are you", 0)))
    assert code == 2
    assert "refused: prompt 0, response 0: no token of it is learnt from" in out


def test_check_reads_judged_answers(prefloop, judged):
    code, out, _ = prefloop(*judged((" are you", 1)))
    assert code == 0
    assert "2 answers looked at" in out


def test_a_recipe_an_objective_and_a_reward_of_ones_own_run_from_their_file(prefloop, here):
    code, out, err = prefloop("run", "own.py:recipe", "--out", "out", "--set", "steps=3")
    assert (code, err) == (0, "")
    assert "3 steps; the trained models are in out" in out
    transformers.AutoModelForCausalLM.from_pretrained(here / "out" / "policy")
    losses = [json.loads(line)["loss"] for line in (here / "out" / "metrics.jsonl").read_text().splitlines()]
    assert losses[0] == pytest.approx(0.25, abs=1e-6)  # policy and reference are one: beta^2
    code, out, _ = prefloop("run", "out/recipe.yaml", "--out", "again")
    assert code == 0
    again = [json.loads(line)["loss"] for line in (here / "again" / "metrics.jsonl").read_text().splitlines()]
    assert again == losses


def test_a_published_method_runs_with_a_reward_of_ones_own(prefloop, tiny_rloo, here):
    code, _, err = prefloop(*tiny_rloo())
    assert (code, err) == (0, "")
    assert (here / "out" / "policy" / "config.json").is_file()
    code, _, err = prefloop(*tiny_rloo())
    assert code == 2
    assert "out already holds this run: go on with --resume" in err
    assert prefloop(*tiny_rloo("--resume"))[0] == 0


def test_align_shows_the_held_out_accuracy_before_and_after_and_its_folder_replays(prefloop, here, folder):
    rows = [{"prompt": f"The {n} boat", "chosen": " lay", "rejected": " rain" * (1 + n % 3)} for n in range(30)]
    rows[4]["rejected"] = rows[4]["chosen"]
    (here / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ("align", "dpo", "--data", "pairs.jsonl", "--model", folder, "--held-out", "0.3", "--out", "out")
    code, out, err = prefloop(*words, "--set", "optimiser.lr=1e-3", "--set", "batch=4")
    assert (code, err) == (0, "")
    assert "1 left out, two answers are the same: pairs.jsonl, line 5." in out
    for shown in ("held-out preference accuracy of dpo", "implicit reward", "0.50 [", "pick the longer", "Wilson"):
        assert shown in out
    code, _, _ = prefloop("run", "out/recipe.yaml", "--out", "again")
    assert code == 0
    assert (here / "again" / "accuracy.json").read_text() == (here / "out" / "accuracy.json").read_text()
    mistake(
        prefloop("align", "out/recipe.yaml", "--out", "x"), "is a whole run already: `prefloop run out/recipe.yaml`"
    )
    code, out, _ = prefloop("check", "out/recipe.yaml")
    assert code == 0
    assert prefloop("explain", "out/recipe.yaml")[0] == 0


def test_a_stopped_alignment_leaves_the_line_that_goes_on(prefloop, here, folder, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("prefloop.loops.align.optimise", stop)
    rows = [{"prompt": str(n), "responses": [" a", " b"], "scores": [n % 2, 3]} for n in range(20)]
    file = f"{'rated ' * 20}[1].jsonl"  # longer than a line, and nothing in it is markup
    (here / file).write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = prefloop("align", "dpo", "--data", file, "--as", "pairs", "--model", folder, "--out", "out")
    assert code == 130
    line = f"prefloop align dpo --data '{file}' --model {folder} --held-out 0.1 --as pairs --out out --resume"
    assert f"  {line}\n" in out


def test_what_is_verified_can_be_read_by_programs(prefloop):
    code, out, _ = prefloop("verify", "sft", "--json")
    assert code == 0
    [found] = json.loads(out)
    assert found["method"] == "sft"
    assert found["distance"] <= found["bound"] == 0.02


def test_methods_are_listed_by_family(prefloop):
    code, out, _ = prefloop("methods")
    assert code == 0
    places = [out.index(f"{family}: ") for family in Family.__args__]
    assert places == sorted(places)


def mistake(result, *says):
    code, out, err = result
    assert code == 2
    assert "Traceback" not in out + err
    for part in says:
        assert part in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "rlo", "--out", "x"), "`rlo` is no recipe. Did you mean `rloo`?"),
        (("demo", "--method", "rlo", "--out", "x"), "the demo has no method `rlo`. Did you mean `rloo`?"),
        (("demo", "--people", "strangers", "--out", "x"), "not `strangers`"),
        (("run", "dpo", "--people", "browser", "--out", "x"), "this recipe asks nobody: --people is for a whole loop"),
        (
            ("run", "demo", "--people", "strangers", "--out", "x"),
            "--people is `terminal` or `browser`, not `strangers`",
        ),
        (("demo", "--people", "browser", "--set", "wait.share=2", "--out", "x"), "`share` is from 0 to 1"),
        (("demo", "--model", "/no/such/folder", "--out", "x"), "`/no/such/folder` is no folder here"),
        (("demo", "--set", "rounds=two", "--out", "x"), "`rounds` of Rounds is 'two': it takes int"),
        (("explain", "ppo", "--set", "derive.0.bta=1"), "`kl_in_reward` has no knob `bta`. Did you mean `beta`?"),
        (("explain", "none.yaml"), "the recipe none.yaml cannot be read: No such file or directory"),
        (("run", "none.py:recipe", "--out", "x"), "there is no file"),
        (("run", "dpo", "--out", "x"), "say where they are, for example --set data="),
        (("align", "dpo", "--out", "x"), "say where they are, for example"),
        (("align", "dpo", "--data", "none.jsonl", "--out", "x"), "there is no file or folder none.jsonl"),
        (("align", "demo", "--out", "x"), "`demo` is a whole run already"),
        (("align", "dpo", "--data", "x.csv", "--held-out", "2", "--out", "x"), "`held_out` is 2.0: it is the share"),
        (("methods", "--family", "onlin"), "there is no family `onlin`. Did you mean `online`?"),
        (("sample", "/no/such/folder"), "is no folder here"),
        (("sample", "/tmp", "-k", "0"), "Invalid value"),
        (("verify", "rlo"), "Did you mean `rloo`?"),
        (("track", "nowhere"), "nowhere has no metrics.jsonl"),
        (("frobnicate",), "No such command"),
    ],
    ids=lambda x: " ".join(x[:3]) if isinstance(x, tuple) else "",
)
def test_a_mistake_gets_a_message_and_code_2(words, says, prefloop):
    mistake(prefloop(*words), says)


@pytest.mark.parametrize(
    ("reward", "says"),
    [
        ("stumbling", "the reward `stumbling` raised KeyError: 'mood' on prompt 'The"),
        ("undecided", "the reward `undecided` returned nan, which is not a finite number, for the response"),
        ("generous", "the reward `generous` returned 5 numbers for the 4 responses to 'The"),
    ],
)
def test_a_reward_that_fails_names_the_sample(reward, says, prefloop, tiny_rloo):
    mistake(prefloop(*tiny_rloo(score__reward=f"own.py:{reward}")), says)


@pytest.mark.parametrize(
    ("objective", "says"),
    [
        ("lopsided", "`lopsided` raised RuntimeError"),
        ("vague", "the objective `vague` returned 1.0, which is no tensor"),
    ],
)
def test_an_objective_that_fails_is_named_with_what_it_was_given(objective, says, prefloop, here):
    words = ("run", "own.py:recipe", "--set", f"objective.0.objective=own.py:{objective}", "--out", "out")
    mistake(prefloop(*words), says)


def test_a_prompt_that_leaves_no_room_is_named_before_anything_is_sampled(prefloop, tiny_rloo, here):
    with (here / "prompts.jsonl").open("a") as handle:
        handle.write("\n" + json.dumps({"text": "Once upon " * 40, "split": "train"}))
    mistake(prefloop(*tiny_rloo()), "the prompt 'Once upon Once upon", "policy reads at most 128")
    assert not (here / "out" / "metrics.jsonl").exists()


def test_a_prompt_file_that_is_wrong_is_named_with_its_line(prefloop, tiny_rloo, here):
    (here / "prompts.jsonl").write_text(PROMPTS + "\nnot json")
    mistake(prefloop(*tiny_rloo()), "prompts.jsonl, line 37 is not JSON")


def test_a_model_without_a_tokenizer_is_refused(prefloop, tiny_rloo, here):
    tiny.network("llama").save_pretrained(here / "bare")
    mistake(
        prefloop(*tiny_rloo(models__policy__source="bare")), "bare has no usable tokenizer", "tokenizer.save_pretrained"
    )


def test_conversations_want_a_chat_template(prefloop, tiny_rloo, here):
    tokenizer = tiny.tokenizer()
    tokenizer.chat_template = None
    tiny.network("llama").save_pretrained(here / "plain")
    tokenizer.save_pretrained(here / "plain")
    mistake(prefloop("sample", "plain", "--chat", "--prompt", "Hi"), "has no chat template")


def test_a_run_that_failed_at_the_start_may_be_tried_again_otherwise(prefloop, tiny_rloo):
    mistake(prefloop(*tiny_rloo(models__policy__source="missing")), "is no folder here")
    assert prefloop(*tiny_rloo())[0] == 0


def test_a_run_folder_of_another_recipe_is_left_alone(prefloop, tiny_rloo, here):
    assert prefloop(*tiny_rloo())[0] == 0
    mistake(prefloop(*tiny_rloo("--resume", batch=3)), "out belongs to a run with another recipe")


def test_ctrl_c_leaves_the_line_that_goes_on(prefloop, here, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("prefloop.loops.run.optimise", stop)
    code, out, _ = prefloop("run", "own.py:recipe", "--set", "steps=4", "--out", "out")
    assert code == 130
    assert "prefloop run own.py:recipe --set steps=4 --out out --resume" in out


def test_what_people_said_comes_in_is_looked_at_and_goes_out(prefloop, tmp_path):
    rows = [
        {"prompt": "Sky?", "chosen": "Blue.", "rejected": "Green.", "who": "ada"},
        {"prompt": "Sky?", "chosen": "Green.", "rejected": "Blue.", "who": "ben", "colour": "x"},
        {"prompt": "Sea?"},
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, out, _ = prefloop("import", "pairs.jsonl", "--store", "s.sqlite", "--preview")
    assert code == 0
    for line in (
        "2 rows of the format pairs become questions (1 comparison) with 2 answers.",
        "came before: 1 prompts (1 normalised), 1 questions (1 normalised)",
        "not kept: 1 column `colour`",
        "bad rows: 1",
        "  pairs.jsonl, line 3: `chosen` is missing",
        "Nothing was written.",
    ):
        assert line in out
    assert not (tmp_path / "s.sqlite").exists()
    code, out, _ = prefloop("import", "pairs.jsonl", "--store", "s.sqlite", "--project", "sky")
    assert (code, "1 questions and 2 answers are new in s.sqlite." in out) == (0, True)
    code, out, _ = prefloop("export", "--store", "s.sqlite", "--out", "out.jsonl", "--project", "sky", "--pseudonyms")
    assert (code, "2 rows are in out.jsonl." in out) == (0, True)
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [(row["chosen"], row["who"]) for row in found] == [("Blue.", "person-1"), ("Green.", "person-2")]
    code, out, _ = prefloop("export", "--store", "s.sqlite", "--as", "kto", "--out", "none.csv")
    assert "left out: 2 answers of the kind comparison, which kto does not hold" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("import", "none.jsonl"), "none.jsonl cannot be read: No such file"),
        (("import", "none.jsonl", "--options", "{"), "--options is no JSON"),
        (("export", "--store", "none.sqlite"), "there is no feedback store none.sqlite"),
        (("export", "--split", "test"), "there is no split `test`"),
    ],
)
def test_a_mistake_in_what_comes_in_or_goes_out_is_named(words, says, prefloop):
    mistake(prefloop(*words), says)
