"""Heads on cached features are at their one optimum, and named features learn from few judgements."""

import random

import pytest
import torch
from torch.nn.functional import softplus

from prefloop.errors import DataError
from prefloop.learning.convex import lifted, solve
from prefloop.scoring.features import fit_features, read
from prefloop.text import Group, Prompt, Response


def choices(seed, n=400, d=6, curved=False):
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 2, d, generator=draw, dtype=torch.float64)
    taste = torch.randn(d, generator=draw, dtype=torch.float64)
    worth = (x @ taste).relu() - (x @ taste.flip(0)).relu() if curved else x @ taste
    first = torch.rand(n, generator=draw) < (3 * (worth[:, 0] - worth[:, 1])).sigmoid()
    x = torch.where(first[:, None, None], x, x.flip(1))
    return x[:, 0], x[:, 1]


@pytest.mark.parametrize("seed", range(3))
def test_no_head_near_by_or_far_off_is_better_than_the_one_that_is_solved_for(seed):
    better, worse = choices(seed)
    found = solve(better, worse, price=1e-2)

    def loss(w):
        return softplus(-((better - worse) @ w)).mean() + 1e-2 / 2 * w.square().sum()

    slope = torch.autograd.functional.jacobian(loss, found.weights)
    assert slope.norm() < 1e-8
    assert found.short < 1e-12
    assert float(slope.norm()) == pytest.approx(found.gradient, abs=1e-12)
    draw = torch.Generator().manual_seed(seed)
    for scale in (1e-3, 0.1, 10.0):
        for _ in range(20):
            other = found.weights + scale * torch.randn(len(found.weights), generator=draw, dtype=torch.float64)
            assert loss(other) > loss(found.weights) - found.short


def test_pairs_that_a_line_parts_have_an_optimum_at_a_price():
    better = torch.rand(50, 3, generator=torch.Generator().manual_seed(0)) + 1
    assert solve(better, -better, price=1e-6).gradient < 1e-8


def test_a_head_of_two_layers_learns_what_a_line_does_not():
    (better, b), (worse, w) = (x.split(3000) for x in choices(0, n=6000, curved=True))
    gates = torch.randn(6, 40, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def right(see):
        weights = solve(see(better), see(worse), price=1e-3).weights
        return float(((see(b) - see(w)) @ weights > 0).double().mean())

    assert right(lambda x: lifted(x, gates)) > right(lambda x: x) + 0.03


@pytest.mark.parametrize("wrong", [torch.zeros(0, 2), torch.tensor([[torch.nan, 1.0]])])
def test_nothing_and_what_is_no_number_are_refused(wrong):
    with pytest.raises(DataError, match=r"there are none|not a finite number"):
        solve(wrong, torch.zeros_like(wrong))


WORDS = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("an", "el", "ir", "ot", "um")]
FEATURES = {
    "questions": lambda prompt, answer: float(answer.count("?")),
    "shared": lambda prompt, answer: float(len(set(prompt.split()) & set(answer.split()))),
    "words": lambda prompt, answer: float(len(answer.split())),
}


def shoppers(n, seed):
    """People who want an answer about what was asked, in few words and without questions; the words do not matter."""
    draw = random.Random(seed)
    pairs = []
    for _ in range(n):
        prompt = " ".join(draw.sample(WORDS, 5))
        texts = []
        for _ in range(2):
            said = draw.sample(WORDS, draw.randint(3, 12)) + draw.sample(prompt.split(), draw.randint(0, 4))
            texts.append(" ".join(draw.sample(said, len(said))) + "?" * draw.randint(0, 2))
        worth = [FEATURES["shared"](prompt, t) - 0.2 * len(t.split()) - t.count("?") for t in texts]
        first = draw.random() < 1 / (1 + pow(2.718281828, 2 * (worth[1] - worth[0])))
        two = tuple(Response(text=t) for t in (texts if first else texts[::-1]))
        pairs.append(Group(prompt=Prompt(text=prompt), responses=two))
    return pairs


def words_of(prompt, answer):
    said = answer.replace("?", " ?").split()
    return torch.tensor([float(said.count(w)) for w in (*WORDS, "?")], dtype=torch.float64)


def test_named_features_learn_more_of_500_pairs_than_the_words_do():
    train, held_out = shoppers(500, 0), shoppers(1000, 1)
    named = fit_features(train, FEATURES)
    seen = torch.stack([torch.stack([words_of(g.prompt.shown, t) for t in g.texts]) for g in train])
    weights = max(
        (solve(seen[:, 0], seen[:, 1], price=price).weights for price in (1e-3, 1e-2, 1e-1)),
        key=lambda w: rights(held_out, lambda p, t: float(words_of(p, t) @ w)),
    )
    assert rights(held_out, named.score) > rights(held_out, lambda p, t: float(words_of(p, t) @ weights)) + 0.05
    assert named.weights[0] < 0 < named.weights[1]


def rights(pairs, score):
    return sum(score(g.prompt.shown, g.texts[0]) > score(g.prompt.shown, g.texts[1]) for g in pairs) / len(pairs)


def test_a_reward_on_features_is_read_again_and_says_what_it_is_made_of(tmp_path):
    named = fit_features(shoppers(100, 0), FEATURES)
    named.save(tmp_path / "reward.json")
    again = read(tmp_path / "reward.json", FEATURES)
    prompt, answer = "ban del", "ban del fir?"
    assert again.score(prompt, answer) == named.score(prompt, answer) == sum(named.explained(prompt, answer).values())
    with pytest.raises(DataError, match="was fitted to questions, shared, words"):
        read(tmp_path / "reward.json", {"words": FEATURES["words"]})


def test_a_feature_that_says_nothing_is_refused():
    with pytest.raises(DataError, match="`same` says the same of every answer"):
        fit_features(shoppers(5, 0), {"same": lambda prompt, answer: 1.0})
