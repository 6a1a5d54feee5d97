"""A reward model of several numbers, tables beside it, and what people said as tensors."""

import math

import pytest
import torch
import transformers

import tiny
from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import DataError, RecipeError
from prefloop.loops.optimise import optimise
from prefloop.loops.said import said
from prefloop.models.decoder import Decoder
from prefloop.models.encode import for_model
from prefloop.models.load import load, save
from prefloop.models.table import Table, read_table
from prefloop.planning import plan
from prefloop.recipe import Lora, Model, Optimiser, Recipe, Term
from prefloop.scoring.model import model_score, normalise
from prefloop.text import Group, Mark, Prompt, Response

BATCH = tiny.batch((9, 3), [[5, 1, 0], [2, 7, 4]])
PAIR = Group(
    prompt=Prompt(text="The old harbour"),
    responses=(Response(text=" lay quiet. Boats came."), Response(text=" slept.")),
)


def loaded(folder, *channels, train=True):
    return load(Model(source=str(folder), head="score", train=train, dtype="float32", channels=channels), name="reward")


def in_tokens(group):
    return for_model(group, tiny.tokenizer())


def regressed(scores, aspect):
    return ((scores - aspect.nan_to_num()) ** 2).where(~aspect.isnan(), 0.0).sum(-1)


def of_everybody(scores, traits, numbers, aspect):
    return regressed(scores + traits.unsqueeze(1) + numbers.unsqueeze(1), aspect)


def recipe(folder, objective=regressed, **models):
    return Recipe(
        name="attributes",
        family="reward",
        paper="none",
        models={
            "reward": Model(source=str(folder), head="score", train=True, dtype="float32", channels=("true", "kind")),
            **models,
        },
        objective=(Term(objective=bind(objective)),),
        optimiser=Optimiser(lr=1e-2),
        batch=2,
        steps=3,
    )


def test_a_head_of_several_numbers_reads_each_at_the_last_token_of_an_answer(folder):
    reward = loaded(folder, "true", "kind")
    torch.nn.init.normal_(reward._score_layer().weight)
    scores = reward.outputs(BATCH, ("scores",))["scores"]
    config = reward.base.config
    stock = transformers.AutoModelForSequenceClassification.from_config(config, attn_implementation="eager")
    stock.load_state_dict(reward.model.state_dict())
    for p, trunk in enumerate(BATCH.trunks):
        for k in range(BATCH.lengths.shape[1]):
            n = int(BATCH.lengths[p, k])
            if not n:
                assert not scores[p, k].any()
                continue
            ids = torch.cat([trunk, BATCH["ids"][p, k, :n]])
            torch.testing.assert_close(scores[p, k], stock.eval()(ids[None]).logits[0], rtol=1e-4, atol=1e-5)


def test_a_checkpoint_remembers_its_channels_and_normalises_each(folder, tmp_path):
    reward = loaded(folder, "true", "kind")
    torch.manual_seed(0)
    torch.nn.init.normal_(reward._score_layer().weight)
    normalise(reward, [PAIR])
    save(reward, tmp_path / "reward")
    again = load(Model(source=str(tmp_path / "reward"), head="score", dtype="float32"), name="reward")
    assert again.channels == ("true", "kind")
    assert again.base.config.id2label == {0: "true", 1: "kind"}
    scores = model_score([PAIR], model=again)
    assert scores.shape == (1, 2, 2)
    torch.testing.assert_close(scores.mean((0, 1)), torch.zeros(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(scores.std((0, 1), correction=0), torch.ones(2), rtol=1e-3, atol=0)


def test_a_model_that_gives_scores_gives_no_score(folder):
    with pytest.raises(RecipeError, match=r'channels=\("true", "kind"\)'):
        plan(recipe(folder, lambda scores, aspect: scores, reward=Model(source="x", head="score", train=True)))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"head": "traits", "channels": ("tie",)}, "is trained"),
        ({"head": "numbers", "train": True}, "names for what it holds"),
        ({"head": "numbers", "train": True, "channels": ("tie",), "source": "x"}, "comes from"),
        ({"head": "score"}, "comes from"),
        ({"head": "score", "source": "x", "channels": ("a", "a")}, "a name of its own"),
        ({"head": "lm", "source": "x", "channels": ("a",)}, "no channels"),
        ({"head": "score", "source": "x", "channels": ("a",), "adapter": Lora(members=2)}, "2 adapters"),
    ],
)
def test_models_that_make_no_sense_are_refused(wrong, why):
    with pytest.raises(RecipeError, match=why):
        Model(**wrong)


