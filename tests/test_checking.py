"""What must not be trained on is refused, and what is trained on is shown token by token."""

from dataclasses import replace

import pytest

import tiny
from prefloop.checking import pieces, problems
from prefloop.text import Group, Prompt, Response

START, END = 0, 1


@pytest.fixture(scope="module")
def tokenizer():
    return tiny.tokenizer()


@pytest.fixture
def group(tokenizer):
    ids = (*tokenizer(" lay quiet")["input_ids"], END)
    response = Response(text=" lay quiet", ids=ids, mask=(1,) * len(ids))
    return Group(
        prompt=Prompt(text="The boat"), prompt_ids=tuple(tokenizer("The boat")["input_ids"]), responses=(response,)
    )


def changed(group, **response):
    return replace(group, responses=(replace(group.responses[0], **response),))


def test_a_sound_group_has_no_problems(group, tokenizer):
    assert problems([group], tokenizer, context=128) == []


def found(group, tokenizer, **more):
    (problem,) = problems([group], tokenizer, **more)
    return str(problem)


def test_an_answer_without_a_learnt_token_is_refused(group, tokenizer):
    silent = changed(group, mask=(0,) * len(group.responses[0].ids))
    assert (
        found(silent, tokenizer)
        == "prompt 0, response 0: no token of it is learnt from: its mask is all 0. Mend the mask or drop it."
    )


def test_a_doubled_end_is_refused(group, tokenizer):
    ids = (*group.responses[0].ids, END)
    assert "response 0: ends with the end token twice. Take the end token out of the text." in found(
        changed(group, ids=ids, mask=(1,) * len(ids)), tokenizer
    )


def test_a_doubled_beginning_is_refused(group, tokenizer):
    doubled = replace(group, prompt_ids=(START, START, *group.prompt_ids))
    assert "prompt 0: begins with the beginning-of-text token twice." in found(doubled, tokenizer)
    assert problems([replace(group, prompt_ids=(START, *group.prompt_ids))], tokenizer) == []


def test_an_answer_without_tokens_would_be_paid_for_its_prompt_and_is_refused(group, tokenizer):
    assert "so its reward would be read from the prompt" in found(changed(group, ids=(), mask=()), tokenizer)


def test_an_answer_that_is_cut_off_whole_is_refused(group, tokenizer):
    size = len(group.prompt_ids)
    assert f"the prompt alone takes {size} of the model's {size} tokens" in found(group, tokenizer, context=size)
    assert problems([group], tokenizer, context=size + 1) == []


def test_every_problem_names_its_place(group, tokenizer):
    bad = replace(group, responses=(group.responses[0], replace(group.responses[0], ids=(), mask=())))
    assert [p.where for p in problems([group, bad, bad], tokenizer)] == ["prompt 1, response 1", "prompt 2, response 1"]


def test_pieces_cut_a_group_where_the_part_changes(group, tokenizer):
    n = len(group.responses[0].ids)
    holed = changed(group, mask=(1, 0, 0, *(1,) * (n - 3)))
    shown = pieces(holed, holed.responses[0], tokenizer)
    assert [(p.part, p.tokens) for p in shown] == [
        ("prompt", len(group.prompt_ids)),
        ("learnt", 1),
        ("hole", 2),
        ("learnt", n - 4),
        ("end", 1),
    ]
    assert "".join(p.text for p in shown) == "The boat lay quiet<|end|>"
