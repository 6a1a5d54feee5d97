"""TRL's advantages, losses and gradients on recorded rollouts, against prefloop's recipes on the same rollouts.

`python -m bench.parity.record_online` made the record with TRL's own trainers: GRPO and RLOO of 1.16.0, PPO of 1.12.0.
Where a recipe does on purpose something else than TRL, a test maps one to the other exactly. What is said of TRL here:

- Its GRPO divides by the sample deviation, the recipes but `grpo` by the population's: `sample_deviation` sets that.
- Its KL is in the loss for every kind of GRPO, in prefloop in the reward for all but `grpo`: those of its cases that
  have a KL are compared with the recipe at `beta` 0 and a term for the KL.
- Each token's KL counts by its ratio, unless `use_bias_correction_kl` is off: off in all cases but `grpo.weighed_kl`.
- Its `bnpo` is `grpo` averaged over tokens. (Over those of each micro-batch, where it takes several.)
- Its `epsilon_high` of cispo is the largest weight, in prefloop `1 + high`.
- It drops no prompts from a batch of DAPO, as `varied` does.
- Its RLOO has a ratio and a clip, where `reinforce` has neither.
- Its PPO whitens by the sample deviation, and lets an answer that has ended have one more place, where it is paid.
"""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from prefloop import credit, ops, shaping
from prefloop.batch import Batch
from prefloop.binding import bind
from prefloop.learning.update import Dials, derived, loss, selected
from prefloop.objectives import policy
from prefloop.objectives.penalties import kl_k3
from prefloop.recipe import Term
from prefloop.recipes import method
from prefloop.reduce import weights

RECORDED = Path(__file__).parent / "trl_online.safetensors"
BETA = 0.05


@cache
def about():
    with safe_open(RECORDED, framework="pt") as file:
        return json.loads(file.metadata()["about"])


@cache
def recorded():
    """The record, with the answers to one prompt side by side."""
    with safe_open(RECORDED, framework="pt") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return {n: t.unflatten(0, (-1, about()["k"])) if t.ndim else t for n, t in found.items()}


def through(tokens):
    """The mask of answers that end after so many tokens each."""
    return (torch.arange(recorded()["mask"].shape[-1]) < tokens.unsqueeze(-1)).long()


def batch(mask, **others):
    """The rollouts as a batch; what the models say outside the mask is not to be seen."""
    found = recorded()
    tensors = {n: found[n] for n in ("ref_logp", "reward")} | {"ids": torch.zeros_like(mask), "mask": mask} | others
    return Batch(trunks=(torch.tensor([3]),) * len(mask), lengths=found["length"], tensors=tensors)


def outputs(*names, logp="logp"):
    """What the trained models say, as leaves that a gradient reaches."""
    return {n: recorded()[logp if n == "logp" else n].clone().requires_grad_() for n in names}


def learnt(recipe, rollout):
    """The recipe's derived tensors and its loss, and the gradient of that with respect to `logp`."""
    dials, said = Dials(recipe), outputs("logp")
    tensors = derived(recipe, rollout, {"logp": recorded()["old_logp"]}, dials)
    total = loss(recipe, said, tensors, dials)
    total.backward()
    return tensors, total.detach(), said["logp"].grad


def assert_advantage(found, name):
    torch.testing.assert_close(found, recorded()[name], rtol=0, atol=1e-6)


def assert_loss(found, name):
    torch.testing.assert_close(found, recorded()[name], rtol=0, atol=1e-5)


def assert_slope(found, name):
    want = recorded()[name]
    assert want.norm() > 0
    assert (found - want).norm() <= 1e-4 * want.norm()


def sample_deviation(recipe):
    """The recipe with the deviation that TRL takes."""
    return replace(
        recipe,
        derive=tuple(
            bind(b.function, **{**b.knobs, "deviation": "sample"}) if b.function is credit.grpo else b
            for b in recipe.derive
        ),
    )


def with_kl(recipe, *, per, constant=None):
    """The recipe with GRPO's KL in the loss."""
    return replace(
        recipe,
        objective=(*recipe.objective, Term(objective=bind(kl_k3), weight=BETA, per=per, constant=constant)),
    )


def weighed_kl(logp, old_logp, ref_logp):
    """GRPO's KL as TRL has it unless told otherwise: by the ratio, through which the gradient goes."""
    return (logp - old_logp).exp() * kl_k3(logp, ref_logp)


