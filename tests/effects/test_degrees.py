"""A policy with a second head: what it reads, how it is kept, and the lesser answers that it learns from."""

import json
from dataclasses import replace

import pytest
import torch
import transformers
from safetensors.torch import load_file

import tiny
from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import ModelError, RecipeError
from prefloop.learning import checkpoint
from prefloop.loops.align import on_data
from prefloop.loops.degrees import degree, with_degrees
from prefloop.loops.networks import load_networks
from prefloop.loops.optimise import optimise
from prefloop.loops.run import run
from prefloop.models.beside import FILE
from prefloop.models.encode import for_model
from prefloop.models.load import load, save
from prefloop.objectives.margins import odpo
from prefloop.objectives.reference_free import simpo
from prefloop.planning import plan
from prefloop.recipe import Data, Lora, Model, Optimiser, Sample, Term
from prefloop.recipe_file import dump, from_tree, parse
from prefloop.recipes import method
from prefloop.text import Group, Prompt, Response
from updates import decoder, furthest, gradients, make

LONG, SHORT = " the boats lay in the harbour, and the rain had gone", " rain"
JUDGED = [
    Group(prompt=Prompt(text=t), responses=(Response(text=better), Response(text=" not yet")))
    for t, better in (("One", LONG), ("Two", SHORT), ("Three", LONG), ("Four", LONG))
]


def spo(**more):
    knobs = {"batch": 2, "lr": 1e-3, **more}
    return method("spo-degree")(**knobs)


def declared(folder, **how):
    return Model(source=str(folder), train=True, dtype="float32", **how)


def nudge(policy):
    source = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for p in policy.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=source))


@torch.no_grad()
def told(policy):
    return policy.outputs(tiny.batch((4, 6), [[3, 5], [2, 0]]), ("degree_logits",))["degree_logits"]


# What it reads


def test_the_head_reads_the_stock_models_last_hidden_state_at_the_end_of_every_response():
    batch = tiny.batch((9, 3), [[5, 1, 0], [2, 7, 4]])
    stock, policy = tiny.network("llama", dtype=torch.float64), decoder("policy", "lm", 0, degrees=4)
    found = policy.outputs(batch, ("degree_logits", "logp"))["degree_logits"]
    assert found.shape == (2, 3, 4)
    assert not found[0, 2].any()
    for p, k, _, ids in tiny.sequences(batch):
        alone = stock(ids[None], output_hidden_states=True).hidden_states[-1][0, -1]
        torch.testing.assert_close(found[p, k], policy.degree_head(alone), rtol=0, atol=1e-9)


def test_a_lesser_answer_is_read_though_none_of_its_tokens_was_chosen():
    policy, batch = decoder("policy", "lm", 0, degrees=4), tiny.batch((9,), [[5, 4]])
    masked = batch.having(mask=batch["mask"] * torch.tensor([[[1], [0]]]))
    want = ("degree_logits", "logp")
    found, before = (policy.outputs(b, want) for b in (masked, batch))
    torch.testing.assert_close(found["degree_logits"], before["degree_logits"], rtol=0, atol=1e-12)
    assert not found["logp"][0, 1].any()


def test_the_cross_entropy_moves_the_trunk_and_without_its_weight_the_gradient_is_that_of_dpo():
    torch.set_default_dtype(torch.float64)
    try:
        batch = make(spo())
        plain = gradients(method("dpo")(), replace(batch, lengths=batch.lengths[:, :2]).having(**pairs(batch)))
        alone, both = (gradients(spo(weight=w), batch) for w in (0.0, 1.0))
        assert furthest({n: alone[n] for n in plain}, plain) < 1e-10
        assert furthest({n: both[n] for n in plain}, plain) > 1e-3
    finally:
        torch.set_default_dtype(torch.float32)


def pairs(batch):
    return {n: x[:, :2] for n, x in batch.tensors.items() if x.dim() > 1}


