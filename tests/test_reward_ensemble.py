"""An ensemble of whole reward models: fitted with one command, used as one scorer, copies refused by name."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

import prefloop as library
from prefloop.binding import bind
from prefloop.errors import RecipeError, RewardError
from prefloop.loops.ensemble import MEASURED, measure
from prefloop.loops.networks import load_networks
from prefloop.loops.reward import FitReward
from prefloop.models.load import load
from prefloop.planning import plan
from prefloop.recipe import Decoding, Model
from prefloop.recipe_file import dump, from_tree, parse, read
from prefloop.recipes import methods
from prefloop.sampling.best import BestOf
from prefloop.sampling.local import LocalGenerator
from prefloop.scoring.ensemble import ensemble_score, paid_by
from prefloop.scoring.model import model_score
from prefloop.scoring.scorer import score
from prefloop.shaping.channels import lower_bound, mean_channel, uncertainty_weighted, worst_channel, worst_group
from prefloop.text import Group, Prompt, Response
from test_cli import prefloop  # noqa: F401

GROUPS = [
    Group(prompt=Prompt(text=f"Day {n}"), responses=(Response(text=" sun"), Response(text=" fog and rain")))
    for n in (1, 2)
]


@pytest.fixture
def ensemble(folder, prefloop, tmp_path):  # noqa: F811
    """Three members, by the command."""
    rows = [{"prompt": f"Day {n}", "chosen": f" sun {n % 7}", "rejected": f" fog {n % 5}"} for n in range(40)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def go(*more):
        return prefloop(
            "reward", "--data", "pairs.jsonl", "--model", folder, "--members", 3, "--held-out", 0.3, "--out", "out",
            "--set", "optimiser.lr=3e-3", "--set", "seed=5", *more,
        )  # fmt: skip

    return go


def test_one_command_fits_the_members_from_seeds_of_their_own_and_measures_them_together(ensemble, tmp_path):
    code, said, errors = ensemble()
    assert (code, errors) == (0, "")
    parts = [tmp_path / "out" / f"member-{n}" for n in (1, 2, 3)]
    fits = [read(part / "recipe.yaml") for part in parts]
    assert [fit.recipe.seed for fit in fits] == [5, 6, 7]
    found = json.loads((tmp_path / "out" / MEASURED).read_text())
    assert list(found) == ["member-1", "member-2", "member-3", "mean", "worst case (WCO)", "uncertainty-weighted (UWO)"]
    for part in parts:  # the very prompts that its own report is about
        alone = json.loads((part / "reward.json").read_text())["held_out"][0]["accuracy"]
        assert found[part.name]["n"] == alone["n"] == found["mean"]["n"]
        assert found[part.name]["estimate"] == pytest.approx(alone["estimate"])
    assert "uncertainty-weighted (UWO)" in said

    again, _, errors = ensemble()
    assert again == 2
    assert "--resume" in errors
    assert ensemble("--resume")[0] == 0

    shutil.rmtree(parts[2] / "reward")
    shutil.copytree(parts[0] / "reward", parts[2] / "reward")
    with pytest.raises(RewardError, match="member-1 and member-3 have the same weights"):
        measure(fits[0], parts, tmp_path)

    recipe = paid_by(methods()["best-of-n"](model="policy"), [str(p / "reward") for p in parts])
    networks = {
        f"member{n}": load(Model(source=str(p / "reward"), head="score"), name=p.name) for n, p in enumerate(parts, 1)
    }
    with pytest.raises(RewardError, match=r"`member1` of `score\.reward` and the reward model `member3`"):
        load_networks(recipe, plan(recipe), given={"policy": None, **networks})


def test_a_method_with_several_numbers_is_refused_before_anything_is_fitted(ensemble, tmp_path):
    code, _, errors = ensemble("--kind", "head-ensemble")
    assert code == 2
    assert "`head-ensemble` gives several numbers for an answer" in " ".join(errors.split())
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def networks(folder):
    made = {}
    for n in (1, 2, 3):
        model = load(Model(source=str(folder), head="score", dtype="float32"), name=f"member{n}")
        torch.manual_seed(n)
        for weight in model.new_head():
            weight.data.normal_()
        made[f"member{n}"] = model
    return made


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (bind(mean_channel), lambda x: x.mean(-1)),
        (bind(worst_channel), lambda x: x.min(-1).values),
        (
            bind(uncertainty_weighted, lam=0.5),
            lambda x: x.mean(-1) - 0.5 * ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1),
        ),
        (bind(lower_bound), lambda x: x.mean(-1) - ((x - x.mean(-1, keepdim=True)) ** 2).mean(-1).sqrt()),
    ],
    ids=["mean", "WCO", "UWO", "a lower bound"],
)
def test_the_members_are_one_scorer(networks, by, expected):
    recipe = paid_by(methods()["rloo"](), ["a", "b", "c"], by=by)
    assert set(plan(recipe).roles) >= set(networks)
    assert "reward" not in plan(recipe).roles
    alone = torch.stack([model_score(GROUPS, model=m) for m in networks.values()], -1)
    got = score(recipe.score["reward"], GROUPS, networks)
    assert got.shape == (2, 2)
    torch.testing.assert_close(got, expected(alone))
    assert from_tree(parse(dump(recipe), place="")) == recipe


def test_best_of_n_takes_the_answer_that_the_worst_of_the_members_likes_best(folder, networks):
    policy = load(Model(source=str(folder)), name="policy")
    recipe = paid_by(methods()["best-of-n"](), ["a", "b", "c"], by=bind(worst_channel))
    scored = []

    def pay(groups):
        scored.append((groups, score(recipe.score["reward"], groups, networks)))
        return scored[-1][1]

    best = BestOf(generator=LocalGenerator(policy), n=6, score=pay)
    [given] = best.sample([Prompt(text="Day 1")], k=1, decoding=Decoding(max_tokens=4), seed=0)
    [(groups, paid)] = scored
    alone = torch.stack([model_score(groups, model=m) for m in networks.values()], -1)[0]
    worst = [min(row) for row in alone.tolist()]
    assert given.responses[0] == groups[0].responses[max(range(6), key=worst.__getitem__)]
    assert paid[0].tolist() == pytest.approx(worst)


def test_what_is_no_ensemble_is_refused(networks):
    with pytest.raises(RewardError, match="each answer has one score"):
        ensemble_score(GROUPS, model=networks["member1"])
    with pytest.raises(RewardError, match="`worst_group` reads reward, mask"):
        ensemble_score(GROUPS, model=tuple(networks.values()), by=bind(worst_group))


def test_members_share_what_is_held_out(folder):
    from prefloop.loops.ensemble import members

    reward = FitReward(recipe=replace(methods()["bradley-terry"](), data=library.Data(source="x.jsonl")))
    made = members(reward, 3)
    assert made[0] == reward
    assert {(m.held_out, m.held_out_people) for m in made} == {(reward.held_out, reward.held_out_people)}
    with pytest.raises(RecipeError, match="gives several numbers"):
        members(replace(reward, recipe=replace(methods()["lora-ensemble"](), data=reward.recipe.data)), 2)