def groups():
    """Every kind of TRL's GRPO that a recipe is held to."""
    longest = about()["trl_groups"]["longest"]
    grpo = method("grpo")(beta=BETA)
    dr_grpo = method("dr-grpo")(beta=0.0, max_tokens=longest)
    wide = Term(objective=bind(policy.gspo, low=0.1, high=0.15))
    narrow = Term(objective=bind(policy.cispo, high=0.2))
    return {
        "grpo": grpo,
        "grpo.weighed_kl": replace(
            grpo, objective=(grpo.objective[0], Term(objective=bind(weighed_kl), weight=BETA, per="response"))
        ),
        "bnpo": replace(grpo, objective=tuple(replace(term, per="token") for term in grpo.objective)),
        "dr_grpo": dr_grpo,
        "dr_grpo.kl": with_kl(dr_grpo, per="constant", constant=float(longest)),
        "dapo": method("dapo")(),
        "gspo": method("gspo")(beta=0.0),
        "gspo.kl": with_kl(replace(method("gspo")(beta=0.0), objective=(wide,)), per="response"),
        "cispo": method("cispo")(beta=0.0),
        "cispo.kl": with_kl(replace(method("cispo")(beta=0.0), objective=(narrow,)), per="token"),
    }


APART = {"grpo.batch", "rloo", "rloo.on_policy"}  # compared by tests of their own


def test_every_case_that_was_recorded_is_compared():
    names = {name.partition("/")[0] for name in recorded() if "/" in name}
    assert names == set(groups()) | APART | set(about()["trl_ppo"]["told"])
    assert (about()["trl_groups"]["trl"], about()["trl_ppo"]["trl"]) == ("1.16.0", "1.12.0")


@pytest.mark.parametrize("name", groups())
def test_advantages_loss_and_gradient_are_those_of_trls_grpo(name):
    tensors, total, slope = learnt(sample_deviation(groups()[name]), batch(recorded()["mask"]))
    assert_advantage(tensors["advantage"].squeeze(-1), f"{name}/advantage")
    assert_loss(total, f"{name}/loss")
    assert_slope(slope, f"{name}/logp")


def test_the_population_deviation_gives_trls_advantages_by_a_factor():
    found = recorded()
    siblings = found["mask"].shape[1]
    factor = ((siblings - 1) / siblings) ** 0.5
    advantage = credit.grpo(found["reward"], found["mask"], deviation="population", eps=1e-4 * factor)
    assert_advantage(factor * advantage.squeeze(-1), "grpo/advantage")


def test_scaling_by_the_deviation_of_the_batch_is_group_mean_by_one_number():
    found, recipe = recorded(), method("grpo")(beta=BETA)
    number = 1 / (found["reward"].std() + 1e-4)
    advantage = number * credit.group_mean(found["reward"], found["mask"])
    assert_advantage(advantage.squeeze(-1), "grpo.batch/advantage")
    _, total, slope = learnt(replace(recipe, derive=()), batch(found["mask"], advantage=advantage))
    assert_loss(total, "grpo.batch/loss")
    assert_slope(slope, "grpo.batch/logp")


def test_prompts_that_dapo_leaves_out_change_trls_loss_by_the_share_of_their_tokens():
    mask, recipe = recorded()["mask"], sample_deviation(method("dapo")())
    rollout = selected(recipe, batch(mask))
    assert 0 < len(rollout) < len(mask), "the record has a prompt whose answers are paid alike"
    dials = Dials(recipe)
    kept = mask[: len(rollout)]
    assert torch.equal(rollout["mask"], kept)
    tensors = derived(recipe, rollout, {"logp": recorded()["old_logp"][: len(kept)]}, dials)
    total = loss(recipe, {"logp": recorded()["logp"][: len(kept)]}, tensors, dials)
    assert_loss(total * kept.sum() / mask.sum(), "dapo/loss")


def test_the_price_of_length_is_trls():
    found, told = recorded(), about()["trl_groups"]
    mask = through(found["length"])
    assert found["overlong"].unique().numel() > 2
    price = shaping.overlong(found["reward"], mask, longest=told["longest"], margin=told["margin"]) - found["reward"]
    assert_advantage(price, "overlong")


def test_rloos_advantages_are_trls():
    tensors, _, _ = learnt(method("rloo")(beta=BETA), batch(through(recorded()["length"])))
    assert_advantage(tensors["advantage"].squeeze(-1), "rloo/advantage")


def test_rloos_gradient_is_trls_where_the_policy_is_the_one_that_drew():
    recipe, rollout = method("rloo")(beta=BETA), batch(through(recorded()["length"]))
    said, dials = outputs("logp", logp="old_logp"), Dials(recipe)
    tensors = derived(recipe, rollout, said, dials)
    loss(recipe, said, tensors, dials).backward()
    assert_slope(said["logp"].grad, "rloo.on_policy/logp")


def test_off_policy_trls_rloo_weighs_each_answers_gradient_by_its_ratio_or_clips_it():
    found = recorded()
    mask = through(found["length"])
    tensors, _, slope = learnt(method("rloo")(beta=BETA), batch(mask))
    ratio = ops.tsum(found["logp"] - found["old_logp"], mask).exp().unsqueeze(-1)
    advantage = tensors["advantage"]
    # TRL's clip is 0.2 unless told otherwise.
    clipped = ((advantage > 0) & (ratio > 1.2)) | ((advantage < 0) & (ratio < 0.8))
    assert clipped.any()
    assert not clipped.all()
    assert_slope(torch.where(clipped, 0.0, ratio) * slope, "rloo/logp")


