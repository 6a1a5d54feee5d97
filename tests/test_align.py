"""Aligning with judged answers: what a method takes, what it gains on held-out prompts, and what is refused."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch
import transformers

from prefloop import Data, method
from prefloop.dials import Linear
from prefloop.errors import DataError, RecipeError
from prefloop.feedback.judged import Judged
from prefloop.learning.update import logp_in_parts
from prefloop.loops.align import IMPLICIT, MEAN, SCORE, Align, on_data
from prefloop.loops.judged import as_taken, judged_answers, within_context
from prefloop.loops.networks import networks_of
from prefloop.loops.optimise import optimise
from prefloop.loops.progress import Silent
from prefloop.loops.run import run
from prefloop.models.encode import for_model
from prefloop.planning import plan
from prefloop.recipe_file import read
from test_convert import group

ROWS = [{"prompt": f"The {n} boat", "chosen": " lay quiet", "rejected": " rain" * (1 + n % 4)} for n in range(40)]


class Heard(Silent):
    """Remembers what was said, and presses Ctrl-C after so many steps."""

    def __init__(self, stop=None):
        self.said, self.left = [], stop

    def say(self, text):
        self.said.append(text)

    def advance(self, by=1, note=""):
        if by and self.left is not None:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def write(tmp_path):
    def go(rows, name="judged.jsonl"):
        path = tmp_path / name
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return str(path)

    return go


@pytest.fixture
def aligned(folder, write, tmp_path):
    """Run a method on rows and give what was measured."""

    def go(name="dpo", rows=ROWS, form=None, out="out", progress=None, resume=False, **knobs):
        recipe = method(name)(model=str(folder), lr=1e-3, batch=4, epochs=2, **knobs)
        data = Data(source=write(rows), form=form)
        align = on_data(replace(recipe, checkpoint=3), data=data, model=None, held_out=0.3)
        run(align, out=tmp_path / out, progress=progress, resume=resume)
        return json.loads((tmp_path / out / "accuracy.json").read_text(encoding="utf-8"))

    return go


def shares(found):
    """Estimates before and after by name."""
    return {a["name"]: (a["before"]["estimate"], a["after"]["estimate"]) for a in found["agreements"]}


def test_a_method_with_a_reference_is_measured_by_its_implicit_reward(aligned, tmp_path):
    found = aligned()
    before, after = shares(found)[IMPLICIT]
    assert before == 0.5  # policy and reference are one
    assert after == 1.0
    assert list(shares(found)) == [IMPLICIT, MEAN]
    held_out = found["comparisons"]
    assert held_out == found["longer"]["n"] == found["agreements"][0]["after"]["n"]
    assert found["learnt"] + held_out == len(ROWS)
    assert 0 < found["longer"]["estimate"] < 0.8
    assert read(tmp_path / "out" / "recipe.yaml").held_out == 0.3
    transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "policy")


def test_what_is_measured_is_what_the_saved_model_says(aligned, folder, tmp_path):
    found = aligned(rows=[*ROWS, *({**r, "prompt": r["prompt"] + "s"} for r in ROWS)])
    start = networks_of(method("dpo")(model=str(folder)), say=print)["ref"]
    trained = networks_of(method("dpo")(model=str(tmp_path / "out" / "policy")), say=print)["policy"]
    from prefloop.batch import assemble
    from prefloop.prompts import kept_apart

    rows = [group(r["prompt"] + s, (r["chosen"], r["rejected"])) for s in ("", "s") for r in ROWS]
    batch = assemble([for_model(g, start.tokenizer) for g in rows if kept_apart(g.prompt, 0.3)])
    gained = [logp_in_parts(m, batch, tokens=4096) * batch["mask"] for m in (trained, start)]
    reward = (gained[0] - gained[1]).sum(-1)
    assert shares(found)[IMPLICIT][1] == pytest.approx(float((reward[:, 0] > reward[:, 1]).float().mean()))
    assert found["comparisons"] == len(batch)


def test_steps_are_learnt_after_the_prefix_they_share(aligned):
    rows = [{**r, "prompt": "So", "prefix": r["prompt"]} for r in ROWS]
    rows = [{**r, "prompt": f"{r['prompt']} {n}"} for n, r in enumerate(rows)]
    found = aligned("longdpo", rows)
    assert shares(found)[IMPLICIT] == (0.5, 1.0)


def test_a_model_is_aligned_by_what_it_finds_good_itself(aligned, tmp_path):
    assert shares(aligned("t-reg", better="Be kind.", worse="Be rude."))[IMPLICIT] == (0.5, 1.0)
    assert read(tmp_path / "out" / "recipe.yaml").recipe.models["better"].instruction == "Be kind."


def test_a_method_without_a_reference_is_measured_by_the_mean_log_probability(aligned):
    assert list(shares(aligned("sft"))) == [MEAN]


def test_a_reward_model_is_measured_by_its_score(aligned):
    before, after = shares(aligned("bradley-terry"))[SCORE]
    assert after == 1.0 > before


def test_thumbs_are_learnt_from_and_measured_across_prompts(aligned):
    rows = [
        {"prompt": r["prompt"], "completion": r["chosen"] if n % 2 else r["rejected"], "label": n % 2}
        for n, r in enumerate(ROWS)
    ]
    found = aligned("kto", rows)
    assert found["what"] == "liked against disliked answers of different prompts"
    assert shares(found)[IMPLICIT][1] > 0.8 > shares(found)[IMPLICIT][0]


def test_what_was_left_out_and_changed_is_said_and_written_down(aligned):
    heard = Heard()
    long = {"prompt": "On", "chosen": " and on" * 100, "rejected": " off"}
    found = aligned("kto", [*ROWS, long, {**ROWS[0], "chosen": ROWS[0]["rejected"]}], progress=heard)
    same, turned, cut = found["notes"]
    assert same.startswith("1 left out, two answers are the same: ")
    assert turned == "41 pairs were turned into 41 thumbs."
    assert cut.startswith("1 of 41 left out, longer than the 128 tokens that policy reads: the first, after 'On', has")
    assert set(found["notes"]) <= set(heard.said)


def test_a_run_that_was_stopped_goes_on_to_the_same_weights_and_figures(aligned, tmp_path):
    whole = aligned(out="whole")
    with pytest.raises(KeyboardInterrupt):
        aligned(progress=Heard(stop=5))
    assert not (tmp_path / "out" / "accuracy.json").exists()
    assert aligned(resume=True) == whole
    weights = [
        transformers.AutoModelForCausalLM.from_pretrained(tmp_path / out / "policy").state_dict()
        for out in ("whole", "out")
    ]
    assert all(torch.equal(tensor, weights[1][name]) for name, tensor in weights[0].items())


def test_data_of_a_recipe_may_be_any_source(folder, write, tmp_path):
    recipe = replace(method("dpo")(model=str(folder), batch=4), data=write(ROWS[:8]), steps=2, epochs=None)
    assert len(run(recipe, out=tmp_path / "out").metrics) == 2


RANKED = [group("1", "abc", (2.0, 1.0, 0.0)), group("2", "def", (2.0, 1.0, 0.0))]
TIED = [group("1", "abc", (1.0, 0.0, 0.0))]
THUMBS = [group("1", "a", (1.0,)), group("1", "b", (0.0,)), group("2", "c", (1.0,))]
PAIRS = [group("1", "ab"), group("2", "cd")]


def judged(form, groups):
    return Judged(groups=tuple(groups), form=form)


@pytest.mark.parametrize(
    ("name", "form", "groups", "note"),
    [
        ("dpo", "pairs", PAIRS, None),
        ("dpo", "rankings", RANKED, "2 rankings were turned into 6 pairs."),
        ("dpo", "choices", TIED, "1 choices were turned into 2 pairs."),
        ("kto", "pairs", PAIRS, "2 pairs were turned into 2 thumbs."),
        ("kto", "thumbs", THUMBS, None),
        ("sft", "rankings", RANKED, None),
    ],
)
def test_judgements_are_turned_unasked_where_nothing_is_lost(name, form, groups, note):
    taken = as_taken(judged(form, groups), method(name)())
    assert taken.notes == ((note,) if note else ())
    assert note or taken.groups == tuple(groups)


def test_judgements_are_turned_with_a_loss_only_where_told():
    dpo = method("dpo")()
    with pytest.raises(DataError, match=r"`dpo` takes pairs, and 1 rankings would give 2 pairs; lost: 1 ties\. .*--as"):
        as_taken(judged("rankings", TIED), dpo)
    told = as_taken(judged("rankings", TIED), dpo, told="pairs")
    assert told.notes == ("1 rankings were turned into 2 pairs; lost: 1 ties.",)
    with pytest.raises(DataError, match="3 thumbs would give 1 pairs; lost: 1 responses without a counterpart"):
        as_taken(judged("thumbs", THUMBS), dpo)


def test_a_form_that_a_method_cannot_learn_from_is_refused():
    with pytest.raises(DataError, match="`sft` takes answers in an order, and these are thumbs"):
        as_taken(judged("thumbs", THUMBS), method("sft")())
    with pytest.raises(DataError, match=r"`kto` takes thumbs, and these are ratings: .*into thumbs with --as"):
        as_taken(judged("ratings", RANKED), method("kto")())
    assert len(as_taken(judged("ratings", RANKED), method("kto")(), told="thumbs").groups) == 6
    with pytest.raises(DataError, match="`dpo` takes pairs, and these are rankings"):
        as_taken(judged("rankings", RANKED), method("dpo")(), told="rankings")


def test_a_list_of_one_is_left_out_and_counted_where_answers_are_compared():
    lone, several = group("1", "a", (2.0,)), judged("ratings", RANKED)
    mixed = replace(several, groups=(lone, *several.groups))
    taken = as_taken(mixed, method("lipo-lambda")())
    assert taken.groups == several.groups
    assert taken.notes[-1] == "1 left out, a single answer is compared with nothing."
    assert len(as_taken(mixed, method("unlikelihood")()).groups) == len(mixed.groups)
    with pytest.raises(DataError, match=r"nothing is left for `lipo-lambda`.* a single answer is compared"):
        as_taken(replace(several, groups=(lone,)), method("lipo-lambda")())


def test_judgements_of_which_nothing_is_left_are_refused():
    says = r"nothing is left for `dpo` to learn from: 1 thumbs were turned into 0 pairs; lost: 1 responses without"
    with pytest.raises(DataError, match=says):
        as_taken(judged("thumbs", THUMBS[:1]), method("dpo")(), told="pairs")


def test_pairs_without_a_preference_are_left_out_where_only_the_order_is_read():
    tied = replace(PAIRS[0], target=0.5)
    taken = as_taken(judged("pairs", [tied, PAIRS[1]]), method("dpo")())
    assert taken.groups == (PAIRS[1],)
    assert taken.notes == ("1 left out, nothing in them was preferred.",)


@pytest.mark.parametrize(("label", "what"), [(1, "liked"), (0, "not liked")])
def test_labels_all_of_one_kind_are_refused(label, what, aligned):
    rows = [{"prompt": str(n), "completion": " boat", "label": label} for n in range(9)]
    # Pairs of one kind could not be measured either: that is said first, so hold out what has both.
    rows += [{"prompt": p, "completion": " rain", "label": kind} for p, kind in _held_out_pair(label)]
    with pytest.raises(DataError, match=rf"all answers that `kto` was given are {what}, and it learns from the diff"):
        aligned("kto", rows)


def _held_out_pair(label):
    from prefloop.prompts import kept_apart
    from prefloop.text import Prompt

    apart = [str(n) for n in range(100, 200) if kept_apart(Prompt(text=str(n)), 0.3)]
    return ((apart[0], label), (apart[1], 1 - label))


@pytest.mark.parametrize("name", ["dpo", "vrpo"])
@pytest.mark.parametrize("beta", [0.0, -0.1, Linear(begin=0.0, end=0.1)])
def test_a_beta_that_learns_nothing_or_the_opposite_is_refused(name, beta, write):
    with pytest.raises(RecipeError, match=r"`beta` of `dpo` is (0\.0|-0\.1): at 0 nothing is learnt, and below it"):
        judged_answers(replace(method(name)(beta=beta), data=write(ROWS)), say=print)


def test_a_reference_that_is_the_policy_itself_is_refused(folder):
    recipe = method("dpo")(model=str(folder), batch=2)
    networks = networks_of(recipe, say=print)
    pairs = [group("A", (" boat", " rain")), group("B", (" rain", " boat"))]
    with pytest.raises(RecipeError, match="`ref` and `policy` are one and the same model in memory"):
        optimise(recipe, networks={**networks, "ref": networks["policy"]}, judged=pairs)
    optimise(recipe, networks=networks, judged=pairs)


def test_a_reference_that_is_trained_is_refused():
    recipe = method("dpo")()
    trained = replace(recipe, models={**recipe.models, "ref": replace(recipe.models["ref"], train=True)})
    with pytest.raises(RecipeError, match="two trained models of `dpo` give `logp`: policy and ref"):
        plan(trained)


def test_answers_that_are_all_longer_than_the_context_are_refused(aligned):
    with pytest.raises(DataError, match="nothing is left to learn from: 9 of 9 left out, longer than the 128 tokens"):
        aligned(rows=[{**row, "chosen": " and on" * 100} for row in ROWS[:9]])


def test_an_answer_may_fill_the_context_to_its_last_token(folder):
    policy = networks_of(method("sft")(model=str(folder)), say=print)["policy"]

    def size(text):
        encoded = for_model(group("A", (text, " rain")), policy.tokenizer)
        return len(encoded.prompt_ids) + len(encoded.responses[0].ids)

    fits = "#" * (policy.context - size(""))  # a token each
    assert size(fits) == policy.context
    groups = [group("A", (fits, " rain")), group("A", (fits + "#", " rain"))]
    heard = Heard()
    assert within_context(groups, policy, say=heard.say) == groups[:1]
    assert "has 129 with its prompt" in heard.said[0]


def test_too_few_prompts_to_hold_any_out_are_refused(aligned):
    with pytest.raises(DataError, match=r"holding out 0\.3 of the prompts leaves \d+ judgements to learn from and"):
        aligned(rows=ROWS[:1])


def test_a_method_that_samples_is_sent_to_run(folder, tmp_path):
    align = Align(recipe=method("rloo")(model=str(folder)))
    with pytest.raises(RecipeError, match=r"`rloo` learns from its own samples, .*: `prefloop run rloo`"):
        run(align, out=tmp_path / "out")
    with pytest.raises(RecipeError, match=r"`held_out` is 1: it is the share of prompts kept apart"):
        Align(recipe=method("dpo")(), held_out=1)