def test_a_model_without_the_head_is_not_asked_for_degrees():
    with pytest.raises(ModelError, match="policy has the head `lm` and cannot give degree_logits"):
        told(decoder("policy", "lm", 0))


# How it is kept


@pytest.mark.parametrize("adapter", [None, Lora(rank=2)], ids=["whole", "adapter"])
def test_a_saved_policy_has_its_head_beside_a_checkpoint_that_is_stock(folder, tmp_path, adapter):
    policy = load(declared(folder, degrees=4, adapter=adapter), name="policy")
    nudge(policy)
    save(policy, tmp_path / "policy")
    again = load(declared(tmp_path / "policy", degrees=4), name="policy")
    assert torch.equal(told(again), told(policy))
    assert told(policy).abs().min(-1).values[0].min() > 0
    assert set(load_file(tmp_path / "policy" / FILE)) == {"weight", "bias"}
    if adapter is None:
        stock = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "policy", output_loading_info=True)
        assert not stock[1]["unexpected_keys"]
        assert not stock[1]["missing_keys"]
        weights = policy.model.state_dict()
        assert all(torch.equal(w, weights[n]) for n, w in stock[0].state_dict().items())
        assert [p.name for p in (tmp_path / "policy").glob("*.safetensors")] == ["model.safetensors"]


def test_a_new_head_takes_every_degree_to_be_as_likely_and_learns_at_its_own_rate(folder):
    policy = load(declared(folder, degrees=4), name="policy")
    assert not told(policy).any()
    new = {id(p) for p in policy.new_head()}
    assert new == {id(p) for p in policy.degree_head.parameters()}
    assert new < {id(p) for p in policy.parameters()}
    assert spo(head=7.0).optimiser.head == 7.0


def test_a_saved_head_of_other_degrees_is_refused_and_left_alone_where_none_are_asked_for(folder, tmp_path):
    save(load(declared(folder, degrees=4), name="policy"), tmp_path / "policy")
    with pytest.raises(ModelError, match=r"tells 4 degrees apart .* here it is to tell 3 .* ask for degrees=4"):
        load(declared(tmp_path / "policy", degrees=3), name="policy")
    assert load(declared(tmp_path / "policy"), name="policy").degree_head is None


def test_the_weights_of_the_head_count_in_the_digest():
    policy = decoder("policy", "lm", 0, degrees=4)
    before = policy.digest()
    with torch.no_grad():
        policy.degree_head.bias[0] += 1.0
    assert len({before, policy.digest(), decoder("policy", "lm", 0).digest()}) == 3


def test_a_frozen_copy_has_no_head(folder):
    recipe = spo(model=str(folder))
    networks = load_networks(recipe, plan(recipe))
    assert networks["policy"].degree_head is not None
    assert networks["ref"].degree_head is None
    for wrong in ({"train": False}, {"train": True, "head": "score"}):
        with pytest.raises(RecipeError, match="to tell 4 degrees apart and is no language model that is trained"):
            Model(source="policy", degrees=4, **wrong)
    with pytest.raises(RecipeError, match="`degrees` is 1: it is at least 2"):
        Model(source="policy", train=True, degrees=1)


# What it learns from


def in_tokens():
    return [for_model(g, tiny.tokenizer()) for g in JUDGED[:2]]


def test_the_preferred_answer_stands_beside_its_pair_at_the_degrees_it_has_in_tokens_nobody_chose():
    groups = with_degrees(in_tokens(), 4, reader=decoder("policy", "lm", 0))
    assert groups[0].texts[2] == " the in the harbour, and the rain had gone"
    batch = assemble(groups)
    found = degree(batch, 4)["degree"]
    assert found.tolist() == [[0, -1, 1, 2, 3], [0, -1, -1, -1, -1]]
    assert [len(set(g.texts)) for g in groups] == [5, 3]
    assert not batch["mask"][:, 2:].any()
    assert batch["mask"][:, :2].any(-1).all()
    tokenizer = tiny.tokenizer()
    for text, ids, length in zip(groups[0].texts, batch["ids"][0], batch.lengths[0].tolist(), strict=True):
        assert tokenizer.decode(ids[:length]) == text + tiny.END


