"""A policy that is told whom it answers: what is said of a person, and who then pays for the answers."""

import math

import pytest
import torch

from prefloop.errors import DataError
from prefloop.models.encode import encode
from prefloop.models.load import load
from prefloop.planning import plan
from prefloop.prompts import Prompts, load_prompts
from prefloop.recipe import Model
from prefloop.recipes import method
from prefloop.scoring.directions import for_people, person_of, with_direction, with_person
from prefloop.scoring.hidden import features_of
from prefloop.scoring.personal import fit_personal, personal_score
from prefloop.text import Group, Message, Prompt, Response

TALK = Prompt(messages=(Message(role="user", content="Hi"),))
SYSTEM = Prompt(messages=(Message(role="system", content="Be plain."), Message(role="user", content="Hi")))
TEXTS = (" rain.", " sun, sun.")


@pytest.mark.parametrize("prompt", [Prompt(text="Two lines\n\nof text."), TALK, SYSTEM])
@pytest.mark.parametrize("z", [(0.0,), (-1.3,), (2.0, -0.4), (0.1, 9.0, -3.0)])
def test_a_person_is_read_again_as_finely_as_is_told_and_the_prompt_is_as_before(prompt, z):
    found, before = person_of(with_person(prompt, z))
    assert before == prompt
    assert found == pytest.approx(z, abs=0.005 * (1 + math.hypot(*z)) ** 2)


def test_what_tells_of_nobody_is_refused():
    with pytest.raises(DataError, match="says no direction"):
        person_of(TALK)
    for way in ({"kind": 0.6, "brief": 0.8}, {"everybody": -1.0, "way 1": 1.0}, {"way 1": 1.0, "everybody": 1.0}):
        with pytest.raises(DataError, match="tells of nobody"):
            person_of(with_direction(TALK, way))
    with pytest.raises(DataError, match="shorter than 200"):
        with_person(TALK, (500.0,))


def test_told_prompts_are_held_out_for_everybody_and_read_again_from_their_file(tmp_path):
    plain = Prompts(train=(Prompt(text="Ein Tag,\u2028so schön."), TALK), held_out=(SYSTEM,))
    told = for_people(plain, [(0.5,), (-0.5,)])
    assert {person_of(p)[1] for p in told.held_out} == {SYSTEM}
    assert len(told.train) == 4
    told.save(tmp_path / "told.jsonl")
    assert load_prompts(str(tmp_path / "told.jsonl")) == told


def in_tokens(prompt, model):
    read = [tuple(model.tokenizer(t, add_special_tokens=False)["input_ids"]) for t in TEXTS]
    answers = tuple(Response(text=t, ids=ids, mask=(1,) * len(ids)) for t, ids in zip(TEXTS, read, strict=True))
    return Group(prompt=prompt, prompt_ids=encode(prompt, model.tokenizer), responses=answers)


def test_each_answer_is_paid_by_the_person_its_prompt_tells_of_and_read_without_what_it_tells(folder, tmp_path):
    model = load(Model(source=str(folder), head="score", dtype="float32"), name="reward")
    plain = in_tokens(TALK, model)
    features = features_of([plain] * 4, model, keep=False)
    turned = torch.where(torch.tensor([0, 0, 1, 1]).view(4, 1, 1).bool(), features.flip(1), features)
    known = fit_personal(turned, ["ada", "ada", "bob", "bob"], steps=5, lr=0.1)
    known.save(tmp_path)
    zs = [(1.5,), (-1.5,)]
    told = [in_tokens(with_person(TALK, z), model) for z in zs]
    paid = personal_score(told, model=model, folder=str(tmp_path))
    want = torch.stack([known.scaled(features[0], person_of(g.prompt)[0]) for g in told]).float()
    torch.testing.assert_close(paid, want, rtol=1e-4, atol=1e-5)
    assert (paid[0] - paid[1]).abs().min() > 1e-3, "the two are paid otherwise"
    with pytest.raises(DataError, match="by 2 numbers; people are 1 here"):
        personal_score([in_tokens(with_person(TALK, (1.0, 1.0)), model)], model=model, folder=str(tmp_path))
    with pytest.raises(DataError, match="says no direction"):
        personal_score([plain], model=model, folder=str(tmp_path))


def test_the_recipe_reads_the_people_of_a_folder_by_the_model_they_were_fitted_on():
    recipe = method("vpl-policy")(people="somewhere")
    assert recipe.score["reward"].knobs == {"model": "reward", "folder": "somewhere"}
    assert set(plan(recipe).scorers) == {"reward"}
