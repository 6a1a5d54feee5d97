"""A gate beside a reward model: what it reads, how it is kept, what it learns, and what the score is made of."""

from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file

import tiny
from prefloop.errors import ModelError, RecipeError, RewardError
from prefloop.loops.optimise import optimise
from prefloop.models.beside import GATE
from prefloop.models.encode import for_model
from prefloop.models.load import load, save
from prefloop.recipe import Model
from prefloop.recipes import method
from prefloop.scoring.gated import decorrelate, explained, gated_score
from prefloop.scoring.model import model_score
from prefloop.statistics import spearman
from prefloop.text import Group, Prompt, Response

BATCH = tiny.batch((9, 3), [[5, 1, 0], [2, 7, 4]])
CHANNELS = ("true", "kind")
PAIRS = [
    Group(prompt=Prompt(text=f"The old harbour {n}"), responses=(Response(text=better), Response(text=" slept.")))
    for n, better in enumerate((" lay quiet. Boats came.", " woke", " lay in the rain and the boats came home"))
]


def loaded(folder, *, train=True, gate=8):
    how = Model(source=str(folder), head="score", train=train, dtype="float32", channels=CHANNELS, gate=gate)
    reward = load(how, name="reward")
    torch.manual_seed(0)
    torch.nn.init.normal_(reward._score_layer().weight)
    return reward


def opinionated(reward):
    torch.nn.init.normal_(reward.gate.last.weight)
    return reward


def read(reward, *names):
    with torch.no_grad():
        return reward.outputs(BATCH, names)


def test_a_new_gate_weighs_all_channels_alike_and_a_learnt_one_by_the_end_of_the_prompt(folder):
    reward = loaded(folder)
    assert torch.equal(read(reward, "gate")["gate"], torch.full((2, 2), 0.5))
    gate = read(opinionated(reward), "gate")["gate"]
    torch.testing.assert_close(gate.sum(-1), torch.ones(2))
    assert abs(float(gate[0, 0] - gate[1, 0])) > 1e-3
    stock = transformers.AutoModelForSequenceClassification.from_config(reward.base.config, attn_implementation="eager")
    stock.load_state_dict(reward.model.state_dict())
    for p, trunk in enumerate(BATCH.trunks):
        hidden = stock.eval().model(trunk[None]).last_hidden_state[0, -1]
        torch.testing.assert_close(gate[p], reward.gate(hidden), rtol=1e-4, atol=1e-5)


def test_a_saved_gate_lies_beside_a_checkpoint_that_is_stock_and_is_read_again(folder, tmp_path):
    reward = opinionated(loaded(folder))
    save(reward, tmp_path / "reward")
    assert set(load_file(tmp_path / "reward" / GATE)) == {"first.weight", "first.bias", "last.weight", "last.bias"}
    frozen = load(Model(source=str(tmp_path / "reward"), head="score", dtype="float32"), name="reward")
    assert torch.equal(read(frozen, "gate")["gate"], read(reward, "gate")["gate"])
    assert frozen.digest() == reward.digest()
    with pytest.raises(ModelError, match="is 8 wide and weighs 2 channels"):
        load(Model(source=str(tmp_path / "reward"), head="score", train=True, channels=CHANNELS, gate=9), name="reward")


@pytest.mark.parametrize("tokens", [4096, 20], ids=["at once", "in parts"])
def test_the_gate_learns_and_the_model_stays_as_it_is(folder, tokens):
    reward = loaded(folder)
    before = {name: w.clone() for name, w in reward.model.state_dict().items()}
    recipe = replace(method("armorm")(channels=CHANNELS, width=8, lr=0.05, batch=3), steps=20, epochs=None)
    start = gated_score(PAIRS, model=reward)
    less = replace(recipe, optimiser=replace(recipe.optimiser, tokens=tokens))
    optimise(less, networks={"reward": reward}, judged=PAIRS)
    lead = (gated_score(PAIRS, model=reward) - start).diff(dim=-1)
    assert lead.mean() < 0  # the second is the worse one
    assert all(torch.equal(w, before[name]) for name, w in reward.model.state_dict().items())


def test_what_the_channels_add_is_the_score(folder):
    reward = opinionated(loaded(folder))
    parts = explained(PAIRS, model=reward)
    sums = torch.tensor([[sum(part.values()) for part in row] for row in parts])
    torch.testing.assert_close(sums, gated_score(PAIRS, model=reward))
    for row in parts:
        for part in row:
            assert set(part) == set(CHANNELS)
            first, second = part.values()
            assert abs(first) >= abs(second)


def test_decorrelated_channels_say_nothing_of_length(folder, tmp_path):
    reward = loaded(folder)
    words = ["the", "boats", "lay", "in", "the", "harbour", "and", "the", "rain", "had", "gone", "home", "again"]
    answers = [tuple(Response(text=" " + " ".join(words[n:m])) for m in (n + 3, 13)) for n in range(9)]
    reference = [Group(prompt=Prompt(text=f"One {n}"), responses=two) for n, two in enumerate(answers)]
    longs = [[len(r.ids) for r in g.responses] for g in in_tokens(reference, reward)]
    lengths = [float(n) for row in longs for n in row]

    def alike():
        scores = model_score(reference, model=reward)
        return [spearman(scores[..., d].flatten().tolist(), lengths) for d in range(2)]

    reward.base.config.prefloop_length_prices = [-1.0, -2.0]  # a taste for length
    assert min(alike()) > 0.3
    prices = decorrelate(reward, reference)
    assert max(map(abs, alike())) < 0.05
    assert set(prices) == set(CHANNELS)
    save(reward, tmp_path / "reward")
    again = load(Model(source=str(tmp_path / "reward"), head="score", dtype="float32"), name="reward")
    torch.testing.assert_close(model_score(reference, model=again), model_score(reference, model=reward))


def in_tokens(groups, reward):
    return [for_model(g, reward.tokenizer) for g in groups]


def test_a_model_without_a_gate_is_refused(folder):
    with pytest.raises(RewardError, match="has no gate"):
        gated_score(PAIRS, model=loaded(folder, gate=None))
    with pytest.raises(RewardError, match="of one length"):
        decorrelate(loaded(folder), [replace(PAIRS[0], responses=(Response(text=" slept"),))])


@pytest.mark.parametrize(
    "wrong", [{"train": False}, {"channels": ("true",)}, {"head": "lm", "channels": ()}, {"gate": 0}]
)
def test_gates_that_make_no_sense_are_refused(wrong):
    with pytest.raises(RecipeError, match="gate"):
        Model(**{"source": "x", "head": "score", "train": True, "channels": CHANNELS, "gate": 4, **wrong})
