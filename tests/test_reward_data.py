"""Which judgements each likelihood of a reward model takes, and what is said of those it cannot learn from."""

from dataclasses import replace

import pytest
import torch

from prefloop.errors import DataError, RecipeError
from prefloop.feedback.judged import Judged
from prefloop.feedback.store import Store
from prefloop.loops.judged import as_taken, both_ways, judged_answers, takes, wanted
from prefloop.loops.optimise import optimise
from prefloop.models.table import Table
from prefloop.ops import grades, round_about
from prefloop.planning import plan
from prefloop.recipes import method
from prefloop.text import Answer, Group, Prompt, Question, Response
from prefloop.verify.learn import of_several_numbers, settling
from prefloop.verify.tabular import ANSWERS, RewardModel, group, response

FORMS = ("pairs", "thumbs", "rankings", "ratings", "choices")


def pair(first=" two", second=" 2", **more):
    return Group(prompt=Prompt(text="One"), responses=(Response(text=first), Response(text=second)), **more)


@pytest.mark.parametrize(
    ("name", "words", "forms"),
    [
        ("bradley-terry-margin", "pairs with a target", ("pairs",) * 5),
        ("davidson", "pairs and ties", ("pairs",) * 5),
        ("rao-kupper", "pairs and ties", ("pairs",) * 5),
        ("annotator-flips", "pairs, and who judged them", ("pairs",) * 5),
        ("general-preference", "pairs", ("pairs",) * 5),
        ("ranking", "labelled answers", ("thumbs", "thumbs", "rankings", "ratings", "choices")),
        ("ordinal", "ratings", (None, None, None, "ratings", None)),
        ("interval", "ratings", (None, None, None, "ratings", None)),
        ("p-love", "thumbs", ("thumbs", "thumbs", None, None, None)),
        ("p-love-balanced", "thumbs", ("thumbs", "thumbs", None, None, None)),
    ],
)
def test_a_likelihood_says_which_judgements_it_takes(name, words, forms):
    needs = plan(method(name)())
    assert takes(needs) == words
    assert tuple(wanted(needs, form) for form in FORMS) == forms


@pytest.mark.parametrize(("name", "form"), [("p-love", "ratings"), ("ordinal", "rankings"), ("interval", "thumbs")])
def test_judgements_of_another_form_are_refused_and_nothing_impossible_is_proposed(name, form):
    judged = Judged(groups=(pair(labels=(1.0, 0.0)),), form=form)
    with pytest.raises(DataError, match=f"`{name}` takes .*, and these are {form}: ") as refused:
        as_taken(judged, method(name)())
    assert ("thumbs with --as" in str(refused.value)) == (name == "p-love")


def test_ties_stay_where_they_are_learnt_from_and_go_where_only_the_order_is():
    judged = Judged(groups=(pair(), pair(" zwei", target=0.5)), form="pairs")
    assert len(as_taken(judged, method("davidson")()).groups) == 2
    for name in ("bradley-terry", "annotator-flips", "known-flips", "general-preference"):
        taken = as_taken(judged, method(name)())
        assert [g.texts[0] for g in taken.groups] == [" two"]
        assert taken.notes == ("1 left out, nothing in them was preferred.",)


def test_the_ties_of_a_store_are_read_by_what_learns_from_them(tmp_path):
    path = tmp_path / "said.sqlite"
    with Store.open(path) as store:
        for n, value in enumerate([1, "tie", "both-bad", {"better": 0, "strength": 7}]):
            responses = (Response(text=f" a{n}"), Response(text=f" b{n}"))
            asked = Group(prompt=Prompt(text=f"Of {n}"), responses=responses)
            store.add_questions([Question(id=f"q{n}", kind="comparison", group=asked)])
            store.add_answers([Answer(question=f"q{n}", who="ada", value=value, order=(0, 1), seconds=1.0, at=0.0)])
    said = []
    recipe = replace(method("davidson")(), data=str(path))
    found = judged_answers(recipe, say=said.append)
    assert [(g.texts[0], g.target, g.who) for g in found] == [
        (" b0", None, "ada"),
        (" a1", 0.5, "ada"),
        (" a2", 0.5, "ada"),
        (" a3", 1.0, "ada"),
    ]
    assert said == []
    assert len(judged_answers(replace(recipe, objective=method("bradley-terry")().objective), say=said.append)) == 2


def test_pairs_preferred_both_ways_are_counted_and_said():
    turned = pair(" 2", " two")
    judged = Judged(groups=(pair(), turned, turned, pair(" zwei")), form="pairs")
    [note] = as_taken(judged, method("bradley-terry")()).notes
    assert note.startswith("1 pair of answers was preferred both ways, in 3 judgements, the first after 'One'")
    assert both_ways([pair(), pair(), replace(turned, target=0.5)]) == ()
    assert both_ways([pair(), replace(turned, prompt=Prompt(text="Two"))]) == ()
    ranked = replace(turned, labels=(1.0, 0.0))
    assert both_ways([pair(), ranked])[0].startswith("1 pair of answers was preferred both ways, in 2 judgements")


