"""Rewards: a function that fails is told on which sample, and a reward model is normalised."""

import pytest
import torch

import tiny
from prefloop.binding import bind
from prefloop.errors import RewardError
from prefloop.models.decoder import Decoder
from prefloop.scoring.model import model_score, normalise
from prefloop.scoring.scorer import score
from prefloop.text import Group, Prompt, Response

PROMPTS = {"Rain": (" fell.", " came and went."), "The old harbour": (" lay quiet.", "", " in the rain")}
GROUPS = [
    Group(prompt=Prompt(text=p), responses=tuple(Response(text=r, finish="end") for r in rs))
    for p, rs in PROMPTS.items()
]


def length(prompt, response, *, unit=1.0):
    return len(response) / unit


def test_a_plain_function_is_given_the_text_of_every_response_and_missing_ones_are_0():
    assert score(bind(length, unit=2.0), GROUPS, {}).tolist() == [[3.0, 7.5, 0.0], [5.5, 0.0, 6.0]]


def test_a_conversation_is_given_as_a_person_reads_it():
    group = Group(prompt=Prompt(text="One\ntwo"), responses=(Response(text="x"),))

    def seen(prompt, response):
        return float(prompt == "One\ntwo" and response == "x")

    assert score(bind(seen), [group], {}).tolist() == [[1.0]]


def raises(prompt, response):
    if response == "":
        raise KeyError("nothing to judge")
    return 1.0


def test_a_function_that_raises_is_told_on_which_sample():
    words = r"`raises` raised KeyError: 'nothing to judge' on prompt 'The old harbour', response 1 ''"
    with pytest.raises(RewardError, match=words) as caught:
        score(bind(raises), GROUPS, {})
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), None, "good", [1.0, 2.0]], ids=str)
def test_what_is_not_a_finite_number_is_refused_with_its_sample(wrong):
    def odd(prompt, response):
        return wrong if response == " in the rain" else 0.0

    with pytest.raises(RewardError, match=r"`odd` returned .* the response ' in the rain' to 'The old harbour'"):
        score(bind(odd), GROUPS, {})


@pytest.mark.parametrize("number", [0, 0.0, True, torch.tensor(2.5)], ids=repr)
def test_numbers_of_every_kind_count_and_0_is_one(number):
    def any_kind(prompt, response):
        return number

    assert score(bind(any_kind), GROUPS[:1], {}).tolist() == [[float(number)] * 2]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([[1.0, 2.0]], r"returned 1 rows for 2 prompts"),
        ([[1.0], [1.0, 2.0, 3.0]], r"returned 1 numbers for the 2 responses to 'Rain'"),
        ([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], r"returned 3 numbers for the 2 responses to 'Rain'"),
        ([1.0, 2.0], r"returned 1\.0 for the 2 responses to 'Rain'"),
        (None, r"returned None for 2 prompts"),
    ],
    ids=str,
)
def test_a_wrong_count_is_refused_with_the_prompt(rows, words):
    def together(groups):
        return rows

    with pytest.raises(RewardError, match=rf"`together` {words}"):
        score(bind(together), GROUPS, {})


def test_a_function_of_groups_may_return_a_padded_tensor():
    def together(groups):
        return torch.tensor([[1.0, 2.0, float("nan")], [4.0, 5.0, 6.0]])

    assert score(bind(together), GROUPS, {}).tolist() == [[1.0, 2.0, 0.0], [4.0, 5.0, 6.0]]


@pytest.fixture
def reward():
    return Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score", name="reward")


@torch.no_grad()
def test_a_reward_model_scores_the_text_of_every_response_with_its_end(reward):
    got = score(bind(model_score, model="reward"), GROUPS, {"reward": reward})
    stock, encode = tiny.network("llama", head="score"), tiny.tokenizer()
    stock.config.pad_token_id = 2
    for p, (prompt, responses) in enumerate(PROMPTS.items()):
        for k, response in enumerate(responses):
            ids = encode(prompt)["input_ids"] + encode(response)["input_ids"] + [encode.eos_token_id]
            assert float(got[p, k]) == pytest.approx(stock(torch.tensor([ids])).logits.item(), abs=1e-5)
    assert got[0, 2] == 0


def test_normalised_scores_have_mean_0_and_variance_1_over_the_samples_that_are_there(reward):
    raw = model_score(GROUPS, model=reward)
    mean, std = normalise(reward, GROUPS).values()
    there = torch.tensor([[True, True, False], [True, True, True]])
    scores = model_score(GROUPS, model=reward)[there]
    assert scores.mean().item() == pytest.approx(0, abs=1e-5)
    assert scores.var(correction=0).item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(scores * std + mean, raw[there], rtol=0, atol=1e-5)


def test_normalising_anew_forgets_the_old_normalisation(reward):
    first = normalise(reward, GROUPS)
    assert normalise(reward, GROUPS) == pytest.approx(first)


def test_several_numbers_for_each_response_are_channels():
    def both(prompt, response):
        return len(response), float("rain" in response)

    got = score(bind(both), GROUPS, {})
    assert got.tolist() == [[[6.0, 0.0], [15.0, 0.0], [0.0, 0.0]], [[11.0, 0.0], [0.0, 0.0], [12.0, 1.0]]]


def test_channels_that_are_not_as_many_for_every_response_are_refused():
    def odd(prompt, response):
        return (1.0, 2.0) if response else (1.0, 2.0, 3.0)

    with pytest.raises(RewardError, match=r"`odd` returned .* the response '' .* the same count"):
        score(bind(odd), GROUPS, {})


def test_several_reward_models_are_an_ensemble():
    def judge(seed):
        return Decoder(tiny.network("llama", head="score", seed=seed), tiny.tokenizer(), head="score", name="r")

    models = {"r1": judge(1), "r2": judge(2)}
    alone = [score(bind(model_score, model=role), GROUPS, models) for role in models]
    together = score(bind(model_score, model=("r1", "r2")), GROUPS, models)
    assert torch.equal(together, torch.stack(alone, -1))
    assert not torch.equal(*alone)
