"""TRL's losses and gradients, recorded by `python -m bench.parity.record`, against prefloop's own model and objectives.

Both read the same weights and the same tokens in fp32: TRL through its trainers, prefloop through its packed forward,
an objective and the reducer. Every loss that was recorded stands in `TABLE` or, with the reason, in `NOT_HERE`.
"""

import importlib
import json
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors import safe_open

import prefloop.objectives
from prefloop import credit
from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.learning.mismatched import mismatch
from prefloop.learning.update import Dials, logp_in_parts, loss
from prefloop.models.decoder import Decoder
from prefloop.recipe import Model, Recipe, Term
from prefloop.text import Group, Prompt, Response

RECORDED = Path(__file__).parent / "trl.safetensors"
BETA, EPS = 0.3, 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A term of TRL's loss as prefloop says it.

    of: which answers it reads. without_ref: the reference is certain of everything, so that log-ratios are plain
    log-probabilities. derive: what gives the reference point, which is 0 otherwise.
    """

    objective: str
    knobs: dict[str, Any] = field(default_factory=dict)
    of: str = "pairs"
    weight: float = 1.0
    without_ref: bool = False
    derive: str | None = None


def one(objective, **knobs):
    return (Part(objective=objective, knobs=knobs),)


IMITATED = Part(objective="nll", of="chosen", weight=0.7)  # per token, as the recipe `sft` takes it; 0.7 is cpo_alpha
THUMBS = {"beta": BETA, "desirable": 1.2, "undesirable": 0.8}

TABLE = {
    "dpo.sigmoid": one("dpo", beta=BETA),
    "dpo.hinge": one("slic", beta=BETA),
    # TRL takes log-ratios per token here, and its beta for tau; `ipo` sums them, as the paper writes it.
    "dpo.ipo": one("ipo_per_token", tau=BETA),
    "dpo.exo_pair": one("exo", beta=BETA, smoothing=EPS),
    "dpo.nca_pair": one("nca", beta=BETA),
    "dpo.robust": one("robust_dpo", beta=BETA, flips=EPS),
    # TRL has no reward shift here (z = 0) and adds the two answers of a pair, of which prefloop takes the mean.
    "dpo.bco_pair": (Part(objective="bco", knobs={"beta": BETA}, weight=2.0),),
    "dpo.sppo_hard": one("sppo_hard", beta=BETA),
    "dpo.apo_zero": one("apo_zero", beta=BETA),
    "dpo.apo_down": one("apo_down", beta=BETA),
    "dpo.discopop": one("discopop", beta=BETA, tau=0.5),
    "dpo.sft": (Part(objective="nll", of="chosen"),),
    "kto.kto": (Part(objective="kto", knobs=THUMBS, of="thumbs", derive="mismatched_kl"),),
    # APO-zero without pairs is KTO at a reference point of 0.
    "kto.apo_zero_unpaired": (Part(objective="kto", knobs=THUMBS, of="thumbs"),),
    "cpo.sigmoid": (Part(objective="cpo", knobs={"beta": BETA}), IMITATED),
    # CPO's other kinds are those of DPO without a reference; its ipo is per token as well.
    "cpo.hinge": (Part(objective="slic", knobs={"beta": BETA}, without_ref=True), IMITATED),
    "cpo.ipo": (Part(objective="ipo_per_token", knobs={"tau": BETA}, without_ref=True), IMITATED),
    # TRL's gamma is divided by beta and multiplied by it again: the margin is gamma, as in `simpo`.
    "cpo.simpo": one("simpo", beta=BETA, gamma=0.2),
    # TRL's beta is the paper's lambda, the weight of the odds; it imitates the prompt too, not the answer alone.
    "orpo": (Part(objective="orpo", weight=BETA), Part(objective="nll", of="whole")),
}
SORTS = "sorts log-ratios across the batch, so that it is no sum over prompts: cutting the batch would change it"
NOT_HERE = {
    "dpo.aot": SORTS,
    "dpo.aot_unpaired": SORTS,
    "dpo.sigmoid_norm": "prefloop has no DPO on log-ratios per token; `ipo_per_token` and `simpo` are the nearest",
    "cpo.alphapo": "prefloop has no AlphaPO; with alpha = 0 it is `simpo`",
}


@cache
def recorded():
    with safe_open(RECORDED, framework="pt") as file:
        return json.loads(file.metadata()["about"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def decoder(role):
    about, tensors = recorded()
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**about["shape"], attn_implementation="eager"))
    model.load_state_dict({n.removeprefix(f"{role}."): w for n, w in tensors.items() if n.startswith(f"{role}.")})
    return Decoder(model, None, name=role)


def judged(of):
    """The recorded answers as a batch: pairs, the chosen ones, thumbs, or the chosen ones with their prompts."""
    about, _ = recorded()
    groups = []
    for p, chosen, rejected, up in zip(*about["data"], about["liked"], strict=True):
        prompt, answers, labels = {
            "pairs": (p, (chosen, rejected), (1.0, 0.0)),
            "chosen": (p, (chosen,), (1.0,)),
            "thumbs": (p, (chosen if up else rejected,), (float(up),)),
            "whole": (p[:1], (p[1:] + chosen,), (1.0,)),
        }[of]
        responses = tuple(Response(text="", ids=tuple(a), mask=(1,) * len(a)) for a in answers)
        groups.append(Group(prompt=Prompt(text=str(p)), prompt_ids=tuple(prompt), responses=responses, labels=labels))
    return assemble(groups)


def objective(name):
    """The objective of this name, in whichever file of prefloop's objectives it is."""
    for module in pkgutil.iter_modules(prefloop.objectives.__path__):
        found = getattr(importlib.import_module(f"prefloop.objectives.{module.name}"), name, None)
        if found is not None:
            return found
    raise AssertionError(f"prefloop has no objective `{name}`.")