def learn(recipe, *judged):
    """The networks after a recipe has learnt from these groups, one step each time round."""
    recipe = replace(settling(recipe), epochs=None, steps=30, batch=len(judged))
    networks = {"reward": RewardModel(torch.zeros(1, len(ANSWERS))), **of_several_numbers(recipe)}
    optimise(recipe, networks=networks, judged=judged)
    return networks


def two(first=0, second=21, *, labels=(), **more):
    made = group(Prompt(text="0"), [response(ANSWERS[i].tolist()) for i in (first, second)], labels)
    return replace(made, **more)


def test_ties_bring_two_answers_together_and_make_ties_likelier():
    networks = learn(method("davidson")(), two(), two(42, 63, target=0.5), two(0, 63, target=0.5))
    score, ties = networks["reward"].table[0], networks["ties"]
    assert isinstance(ties, Table)
    assert ties.rows[0, 0] > 0.1
    assert score[0] > score[21]
    assert (score[42] - score[63]).abs() < (score[0] - score[21])


def test_of_one_person_alone_nothing_is_learnt_of_how_people_differ():
    for who, words in (("ada", "only ada judged"), ("", "nobody knows who judged")):
        with pytest.raises(DataError, match=rf"how people differ, and {words} these answers: .*several people"):
            learn(method("annotator-flips")(), two(who=who), two(who=who))
    networks = learn(method("annotator-flips")(), *[two(who="ada")] * 3, two(21, 0, who="ben"))
    people = networks["people"]
    assert people.rows[people.number("ben"), 0] > people.rows[people.number("ada"), 0]


def test_answers_liked_all_alike_or_rated_all_alike_are_refused():
    for name, label in (("p-love", 1.0), ("ordinal", 4.0), ("interval", 4.0), ("ranking", 2.0)):
        with pytest.raises(DataError, match=f"all answers that `{name}` was given are labelled {label:g}"):
            learn(method(name)(), two(labels=(label, label)), two(42, 63, labels=(label, label)))


def test_a_rating_that_is_no_grade_names_the_grades():
    with pytest.raises(DataError, match=r"rated 3\.5, and the grades are the 5 whole numbers from 1 to 5"):
        learn(method("ordinal")(), two(labels=(3.5, 1.0)))
    with pytest.raises(DataError, match="rated 6"):
        grades(torch.tensor([[6.0]]), torch.ones(1, 1, 1), lowest=1.0, count=5)
    with pytest.raises(DataError, match="rated 0"):
        grades(torch.tensor([[0.0]]), torch.ones(1, 1, 1), lowest=1.0, count=5)
    missing = grades(torch.tensor([[9.0, 5.0]]), torch.tensor([[[0], [1]]]), lowest=1.0, count=5)
    assert missing.tolist() == [[0, 4]]


def test_balanced_weights_are_those_of_all_the_data_in_every_batch():
    judged = [two(labels=(1.0, 0.0)), two(42, 63, labels=(0.0, 0.0))]
    seen = []
    recipe = method("p-love-balanced")()
    (term,) = recipe.objective

    def watched(score, mask, label, liked_share):
        seen.append(liked_share.unique().tolist())
        return term.objective.function(score, mask, label, liked_share)

    watched.forms = ("thumbs",)
    bound = replace(term.objective, function=watched)
    recipe = replace(settling(replace(recipe, objective=(replace(term, objective=bound),))), epochs=1, batch=1)
    optimise(recipe, networks={"reward": RewardModel(torch.zeros(1, 64))}, judged=judged)
    assert seen
    assert all(share == [0.25] for share in seen)


def test_an_odd_embedding_and_a_long_ranking_are_refused():
    with pytest.raises(RecipeError, match="3 channels, and they are taken two by two"):
        round_about(torch.ones(1, 2, 3))
    eleven = torch.ones(1, 11)
    (term,) = method("ranking")().objective
    with pytest.raises(RecipeError, match="given 11 responses to a prompt.*at most 10"):
        term.objective({"score": eleven, "mask": torch.ones(1, 11, 1), "label": eleven})


@pytest.mark.parametrize(
    ("name", "knobs", "said"),
    [
        ("known-flips", {"flips": 0.5}, r"`flips` of `known_flips` is 0\.5: .*below 0\.5"),
        ("annotator-flips", {"begin": 0.0}, r"`begin` of `annotator_flips` is 0: .*above 0"),
        ("bradley-terry-margin", {"grades": 1}, "`grades` of `margin_bradley_terry` is 1: it is at least 2"),
        ("p-love", {"liked": 0.0}, "`liked` of `p_love` is 0: it is above 0"),
    ],
)
def test_a_knob_without_meaning_is_refused(name, knobs, said):
    (term,) = method(name)(**knobs).objective
    tensors = {"score": torch.ones(1, 2), "target": torch.ones(1), "traits": torch.ones(1, 1)}
    with pytest.raises(RecipeError, match=said):
        term.objective({**tensors, "mask": torch.ones(1, 2, 1), "label": torch.ones(1, 2)})
