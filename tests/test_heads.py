"""Heads fitted to hidden states: at their optimum, as good as a trained network, and read again as they were."""

import json
import random
from dataclasses import replace

import pytest
import torch
import transformers
from torch.nn.functional import softplus

from prefloop.errors import DataError, ModelError, RecipeError
from prefloop.learning.convex import lifted, solve
from prefloop.learning.heads import PRICES, fitted_head
from prefloop.loops.heads import FitHead, fit_heads
from prefloop.models.load import load
from prefloop.recipe import Data, Model
from prefloop.scoring.convex_head import convex_score, read_head, save_head
from prefloop.scoring.hidden import features_of
from prefloop.scoring.model import model_score
from prefloop.text import Group, Prompt, Response
from test_cli import here, prefloop  # noqa: F401
from test_convex import choices

WORDS = ("rain", "sun", "boat", "fog", "harbour")


@pytest.mark.parametrize("n", [20, 300])
def test_fewer_pairs_than_features_are_solved_for_as_well_as_many(n):
    better, worse = choices(0, n=n, d=60)
    found = solve(better, worse, price=0.1)

    def loss(w):
        return softplus(-((better - worse) @ w)).mean() + 0.05 * w.square().sum()

    slope = torch.autograd.functional.jacobian(loss, found.weights)
    assert found.weights.shape == (60,)
    assert slope.norm() < 1e-8


def pairs(seed, n, d=8, curved=False):
    better, worse = choices(seed, n=n, d=d, curved=curved)
    return torch.stack([better, worse], 1)


def right(score, held_out):
    return float((score(held_out[:, 0]) > score(held_out[:, 1])).double().mean())


