"""Groups of answers as tensors: what is filled up, and what is refused."""

import pytest
import torch

from prefloop.batch import assemble
from prefloop.errors import DataError
from prefloop.text import Group, Prompt, Response


def group(*responses, **said):
    return Group(prompt=Prompt(text="a"), prompt_ids=(1,), responses=responses, **said)


def response(*ids, **said):
    return Response(**{"text": "", "ids": ids, "mask": (1,) * len(ids), "logp": (-0.1,) * len(ids), **said})


def test_shorter_answers_and_missing_ones_are_filled_with_nothing():
    batch = assemble(
        [group(response(2, 3, finish="length"), response(4), labels=(1, 0)), group(response(5), labels=(2,))]
    )
    assert batch["ids"].tolist() == [[[2, 3], [4, 0]], [[5, 0], [0, 0]]]
    assert batch["mask"].tolist() == [[[1, 1], [1, 0]], [[1, 0], [0, 0]]]
    assert batch["ended"].tolist() == [[0, 1], [1, 0]]
    assert batch["label"].tolist() == [[1.0, 0.0], [2.0, 0.0]]
    assert batch.lengths.tolist() == [[2, 1], [1, 0]]
    assert torch.equal(batch["sampled_logp"], -0.1 * batch["mask"])


def test_the_kinds_of_numbers_do_not_depend_on_what_is_in_them():
    batch = assemble([group(response(2, mask=(True,)), labels=(1,))])
    assert [batch[name].dtype for name in ("ids", "mask", "label")] == [torch.long, torch.long, torch.float32]


def test_an_answer_without_tokens_and_a_prompt_without_answers_are_batches_too():
    assert assemble([group(response())])["ids"].shape == (1, 1, 1)
    assert assemble([group()])["mask"].shape == (1, 0, 1)


@pytest.mark.parametrize("mask", [(), (1,), (1, 1, 1)])
def test_a_mask_of_another_length_is_refused(mask):
    with pytest.raises(DataError, match="2 tokens and a `mask` of"):
        assemble([group(response(2, 3, mask=mask))])
