"""What the local sampler draws, what it says of it, and when it stops."""

import copy
import math

import pytest
import torch
from tokenizers.processors import TemplateProcessing

import tiny
from prefloop.batch import assemble
from prefloop.errors import ModelError
from prefloop.learning.local import LocalLearner
from prefloop.models.decoder import Decoder
from prefloop.models.encode import encode
from prefloop.models.load import load
from prefloop.recipe import Decoding, Lora, Model, Optimiser
from prefloop.sampling.draw import cut, draw
from prefloop.sampling.local import LocalGenerator
from prefloop.text import Message, Prompt

PROMPTS = [
    Prompt(text=t) for t in ("The old harbour", "Rain", "In the morning the boats", "Not yet", "Back in the rain")
]
MANY_ENDS = list(range(1, tiny.VOCABULARY, 7))


def decoder(kind="llama", *, ends=1, **how):
    model = tiny.network(kind, **how)
    model.generation_config.eos_token_id = ends
    return Decoder(model, tiny.tokenizer(), name="policy")


def drawn(policy, *, prompts=PROMPTS, k=3, seed=5, width=64, **decoding):
    return LocalGenerator(policy, width=width).sample(
        prompts, k=k, decoding=Decoding(**{"max_tokens": 16, **decoding}), seed=seed
    )


def ids(groups):
    return [[r.ids for r in g.responses] for g in groups]


def everyone(groups):
    return [r for g in groups for r in g.responses]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("kind", ["llama-tied", "qwen2", "qwen3", "gemma", "gpt2", "mistral", "gemma3"])
@torch.no_grad()
def test_the_trainer_finds_the_log_probabilities_the_sampler_reported(kind, temperature):
    policy = decoder(kind, ends=MANY_ENDS)
    batch = assemble(drawn(policy, temperature=temperature))
    assert len(set(batch.lengths.flatten().tolist())) > 3  # responses of different lengths, dropped at different steps
    found = policy.outputs(batch, ("logp",), temperature=temperature)["logp"]
    torch.testing.assert_close(batch["sampled_logp"], found, rtol=0, atol=1e-5)


def test_the_same_seed_draws_the_same_responses_and_another_seed_others():
    policy = decoder()
    assert ids(drawn(policy)) == ids(drawn(policy)) != ids(drawn(policy, seed=6))


def test_responses_to_one_prompt_differ_even_where_the_prompt_is_asked_twice():
    one, other = ids(drawn(decoder(), prompts=PROMPTS[:1] * 2))
    assert len({*one, *other}) == 6


@pytest.mark.parametrize("width", [1, 4, 7])
def test_a_response_does_not_depend_on_how_many_are_decoded_beside_it(width):
    policy = decoder(ends=MANY_ENDS)
    assert ids(drawn(policy, width=width)) == ids(drawn(policy))


def test_a_response_does_not_depend_on_the_prompts_after_it():
    policy = decoder(ends=MANY_ENDS)
    assert ids(drawn(policy, prompts=PROMPTS[:2])) == ids(drawn(policy))[:2]


def test_more_responses_begin_with_the_same_ones():
    policy = decoder(ends=MANY_ENDS)
    assert [g[:2] for g in ids(drawn(policy, k=5))] == ids(drawn(policy, k=2))


def test_groups_come_in_the_order_of_their_prompts_with_the_tokens_the_model_read():
    groups = drawn(decoder())
    assert [g.prompt for g in groups] == PROMPTS
    assert [g.prompt_ids for g in groups] == [encode(p, tiny.tokenizer()) for p in PROMPTS]


def test_an_end_token_ends_a_response_and_is_kept_in_the_tokens_but_not_in_the_text():
    responses = everyone(drawn(decoder(ends=MANY_ENDS)))
    assert {r.finish for r in responses} == {"end", "length"}
    for r in responses:
        assert not set(r.ids[:-1]) & set(MANY_ENDS)
        assert (r.finish == "end") == (r.ids[-1] in MANY_ENDS)
        assert r.finish == "end" or len(r.ids) == 16
        assert r.text == tiny.tokenizer().decode([i for i in r.ids if i not in MANY_ENDS], skip_special_tokens=True)
        assert r.mask == (1,) * len(r.ids)
        assert len(r.logp) == len(r.ids)


