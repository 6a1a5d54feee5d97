"""A frozen model that follows a trained one: what its weights are, what reads them, and what is refused."""

import json
import statistics
from dataclasses import replace

import pytest
import torch

import tiny
from prefloop.binding import bind
from prefloop.errors import ModelError, RecipeError
from prefloop.learning.local import LocalLearner
from prefloop.loops.networks import load_networks
from prefloop.loops.optimise import optimise
from prefloop.loops.progress import Silent
from prefloop.loops.run import run
from prefloop.models.decoder import Decoder
from prefloop.models.load import load, save
from prefloop.planning import plan
from prefloop.recipe import Draws, Follows, Lora, Model, Optimiser
from prefloop.recipes import method
from prefloop.text import Group, Prompt, Response
from prefloop.verify.learn import networks as tables
from prefloop.verify.problem import PROMPT, reference, rises
from prefloop.verify.tabular import TabularGenerator
from small import PROMPTS, small

ROLES = {"policy": ("logp",)}


def decoder(role, dtype, kind="llama", seed=0):
    return Decoder(tiny.network(kind, dtype=dtype, seed=seed), tiny.tokenizer(), head="lm", name=role)


def copy_that_follows(how, dtype, kind="llama"):
    """A policy with a copy of it that follows it, and what trains both."""
    models = {"policy": decoder("policy", dtype, kind), "ref": decoder("ref", dtype, kind)}
    models["ref"].model.requires_grad_(False)
    following = {"ref": Model(source="policy", follows=how)}
    return models, LocalLearner(models, ROLES, Optimiser(lr=1e-3), following=following)


def step(learner, seed, lr=1e-3):
    learner.update(tiny.batch((4, 6), [[3, 5], [2, 4]], seed=seed), lambda o: o["logp"].sum())
    learner.step(lr)


def weights(network):
    return [p.detach().clone() for p in network.model.parameters()]


def exact(learner):
    """The trained weights as the optimiser keeps them: in fp32 where the model runs in less."""
    return [w.clone() for w in learner.optimisers["policy"].exact().values()]


