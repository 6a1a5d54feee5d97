"""The vLLM sampler against a small server with vLLM's shapes: what it asks, makes of the answers, and refuses."""

import contextlib
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from vllm_fake import Fake

import tiny
from prefloop import bind
from prefloop.batch import assemble
from prefloop.cli import main
from prefloop.errors import RecipeError, RunError
from prefloop.learning.local import LocalLearner
from prefloop.loops.run import run
from prefloop.models.decoder import Decoder
from prefloop.models.load import load, save_alone
from prefloop.recipe import Decoding, Lora, Model, Optimiser
from prefloop.recipes.rloo import rloo
from prefloop.sampling.local import LocalGenerator
from prefloop.sampling.vllm import VllmGenerator
from prefloop.text import Prompt
from small import letters

PROMPTS = [Prompt(text=t) for t in ("The old harbour", "Rain", "In the morning the boats")]
MANY_ENDS = list(range(1, tiny.VOCABULARY, 7))


@pytest.fixture
def fake():
    server = Fake()
    yield server
    server.close()


def decoder(*, ends=1):
    model = tiny.network("llama-tied")
    model.generation_config.eos_token_id = ends
    return Decoder(model, tiny.tokenizer(), name="policy")


def drawn(generator, *, prompts=PROMPTS, k=3, seed=5, **decoding):
    return generator.sample(prompts, k=k, decoding=Decoding(**{"max_tokens": 8, **decoding}), seed=seed)


def ids(groups):
    return [[r.ids for r in g.responses] for g in groups]


def everyone(groups):
    return [r for g in groups for r in g.responses]


def asked(fake, path):
    return [body for there, body in fake.asked if there == path]


def nudge(policy, version):
    """A step of training: other weights, another version."""
    torch.manual_seed(9)
    with torch.no_grad():
        for p in policy.model.parameters():
            if p.requires_grad:
                p.add_(0.2 * torch.randn(p.shape))
    policy.version = version


@torch.no_grad()
def must_be_the_trainers(policy, groups, temperature=1.0):
    batch = assemble(groups)
    found = policy.outputs(batch, ("logp",), temperature=temperature)["logp"]
    torch.testing.assert_close(batch["sampled_logp"], found, rtol=0, atol=1e-4)


def test_the_most_probable_tokens_make_the_same_responses_as_those_of_the_local_sampler(fake):
    policy = decoder(ends=MANY_ENDS)
    theirs = drawn(VllmGenerator(policy, server=fake.url), temperature=0.0, max_tokens=16)
    ours = drawn(LocalGenerator(policy), temperature=0.0, max_tokens=16)
    assert {r.finish for r in everyone(ours)} == {"end", "length"}
    for a, b in zip(theirs, ours, strict=True):
        assert (a.prompt, a.prompt_ids, len(a.responses)) == (b.prompt, b.prompt_ids, len(b.responses))
        for r, s in zip(a.responses, b.responses, strict=True):
            assert r.logp == pytest.approx(s.logp, abs=1e-4)
            for name in ("text", "ids", "mask", "finish", "model_version", "sampling"):
                assert getattr(r, name) == getattr(s, name), name


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_trainer_finds_the_log_probabilities_the_server_reported(fake, temperature):
    policy = decoder(ends=MANY_ENDS)
    must_be_the_trainers(
        policy, drawn(VllmGenerator(policy, server=fake.url), temperature=temperature), temperature=temperature
    )


def test_the_same_seed_draws_the_same_responses_and_another_seed_others(fake):
    generator = VllmGenerator(decoder(), server=fake.url)
    assert ids(drawn(generator)) == ids(drawn(generator)) != ids(drawn(generator, seed=6))


def test_responses_to_one_prompt_differ_even_where_the_prompt_is_asked_twice(fake):
    one, other = ids(drawn(VllmGenerator(decoder(), server=fake.url), prompts=PROMPTS[:1] * 2))
    assert len({*one, *other}) == 6


def test_more_responses_begin_with_the_same_ones(fake):
    generator = VllmGenerator(decoder(), server=fake.url)
    assert [g[:2] for g in ids(drawn(generator, k=4))] == ids(drawn(generator, k=2))


def test_a_stop_string_ends_a_response_before_it_and_keeps_the_tokens_up_to_it(fake):
    generator = VllmGenerator(decoder(), server=fake.url)
    pairs = list(zip(everyone(drawn(generator)), everyone(drawn(generator, stop=("e", "a"))), strict=True))
    stopped = [(free, held) for free, held in pairs if set("ea") & set(free.text)]
    assert len(stopped) > 2
    for free, held in stopped:
        assert (held.text, held.finish) == (free.text[: min(free.text.find(s) % 1000 for s in "ea")], "stop")
        assert held.ids == free.ids[: len(held.ids)]
    assert all(held == free or "stop" in held.sampling for free, held in pairs)