def test_a_stop_string_ends_a_response_before_it_and_keeps_the_tokens_up_to_it():
    policy, tokenizer = decoder(), tiny.tokenizer()
    stopped = 0
    for free, held in zip(everyone(drawn(policy)), everyone(drawn(policy, stop=("e", "a"))), strict=True):
        ends = [free.text.find(s) for s in ("e", "a") if s in free.text]
        if not ends:
            assert held.ids == free.ids
            assert held.finish == "length"
            continue
        stopped += 1
        needed = next(n for n in range(1, 17) if set("ea") & set(tokenizer.decode(list(free.ids[:n]))))
        assert (held.text, held.finish) == (free.text[: min(ends)], "stop")
        assert (held.ids, held.logp) == (free.ids[:needed], pytest.approx(free.logp[:needed], abs=1e-5))
    assert stopped > 3


def test_a_prompt_is_read_once_for_its_responses_and_finished_responses_cost_nothing():
    policy, read = decoder(ends=MANY_ENDS), []
    policy.base.get_input_embeddings().register_forward_hook(lambda _, given, __: read.append(given[0].numel()))
    groups = drawn(policy)
    fed = sum(len(r.ids) - 1 for r in everyone(groups))  # the last token of a response is never read
    assert sum(read) == sum(len(g.prompt_ids) for g in groups) + fed


def test_temperature_0_is_transformers_greedy_search():
    policy = decoder(spread=0.3, ends=[1, 40])
    stock = tiny.network("llama", spread=0.3)
    for group in drawn(policy, k=1, temperature=0.0):
        given = torch.tensor([group.prompt_ids])
        want = stock.generate(
            given,
            attention_mask=torch.ones_like(given),
            do_sample=False,
            max_new_tokens=16,
            eos_token_id=[1, 40],
            pad_token_id=1,
        )
        assert group.responses[0].ids == tuple(want[0, given.shape[1] :].tolist())


@torch.no_grad()
def test_the_log_probabilities_of_greedy_search_are_those_at_temperature_1():
    policy = decoder()
    batch = assemble(drawn(policy, k=1, temperature=0.0))
    found = policy.outputs(batch, ("logp",))["logp"]
    torch.testing.assert_close(batch["sampled_logp"], found, rtol=0, atol=1e-5)


def kept_by_hand(probabilities, decoding):
    """The tokens that stay, one cut after the other, each on what the last one left."""
    left = dict(enumerate(probabilities))
    if decoding.top_k:
        left = dict(sorted(left.items(), key=lambda x: -x[1])[: decoding.top_k])
    if decoding.top_p < 1:
        total, reached, some = sum(left.values()), 0.0, {}
        for token, p in sorted(left.items(), key=lambda x: -x[1]):
            if reached >= decoding.top_p * total:
                break
            some[token] = p
            reached += p
        left = some
    return {token for token, p in left.items() if p >= decoding.min_p * max(left.values())}


@pytest.mark.parametrize(
    "cuts",
    [
        {"top_k": 1},
        {"top_k": 7},
        {"top_k": 99},
        {"top_p": 0.6},
        {"top_p": 1e-9},
        {"min_p": 0.1},
        {"min_p": 1.0},
        {"top_k": 12, "top_p": 0.7},
        {"top_k": 12, "top_p": 0.9, "min_p": 0.2},
    ],
    ids=str,
)
def test_the_cuts_leave_the_tokens_they_say(cuts):
    logp = (2 * torch.randn(20, 30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).log_softmax(-1)
    left = cut(logp, Decoding(**cuts))
    for before, after in zip(logp, left, strict=True):
        stays = after > -math.inf
        assert set(stays.nonzero().flatten().tolist()) == kept_by_hand(before.exp().tolist(), Decoding(**cuts))
        assert torch.equal(after[stays], before[stays])


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_no_random_number_draws_a_token_that_was_cut(uniform):
    logits = torch.randn(500, 300, generator=torch.Generator().manual_seed(0)).sort(descending=True).values
    logits = torch.cat(
        [logits.flip(-1)[:, :150] - 9, logits[:, :150], logits[:, 150:] - 9], dim=1
    )  # likely in the middle
    token, _ = draw(logits, Decoding(top_k=5), torch.full((500,), uniform, dtype=torch.float64))
    assert set(token.tolist()) <= set(range(150, 155))


@pytest.mark.parametrize("how", [{}, {"temperature": 0.7}, {"top_k": 6}], ids=str)
@torch.no_grad()
def test_tokens_are_drawn_as_often_as_they_are_probable(how):
    policy, n = decoder(spread=0.5), 4000
    [group] = drawn(policy, prompts=PROMPTS[:1], k=n, max_tokens=1, **how)
    stock = tiny.network("llama", spread=0.5)
    p = (stock(torch.tensor([group.prompt_ids])).logits[0, -1] / how.get("temperature", 1.0)).softmax(-1)
    if "top_k" in how:
        p = torch.where(p >= p.sort().values[-how["top_k"]], p, 0.0)
    p = (p / p.sum()).double()
    found = torch.bincount(torch.tensor([r.ids[0] for r in group.responses]), minlength=len(p))
    assert not found[p == 0].any()
    likely = p > 5 / n
    assert likely.sum() > 3
    assert ((found - n * p).abs() <= 4 * (n * p * (1 - p)).sqrt())[likely].all()
    statistic = ((found - n * p).square() / (n * p))[likely].sum()
    assert statistic < likely.sum() + 4 * (2 * likely.sum()).sqrt()  # chi-square: mean, and 4 deviations


@pytest.fixture(params=["llama-tied", "gpt2", "adapter"])
def in_bf16(request, folder):
    """Decoders whose weights are packed while they decode: spelled out, with the stock layers, under an adapter."""
    if request.param == "adapter":
        adapted = load(Model(source=str(folder), train=True, adapter=Lora(rank=4)), name="policy")
        for weight in adapted.parameters():  # a new adapter is a product with 0, where one half alone does nothing
            weight.detach().add_(0.2 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2)))
        return adapted
    return decoder(request.param, dtype=torch.bfloat16)