def test_without_degrees_nothing_is_added():
    groups = in_tokens()
    assert with_degrees(groups, 0, reader=None) is groups
    assert degree(assemble(groups), 0) == {}


def learn(recipe, networks, **how):
    metrics = []
    optimise(recipe, networks=networks, judged=JUDGED, on_step=lambda _, m, __: metrics.append(m), **how)
    return metrics


def fresh(recipe):
    models = {r: m for r, m in recipe.models.items() if r in plan(recipe).roles}
    return {r: decoder(r, "lm", 0, torch.float32, m.degrees) for r, m in models.items()}


def test_what_was_taken_out_is_learnt():
    recipe = replace(spo(weight=1.0, epochs=30), optimiser=Optimiser(lr=3e-3, head=5.0))
    metrics = learn(recipe, fresh(recipe))
    first, last = ([m["degrees_told"] for m in some] for some in (metrics[:4], metrics[-4:]))
    assert sum(last) > sum(first)
    assert min(last) > 0.9


@pytest.mark.parametrize("wrapped", [simpo, odpo])
def test_another_loss_on_pairs_is_taken_with_all_it_reads(wrapped):
    recipe = spo(loss=bind(wrapped))
    needs = plan(recipe)
    assert needs.pairwise
    assert needs.frozen == (("ref",) if wrapped is odpo else ())
    judged = [replace(g, labels=(5.0, 2.0)) for g in JUDGED]
    optimise(recipe, networks=fresh(recipe), judged=judged)


def test_a_run_that_was_stopped_goes_on_with_its_head_bit_for_bit(tmp_path):
    recipe = replace(spo(epochs=2), checkpoint=1)
    whole, stopped, start = (fresh(recipe) for _ in range(3))
    learn(recipe, whole)

    def stop(step, *_):
        if step == 2:
            raise MemoryError

    with pytest.raises(MemoryError):
        optimise(recipe, networks=stopped, judged=JUDGED, on_step=stop, folder=tmp_path / "state")
    assert checkpoint.read(tmp_path / "state")[1]["step"] == 2
    learn(recipe, start, folder=tmp_path / "state")
    for one, other in zip(start["policy"].parameters(), whole["policy"].parameters(), strict=True):
        assert torch.equal(one, other)
    assert whole["policy"].degree_head.weight.ne(fresh(recipe)["policy"].degree_head.weight).any()


def test_only_a_recipe_that_asks_for_degrees_has_them():
    assert plan(spo(degrees=5)).degrees == 5
    assert plan(method("dpo")()).degrees == 0
    recipe = method("dpo")()
    asks = replace(recipe, objective=spo().objective)
    with pytest.raises(RecipeError, match=r"asks for `degree_logits`.*train=True, degrees=4\)}, and no `sample`"):
        plan(asks)
    with pytest.raises(RecipeError, match=r"asks for `degree`, .*and no `sample`"):
        plan(replace(spo(), sample=Sample()))


def test_degrees_are_written_down_and_read_back():
    recipe = spo()
    assert from_tree(parse(dump(recipe), place="here")) == recipe
    with pytest.raises(RecipeError, match="`first` is 0: it is at least 1"):
        Term(objective=recipe.objective[0].objective, first=0)


def test_align_writes_a_policy_with_its_head(folder, tmp_path):
    rows = [{"prompt": f"The {n} boat", "chosen": LONG, "rejected": " rain" * (1 + n % 4)} for n in range(16)]
    source = tmp_path / "judged.jsonl"
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    recipe = replace(spo(), seed=1)
    align = on_data(recipe, data=Data(source=str(source)), model=str(folder), held_out=0.3)
    run(align, out=tmp_path / "out")
    again = load(declared(tmp_path / "out" / "policy", degrees=4), name="policy")
    assert again.degree_head.weight.any()
    steps = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert all(0 <= s["degrees_told"] <= 1 for s in steps if "degrees_told" in s)
