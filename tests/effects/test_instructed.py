"""What a frozen model is told before the prompt: where it stands, that it is read, and that nobody else reads it."""

import json
from dataclasses import replace

import pytest
import torch

from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import DataError, ModelError
from prefloop.learning.instructed import with_instructions
from prefloop.learning.mismatched import mismatch
from prefloop.learning.remembered import remembered_logp
from prefloop.learning.update import logp_in_parts, with_frozen
from prefloop.loops.align import IMPLICIT, on_data
from prefloop.loops.judged import in_tokens, within_context
from prefloop.loops.networks import load_networks
from prefloop.loops.optimise import optimise
from prefloop.loops.run import run
from prefloop.models.decoder import WithoutAdapter
from prefloop.models.encode import encode, instructed
from prefloop.planning import plan
from prefloop.recipe import Data, Lora, Model, Sample
from prefloop.recipes import method
from prefloop.sampling.local import LocalGenerator
from prefloop.text import Group, Message, Prompt, Response
from test_align import Heard

TOLD = {"better": "Be kind.", "worse": "Be rude, and go on for long."}
PROMPTS = (Prompt(text="The boat"), Prompt(messages=(Message(role="user", content="Rain?"),)), Prompt(text="On"))
GROUPS = [Group(prompt=p, responses=(Response(text=" lay quiet"), Response(text=" rain"))) for p in PROMPTS]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PREFLOOP_CACHE", str(tmp_path))


def recipe(folder, adapter=None, **knobs):
    made = method("t-reg")(**{**TOLD, **knobs})
    policy = replace(made.models["policy"], source=str(folder), dtype="float32", adapter=adapter)
    others = {r: replace(m, dtype="float32") for r, m in made.models.items() if r != "policy"}
    return replace(made, models={"policy": policy, **others})


def by_text(network, group, told):
    """The log-probabilities of a group's answers, the whole text put together by hand and asked about alone."""
    asked = replace(group, prompt=instructed(group.prompt, told), prompt_ids=())
    return logp_in_parts(network, assemble(in_tokens([asked], network)), tokens=1000)[0]


def asked(made, networks, read):
    """The batch with what every frozen model says."""
    batch = assemble(in_tokens(GROUPS, networks["policy"]))
    batch = with_instructions(batch, PROMPTS, plan(made).instructions, networks)
    return with_frozen(batch, plan(made), networks, tokens=60, temperature=1.0, read=read)


@pytest.mark.parametrize("adapter", [None, Lora(rank=2)], ids=["whole", "adapter"])
@pytest.mark.parametrize("read", [logp_in_parts, remembered_logp])
def test_every_role_reads_its_own_instruction_and_the_others_none(folder, adapter, read):
    made = recipe(folder, adapter)
    networks = load_networks(made, plan(made))
    batch = asked(made, networks, read)
    for p, group in enumerate(GROUPS):
        for role, told in TOLD.items():
            want = by_text(networks[role], group, told)
            torch.testing.assert_close(
                batch[f"{role}_logp"][p, :, : want.shape[-1]], want, rtol=0, atol=1e-5, msg=f"{role} of {p}"
            )
    plain = logp_in_parts(networks["ref"], assemble(in_tokens(GROUPS, networks["ref"])), tokens=1000)
    torch.testing.assert_close(batch["ref_logp"], plain, rtol=0, atol=1e-5)
    assert (batch["better_logp"] - batch["worse_logp"]).abs().max() > 1e-2
    assert (batch["better_logp"] - batch["ref_logp"]).abs().max() > 1e-2


def test_another_instruction_is_never_answered_from_what_is_kept(folder):
    made = recipe(folder)
    networks = load_networks(made, plan(made))
    asked(made, networks, remembered_logp)
    other = recipe(folder, better="Be brief.")
    found = asked(other, networks, remembered_logp)
    fresh = asked(other, networks, logp_in_parts)
    torch.testing.assert_close(found["better_logp"], fresh["better_logp"], rtol=0, atol=1e-6)


def test_frozen_roles_that_differ_in_what_they_are_told_are_one_model_in_memory(folder):
    made = recipe(folder)
    networks = load_networks(made, plan(made))
    assert networks["better"] is networks["worse"] is networks["ref"] is not networks["policy"]
    other = replace(made, models={**made.models, "worse": Model(source="policy", dtype="bfloat16", instruction="No.")})
    assert load_networks(other, plan(other))["worse"] is not load_networks(other, plan(other))["better"]
    adapted = recipe(folder, Lora(rank=2))
    networks = load_networks(adapted, plan(adapted))
    assert all(isinstance(networks[r], WithoutAdapter) for r in ("ref", "better", "worse"))
    assert networks["better"].decoder is networks["policy"]


def test_what_is_told_stays_with_its_prompt_when_prompts_are_left_out_or_turned_round(folder):
    made = recipe(folder)
    networks = load_networks(made, plan(made))
    batch = assemble(in_tokens(GROUPS, networks["policy"]))
    batch = with_instructions(batch, PROMPTS, TOLD, networks)
    want = [encode(instructed(p, TOLD["better"]), networks["better"].tokenizer) for p in PROMPTS]

    def read(some):
        return [tuple(t.tolist()) for t in some.read_by("better").trunks]

    assert read(batch) == want
    assert read(batch.take([2, 0])) == [want[2], want[0]]
    assert read(batch.rows(1, 3)) == want[1:]
    assert read(batch.keep(torch.tensor([[True, True], [False, False], [True, False]]))) == [want[0], want[2]]
    assert read(batch.having(reward=torch.zeros(3, 2))) == want
    assert read(mismatch(batch)) == [want[1], want[2], want[0]]
    assert batch.read_by("ref") == batch


