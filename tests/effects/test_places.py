"""Whole distributions compared a few places at a time, against the same with all logits at once."""

from dataclasses import replace

import pytest
import torch

import tiny
from prefloop.batch import Batch
from prefloop.binding import bind
from prefloop.errors import RecipeError
from prefloop.learning.local import LocalLearner
from prefloop.models import places
from prefloop.models.decoder import Decoder, WithoutAdapter
from prefloop.models.places import Comparison, Places, compared
from prefloop.objectives.distributions import kl_from_reference, kl_to_extrapolated
from prefloop.planning import plan
from prefloop.recipe import Lora
from prefloop.recipes import method
from updates import decoder

ROWS, WIDTH, WORDS = 7, 5, 11


@pytest.fixture(params=[1, 2 * WORDS, 10**6], ids=["a place at a time", "two places", "all at once"])
def chunk(request, monkeypatch):
    monkeypatch.setattr(places, "CHUNK_ELEMENTS", request.param)


def some(seed):
    source = torch.Generator().manual_seed(seed)
    hidden, weight, bias = (
        torch.randn(shape, generator=source, dtype=torch.float64) for shape in [(ROWS, WIDTH), (WORDS, WIDTH), (WORDS,)]
    )
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_values_and_gradients_are_those_of_all_logits_at_once(temperature):
    own, dpo, reverse = some(0), some(1), some(2)
    bound = bind(kl_to_extrapolated, scale=0.3)
    others = {
        n: Places(hidden=h, weight=w, bias=b) for n, (h, w, b) in [("dpo_logits", dpo), ("reverse_logits", reverse)]
    }
    comparison = Comparison(gives="token_kl", function=bound, others=others)
    got = compared(comparison, Places(hidden=own[0], weight=own[1], bias=own[2]), temperature=temperature)
    logits = [(h @ w.T + b) / temperature for h, w, b in (own, dpo, reverse)]
    want = bound(dict(zip(bound.inputs, logits, strict=True)))
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
    pull = torch.randn(ROWS, dtype=torch.float64)
    for one, other in zip(*(torch.autograd.grad(x, own, pull) for x in (got, want)), strict=True):
        assert other.abs().max() > 1e-3
        torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_no_places_give_no_numbers():
    own, ref = some(0), some(1)
    comparison = Comparison(
        gives="token_kl",
        function=bind(kl_from_reference),
        others={"ref_logits": Places(hidden=ref[0][:0], weight=ref[1])},
    )
    assert compared(comparison, Places(hidden=own[0][:0], weight=own[1])).shape == (0,)


@pytest.fixture
def batch() -> Batch:
    return tiny.batch((9, 3, 14), [[5, 8], [3, 11], [7, 4]], seed=3)


def test_a_decoder_is_compared_with_another_where_its_tokens_were_chosen(batch):
    """Against the logits of the stock model, one answer after the other."""
    policy, ref = decoder("policy", "lm", 0), decoder("ref", "lm", 1)
    stock = [tiny.network("llama", dtype=torch.float64, seed=seed) for seed in (0, 1)]
    recipe = method("tdpo")()
    learner = LocalLearner(
        {"policy": policy, "ref": ref}, plan(recipe).outputs, recipe.optimiser, compare=recipe.compare
    )
    got = learner.infer(batch)["token_kl"]
    for p, k in batch.lengths.nonzero().tolist():
        n = int(batch.lengths[p, k])
        ids = torch.cat([batch.trunks[p], batch["ids"][p, k, :n]])[None]
        start = len(batch.trunks[p])
        mine, theirs = (model(input_ids=ids).logits[0, start - 1 : -1].detach() for model in stock)
        want = kl_from_reference(mine, theirs) * batch["mask"][p, k, :n]
        torch.testing.assert_close(got[p, k, :n], want, rtol=0, atol=1e-10)
        assert not got[p, k, n:].any()


def test_a_lora_policy_is_compared_with_its_own_base(batch, tmp_path):
    """At the start the two are one and the divergence is 0; after the adapter has moved it is not."""
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(
        tiny.network("llama", dtype=torch.float64), LoraConfig(r=Lora(rank=2).rank, target_modules="all-linear")
    )
    policy = Decoder(adapted, tiny.tokenizer(), name="policy")
    recipe = method("tdpo")()
    networks = {"policy": policy, "ref": WithoutAdapter(policy)}
    learner = LocalLearner(networks, plan(recipe).outputs, recipe.optimiser, compare=recipe.compare)
    assert learner.infer(batch)["token_kl"].abs().max() < 1e-12
    for p in policy.parameters():
        p.data += 0.1
    assert learner.infer(batch)["token_kl"].max() > 1e-3


def of_pairs(logp, logits): ...


def not_of_logits(logits, ref_logp): ...


def test_logits_are_only_for_functions_of_compare():
    recipe = method("tdpo")()
    [term] = recipe.objective
    with pytest.raises(RecipeError, match="as long as the vocabulary: put a function"):
        plan(replace(recipe, objective=(replace(term, objective=bind(of_pairs)),)))
    with pytest.raises(RecipeError, match="stands in `compare` and takes logits, ref_logp: it takes `logits`"):
        plan(replace(recipe, compare=(bind(not_of_logits),)))
    with pytest.raises(
        RecipeError, match=r"`tdpo` asks for `token_kl`, and nobody provides it\. Add a function of `logits`"
    ):
        plan(replace(recipe, compare=()))
    with pytest.raises(
        RecipeError, match="asks for `ref_logits`, and the recipe `tdpo` has no frozen model named `ref`"
    ):
        plan(replace(recipe, models={"policy": recipe.models["policy"]}))
