"""Answers beside a reference: read from files, fitted with one command, and never scored without one afterwards."""

import json

import pytest

import tiny
from prefloop.errors import DataError, ModelError, RecipeError
from prefloop.feedback.judged import read_judged
from prefloop.feedback.referenced import against, ranked, same_policy
from prefloop.loops.networks import networks_of
from prefloop.loops.optimise import optimise
from prefloop.loops.referenced import held_against, reference_score
from prefloop.models.contract import READING
from prefloop.models.decoder import Decoder
from prefloop.models.load import load
from prefloop.prompts import kept_apart
from prefloop.recipe import Decoding, Model
from prefloop.recipes import method
from prefloop.sampling.local import LocalGenerator
from prefloop.sampling.several import drawn_by
from prefloop.scoring.model import model_score
from prefloop.text import Beside, Group, Prompt, Response
from test_cli import here, prefloop  # noqa: F401
from test_reward_input import reward  # noqa: F401


def rows(count=40, **more):
    return [
        {"prompt": f"Day {n}", "reference_answer": f" ref {n}", "chosen": " sun", "rejected": " fog", **more}
        for n in range(count)
    ]


def read(tmp_path, some):
    file = tmp_path / "some.jsonl"
    file.write_text("\n".join(map(json.dumps, some)))
    return read_judged(str(file))


def test_a_reference_stands_before_what_is_compared(tmp_path):
    found = read(tmp_path, rows(2, target=0.8))
    assert found.form == "pairs"
    assert [g.prompt for g in found.groups] == [against(Prompt(text=f"Day {n}"), f" ref {n}") for n in range(2)]
    assert found.groups[0].texts == (" sun", " fog")
    assert found.groups[0].target == 0.8
    lists = [{"prompt": "One", "reference_answer": "r", "responses": ["a", "b", "c"]}]
    ranking = read(tmp_path, lists)
    assert (ranking.form, ranking.groups[0].prompt, ranking.groups[0].texts) == (
        "rankings", against(Prompt(text="One"), "r"), ("a", "b", "c"),
    )  # fmt: skip
    rating = read(tmp_path, [{**lists[0], "scores": [1, 3, 2]}])
    assert (rating.form, rating.groups[0].texts, rating.groups[0].labels) == ("ratings", ("b", "c", "a"), (3, 2, 1))


def test_a_row_without_a_reference_is_an_error_and_an_empty_one_is_left_out(tmp_path):
    with pytest.raises(DataError, match="`reference_answer` is missing"):
        read(tmp_path, [*rows(1), {"prompt": "One", "chosen": "a", "rejected": "b"}])
    assert "the reference answer is empty" in read(tmp_path, [*rows(1), *rows(1, reference_answer=" ")]).notes[0]


def test_a_prompt_is_held_out_whatever_its_reference():
    for n in range(20):
        prompt = Prompt(text=f"Day {n}")
        assert {kept_apart(against(prompt, r), 0.5) for r in [" a", " b", " c"]} == {kept_apart(prompt, 0.5)}


def test_the_command_fits_it_and_the_checkpoint_says_so(reward, here, tmp_path):  # noqa: F811
    code, said, found = reward(rows(), steps=30, lr=1e-2)
    assert code == 0, said
    assert found.reads["beside"] == "a reference answer to the same prompt"
    folder = str(here / "out" / "reward")
    assert json.loads((here / "out" / "reward" / "config.json").read_text())[READING] == found.reads
    model = load(Model(source=folder, head="score", dtype="float32"), name="reward")
    asked = [Group(prompt=Prompt(text="Day 50"), responses=(Response(text=" sun"), Response(text=" fog")))]
    with pytest.raises(ModelError, match="fitted to answers beside a reference answer, and says nothing of an answer"):
        model_score(asked, model=model)
    references = tmp_path / "references.jsonl"
    references.write_text(json.dumps({"prompt": "Day 50", "reference_answer": " ref 50"}))
    [[sun, fog]] = reference_score(asked, model=model, references=str(references)).tolist()
    assert sun > fog
    code, said, _ = reward(rows(), "--resume", steps=30, lr=1e-2)
    assert code == 0, said


def test_it_is_fitted_on_to_references_and_to_nothing_else(reward, here, folder):  # noqa: F811
    assert reward(rows())[0] == 0
    on = str(here / "out" / "reward")
    plain = [{k: v for k, v in row.items() if k != "reference_answer"} for row in rows()]
    (here / "out").rename(here / "first")
    on = str(here / "first" / "reward")
    code, said, found = reward(rows(), model=on)
    assert (code, found.reads["beside"][:11]) == (0, "a reference"), said
    (here / "out").rename(here / "second")
    code, said, _ = reward(plain, model=on)
    assert code != 0
    assert "was fitted to answers beside a reference answer" in said
    (here / "out").rename(here / "third")
    code, said, found = reward(plain)
    assert (code, "beside" in found.reads) == (0, False), said


def test_some_with_a_reference_and_some_without_are_refused():
    model = Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score")
    one = Group(prompt=Prompt(text="One"), responses=(Response(text="a"), Response(text="b")))
    with pytest.raises(DataError, match="1 of 2 judged groups have a reference"):
        held_against([one, Group(prompt=against(one.prompt, "r"), responses=one.responses)], model, "reward")


def test_a_policy_learns_from_no_references(folder):
    recipe = method("dpo")(model=str(folder))
    beside = Group(prompt=against(Prompt(text="One"), "r"), responses=(Response(text="a"), Response(text="b")))
    with pytest.raises(DataError, match="take the column `reference_answer` out"):
        optimise(recipe, networks=networks_of(recipe, say=print), judged=[beside])


def test_a_model_fitted_beside_references_is_not_served():
    rows_of = pytest.importorskip("prefloop.web.reward_rows")
    model = Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score")
    rows_of.Reader(model)
    beside = Group(prompt=against(Prompt(text="One"), "r"), responses=(Response(text="a"), Response(text="b")))
    held_against([beside], model, "reward")
    with pytest.raises(ModelError, match="beside a reference"):
        rows_of.Reader(model)


def test_several_policies_at_several_temperatures_make_a_corpus():
    policies = {
        name: LocalGenerator(Decoder(tiny.network("llama", seed=seed), tiny.tokenizer(), name="policy"))
        for seed, name in enumerate(("old", "new"))
    }
    prompts = [Prompt(text="The old harbour"), Prompt(text="Rain")]
    how = {"temperatures": (0.5, 1.0), "decoding": Decoding(max_tokens=5)}
    drawn = drawn_by(policies, prompts, **how)
    assert list(drawn) == ["old at 0.5", "old at 1", "new at 0.5", "new at 1"]
    assert [r.sampling["temperature"] for groups in drawn.values() for r in groups[0].responses] == [
        0.5, 0.5, 1, 1, 0.5, 0.5, 1, 1,
    ]  # fmt: skip
    corpus = list(same_policy(drawn))
    assert len(corpus) == 4 * 3 * 2, "every two of four, both ways, for each prompt"
    assert all(isinstance(g.prompt, Beside) and g.prompt.asked in prompts for g in corpus)
    twice = drawn_by({"a": policies["old"], "b": policies["old"]}, prompts, **how)
    assert twice["a at 1"][0].texts != twice["b at 1"][0].texts, "each draws with random numbers of its own"
    assert drawn_by(policies, prompts, **how) == drawn
    with pytest.raises(RecipeError, match="tells nobody apart"):
        drawn_by(policies, prompts, temperatures=(1.0, 1.0))
    assert len(list(ranked([Group(prompt=prompts[0], responses=corpus[0].responses)]))) == 0
