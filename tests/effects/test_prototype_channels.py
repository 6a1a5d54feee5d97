"""Prototypes are channels of a reward model: what it reads them by, and a score that does not count them."""

from dataclasses import replace

import torch

import tiny
from prefloop.loops.optimise import optimise
from prefloop.models.load import load, save
from prefloop.models.views import seen_twice
from prefloop.recipe import Lora, Model, Optimiser
from prefloop.recipes import method
from prefloop.scoring.model import made_one
from prefloop.text import Group, Prompt, Response
from updates import decoder

BATCH = tiny.batch((9, 3), [[5, 1, 0], [2, 7, 4]])
GROUPS = [
    Group(
        prompt=Prompt(text="The old harbour"), responses=(Response(text=f" lay quiet {n}."), Response(text=" slept."))
    )
    for n in range(6)
]


def test_directions_are_the_rows_of_the_stock_head_for_every_row_and_views_those_of_its_features():
    model = decoder("reward", "score", 0, channels=("reward", "a", "b"))
    with torch.no_grad():
        found = model.outputs(BATCH, ("directions", "views", "features", "scores"))
        assert torch.equal(found["directions"], model.model.score.weight.expand(2, -1, -1))
        scores = torch.einsum("pkh,pdh->pkd", found["features"], found["directions"])
        torch.testing.assert_close(scores, found["scores"])
        torch.testing.assert_close(found["views"], seen_twice(found["features"], BATCH, at=model.version))


def test_training_moves_prototypes_and_the_score_that_is_kept_is_the_reward_alone(folder, tmp_path):
    recipe = method("swav-reward")(model=str(folder), prototypes=2, batch=6)
    recipe = replace(recipe, optimiser=Optimiser(lr=1e-3), epochs=2)
    model = replace(recipe.models["reward"], dtype="float32")
    reward = load(model, name="reward")
    before = reward.model.score.weight.detach().clone()
    optimise(recipe, networks={"reward": reward}, judged=GROUPS)
    assert bool((reward.model.score.weight != before).any(1).all())
    save(reward, tmp_path / "kept")
    kept = load(Model(source=str(tmp_path / "kept"), head="score", dtype="float32"), name="reward")
    scores = torch.tensor([[3.0, 50.0, -20.0]])
    assert kept.channels == ("reward", "prototype 1", "prototype 2")
    assert made_one(scores, kept).tolist() == [3.0]


def test_prototypes_learn_beside_an_adapter_too(folder):
    recipe = method("swav-reward")(model=str(folder), prototypes=2, batch=6)
    recipe = replace(recipe, optimiser=Optimiser(lr=1e-3), epochs=2)
    reward = load(replace(recipe.models["reward"], dtype="float32", adapter=Lora(rank=2)), name="reward")
    before = [reward.row(channel) for channel in range(3)]
    found = reward.outputs(BATCH, ("directions",))["directions"]
    assert found.requires_grad
    assert found[0].tolist() == before
    optimise(recipe, networks={"reward": reward}, judged=GROUPS)
    assert all(reward.row(channel) != before[channel] for channel in range(3))
