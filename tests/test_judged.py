"""Learning from what people said of each answer: labels and mismatched prompts, from the records to the update."""

from dataclasses import replace

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import DataError
from prefloop.loops.optimise import optimise
from prefloop.planning import plan
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.text import Prompt
from prefloop.verify.learn import settling
from prefloop.verify.tabular import ANSWERS, PREFIXES, TOKENS, Policy, group, response

RECIPE = settling(method("kto")(batch=4))


def thumbs(prompt, *said):
    """As many answers to a prompt as labels, which have no token in common."""
    return group(Prompt(text=prompt), [response(ANSWERS[21 * i].tolist()) for i in range(len(said))], said)


def learn(*judged, recipe=RECIPE):
    """The metrics of every step."""
    start, steps = torch.randn(2, PREFIXES, TOKENS, generator=torch.Generator().manual_seed(0)), []
    networks = {"policy": Policy(start), "ref": Policy(start)}
    optimise(recipe, networks=networks, judged=judged, on_step=lambda _, metrics, __: steps.append(metrics))
    return steps


def test_labels_become_a_tensor_where_every_answer_has_one():
    batch = assemble([thumbs("0", 1.0, 0.0), thumbs("1", 1.0)])
    assert batch["label"].tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert batch["mask"].any(-1).tolist() == [[True, True], [True, False]]
    bare = replace(thumbs("1", 1.0), labels=())
    assert "label" not in assemble([thumbs("0", 1.0), bare]).tensors


def test_a_strength_becomes_a_tensor_where_every_pair_has_one():
    strong, weak = replace(thumbs("0", 1.0, 0.0), target=0.75), replace(thumbs("1", 1.0, 0.0), target=0.5)
    assert assemble([strong, weak])["target"].tolist() == [0.75, 0.5]
    assert "target" not in assemble([strong, replace(weak, target=None)]).tensors


def test_pairs_without_a_strength_are_refused_where_it_is_read():
    def soft(logp, target):
        return target * logp.sum((1, 2))

    recipe = replace(RECIPE, derive=(), objective=(Term(objective=bind(soft)),))
    strong = replace(thumbs("0", 1.0, 0.0), target=0.75)
    assert len(learn(strong, recipe=recipe)) == 1
    with pytest.raises(DataError, match=r"the pair for '1' has only an order: .*target=0\.8"):
        learn(strong, thumbs("1", 1.0, 0.0), recipe=recipe)


def test_kto_raises_the_answers_people_liked_above_those_they_did_not():
    first, *_, last = learn(thumbs("0", 1.0, 0.0), thumbs("1", 0.0, 1.0, 1.0), recipe=replace(RECIPE, steps=20))
    assert first["liked_gained"] == first["disliked_gained"] == 0.0
    assert last["liked_gained"] > 0.1 > -0.1 > last["disliked_gained"]
    assert "preferred" not in first


@pytest.mark.parametrize(
    "name",
    ["bco", "pmpo", "unlikelihood", "plackett-luce", "listmle", "lipo-lambda", "pro", "rrhf", "spin", "sppo-hard"],
)
def test_a_method_learns_from_lists_of_different_length_or_from_pairs(name):
    recipe = replace(settling(method(name)(batch=4)), steps=20)
    judged = [
        thumbs("0", 1.0, 0.0),
        thumbs("1", 1.0, 0.0) if plan(recipe).pairwise else thumbs("1", 2.0, 1.0, 0.0, 0.0),
    ]
    first, *_, last = learn(*judged, recipe=recipe)
    assert last["loss"] < first["loss"]
    assert not any(step["skipped"] for step in (first, last))


def test_answers_without_a_label_are_refused_with_the_line_to_add():
    with pytest.raises(DataError, match=r"of the 2 answers to '1' 0 have a label.*labels=\(1\.0, 0\.0\)"):
        learn(thumbs("0", 1.0), replace(thumbs("1", 1.0, 0.0), labels=()))


def test_answers_to_one_prompt_alone_are_refused():
    with pytest.raises(DataError, match="there is only the prompt '0': add judged answers to another one"):
        learn(thumbs("0", 1.0), thumbs("0", 0.0))


def test_of_a_pair_supervised_fine_tuning_imitates_the_preferred_answer_alone():
    sft = settling(method("sft")(batch=2))
    pairs = [group(Prompt(text=p), [response(ANSWERS[21 * i].tolist()) for i in range(2)]) for p in "01"]
    alone = [replace(pair, responses=pair.responses[:1]) for pair in pairs]
    losses = [[step["loss"] for step in learn(*some, recipe=replace(sft, steps=5))] for some in (pairs, alone)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-12)
    assert losses[0][-1] < losses[0][0]


def test_a_selection_of_places_puts_the_responses_in_that_order():
    batch = assemble([thumbs("0", 1.0, 0.0, 0.5), thumbs("1", 0.0, 1.0)]).having(weight=torch.tensor([2.0, 3.0]))
    pairs = batch.selected(torch.tensor([[2, 0], [1, 0]]))
    assert pairs["label"].tolist() == [[0.5, 1.0], [1.0, 0.0]]
    assert pairs["ids"].tolist() == [ANSWERS[[42, 0]].tolist(), ANSWERS[[21, 0]].tolist()]
    assert pairs.lengths.tolist() == [[3, 3], [3, 3]]
    assert pairs["weight"].tolist() == [2.0, 3.0]


def test_judged_pairs_are_paid_before_they_are_learnt_from_where_a_method_reads_a_reward():
    def first_digit(prompt, response, *, times):
        return times * float(response[0])

    def gained(times):
        recipe = settling(method("modpo")(reward=bind(first_digit, times=times), share=0.1, batch=1))
        return learn(thumbs("0", 0.0, 1.0), recipe=replace(recipe, steps=5))[-1]["preferred_gained"]

    assert gained(-5.0) > 0.1, "the first answer begins with 0 and is paid more: it is not far enough ahead"
    assert abs(gained(5.0)) < 1e-6, "it is further ahead than what it is paid less would have it"