@pytest.mark.parametrize("kind", ["llama", "llama-tied"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_after_n_steps_the_weights_are_the_closed_form(dtype, kind):
    """decay^n w_0 + (1 - decay) sum_i decay^(n - i) w_i, of the exact weights, and rounded once at the end."""
    decay, n = 0.9, 5
    models, learner = copy_that_follows(Follows(decay=decay), dtype, kind)
    went = [exact(learner)]
    for i in range(n):
        step(learner, i)
        went.append(exact(learner))
    shares = [decay**n] + [(1 - decay) * decay ** (n - i) for i in range(1, n + 1)]
    for got, *at in zip(weights(models["ref"]), *went, strict=True):
        want = sum(share * w.double() for share, w in zip(shares, at, strict=True))
        near = 1e-6 if dtype == torch.float32 else 2**-8
        torch.testing.assert_close(got.double(), want, rtol=near, atol=1e-7)
        assert not torch.equal(at[0], at[-1])


def test_steps_too_small_for_bf16_still_move_the_average():
    """Of each a hundredth is less than a bf16 weight can tell; of sixty together it is not."""
    models, learner = copy_that_follows(Follows(decay=0.99), torch.bfloat16)
    before, after_one = weights(models["ref"]), None
    for i in range(60):
        step(learner, i % 3, lr=1e-3)
        after_one = after_one or weights(models["ref"])

    def moved(now):
        return sum(int((a != b).sum()) for a, b in zip(before, now, strict=True)) / sum(a.numel() for a in before)

    assert moved(after_one) < 0.05
    assert moved(weights(models["ref"])) > 0.5


def test_with_a_longer_stride_it_stands_still_in_between():
    models, learner = copy_that_follows(Follows(decay=0.0, every=2), torch.float32)
    start, seen = weights(models["ref"]), []
    for i in range(4):
        step(learner, i)
        same_as_policy = all(map(torch.equal, weights(models["ref"]), weights(models["policy"])))
        seen.append((same_as_policy, all(map(torch.equal, weights(models["ref"]), start))))
    assert seen == [(False, True), (True, False), (False, False), (True, False)]


def test_with_a_decay_of_1_it_is_a_reference_that_stays():
    models, learner = copy_that_follows(Follows(decay=1.0), torch.bfloat16)
    before = weights(models["ref"])
    for i in range(3):
        step(learner, i)
    assert all(map(torch.equal, weights(models["ref"]), before))


def test_what_names_the_weights_changes_with_them():
    models, learner = copy_that_follows(Follows(decay=0.5), torch.float32)
    names = [(models["ref"].version, models["ref"].digest())]
    for i in range(2):
        step(learner, i)
        names.append((models["ref"].version, models["ref"].digest()))
    assert [version for version, _ in names] == ["ref@0", "ref@1", "ref@2"]
    assert len({digest for _, digest in names}) == 3


def test_a_model_in_memory_under_two_roles_moves_once():
    models, _ = copy_that_follows(Follows(), torch.float32)
    both = {role: Model(source="policy", follows=Follows(decay=0.5)) for role in ("ref", "told")}
    learner = LocalLearner({**models, "told": models["ref"]}, ROLES, Optimiser(), following=both)
    before = weights(models["ref"])
    step(learner, 0)
    for got, old, new in zip(weights(models["ref"]), before, weights(models["policy"]), strict=True):
        torch.testing.assert_close(got, (old + new) / 2)


def test_it_starts_where_the_trained_model_is_and_not_where_it_was_before():
    """In the second round of a loop, and in any run that trains on."""
    models = {"policy": decoder("policy", torch.float32, seed=1), "ref": decoder("ref", torch.float32)}
    LocalLearner(models, ROLES, Optimiser(), following={"ref": Model(source="policy", follows=Follows())})
    assert all(map(torch.equal, weights(models["ref"]), weights(models["policy"])))


def drawn(**how):
    """Metrics of every step of RLOO on the tabular problem, the reference following in this way."""
    recipe = method("warp-ema")(reward=bind(rises), k=8, batch=8, steps=12, lr=0.1, **how)
    found, seen = tables(), []
    optimise(
        recipe,
        networks=found,
        generator=TabularGenerator(found["policy"]),
        prompts=[PROMPT],
        on_step=lambda step, metrics, _: seen.append(metrics["kl"]),
    )
    return found, seen


def test_samples_are_priced_by_the_weights_of_the_step():
    _, at_once = drawn(decay=0.0)
    assert at_once == [0.0] * 12
    _, every_other = drawn(decay=0.0, every=2)
    assert [kl == 0 for kl in every_other] == [True, False] * 6
    fixed, stays = drawn(decay=1.0)
    assert stays[0] == 0
    assert stays[-1] > max(every_other)
    assert torch.equal(fixed["ref"].table, reference().table)


@pytest.mark.parametrize(("how", "moves"), [(None, True), (Follows(decay=0.0), False)])
def test_judged_answers_are_asked_about_anew_where_the_reference_moves(how, moves, tmp_path, monkeypatch):
    """A reference that is the policy of every step finds in no answer a gain, with whatever is kept on disk."""
    monkeypatch.setenv("PREFLOOP_CACHE", str(tmp_path))
    recipe = method("dpo")(lr=1e-3, batch=2, epochs=4)
    recipe = replace(recipe, models={**recipe.models, "ref": replace(recipe.models["ref"], follows=how)})
    models = {role: decoder(role, torch.float32) for role in ("policy", "ref")}
    said = [[Response(text=t) for t in (" in the rain", " not yet")], [Response(text=t) for t in (" boats", " quiet")]]
    judged = [Group(prompt=Prompt(text="The old harbour"), responses=tuple(pair)) for pair in said]
    seen = []
    optimise(recipe, networks=models, judged=judged, on_step=lambda _, m, __: seen.append(m["preferred_gained"]))
    assert seen[0] == pytest.approx(0, abs=1e-6)
    assert (abs(seen[-1]) > 1e-3) == moves
    assert len(seen) == 4


def refused(recipe):
    with pytest.raises(RecipeError) as error:
        plan(recipe)
    return str(error.value)


def test_what_cannot_be_followed_is_refused_before_anything_is_loaded():
    warp = method("warp-ema")()
    models, how = warp.models, Follows()
    other = {**models, "ref": Model(source="somewhere", follows=how)}
    assert "`ref` of `warp-ema` follows `somewhere`, which is no trained language model" in refused(
        replace(warp, models=other)
    )
    lora = {**models, "policy": replace(models["policy"], adapter=Lora())}
    assert "an adapter alone is trained" in refused(replace(warp, models=lora))
    assert "so that it bounds nothing" in refused(replace(warp, kl_budget=5.0))
    dpo = method("dpo")()
    offline = replace(dpo, models={**dpo.models, "ref": models["ref"]}, draws=Draws())
    assert "taken once, before anything is learnt, from `ref`, which moves" in refused(offline)
    for wrong in ({"train": True}, {"head": "score"}):
        with pytest.raises(RecipeError, match="is to follow another and is no frozen language model"):
            Model(source="policy", follows=how, **wrong)
    for wrong in ({"decay": 1.1}, {"decay": -0.1}, {"every": 0}):
        with pytest.raises(RecipeError, match="it is at"):
            Follows(**wrong)


def test_a_policy_that_starts_from_an_adapter_is_not_followed(folder, tmp_path):
    """Its own weights are those of the adapter, and their mean is not that of what they add."""
    save(load(Model(source=str(folder), train=True, adapter=Lora(rank=2)), name="policy"), tmp_path / "adapter")
    warp = method("warp-ema")(model=str(tmp_path / "adapter"), reward=bind(rises))
    models = load_networks(warp, plan(warp))
    with pytest.raises(ModelError, match="only a model that is trained whole, without an adapter"):
        optimise(warp, networks=models, generator=TabularGenerator(models["policy"]), prompts=[PROMPT])


def test_a_reference_that_is_the_policy_itself_is_refused():
    recipe, found = method("warp-ema")(reward=bind(rises)), tables()
    found["ref"] = found["policy"]
    with pytest.raises(RecipeError, match="`ref` and `policy` are one and the same model in memory"):
        optimise(recipe, networks=found, generator=TabularGenerator(found["policy"]), prompts=[PROMPT])


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    path.write_text(PROMPTS, encoding="utf-8")
    return path


def followed(folder, prompts):
    """The small loop with RLOO, of two rounds, whose reference is the policy of every step."""
    rounds = small(folder, prompts)
    ref = replace(rounds.policy.models["ref"], follows=Follows(decay=0.0))
    return replace(rounds, policy=replace(rounds.policy, models={**rounds.policy.models, "ref": ref}))


@pytest.fixture(scope="module")
def whole(folder, prompts, tmp_path_factory):
    return run(followed(folder, prompts), out=tmp_path_factory.mktemp("runs") / "whole")


def test_the_loop_measures_from_where_it_began_and_not_from_the_reference_that_moved(whole):
    learnt = [m["kl"] for m in whole.metrics if "kl" in m and m["stage"].endswith("/policy")]
    assert learnt == [0.0] * 6
    for number in (1, 2):
        measured = json.loads((whole.folder / "state" / f"{number}-measured.json").read_text(encoding="utf-8"))
        assert statistics.mean(x for row in measured["kl"] for x in row) > 1e-3


class Stopping(Silent):
    """Is stopped when the second round begins, as by Ctrl-C."""

    def stage(self, title, total):
        if title.startswith("round 2: sample"):
            raise KeyboardInterrupt
        return super().stage(title, total)


def test_a_loop_that_goes_on_follows_as_if_it_had_never_stopped(folder, prompts, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(followed(folder, prompts), out=tmp_path / "run", progress=Stopping())
    again = run(followed(folder, prompts), out=tmp_path / "run", resume=True)
    assert [{**m, "seconds": 0} for m in again.metrics] == [{**m, "seconds": 0} for m in whole.metrics]
    assert all(map(torch.equal, weights(again.networks["ref"]), weights(whole.networks["ref"])))
