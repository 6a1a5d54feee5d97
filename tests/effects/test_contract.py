"""How a reward model reads is in its checkpoint, and a tokenizer that reads otherwise is refused."""

import json
import shutil

import pytest
import torch
import transformers

import tiny
from prefloop.batch import assemble
from prefloop.errors import ModelError
from prefloop.models.contract import READING, reading
from prefloop.models.decoder import Decoder
from prefloop.models.encode import for_model
from prefloop.models.load import load, save
from prefloop.recipe import Lora, Model
from prefloop.scoring.model import model_score, normalise
from prefloop.text import Group, Message, Prompt, Response

GROUPS = [
    Group(prompt=Prompt(text="Rain"), responses=(Response(text=" fell."), Response(text=" came and went."))),
    Group(
        prompt=Prompt(messages=(Message(role="user", content="How?"),)),
        responses=(Response(text="So."), Response(text="As the old harbour lay", finish="length")),
    ),
]


@pytest.fixture
def saved(folder, tmp_path):
    """Make a reward model, normalised, and save it; the model and its folder."""

    def go(**more):
        model = load(Model(source=str(folder), head="score", train=True, dtype="float32", **more), name="reward")
        torch.manual_seed(0)
        for p in model.new_head():
            p.data.normal_()
        normalise(model, GROUPS)
        save(model, tmp_path / "reward")
        return model, tmp_path / "reward"

    return go


def again(place, **more):
    return load(Model(source=str(place), head="score", dtype="float32", **more), name="reward")