@pytest.mark.parametrize(("name", "now"), [("rloo", "logp"), ("rloo.on_policy", "old_logp")])
def test_trls_rloo_is_ppo_clip_on_answers_of_one_token(name, now):
    found = recorded()
    mask = through(found["length"])
    said = outputs("logp", logp=now)
    whole, old = (ops.tsum(x, mask).unsqueeze(-1) for x in (said["logp"], found["old_logp"]))
    tensors, _, _ = learnt(method("rloo")(beta=BETA), batch(mask))
    terms = policy.ppo_clip(whole, old, tensors["advantage"])
    total = (weights(terms.shape, torch.ones_like(terms), per="response") * terms).sum()
    total.backward()
    assert_loss(total.detach(), f"{name}/loss")
    assert_slope(said["logp"].grad, f"{name}/logp")


def sample_whitening(mask):
    """How many times as large advantages are where they are whitened by the sample deviation."""
    return ((mask.sum() - 1) / mask.sum()).sqrt()


def paid(name, recipe, mask, whole):
    """Token rewards, advantages before they are whitened, and returns, as the recipe makes them on the mask `whole`."""
    found = recorded()
    silent = {n: found[n] * mask for n in ("old_logp", "ref_logp")}  # TRL has no KL after the end
    shaped, estimated, _ = recipe.derive
    tensors = {"mask": whole, "reward": found["reward"], "old_value": found["old_value"], **silent}
    token_reward = shaped(tensors)
    if name == "ppo.whitened":
        # prefloop whitens no rewards; TRL keeps their mean.
        mean = token_reward[whole.bool()].mean()
        token_reward = (sample_whitening(whole) * ops.whiten(token_reward, whole) + mean) * whole
    discount = {n: knob for n, knob in about()["trl_ppo"]["told"][name].items() if n in ("gamma", "lam")}
    return token_reward, *estimated({**tensors, "token_reward": token_reward}, discount)


@pytest.mark.parametrize("name", about()["trl_ppo"]["told"])
def test_ppo_is_trls_with_a_place_after_the_end_and_the_sample_deviation(name):
    recipe = method("ppo")(beta=BETA)
    longest, length = recorded()["mask"].shape[-1], recorded()["length"]
    length = torch.full_like(length, longest) if name == "ppo.cut" else length
    mask, whole = through(length), through(length + 1)
    token_reward, advantage, returns = paid(name, recipe, mask, whole)
    assert_advantage(token_reward, f"{name}/token_reward")
    assert_advantage(advantage, f"{name}/advantage")
    assert_advantage(returns * whole, f"{name}/returns")

    whitened = recipe.derive[2]({"advantage": advantage, "mask": mask})
    factor = sample_whitening(mask)
    assert_advantage(factor * whitened, f"{name}/whitened")

    said = outputs("logp", "value")
    tensors = {n: recorded()[n] for n in ("old_logp", "old_value")} | {"advantage": whitened, "returns": returns}
    parts = (("policy", mask, factor), ("value", whole, 2.0))  # TRL's value loss is before `vf_coef`, here 1/2
    for term, (part, seen, share) in zip(recipe.objective, parts, strict=True):
        alone = replace(recipe, objective=(term,))
        total = share * loss(alone, said, {**tensors, "mask": seen}, Dials(alone))
        assert_loss(total.detach(), f"{name}/{part}_loss")
        total.backward()
    assert_slope(said["logp"].grad, f"{name}/logp")
    assert_slope(said["value"].grad / 2, f"{name}/value")


def test_ppo_where_answers_are_cut_is_trls_without_another_place():
    found, recipe = recorded(), method("ppo")(beta=BETA)
    mask = torch.ones_like(found["mask"])
    old = {"logp": found["old_logp"], "value": found["old_value"]}
    tensors = derived(recipe, batch(mask), old, Dials(recipe))
    assert_advantage(sample_whitening(mask) * tensors["advantage"], "ppo.cut/whitened")
    assert_advantage(tensors["returns"], "ppo.cut/returns")


def test_the_recipes_ppo_is_trls_with_a_critic_that_knows_the_score_after_the_end():
    found, recipe = recorded(), method("ppo")(beta=BETA)
    mask, whole = through(found["length"]), through(found["length"] + 1)
    after = (whole - mask).bool()
    assert after.any()
    knowing = torch.where(after, found["reward"].unsqueeze(-1), found["old_value"])
    silent = {n: found[n] * mask for n in ("old_logp", "ref_logp")}
    tensors = {**silent, "reward": found["reward"]}
    advantages = [
        recipe.derive[1](
            {"token_reward": recipe.derive[0]({**tensors, "mask": seen}), "old_value": value, "mask": seen}
        )[0]
        for seen, value in ((mask, found["old_value"]), (whole, knowing))
    ]
    torch.testing.assert_close(advantages[0], advantages[1] * mask, rtol=0, atol=1e-6)