def trained(train, width=64, steps=600):
    """A network of two layers, trained as one trains them."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(train.shape[-1], width), torch.nn.ReLU(), torch.nn.Linear(width, 1)
    ).double()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.1)
    for _ in range(steps):
        loss = softplus(-(network(train[:, 0]) - network(train[:, 1]))).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return lambda x: network(x).squeeze(-1).detach()


def test_two_layers_are_as_good_as_a_trained_network_and_better_than_one():
    both = pairs(3, 6000, d=3, curved=True)
    train, held_out = both[:2500], both[2500:]
    linear, curved = (fitted_head(train, gates=m, price=1e-3) for m in (0, 40))
    assert right(curved.score, held_out) > right(trained(train), held_out) - 0.01
    assert right(curved.score, held_out) > right(linear.score, held_out) + 0.03
    assert curved.short < 1e-12


def test_the_unit_and_the_middle_of_a_feature_do_not_matter():
    plain = pairs(0, 200)
    unit, middle = torch.logspace(-3, 3, 8), torch.linspace(-5, 5, 8)
    moved = (plain * unit + middle).double()
    for gates in (0, 6):
        one, other = fitted_head(plain, gates=gates, price=0.1), fitted_head(moved, gates=gates, price=0.1)
        torch.testing.assert_close(other.score(moved), one.score(plain), rtol=1e-6, atol=1e-8)
    linear = fitted_head(moved, price=0.1)
    lead = (linear.score(moved[:, 0]) - linear.score(moved[:, 1])).squeeze()
    torch.testing.assert_close((moved[:, 0] - moved[:, 1]) @ linear.flat(), lead)


def test_the_price_is_the_one_under_which_what_is_left_out_is_likeliest():
    noise = torch.randn(60, 2, 40, generator=torch.Generator().manual_seed(0)).double()
    assert fitted_head(noise).price == max(PRICES), "of choices by chance nothing is to be learnt"
    assert fitted_head(pairs(0, 1000)).price <= 0.01


def test_pairs_of_one_prompt_are_left_out_together():
    """Every prompt has a feature of its own, which tells its pairs and no others."""
    own = torch.eye(20).repeat_interleave(4, 0).double()
    both = torch.stack([own, 0 * own], 1)
    both = torch.where((torch.arange(80) % 8 < 4)[:, None, None], both, both.flip(1))
    prompts = [n // 4 for n in range(80)]
    assert fitted_head(both, prompts=prompts).price > fitted_head(both).price


def test_what_is_constant_says_nothing_and_no_numbers_are_refused():
    both = pairs(0, 50)
    both[..., 2] = 7.0
    assert fitted_head(both).flat()[2].abs() < 1e-12
    for wrong in (both[:1], both * torch.nan):
        with pytest.raises(DataError, match="two pairs at least, with finite features"):
            fitted_head(wrong)
    with pytest.raises(DataError, match="has 3 gates and is no linear layer"):
        fitted_head(both, gates=3).flat()
    with pytest.raises(DataError, match="about one prompt"):
        fitted_head(both, prompts=[0] * 50)


def test_a_head_with_gates_is_the_network_that_it_says_it_is():
    both = pairs(0, 50)
    head = fitted_head(both, gates=5, price=0.1)
    x = (both[:, 0] - head.centre) / head.unit
    rows = head.weights.view(5, 8)
    wanted = sum((x @ head.gates[:, i] >= 0) * (x @ rows[i]) for i in range(5)) / 5**0.5
    torch.testing.assert_close(head.score(both[:, 0]), wanted)
    torch.testing.assert_close(lifted(x, head.gates) @ head.weights / 5**0.5, wanted)


@pytest.fixture
def judged(tmp_path):
    """People who like an answer that names the sun, and now and then err."""
    draw = random.Random(0)

    def text(last):
        return "".join(f" {draw.choice(WORDS)}" for _ in range(draw.randint(1, 4))) + last

    rows = []
    for n in range(80):
        two = [text(" sun"), text(" fog")]
        if draw.random() < 0.1:
            two.reverse()
        rows.append({"prompt": f"Day {n} began with", "chosen": two[0], "rejected": two[1]})
    file = tmp_path / "pairs.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def test_the_fitted_heads_are_loaded_again_and_score_as_they_did(folder, judged, tmp_path):
    wanted = FitHead(data=Data(source=str(judged)), model=str(folder), gates=4, held_out=0.3)
    found = fit_heads(wanted, tmp_path / "out")
    linear, curved = found.heads
    assert linear.accuracy.low > 0.5 < curved.accuracy.low
    assert found.learnt + linear.accuracy.n == 80
    assert json.loads((tmp_path / "out" / "head.json").read_text())["heads"][0]["accuracy"] == {
        name: getattr(linear.accuracy, name) for name in ("estimate", "low", "high", "n", "method")
    }
    groups = [
        Group(prompt=Prompt(text="Day 3 began with"), responses=(Response(text=" boat sun"), Response(text=" fog")))
    ]
    model = load(Model(source=str(tmp_path / "out" / "reward"), head="score"), name="reward")
    scores = model_score(groups, model=model)
    assert scores[0, 0] > scores[0, 1]
    stock = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out" / "reward")
    assert stock.config.prefloop_normalisation["std"] > 0
    again = read_head(tmp_path / "out")
    paid = convex_score(groups, model=model, folder=str(tmp_path / "out"))
    torch.testing.assert_close(paid, again.score(features_of(groups, model, keep=False)).float())
    assert paid[0, 0] > paid[0, 1]
    assert (again.price, again.short) == (curved.price, curved.short)


def test_the_score_of_the_checkpoint_is_that_of_the_head(folder, judged, tmp_path):
    fit_heads(FitHead(data=Data(source=str(judged)), model=str(folder)), tmp_path / "out")
    model = load(Model(source=str(tmp_path / "out" / "reward"), head="score", dtype="float32"), name="reward")
    groups = [
        Group(prompt=Prompt(text=f"Day {n}"), responses=(Response(text=" sun"), Response(text=" fog rain")))
        for n in range(20)
    ]
    [row] = [model.row(0)]
    torch.testing.assert_close(
        model_score(groups, model=model),
        (features_of(groups, model) @ torch.tensor(row) - model.base.config.prefloop_normalisation["mean"])
        / model.base.config.prefloop_normalisation["std"],
        rtol=1e-4,
        atol=1e-4,
    )


def test_no_head_another_models_head_and_settings_that_cannot_be_are_refused(folder, judged, tmp_path):
    model = load(Model(source=str(folder), head="score"), name="reward")
    groups = [Group(prompt=Prompt(text="Day"), responses=(Response(text=" sun"),))]
    with pytest.raises(ModelError, match="has no head of its own"):
        convex_score(groups, model=model, folder=str(tmp_path))
    save_head(fitted_head(pairs(0, 20), gates=2, price=1.0), tmp_path)
    with pytest.raises(ModelError, match="reads 8 numbers, and the hidden state of reward has 32"):
        convex_score(groups, model=model, folder=str(tmp_path))
    data = Data(source=str(judged))
    for wrong in ({"held_out": 0.0}, {"gates": -1}):
        with pytest.raises(RecipeError, match="a share of prompts"):
            replace(FitHead(data=data), **wrong)
    with pytest.raises(DataError, match=r"leaves . pairs to learn from and"):
        fit_heads(FitHead(data=data, model=str(folder), held_out=0.999), tmp_path / "none")


def test_the_command_prints_both_heads_with_their_intervals(folder, judged, tmp_path, prefloop):  # noqa: F811
    code, out, _ = prefloop(
        "head", "--data", str(judged), "--model", str(folder), "--gates", "4", "--out", str(tmp_path / "out")
    )
    assert code == 0
    for shown in ("bradley-terry", "4 gates", "Two layers beside one", "Pick the longer"):
        assert shown in out
