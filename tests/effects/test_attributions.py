"""Attributions: Shapley values by their definition, and what they read of a reward model by its own scores."""

import itertools
import math
from dataclasses import replace
from functools import cache

import pytest
import torch

import tiny
from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import RewardError
from prefloop.models.decoder import Decoder
from prefloop.scoring.attributions import attributed, drawn_orders, leave_one_out, shapley, shapley_so_far
from prefloop.scoring.model import model_score
from prefloop.scoring.scorer import scored
from prefloop.text import Group, Prompt, Response

TOKENIZER = tiny.tokenizer()
N = 4
EVERY_ORDER = torch.tensor(list(itertools.permutations(range(N))))
TABLE = torch.randn(2**N, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def game(sets):
    """Any game at all: a number drawn for every coalition."""
    return TABLE[(sets.long() * 2 ** torch.arange(N)).sum(-1)]


def worth(*players):
    return float(TABLE[sum(2**i for i in players)])


def by_definition(players):
    """Shapley values of the game among the first so many players: a sum over coalitions by how likely each is."""
    found = []
    for i in range(players):
        others = [j for j in range(players) if j != i]
        sets = [s for n in range(players) for s in itertools.combinations(others, n)]
        weigh = [math.factorial(len(s)) * math.factorial(players - 1 - len(s)) / math.factorial(players) for s in sets]
        found.append(math.fsum(w * (worth(*s, i) - worth(*s)) for w, s in zip(weigh, sets, strict=True)))
    return torch.tensor(found, dtype=torch.float64)


def test_over_every_order_they_are_the_shapley_values():
    torch.testing.assert_close(shapley(game, EVERY_ORDER), by_definition(N))
    so_far = torch.stack([by_definition(i + 1)[i] for i in range(N)])
    torch.testing.assert_close(shapley_so_far(game, EVERY_ORDER), so_far)


def test_whatever_the_orders_shapley_values_add_up_to_what_all_are_worth_over_none():
    for seed in range(5):
        total = shapley(game, drawn_orders(N, 3, seed)).sum()
        torch.testing.assert_close(total, TABLE[-1] - TABLE[0])


def test_orders_are_drawn_evenly_and_again_the_same():
    drawn = drawn_orders(3, 6000, 1)
    assert torch.equal(drawn, drawn_orders(3, 6000, 1))
    counts = drawn.unique(dim=0, return_counts=True)[1]
    assert len(counts) == 6
    assert all(abs(int(n) - 1000) < 5 * math.sqrt(1000 * 5 / 6) for n in counts)


def test_leaving_one_out_is_by_its_definition():
    everyone = tuple(range(N))
    want = [worth(*everyone) - worth(*(j for j in everyone if j != i)) for i in everyone]
    torch.testing.assert_close(leave_one_out(game, N), torch.tensor(want, dtype=torch.float64))


def group(*texts, prompt="The old harbour"):
    answers = [(*TOKENIZER(text)["input_ids"], TOKENIZER.eos_token_id) for text in texts]
    responses = [Response(text=t, ids=i, mask=(1,) * len(i)) for t, i in zip(texts, answers, strict=True)]
    return Group(prompt=Prompt(text=prompt), prompt_ids=tuple(TOKENIZER(prompt)["input_ids"]), responses=responses)


@cache
def judge():
    model = tiny.network("llama", head="score")
    model.config.prefloop_ending = " Grade:"
    model.config.prefloop_normalisation = {"mean": 0.3, "std": 0.5}
    return Decoder(model, TOKENIZER, head="score", name="reward")


@cache
def bare():
    """A reward model that reads nothing behind an answer."""
    return Decoder(tiny.network("llama", head="score"), TOKENIZER, head="score", name="reward")


def alone(model, prompt, ids):
    """What the model says of these tokens as one plain sequence, with its ending and normalisation."""
    whole = torch.tensor([*prompt, *ids, *model.ending])
    rest = Response(text="", ids=tuple(whole[1:].tolist()), mask=(1,) * (len(whole) - 1))
    batch = assemble([Group(prompt=Prompt(text=""), prompt_ids=(int(whole[0]),), responses=(rest,))])
    mean, std = (0.3, 0.5) if model.ending else (0.0, 1.0)
    return float(model.outputs(batch, {"score"})["score"].detach()) / std - mean / std


@pytest.mark.parametrize("make", [judge, bare])
def test_they_are_differences_of_what_the_model_says_of_parts_of_an_answer(make):
    model = make()
    one = group("rain and boats", "gone")
    both = attributed([one], model=model, by=("gain", "leave_one_out"))
    for k, response in enumerate(one.responses):
        ids, n = response.ids, len(response.ids)
        says = [alone(model, one.prompt_ids, ids[:t]) for t in range(n + 1)]
        lacks = [alone(model, one.prompt_ids, ids[:t] + ids[t + 1 :]) for t in range(n)]
        want = torch.tensor([[says[t + 1] - says[t], says[n] - lacks[t]] for t in range(n)])
        torch.testing.assert_close(both[0, k, :n], want, rtol=1e-4, atol=1e-5)
        assert not both[0, k, n:].any()
        assert says[n] == pytest.approx(float(model_score([one], model=model)[0, k]), abs=1e-5)
        sampled = attributed([one], model=model, by=("shapley",), samples=2, seed=3)[0, k].sum()
        torch.testing.assert_close(float(sampled), says[n] - says[0], rtol=1e-4, atol=1e-5)


def test_what_others_wrote_stays_and_earns_nothing():
    one = group("rain and boats in the morning")
    [whole] = one.responses
    n = len(whole.ids)
    holed = replace(one, responses=(replace(whole, mask=(1, 0, 1) + (0,) * (n - 3)),))
    found = attributed([holed], model=judge(), by=("gain", "leave_one_out"))[0, 0]
    a, b, c, *rest = whole.ids

    def says(*ids):
        return alone(judge(), one.prompt_ids, ids)

    gains = [says(a) - says(), says(a, b, c) - says(a)]
    lost = [says(a, b, c, *rest) - says(b, c, *rest), says(a, b, c, *rest) - says(a, b, *rest)]
    torch.testing.assert_close(found[[0, 2]], torch.tensor([gains, lost]).T, rtol=1e-4, atol=1e-5)
    assert not found[1].any()
    assert not found[3:].any()


def test_two_ways_see_nothing_behind_a_token_and_two_do():
    first, second = group("rain and boats"), group("rain and gone out")
    same = 2
    assert first.responses[0].ids[:same] == second.responses[0].ids[:same]
    for way, ahead in (("gain", False), ("shapley_so_far", False), ("leave_one_out", True), ("shapley", True)):
        one, other = (attributed([g], model=judge(), by=(way,))[0, 0, :same] for g in (first, second))
        assert torch.allclose(one, other, atol=1e-5) != ahead, way


def test_a_response_earns_the_same_beside_others_and_a_missing_one_nothing():
    pair, lone = group("rain", "boats and rain"), group("boats and rain")
    gone = replace(pair, responses=(*pair.responses, Response(text="", finish="length")))
    found = attributed([gone, lone], model=judge(), by=("shapley", "shapley_so_far"))
    n = len(lone.responses[0].ids)
    torch.testing.assert_close(found[0, 1, :n], found[1, 0, :n], rtol=1e-4, atol=1e-5)
    assert not found[0, 2].any()
    assert found[1, 0, :n].all()


def test_a_batch_is_given_a_channel_for_each_way():
    groups = [group("rain", "boats and rain")]
    batch = scored(assemble(groups), {"token_reward": bind(attributed, model="reward")}, groups, {"reward": judge()})
    assert batch["token_reward"].shape == (*batch["ids"].shape, 2)


def test_ways_nobody_knows_and_a_model_of_other_tokens_are_refused():
    with pytest.raises(
        RewardError, match=r"'shap',\): it names one or several of 'gain', 'shapley_so_far', 'leave_one_out'"
    ):
        attributed([group("rain")], model=judge(), by=("shap",))
    foreign = replace(group("rain"), responses=(Response(text="rain", ids=(3, 4), mask=(1, 1)),))
    with pytest.raises(RewardError, match="`reward` pays tokens and reads others than the policy's"):
        attributed([foreign], model=judge())