def term(part, policy, ref):
    """One part of the loss, through the objective and the reducer."""
    batch = judged(part.of)
    outputs = policy.outputs(batch, ("logp",))
    ref_logp = logp_in_parts(ref, batch, tokens=10**6)
    tensors = {
        **batch.tensors,
        "ref_logp": torch.zeros_like(ref_logp) if part.without_ref else ref_logp,
        "reference_point": torch.zeros(len(batch)),
    }
    if part.derive:
        elsewhere = mismatch(batch)
        roles = {"mismatched_logp": policy, "ref_mismatched_logp": ref}
        tensors |= {name: logp_in_parts(role, elsewhere, tokens=10**6) for name, role in roles.items()}
        tensors["reference_point"] = bind(getattr(credit, part.derive))(tensors)
        assert tensors["reference_point"][0] > 0.05, "the record is made so that it is not at its bound"
    recipe = Recipe(
        name="parity",
        family="direct",
        paper="",
        models={"policy": Model(source="tiny", train=True)},
        objective=(Term(objective=bind(objective(part.objective), **part.knobs), weight=part.weight),),
    )
    return loss(recipe, outputs, tensors, Dials(recipe))


def test_every_loss_that_was_recorded_is_compared_or_named():
    names = {name.partition("/")[0] for name in recorded()[1] if "/" in name}
    assert names == set(TABLE) | set(NOT_HERE)
    assert set(TABLE) & set(NOT_HERE) == set()
    assert recorded()[0]["versions"]["trl"] == "1.16.0"


@pytest.mark.parametrize("name", TABLE)
def test_a_loss_and_its_gradient_are_those_of_trl(name):
    _, tensors = recorded()
    policy, ref = decoder("policy"), decoder("ref")
    total = sum(term(part, policy, ref) for part in TABLE[name])
    torch.testing.assert_close(total.detach(), tensors[f"{name}/loss"], rtol=1e-5, atol=1e-5)

    total.backward()
    slopes = {n: p.grad for n, p in policy.model.named_parameters()}
    norms = torch.stack([slopes[n].norm() for n in sorted(slopes)])
    torch.testing.assert_close(norms, tensors[f"{name}/norms"], rtol=1e-4, atol=1e-6)
    in_full = [n for n in slopes if f"{name}/{n}" in tensors]
    assert len(in_full) == 2
    for n in in_full:
        want = tensors[f"{name}/{n}"]
        assert (slopes[n] - want).norm() <= 1e-4 * want.norm()