def test_weights_are_sent_when_they_have_changed_and_only_then(fake):
    policy = decoder()
    generator = VllmGenerator(policy, server=fake.url)
    before = drawn(generator)
    drawn(generator, seed=6)
    assert len(asked(fake, "/collective_rpc")) == 1
    nudge(policy, "policy@1")
    after = drawn(generator)
    assert len(asked(fake, "/collective_rpc")) == 2
    assert ids(before) != ids(after)
    must_be_the_trainers(policy, after)
    assert {r.model_version for r in everyone(after)} == {"policy@1"}


def test_weights_are_sent_when_they_have_changed_under_the_same_version(fake):
    policy = decoder()
    generator = VllmGenerator(policy, server=fake.url)
    drawn(generator)
    policy.model.requires_grad_(True)
    learner = LocalLearner({"policy": policy}, {"policy": ("logp",)}, Optimiser(lr=0.1))
    version = policy.version
    learner.update(assemble(drawn(generator)), lambda outputs: outputs["logp"].sum())
    learner.step(0.1)
    policy.version = version
    must_be_the_trainers(policy, drawn(generator))
    assert len(asked(fake, "/collective_rpc")) == 2


def test_what_the_server_had_read_is_freed_between_new_weights_and_their_name(fake):
    drawn(VllmGenerator(decoder(), server=fake.url), prompts=PROMPTS[:1])
    told = [path for path, _ in fake.asked]
    assert told[1:] == ["/collective_rpc", "/reset_prefix_cache", "/update_weight_version", "/inference/v1/generate"]


def test_a_policy_with_an_adapter_is_sent_whole(fake, folder):
    policy = load(Model(source=str(folder), dtype="float32", train=True, adapter=Lora(rank=2)), name="policy")
    generator = VllmGenerator(policy, server=fake.url)
    before = drawn(generator)
    nudge(policy, "policy@1")
    after = drawn(generator)
    assert ids(before) != ids(after)
    must_be_the_trainers(policy, after)


@pytest.mark.parametrize(
    "spans",
    [
        [{"version": "another/policy@0", "start": 0, "end": 8}],
        [{"version": "default", "start": 0, "end": 3}, {"version": "OURS", "start": 3, "end": 8}],
        [{"version": "OURS", "start": 0, "end": 3}],
        None,
    ],
)
def test_a_response_that_other_weights_drew_is_refused(fake, spans):
    generator = VllmGenerator(decoder(), server=fake.url)

    def spoil(path, answer):
        for choice in answer.get("choices", ()):
            choice["weight_versions"] = spans and [
                {**s, "version": s["version"].replace("OURS", fake.version)} for s in spans
            ]
        return answer

    assert ids(drawn(generator))
    fake.spoil = spoil
    with pytest.raises(RunError, match=r"drawn a response with the weights.*a server of its own"):
        drawn(generator)


def test_weights_are_sent_again_after_a_push_that_failed_half_way(fake):
    policy = decoder()
    generator = VllmGenerator(policy, server=fake.url)
    fake.prefixes_freed = False
    for _ in range(2):
        with pytest.raises(RunError, match="what it has read with older weights"):
            drawn(generator)
    fake.prefixes_freed = True
    must_be_the_trainers(policy, drawn(generator))
    assert len(asked(fake, "/collective_rpc")) == 3


def test_two_runs_on_one_server_are_told_apart(fake):
    one, other = (VllmGenerator(decoder(), server=fake.url) for _ in range(2))
    drawn(one)
    drawn(other)
    with pytest.raises(RunError, match="somebody else sends it weights"):
        drawn(one)


@pytest.mark.parametrize("cut", [{"top_k": 5}, {"top_p": 0.9}, {"min_p": 0.1}])
def test_cuts_are_refused_whose_log_probabilities_would_not_be_the_trainers(fake, cut):
    with pytest.raises(RecipeError, match="top_k, top_p and min_p are not for the vLLM sampler"):
        drawn(VllmGenerator(decoder(), server=fake.url), **cut)
    assert not fake.asked


def test_a_temperature_that_vllm_would_raise_is_refused(fake):
    with pytest.raises(RecipeError, match=r"would sample at 0\.01"):
        drawn(VllmGenerator(decoder(), server=fake.url), temperature=0.005)


@pytest.mark.parametrize(
    ("has", "mend"),
    [
        ({"logprobs_mode": "raw_logprobs"}, "--logprobs-mode processed_logprobs"),
        ({"dtype": "torch.bfloat16"}, "--dtype float32"),
    ],
)
def test_a_server_that_was_started_otherwise_is_refused(has, mend):
    fake = Fake(**has)
    with pytest.raises(RunError, match=mend):
        drawn(VllmGenerator(decoder(), server=fake.url))
    fake.close()


def test_a_server_on_a_cpu_that_would_keep_a_tied_head_is_refused_and_one_that_would_not_is_taken(folder, tmp_path):
    policy = load(Model(source=str(folder), dtype="float32"), name="policy")
    save_alone(policy, tmp_path / "alone")
    for model, refused in ((folder, True), ("a/hub-id", True), (tmp_path / "alone", False)):
        fake = Fake(device="cpu", model=str(model))
        with pytest.raises(RunError, match="would keep the first") if refused else contextlib.nullcontext():
            drawn(VllmGenerator(policy, server=fake.url))
        fake.close()


