"""Answers that a frozen model draws beside the policy's or the data's: who drew them, where they stand, who counts."""

import copy
from dataclasses import replace

import pytest
import torch

import tiny
from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import RecipeError
from prefloop.learning.update import logp_in_parts
from prefloop.loops.draws import calibrated, with_draws
from prefloop.loops.networks import load_networks
from prefloop.loops.optimise import optimise
from prefloop.metrics import measure
from prefloop.models.decoder import Decoder, WithoutAdapter
from prefloop.models.encode import for_model
from prefloop.planning import plan
from prefloop.recipe import Decoding, Draws, Lora, Model, Optimiser
from prefloop.recipe_file import dump, from_tree, parse, with_changes
from prefloop.recipes import method
from prefloop.sampling.frozen import frozen_generator
from prefloop.sampling.local import LocalGenerator
from prefloop.text import Group, Prompt, Response
from small import letters

PROMPTS = [Prompt(text=t) for t in ("The old harbour", "Rain", "In the morning the boats")]
JUDGED = [Group(prompt=p, responses=(Response(text=" lay quiet"), Response(text=" rain rain"))) for p in PROMPTS]


def decoder(name, seed=0):
    return Decoder(tiny.network("llama", seed=seed), tiny.tokenizer(), name=name)


@pytest.fixture
def networks():
    return {"policy": decoder("policy", seed=1), "ref": decoder("ref", seed=2)}


def xpo(**more):
    recipe = method("xpo")(reward=bind(letters), batch=3, steps=2, max_tokens=5)
    return replace(recipe, optimiser=Optimiser(lr=1e-3), **more)


def vrpo(**more):
    recipe = method("vrpo")(reward=bind(letters), batch=3, draws=3, max_tokens=5)
    return replace(recipe, optimiser=Optimiser(lr=1e-3), **more)


def versions(group):
    return [r.model_version.partition("@")[0] for r in group.responses]


def learn(recipe, networks, **given):
    """The metrics and the groups of every step."""
    told = []
    optimise(recipe, networks=networks, on_step=lambda *step: told.append(step[1:]), **given)
    return [metrics for metrics, _ in told], [groups for _, groups in told]


def online(recipe, networks, **given):
    return learn(recipe, networks, generator=LocalGenerator(networks["policy"]), prompts=PROMPTS, **given)


def test_every_step_compares_one_answer_of_the_policy_with_one_of_the_reference(networks):
    _, steps = online(xpo(), networks)
    assert [versions(g) for groups in steps for g in groups] == [["policy", "ref"]] * 6
    ref = logp_in_parts(decoder("ref", seed=2), assemble(steps[1]), tokens=10**6)
    torch.testing.assert_close(ref[:, 1], assemble(steps[1])["sampled_logp"][:, 1], rtol=0, atol=1e-5)


def test_every_step_draws_anew(networks):
    given = {"generator": LocalGenerator(networks["policy"]), "prompts": PROMPTS[:1]}
    _, steps = learn(xpo(steps=4), networks, **given)  # the same prompt, three times in a batch
    assert len({r.ids for groups in steps for g in groups for r in g.responses[1:]}) > 3


def test_the_same_seed_draws_the_same_answers_beside(networks):
    once, again = (online(xpo(), copy.deepcopy(networks))[1] for _ in range(2))
    assert once == again != online(xpo(seed=1), networks)[1]


def test_what_is_said_of_the_policy_is_said_of_its_own_answers_alone(networks):
    metrics, [groups, _] = online(xpo(), networks)
    own = [letters(g.prompt.shown, g.texts[0]) for g in groups]
    assert metrics[0]["reward"] == pytest.approx(sum(own) / 3)
    assert metrics[0]["sampler_gap"] < 1e-5
    gap = measure({**assembled(groups), "old_logp": logp_in_parts(decoder("policy", 1), assemble(groups), tokens=999)})
    assert gap["sampler_gap"] > 0.01  # as if all were the policy's


def assembled(groups):
    return assemble(groups).tensors


def test_judged_pairs_have_the_draws_beside_them_once_and_for_all(networks):
    metrics, steps = learn(vrpo(epochs=2), networks, judged=JUDGED)
    assert len(metrics) == 2
    for groups in steps:
        assert [versions(g) for g in groups] == [["", "", "ref", "ref", "ref"]] * 3
        assert {g.texts[:2] for g in groups} == {(" lay quiet", " rain rain")}
        assert {len(r.ids) <= 5 for g in groups for r in g.responses[2:]} == {True}
    assert {g.prompt: g for g in steps[0]} == {g.prompt: g for g in steps[1]}