def test_what_nobody_rated_is_not_learnt_and_a_channel_that_nobody_rated_is_refused(folder):
    half = {"true": (1.0, None), "kind": (None, 0.0)}
    groups = [in_tokens(Group(prompt=PAIR.prompt, responses=PAIR.responses, aspects=half))]
    asked = recipe(folder)
    shape = assemble(groups)["mask"].shape
    aspect = said(groups, shape, asked, plan(asked), {})["aspect"]
    torch.testing.assert_close(aspect, torch.tensor([[[1.0, math.nan], [math.nan, 0.0]]]), equal_nan=True)
    groups = [in_tokens(Group(prompt=PAIR.prompt, responses=PAIR.responses, aspects={"true": (1.0, 0.0)}))]
    with pytest.raises(DataError, match=r"nobody has rated `kind`.*was rated: true"):
        said(groups, shape, asked, plan(asked), {})


def labels_of(group, folder):
    """What a recipe that reads judged parts gets of a group."""

    def marked(score, token_label):
        return token_label

    asked = Recipe(
        name="steps",
        family="reward",
        paper="none",
        models={"reward": Model(source=str(folder), head="score", train=True)},
        objective=(Term(objective=bind(marked)),),
    )
    reward = Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score")
    return said([group], assemble([group])["mask"].shape, asked, plan(asked), {"reward": reward})["token_label"]


def test_a_mark_stands_at_the_token_that_ends_its_part(folder):
    marks = (Mark(response=0, end=11, value=1.0), Mark(response=0, end=23, value=0.0))
    group = in_tokens(Group(prompt=PAIR.prompt, responses=PAIR.responses, marks=marks))
    labels = labels_of(group, folder)
    there = (~labels.isnan()).nonzero().tolist()
    assert [labels[tuple(at)].item() for at in there] == [1.0, 0.0]
    for (_, k, t), mark in zip(there, marks, strict=True):
        before = [tiny.tokenizer().decode(group.responses[k].ids[:n]) for n in (t, t + 1)]
        assert len(before[0]) < mark.end <= len(before[1])


def test_a_mark_on_an_answer_without_tokens_says_nothing(folder):
    marks = tuple(Mark(response=k, end=end, value=v) for k, end, v in ((0, 4, 0.0), (0, 11, 1.0), (1, 3, 0.0)))
    empty = Group(prompt=PAIR.prompt, responses=(PAIR.responses[0], Response(text="", finish="length")), marks=marks)
    group = in_tokens(empty)
    labels = labels_of(group, folder)
    assert labels[~labels.isnan()].tolist() == [0.0, 1.0]


def test_tables_know_who_judged_and_learn_beside_the_model(folder, tmp_path):
    network = loaded(folder, "true", "kind")
    tables = {
        "people": Model(head="traits", channels=("true", "kind"), train=True),
        "all": Model(head="numbers", channels=("true", "kind"), train=True),
    }
    asked = recipe(folder, of_everybody, **tables)
    networks = {
        "reward": network,
        "people": Table(("true", "kind"), apart=True),
        "all": Table(("true", "kind"), apart=False),
    }
    groups = [
        Group(
            prompt=Prompt(text=f"The old harbour {n}"),
            responses=PAIR.responses,
            who=who,
            aspects={"true": (high, high), "kind": (0.0, 0.0)},
        )
        for n, (who, high) in enumerate([("ada", 1.0), ("ben", -1.0)] * 2)
    ]
    optimise(asked, networks=networks, judged=groups)
    people = networks["people"]
    assert people.people == ("ada", "ben")
    ada, ben = (people.rows[people.number(who)] for who in ("ada", "ben"))
    assert ada[0] > 0.01 > -0.01 > ben[0]
    assert not people.rows[people.number("nobody")].any()
    save(people, tmp_path / "people")
    again = read_table(tmp_path / "people")
    assert again.people == people.people
    assert again.digest() == people.digest()


def test_somebody_new_begins_as_everybody_does():
    table = Table(("tie",), apart=True)
    with torch.no_grad():
        table.rows += 2.0
    table.know(["ada"])
    assert table.rows.tolist() == [[2.0], [2.0]]