def test_an_instruction_is_a_system_message_and_joins_one_that_is_there():
    asked = Message(role="user", content="Hi")
    alone, joined = (
        instructed(Prompt(messages=messages), "Be kind.").messages
        for messages in ((asked,), (Message(role="system", content="You are a clerk."), asked))
    )
    assert alone == (Message(role="system", content="Be kind."), asked)
    assert joined == (Message(role="system", content="Be kind.\n\nYou are a clerk."), asked)


def test_a_template_that_takes_no_system_message_is_refused_with_what_to_do(folder):
    made = recipe(folder)
    networks = load_networks(made, plan(made))
    networks["better"].tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(ModelError, match=r"does not take a conversation of system, user \(System role not supported\)"):
        with_instructions(assemble(in_tokens(GROUPS[:1], networks["policy"])), PROMPTS[1:2], TOLD, networks)


def test_answers_that_only_fit_without_the_instruction_are_left_out_and_said(folder):
    network = load_networks(recipe(folder), plan(recipe(folder)))["policy"]
    long = Group(prompt=Prompt(text="#" * 80), responses=(Response(text=" rain"), Response(text=" lay")))
    said = []
    assert within_context([*GROUPS, long], network, say=said.append) == [*GROUPS, long]
    kept = within_context([*GROUPS, long], network, instructions=["#" * 60], say=said.append)
    assert kept == GROUPS
    assert said[0].startswith("1 of 4 left out, longer than the 128 tokens")


def test_a_policy_learns_from_judged_answers_by_what_the_frozen_one_is_told(folder):
    def learnt(**knobs):
        made = replace(recipe(folder, lr=1e-2, **knobs), batch=3, steps=2)
        networks = load_networks(made, plan(made))
        optimise(made, networks=networks, judged=GROUPS)
        return networks["policy"].base.state_dict()["model.embed_tokens.weight"]

    without = learnt(alpha=0.0)
    assert torch.equal(learnt(alpha=0.5, better="Be kind.", worse="Be kind."), without)
    assert (learnt(alpha=0.5) - without).abs().max() > 1e-4


def test_a_run_leaves_out_what_only_fits_without_the_instruction(folder, tmp_path):
    rows = [{"prompt": "#" * size, "chosen": " lay", "rejected": " rain"} for size in (4, 5, 80)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    made = replace(recipe(folder, worse="#" * 60), data=str(tmp_path / "pairs.jsonl"), batch=2)
    made = replace(made, models={**made.models, "policy": replace(made.models["policy"], dtype="bfloat16")})
    heard = Heard()
    run(made, out=tmp_path / "out", progress=heard)
    assert [said for said in heard.said if "1 of 3 left out, longer than the 128 tokens" in said]

    online = method("online-dpo")(model=str(folder), reward=bind(longer), max_tokens=5, batch=2, steps=1)
    told = replace(online.models["ref"], instruction="#" * 128)
    with pytest.raises(DataError, match="and its answer up to 5; policy reads at most 128"):
        run(replace(online, models={**online.models, "ref": told}), out=tmp_path / "online")


def test_a_reference_that_is_told_something_is_measured_as_such(folder, tmp_path):
    rows = [{"prompt": f"The {n} boat", "chosen": " lay", "rejected": " rain" * (1 + n % 4)} for n in range(12)]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    made = method("dpo")(model=str(folder), lr=1e-12)
    made = replace(made, models={**made.models, "ref": replace(made.models["ref"], instruction="Speak of the sea.")})
    align = on_data(made, data=Data(source=str(tmp_path / "pairs.jsonl")), model=None, held_out=0.3)
    run(align, out=tmp_path / "out")
    found = json.loads((tmp_path / "out" / "accuracy.json").read_text(encoding="utf-8"))
    assert found["agreements"][0]["name"] == IMPLICIT
    assert found["agreements"][0]["before"]["estimate"] != 0.5  # no longer one and the same


def test_a_policy_learns_from_its_own_answers_beside_a_reference_that_is_told(folder):
    made = recipe(folder)
    online = method("online-dpo")(reward=bind(longer), max_tokens=5, batch=2, steps=1)
    models = {"policy": made.models["policy"], "ref": replace(made.models["ref"], instruction="Be kind.")}
    online = replace(online, models=models, sample=replace(online.sample or Sample(), k=2))
    networks, seen = load_networks(online, plan(online)), []
    optimise(
        online,
        networks=networks,
        generator=LocalGenerator(networks["policy"]),
        prompts=PROMPTS,
        on_step=lambda step, metrics, _: seen.append(metrics["kl"]),
    )
    assert abs(seen[0]) > 1e-3  # the reference is told something, so that it is not the policy even at first


def longer(prompt, response):
    return float(len(response))
