"""What a reward model gives of its hidden states: two views of the last, and the state after every token."""

import pytest
import torch

import tiny
from prefloop.models.views import DROPPED, seen_twice
from updates import decoder

BATCH = tiny.batch((9, 3), [[5, 1, 0], [2, 7, 4]])


@pytest.fixture
def model():
    return decoder("reward", "score", 0)


def read(model, batch=BATCH):
    with torch.no_grad():
        return model.outputs(batch, ("features", "score", "states", "views"))


def test_states_are_those_of_the_stock_model_after_each_chosen_token(model):
    stock = tiny.network("llama", head="score", dtype=torch.float64, seed=0)
    found, seen = read(model)["states"], torch.zeros(2, 3, 7, dtype=torch.bool)
    for p, k, start, ids in tiny.sequences(BATCH):
        hidden = stock.model(ids[None]).last_hidden_state[0, start:]
        chosen = BATCH["mask"][p, k, : len(hidden)].bool()
        torch.testing.assert_close(found[p, k, : len(hidden)][chosen], hidden[chosen].detach())
        seen[p, k, : len(hidden)] = chosen
    assert torch.equal(found.any(-1), seen)


def test_views_leave_out_a_tenth_and_are_right_on_average(model):
    found = read(model)
    kept = found["views"] != 0
    features = found["features"].unsqueeze(2).expand_as(found["views"])
    torch.testing.assert_close(found["views"][kept], features[kept] / (1 - DROPPED))
    assert bool((kept[..., 0, :] != kept[..., 1, :]).any(-1)[BATCH.lengths > 0].all())
    wide = seen_twice(torch.ones(2, 3, 4000), BATCH, at="reward@0")
    torch.testing.assert_close(wide.mean(-1), torch.ones(2, 3, 2), rtol=0, atol=0.03)


def test_views_are_the_same_however_the_batch_is_cut_ordered_and_filled_and_others_after_a_step(model):
    views = read(model)["views"]
    assert torch.equal(read(model)["views"], views)
    torch.testing.assert_close(read(model, BATCH.take([1, 0]))["views"], views.flip(0))
    torch.testing.assert_close(read(model, BATCH.rows(1, 2))["views"], views[1:])
    wider = BATCH.having(
        **{n: torch.nn.functional.pad(t, (0, 5), value=7 * (n == "ids")) for n, t in BATCH.tensors.items()}
    )
    torch.testing.assert_close(read(model, wider)["views"], views)
    model.version = "reward@1"
    assert not torch.equal(read(model)["views"] == 0, views == 0)


def test_a_part_of_the_batch_has_the_views_of_the_whole():
    whole = seen_twice(torch.ones(2, 3, 50), BATCH, at="reward@3")
    first = seen_twice(torch.ones(2, 1, 50), BATCH.arrange(torch.tensor([[1], [2]])), at="reward@3")
    assert torch.equal(first[:, 0], torch.stack([whole[0, 1], whole[1, 2]]))