def test_draws_are_marked_after_as_many_answers_as_there_are(networks):
    three = (*JUDGED[0].responses, Response(text=" boats"))
    groups = [for_model(g, tiny.tokenizer()) for g in (replace(JUDGED[0], responses=three), JUDGED[1])]
    recipe = vrpo(draws=Draws(k=2, decoding=Decoding(max_tokens=3)))
    more = with_draws(recipe, groups, networks, frozen_generator, seed=0, reader=networks["policy"])
    assert calibrated(recipe, more)["calibrated"].tolist() == [[0, 0, 0, 1, 1], [0, 0, 1, 1, 0]]
    assert with_draws(method("dpo")(), groups, networks, frozen_generator, seed=0, reader=None) is groups
    assert calibrated(method("dpo")(), groups) == {}


def test_the_reference_under_an_adapter_draws_as_the_model_without_it(folder):
    recipe = xpo(
        models={
            "policy": Model(source=str(folder), train=True, adapter=Lora(rank=2), dtype="float32"),
            "ref": Model(source="policy"),
        }
    )
    networks = load_networks(recipe, plan(recipe))
    policy = networks["policy"]
    assert isinstance(networks["ref"], WithoutAdapter)

    def said(generator):
        return generator.sample(PROMPTS, k=2, decoding=Decoding(max_tokens=8), seed=3)

    before = said(LocalGenerator(policy))
    with torch.no_grad():
        for p in policy.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(0)))
    drawn = said(frozen_generator(networks["ref"]))
    assert [g.texts for g in drawn] == [g.texts for g in before] != [g.texts for g in said(LocalGenerator(policy))]
    assert {r.model_version for g in drawn for r in g.responses} == {networks["ref"].version}
    assert versions(online(recipe, networks)[1][0][0]) == ["policy", "policy-base"]


def test_a_model_that_nobody_can_sample_from_is_refused():
    with pytest.raises(RecipeError, match=r"of a Linear nobody knows how: give `optimise` a `drawer`"):
        frozen_generator(torch.nn.Linear(1, 1))
    scores = Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score")
    with pytest.raises(RecipeError, match="nobody knows how"):
        frozen_generator(scores)


@pytest.mark.parametrize("recipe", [xpo(), vrpo()])
def test_a_reference_that_is_the_trained_model_is_refused(recipe, networks):
    networks["ref"] = networks["policy"]
    given = {"judged": JUDGED, "prompts": PROMPTS, "generator": LocalGenerator(networks["policy"])}
    with pytest.raises(RecipeError, match="`ref` and `policy` are one and the same model"):
        optimise(recipe, networks=networks, **given)


def test_draws_of_a_model_that_is_not_there_or_is_trained_are_refused_before_anything_is_loaded():
    for by in ("elsewhere", "policy"):
        with pytest.raises(RecipeError, match=rf"has `{by}` answer the prompts too.*declared: ref\).*\"{by}\": Model"):
            plan(xpo(draws=Draws(by=by)))
    with pytest.raises(RecipeError, match="temperature 0"):
        plan(vrpo(draws=Draws(k=2, decoding=Decoding(temperature=0.0))))
    with pytest.raises(RecipeError, match=r"asks for `calibrated`.*Add draws=Draws"):
        plan(xpo(draws=None))
    with pytest.raises(RecipeError, match="`k` is 0"):
        Draws(k=0)


def test_a_model_that_only_draws_is_loaded_and_not_asked_for_log_probabilities():
    recipe = xpo()
    models = {**recipe.models, "other": Model(source="elsewhere")}
    needs = plan(replace(recipe, models=models, draws=Draws(by="other")))
    assert (needs.frozen, needs.drawing) == (("ref",), ("other",))
    assert "other" in needs.roles
    assert plan(recipe).roles.count("ref") == 1


def test_the_wrapped_loss_is_written_down_and_changed_by_its_path():
    recipe = vrpo(score={})
    assert from_tree(parse(dump(recipe), place="here")) == recipe
    changed = with_changes(recipe, ["objective.0.objective.loss=prefloop.objectives.pairs:ipo", "draws.k=6"])
    [term] = changed.objective
    assert [b.name for b in term.objective.inner] == ["ipo"]
    assert changed.draws.k == 6
    assert with_changes(recipe, ["objective.0.objective.loss.beta=0.3"]).objective[0].objective.inner[0].knobs == {
        "beta": 0.3
    }
