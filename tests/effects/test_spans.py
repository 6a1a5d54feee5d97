"""Parts of an answer: where they end in its text and in its tokens, and what a frozen model pays there."""

from dataclasses import replace

import pytest
import torch

import tiny
from prefloop.batch import assemble
from prefloop.binding import bind
from prefloop.errors import RecipeError, RewardError
from prefloop.models.decoder import Decoder
from prefloop.planning import plan
from prefloop.recipes import method
from prefloop.scoring.scorer import score_tokens, scored
from prefloop.scoring.spans import CLAUSES, LINES, SENTENCES, WHOLE, parts_of, span_ends, span_score
from prefloop.text import Group, Prompt, Response

TOKENIZER = tiny.tokenizer()


def encoded(text, *, end=True):
    ids = tuple(TOKENIZER(text)["input_ids"]) + ((TOKENIZER.eos_token_id,) if end else ())
    return Response(text=text, ids=ids, mask=(1,) * len(ids), finish="end" if end else "length")


def group(*responses):
    prompt = Prompt(text="The old harbour")
    return Group(prompt=prompt, prompt_ids=tuple(TOKENIZER(prompt.text)["input_ids"]), responses=responses)


@pytest.fixture(scope="module")
def judge():
    return Decoder(tiny.network("llama", head="token_score"), TOKENIZER, head="token_score", name="prm")


def said(response, places):
    """The text up to and with the token at each place."""
    return [TOKENIZER.decode(response.ids[: t + 1], skip_special_tokens=True) for t in places]


@pytest.mark.parametrize(
    ("ends", "text", "parts"),
    [
        (LINES, "one\n\ntwo\nthree", ["one\n\n", "one\n\ntwo\n", "one\n\ntwo\nthree"]),
        (SENTENCES, "It rained, café. Did it? 3.5 m", ["It rained, café.", "It rained, café. Did it?", None]),
        (CLAUSES, "It rained, we left.", ["It rained,", "It rained, we left."]),
        (WHOLE, "It rained.\nWe left.", [None]),
        (LINES, "\n\none\n", ["\n\none\n"]),
        (LINES, "", [None]),
        (SENTENCES, "fine 。\n", ["fine 。\n"]),
    ],
)
def test_a_part_ends_at_the_token_that_completes_its_text(ends, text, parts):
    response = encoded(text)
    places = span_ends([group(response)], TOKENIZER, ends=ends)[0, 0].nonzero().flatten().tolist()
    assert len(places) == len(parts)
    for place, part, whole in zip(places, parts, said(response, places), strict=True):
        if part is None or (part == text and parts_of(text, ends)[-1] < 0):
            assert place == len(response.ids) - 1
        else:
            assert whole.startswith(part)
            assert not said(response, [place - 1])[0].startswith(part)


def test_what_is_paid_is_what_the_model_says_of_the_answer_alone_at_those_tokens(judge):
    answers = (encoded("one\ntwo\nthree"), encoded("rain", end=False), Response(text="", finish="length"))
    groups = [group(*answers), group(encoded("boats\nand rain in the morning\n"))]
    paid = span_score(groups, model=judge, ends=LINES)
    ends = span_ends(groups, TOKENIZER, ends=LINES)
    assert [int(row.sum()) for row in ends.flatten(0, 1)] == [3, 1, 0, 2, 0, 0]
    assert torch.equal(paid != 0, ends)
    for p, one in enumerate(groups):
        for k, response in enumerate(one.responses):
            if response.ids:
                alone = judge.outputs(assemble([group(response)]), {"token_score"})["token_score"][0, 0]
                there = ends[p, k, : len(response.ids)]
                torch.testing.assert_close(paid[p, k, : len(response.ids)][there], alone[there])


def test_nothing_is_paid_where_other_people_chose_the_token(judge):
    response = encoded("one\ntwo\n")
    begun = span_ends([group(response)], TOKENIZER, ends=LINES)[0, 0].nonzero()[0].item() + 1
    holed = replace(response, mask=(0,) * begun + (1,) * (len(response.ids) - begun))
    paid, whole = (span_score([group(r)], model=judge)[0, 0] for r in (holed, response))
    assert torch.equal(paid[:begun], torch.zeros(begun))
    torch.testing.assert_close(paid[begun:], whole[begun:])
    assert whole[:begun].any()


def test_a_model_that_reads_other_tokens_and_a_wrong_count_of_conventions_are_refused(judge):
    foreign = group(replace(encoded("rain"), ids=(3, 4), mask=(1, 1)))
    with pytest.raises(RewardError, match=r"`prm` pays tokens and reads others than the policy's.*old harbour"):
        span_score([foreign], model=judge)
    with pytest.raises(RewardError, match="2 models and 1 `ends`"):
        span_score([group(encoded("rain"))], model=(judge, judge), ends=(LINES,))
    with pytest.raises(RewardError, match="one model and several `ends`"):
        span_score([group(encoded("rain"))], model=judge, ends=(LINES, WHOLE))


def test_a_batch_is_given_what_its_tokens_are_paid(judge):
    groups = [group(encoded("one\ntwo"), encoded("three"))]
    both = bind(span_score, model=("prm", "prm"), ends=(LINES, WHOLE))
    batch = scored(assemble(groups), {"token_reward": both}, groups, {"prm": judge})
    assert batch["token_reward"].shape == (*batch["ids"].shape, 2)
    torch.testing.assert_close(batch["token_reward"][..., 0], span_score(groups, model=judge))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda groups: [[1.0]], r"returned \[\[1.0\]\] for 1 prompts"),
        (lambda groups: torch.zeros(1, 1), r"returned a tensor \(1, 1\) for 1 prompts with 1 responses"),
        (lambda groups: torch.full((1, 1, len(encoded("rain").ids)), torch.nan), "nan, .* token 0 of response 0 to"),
    ],
)
def test_a_function_that_does_not_pay_every_token_a_finite_number_is_refused(given, words):
    with pytest.raises(RewardError, match=words):
        score_tokens(bind(given), [group(encoded("rain"))], {})


def plain(prompt, response):
    return 1.0


def test_a_function_of_text_cannot_pay_tokens_and_a_model_that_is_not_there_is_named_with_its_head():
    recipe = method("prm-rl")()
    with pytest.raises(RecipeError, match=r"`score.token_reward` pays tokens, and `plain` takes prompt, response"):
        plan(replace(recipe, score={"token_reward": bind(plain)}))
    with pytest.raises(RecipeError, match=r'"other": Model\(source="...", head="token_score"\)'):
        plan(replace(recipe, score={"token_reward": bind(span_score, model="other")}))


def test_the_plan_of_a_process_reward_loads_its_model_and_no_other_reward_model():
    assert plan(method("prm-rl")()).scorers == ("prm",)
    assert plan(method("fine-grained-rlhf")()).scorers == ("relevance", "factuality", "completeness")