def respell(place, **changes):
    """Save another tokenizer beside the model."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    for name, value in changes.items():
        setattr(tokenizer, name, value)
    tokenizer.save_pretrained(place)


@pytest.mark.parametrize("adapter", [None, Lora(rank=2)], ids=["full", "adapter"])
def test_a_checkpoint_says_how_its_model_reads_and_scores_as_before(saved, adapter):
    model, place = saved(adapter=adapter)
    told = json.loads((place / "config.json").read_text())
    assert told[READING] == reading(tiny.tokenizer())
    assert told[READING]["end"] == tiny.END
    assert told[READING]["begin"] == "none"
    assert told[READING]["score"] == "last token by length"
    assert set(told["prefloop_normalisation"]) == {"mean", "std"}
    torch.testing.assert_close(model_score(GROUPS, model=again(place)), model_score(GROUPS, model=model))


@pytest.mark.parametrize("train", [True, False])
def test_another_chat_template_is_refused_and_both_are_named(saved, train):
    _, place = saved()
    was = reading(tiny.tokenizer())["template"]
    respell(place, chat_template=tiny.TEMPLATE.replace("assistant", "model"))
    for leftover in place.glob("*.jinja"):
        leftover.write_text(tiny.TEMPLATE.replace("assistant", "model"))
    now = reading(transformers.AutoTokenizer.from_pretrained(place))["template"]
    assert was != now
    with pytest.raises(ModelError, match=rf"trained with `{was}` \(the chat template .*now read with `{now}`"):
        again(place, train=train)


def test_another_end_token_is_refused_and_both_are_named(saved):
    _, place = saved()
    respell(place, eos_token=tiny.UNKNOWN)
    with pytest.raises(ModelError, match=r"trained with `<\|end\|>` .*came to its end\), and is now .*`<\|unknown\|>`"):
        again(place)


def test_a_checkpoint_that_is_read_at_another_place_is_refused(saved):
    _, place = saved()
    config = json.loads((place / "config.json").read_text())
    config[READING]["score"] = "first token"
    (place / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"trained with `first token` .*now read with `last token by length`"):
        again(place)


def test_a_reward_model_of_somebody_else_has_no_contract_and_loads(saved):
    _, place = saved()
    config = json.loads((place / "config.json").read_text())
    del config[READING]
    (place / "config.json").write_text(json.dumps(config))
    assert again(place).head == "score"


def test_a_language_model_is_trained_from_a_reward_model_with_any_template(saved, tmp_path, folder):
    lm = tmp_path / "lm"
    shutil.copytree(folder, lm)
    respell(lm, chat_template=None)
    assert load(Model(source=str(lm), train=True), name="policy").head == "lm"


def test_a_tokenizer_without_an_end_token_is_refused_unless_there_is_an_ending(folder, tmp_path):
    place = tmp_path / "endless"
    shutil.copytree(folder, place)
    respell(place, eos_token=None)
    with pytest.raises(ModelError, match=r"has no end token, so that .*set its `eos_token`.* \(`ending`\)"):
        again(place, train=True)
    assert again(place, train=True, ending=" Verdict:").ending


def last(ids):
    """What the same weights say at the last token, read without prefloop."""
    stock = tiny.network("llama", head="score")
    return stock.score(stock.model(input_ids=ids).last_hidden_state[0, -1]).item()


@torch.no_grad()
@pytest.mark.parametrize("pad", ["the end token", "a token of the text", "none"])
def test_the_score_is_read_at_the_last_token_whatever_pads(pad):
    stock, tokenizer = tiny.network("llama", head="score"), tiny.tokenizer()
    [group] = [for_model(g, tokenizer) for g in GROUPS[:1]]
    inside = group.responses[1].ids[2]
    chosen = {"the end token": tokenizer.eos_token_id, "a token of the text": inside, "none": None}[pad]
    stock.config.pad_token_id = tokenizer.pad_token_id = chosen
    model = Decoder(stock, tokenizer, head="score", name="reward")
    got = model.outputs(assemble([group]), {"score"})["score"][0]
    for k, response in enumerate(group.responses):
        ids = torch.tensor([[*group.prompt_ids, *response.ids]])
        assert got[k].item() == pytest.approx(last(ids), abs=1e-5)


@torch.no_grad()
def test_an_answer_of_padding_tokens_to_its_end_is_read_to_its_end():
    stock, tokenizer = tiny.network("llama", head="score"), tiny.tokenizer()
    end = tokenizer.eos_token_id
    stock.config.pad_token_id = end
    first = tuple(tokenizer("Rain")["input_ids"])
    answers = tuple(Response(text="", ids=(9,) + (end,) * n, mask=(1,) * (n + 1)) for n in (1, 2, 3))
    model = Decoder(stock, tokenizer, head="score", name="reward")
    batch = assemble([Group(prompt=Prompt(text="Rain"), prompt_ids=first, responses=answers)])
    got = model.outputs(batch, {"score"})["score"][0]
    for k, answer in enumerate(answers):
        assert got[k].item() == pytest.approx(last(torch.tensor([[*first, *answer.ids]])), abs=1e-5)
    assert len({round(x, 6) for x in got.tolist()}) == 3


def test_nothing_is_cut_what_is_longer_than_the_context_is_refused(saved):
    model, _ = saved()
    long = Group(prompt=Prompt(text="On"), responses=(Response(text=" and on" * 100),))
    with pytest.raises(ModelError, match=r"takes \d+ tokens and reward reads at most 128"):
        model_score([long], model=model)


def test_answers_of_a_model_with_another_tokenizer_are_scored_by_their_text(saved):
    model, _ = saved()
    foreign = [
        Group(
            prompt=g.prompt,
            prompt_ids=(900, 901),
            responses=tuple(Response(text=r.text, ids=(902, 903), mask=(1, 1), finish=r.finish) for r in g.responses),
        )
        for g in GROUPS
    ]
    assert torch.equal(model_score(foreign, model=model), model_score(GROUPS, model=model))


def test_a_model_of_parts_says_how_it_reads_and_is_not_taken_for_one_of_whole_answers(folder, tmp_path):
    model = load(Model(source=str(folder), head="token_score", train=True, dtype="float32"), name="reward")
    save(model, tmp_path)
    parts = Model(source=str(tmp_path), head="token_score", dtype="float32")
    said = getattr(load(parts, name="reward").base.config, READING)
    assert said == reading(model.tokenizer, head="token_score")
    assert said != reading(model.tokenizer)
    with pytest.raises(ModelError, match="every token of an answer"):
        again(tmp_path)
    respell(tmp_path, chat_template="another")
    with pytest.raises(ModelError, match="chat template"):
        load(parts, name="reward")