@torch.no_grad()
def test_every_weight_that_moves_moves_the_sampler_along(in_bf16):
    """Held to a sampler that kept its weights: the gap to the trainer must be small beside what that one would have."""
    generator = LocalGenerator(in_bf16)

    def trainer(batch):
        return in_bf16.outputs(batch, ("logp",))["logp"]

    generator.sample(PROMPTS, k=2, decoding=Decoding(max_tokens=8), seed=0)  # whatever is kept, is kept now
    torch.manual_seed(1)
    for name, weight in in_bf16.model.named_parameters():
        if weight.requires_grad:
            kept = weight.detach().clone()
            weight.add_(torch.randn_like(weight))
            batch = assemble(generator.sample(PROMPTS, k=2, decoding=Decoding(max_tokens=8), seed=0))
            now = trainer(batch)
            weight.copy_(kept)
            gap, stale = (now - batch["sampled_logp"]).abs().mean(), (now - trainer(batch)).abs().mean()
            assert gap < 0.2 * stale, name


def test_every_response_says_which_weights_and_settings_drew_it():
    policy = decoder()
    learner = LocalLearner({"policy": policy}, {"policy": ("logp",)}, Optimiser())
    versions = []
    for _ in range(2):
        responses = everyone(drawn(policy, top_k=9))
        assert {r.sampling["top_k"] for r in responses} == {9}
        versions.append({r.model_version for r in responses})
        learner.update(assemble(drawn(policy)), lambda o: o["logp"].sum())
        learner.step(1e-3)
    assert versions == [{"policy@0"}, {"policy@1"}]


def test_a_prompt_that_leaves_no_room_for_the_answer_is_refused_before_anything_is_drawn():
    long = Prompt(text="rain " * 60)
    room = 128 - len(encode(long, tiny.tokenizer()))
    assert len(drawn(decoder("gpt2"), prompts=[long], k=1, max_tokens=room)[0].responses[0].ids) == room
    with pytest.raises(ModelError, match=r"takes 129 tokens and policy reads at most 128"):
        drawn(decoder("gpt2"), prompts=[long], k=1, max_tokens=room + 1)


@pytest.fixture(params=[False, True], ids=["adds nothing", "adds a beginning"])
def some_tokenizer(request):
    tokenizer = copy.deepcopy(tiny.tokenizer())
    if request.param:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{tiny.START} $A", special_tokens=[(tiny.START, 0)]
        )
    return tokenizer


def test_a_chat_prompt_goes_through_the_template_and_begins_once(some_tokenizer):
    chat = Prompt(messages=(Message(role="system", content="Be brief."), Message(role="user", content="Rain?")))
    read = some_tokenizer.decode(encode(chat, some_tokenizer))
    assert read == ("<|start|>system\nBe brief.<|end|>\n<|start|>user\nRain?<|end|>\n<|start|>assistant\n")


def test_a_text_prompt_has_the_beginning_its_tokenizer_gives_it_at_most_once(some_tokenizer):
    begins = some_tokenizer("x")["input_ids"].count(0)
    read = encode(Prompt(text="The old harbour"), some_tokenizer)
    assert read.count(0) == begins
    assert some_tokenizer.decode(list(read), skip_special_tokens=True) == "The old harbour"


def test_an_end_token_that_the_tokenizer_adds_to_every_text_is_left_out_of_a_prompt():
    tokenizer = tiny.tokenizer()
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"$A {tiny.END}", special_tokens=[(tiny.END, 1)]
    )
    assert encode(Prompt(text="Rain"), tokenizer) == encode(Prompt(text="Rain"), tiny.tokenizer())
