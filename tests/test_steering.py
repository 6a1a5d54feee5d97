"""A policy that is asked for attributes: what it is told, what it learns from, and what its answers are paid."""

import math

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import DataError, RecipeError, RewardError
from prefloop.models.encode import encode
from prefloop.models.load import load
from prefloop.planning import plan
from prefloop.recipe import Model
from prefloop.recipes import method
from prefloop.scoring.model import model_score, normalise
from prefloop.scoring.scorer import score
from prefloop.scoring.steering import attribute_likelihood, attributes_of, conditioned, prior, with_attributes
from prefloop.text import Group, Message, Prompt, Response

NAMES = ("kind", "brief")
TALK = Prompt(messages=(Message(role="user", content="Hi"),))
SYSTEM = Prompt(messages=(Message(role="system", content="Be plain."), Message(role="user", content="Hi")))
ANSWERS = (Response(text=" rain."), Response(text=" sun, sun."))


@pytest.mark.parametrize("prompt", [Prompt(text="Two lines\n\nof text."), TALK, SYSTEM])
@pytest.mark.parametrize("wanted", [{"kind": 4.0}, {"kind": 0.0, "to the point": 2.5, "brief": -1.3}])
def test_attributes_that_are_asked_for_are_read_again_and_the_prompt_is_as_before(prompt, wanted):
    assert attributes_of(with_attributes(prompt, wanted)) == (wanted, prompt)


def test_what_cannot_be_asked_for_and_what_asks_for_nothing_are_refused():
    with pytest.raises(DataError, match="asks for no attributes"):
        attributes_of(TALK)
    for wrong in ({}, {"a:b": 1.0}, {"a,b": 1.0}, {"kind": math.nan}):
        with pytest.raises(DataError, match="cannot be asked for"):
            with_attributes(TALK, wrong)


def test_every_answer_that_is_rated_on_all_attributes_is_imitated_after_its_own_ratings():
    rated = Group(
        prompt=TALK, responses=ANSWERS * 2, aspects={"kind": (4.0, 0.0, None, 1.0), "brief": (1.0, 3.0, 2.0, None)}
    )
    found = conditioned([rated, Group(prompt=TALK, responses=ANSWERS)], NAMES)
    assert [(attributes_of(g.prompt), g.texts) for g in found] == [
        (({"kind": 4.0, "brief": 1.0}, TALK), (" rain.",)),
        (({"kind": 0.0, "brief": 3.0}, TALK), (" sun, sun.",)),
    ]


def test_the_likelihood_is_that_of_a_gaussian_about_what_is_predicted():
    def predicted(prompt, response):
        assert "rate" not in prompt
        return (3.0, 1.0) if "sun" in response else (1.0, 1.0)

    asked = Group(prompt=with_attributes(TALK, {"brief": 2.0, "kind": 3.0}), responses=ANSWERS)
    paid = score(bind(attribute_likelihood, reward=bind(predicted), names=NAMES, spread=2.0), [asked], {})
    gaussian = torch.distributions.Normal(torch.tensor([[1.0, 1.0], [3.0, 1.0]]), 2.0)
    want = gaussian.log_prob(torch.tensor([3.0, 2.0])).sum(-1)
    torch.testing.assert_close(paid[0, 1] - paid[0, 0], want[1] - want[0])
    assert paid[0, 1] > paid[0, 0]


def test_other_attributes_another_count_and_a_spread_of_nothing_are_refused():
    asked = [Group(prompt=with_attributes(TALK, {"kind": 1.0, "brief": 1.0}), responses=ANSWERS)]

    def one(prompt, response):
        return 1.0

    def two(prompt, response):
        return 1.0, 2.0

    with pytest.raises(RewardError, match="one number for each of them"):
        attribute_likelihood(asked, reward=bind(one), names=NAMES)
    with pytest.raises(RewardError, match="attributes among kind, brief, and the rewards are kind, dear"):
        attribute_likelihood(asked, reward=bind(two), names=("kind", "dear"))
    with pytest.raises(RecipeError, match="spread"):
        attribute_likelihood(asked, reward=bind(two), names=NAMES, spread=0.0)


def test_a_reward_models_ratings_are_in_the_unit_people_gave_them_in_whatever_it_is_normalised_to(folder):
    model = load(
        Model(source=str(folder), head="score", channels=NAMES, dtype="float32", start="random"), name="reward"
    )
    plain = [Group(prompt=TALK, responses=ANSWERS)]
    ratings = model_score(plain, model=model)
    normalise(model, plain)
    assert not torch.allclose(model_score(plain, model=model), ratings)
    asked = [Group(prompt=with_attributes(TALK, {"kind": 2.0, "brief": 1.0}), responses=ANSWERS)]
    paid = attribute_likelihood(asked, reward=bind(model_score, model="reward"), names=NAMES, spread=1.0, model=model)
    want = -(ratings - torch.tensor([2.0, 1.0])).square().sum(-1) / 2
    torch.testing.assert_close(paid, want, rtol=1e-4, atol=1e-5)


def in_tokens(prompt, model, texts):
    read = [tuple(model.tokenizer(t, add_special_tokens=False)["input_ids"]) for t in texts]
    return Group(
        prompt=prompt,
        prompt_ids=encode(prompt, model.tokenizer),
        responses=tuple(Response(text=t, ids=ids, mask=(1,) * len(ids)) for t, ids in zip(texts, read, strict=True)),
    )


def test_the_prior_is_that_of_the_same_tokens_after_the_prompt_that_asks_for_nothing(folder):
    model = load(Model(source=str(folder), dtype="float32"), name="plain")
    texts = (" rain.", " sun, sun.")
    plain = in_tokens(TALK, model, texts)
    asked = in_tokens(with_attributes(TALK, {"kind": 2.0}), model, texts)
    want = model.outputs(assemble([plain]), {"logp"})["logp"].sum(-1)
    torch.testing.assert_close(prior([asked], model=model), want)
    told = model.outputs(assemble([asked]), {"logp"})["logp"].sum(-1)
    assert not torch.allclose(told, want)


def test_the_recipe_reads_a_reward_model_and_the_plain_policy_or_a_function_alone():
    needs = plan(method("steerlm2")())
    assert set(needs.scorers) == {"reward", "plain"}

    def two(prompt, response):
        return 1.0, 2.0

    recipe = method("steerlm2")(names=NAMES, reward=bind(two))
    assert set(plan(recipe).scorers) == {"plain"}