def test_a_server_on_a_cpu_that_would_read_prompts_in_parts_is_refused():
    fake = Fake(device="cpu", chunked=True)
    with pytest.raises(RunError, match="start it with --no-enable-chunked-prefill"):
        drawn(VllmGenerator(decoder(), server=fake.url))
    fake.close()


def test_a_server_without_the_addresses_it_needs_is_refused_with_the_way_to_start_one(fake):
    fake.answer = lambda path, body: (404, {"detail": "Not Found"})
    with pytest.raises(RunError, match=r"answered 404 to /server_info.*VLLM_SERVER_DEV_MODE=1.*--enable-scale-out"):
        drawn(VllmGenerator(decoder(), server=fake.url))


def test_a_server_that_is_not_there_is_named():
    with pytest.raises(RunError, match=r"127.0.0.1:9 gave no answer to /server_info.*see that it runs"):
        drawn(VllmGenerator(decoder(), server="http://127.0.0.1:9"))


def test_a_response_that_the_server_gave_up_is_refused(fake):
    def spoil(path, answer):
        for choice in answer.get("choices", ()):
            choice["finish_reason"] = "abort"
        return answer

    fake.spoil = spoil
    with pytest.raises(RunError, match="gave a response up \\(abort\\)"):
        drawn(VllmGenerator(decoder(), server=fake.url))


# What `vllm serve` does as far as starting it goes: it notes how it was called, and answers on its port.
VLLM = """#!{python}
import http.server, os, sys
print(os.getpid(), os.environ["VLLM_SERVER_DEV_MODE"], *sys.argv[1:], file=open({note!r}, "w"), flush=True)
if "--fail" in sys.argv:
    sys.exit("ValueError: no room for the cache")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(b"{{}}")
    do_POST = do_GET
http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""


@pytest.fixture
def vllm(tmp_path):
    path = tmp_path / "vllm"
    path.write_text(VLLM.format(python=sys.executable, note=str(tmp_path / "note")), encoding="utf-8")
    path.chmod(0o755)
    return path


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_a_server_is_started_with_what_it_needs_and_ends_with_its_generator(vllm):
    generator = VllmGenerator(decoder(), server=f"{vllm} --kv-cache-memory-bytes 1G")
    with pytest.raises(RunError, match="answered 404 to /collective_rpc"):  # it was started, and can do no more
        drawn(generator)
    pid, mode, serve, folder, *options = (vllm.parent / "note").read_text().split()
    assert (mode, serve, folder) == ("1", "serve", str(generator._folder / "weights"))
    for wanted in ("--dtype float32", "--logprobs-mode processed_logprobs", "--no-enable-chunked-prefill"):
        assert wanted in " ".join(options)
    assert options[-2:] == ["--kv-cache-memory-bytes", "1G"]  # where vLLM is told a thing twice, the last counts
    assert runs(pid)
    left = generator._folder
    assert left.is_dir()
    del generator
    deadline = time.monotonic() + 20
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(pid)
    assert not left.exists()


def test_a_server_that_ends_says_why(vllm):
    with pytest.raises(RunError, match=r"(?s)serve` ended with code 1.*no room for the cache"):
        drawn(VllmGenerator(decoder(), server=f"{vllm} --fail"))


def test_an_executable_that_is_not_there_is_named():
    with pytest.raises(RunError, match="there is no executable `/nowhere/vllm`"):
        drawn(VllmGenerator(decoder(), server="/nowhere/vllm"))


def test_a_run_learns_from_what_the_server_draws_and_sends_it_every_step(fake, folder, tmp_path):
    recipe = rloo(model=str(folder), lr=1e-2, beta=0.0, batch=2, k=2, steps=3, max_tokens=4, reward=bind(letters))
    policy = replace(recipe.models["policy"], dtype="float32")
    recipe = replace(recipe, models={**recipe.models, "policy": policy})
    run(recipe, out=tmp_path / "run", sampler=partial(VllmGenerator, server=fake.url))
    names = [body["new_version"].split("/")[1] for body in asked(fake, "/update_weight_version")]
    assert names == ["policy@0", "policy@1", "policy@2"]


def test_the_command_line_takes_a_server(fake, folder, tmp_path, monkeypatch, capsys):
    changes = [f"models.policy.source={folder}", "models.policy.dtype=float32", "steps=1", "batch=2", "sample.k=2"]
    changes += ["score.reward=small:letters", "sample.decoding.max_tokens=4"]
    options = [word for change in changes for word in ("--set", change)]
    monkeypatch.setattr(sys, "argv", ["prefloop", "run", "rloo", "--sampler", fake.url, "--out", str(tmp_path / "run")])
    sys.argv += options
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None), capsys.readouterr()
    assert len(asked(fake, "/inference/v1/generate")) == 2
