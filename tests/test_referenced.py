"""Answers beside a reference: what a model is given, and that it is scored the way it was fitted."""

import json

import pytest
import torch

import tiny
from prefloop.errors import DataError
from prefloop.feedback.referenced import against, ranked, referred, same_policy
from prefloop.loops.referenced import reference_score
from prefloop.models.decoder import Decoder
from prefloop.scoring.model import model_score
from prefloop.text import Group, Message, Prompt, Response

ONE = Prompt(text="The boats")


def group(*texts, labels=(), prompt=ONE):
    return Group(prompt=prompt, responses=tuple(Response(text=t) for t in texts), labels=labels)


def test_a_policys_own_answer_comes_before_anothers_beside_its_reference():
    found = list(same_policy({"cold": [group("a", "b")], "hot": [group("c", "d")]}))
    assert [(g.prompt, g.texts) for g in found] == [(against(ONE, "a"), ("b", "c")), (against(ONE, "c"), ("d", "a"))]
    with pytest.raises(DataError, match="k=2"):
        list(same_policy({"cold": [group("a")], "hot": [group("c")]}))


def test_the_best_of_a_ranking_is_the_reference_of_every_two_others():
    found = list(ranked([group("a", "b", "c", "d", labels=(3.0, 2.0, 1.0, 1.0))]))
    assert [(g.prompt, g.texts) for g in found] == [(against(ONE, "a"), two) for two in (("b", "c"), ("b", "d"))]


def test_a_conversation_is_not_told_twice_who_it_is():
    said = Prompt(messages=(Message(role="system", content="Be kind."), Message(role="user", content="Hi")))
    assert [m.role for m in against(said, "Hello").messages] == ["system", "user", "assistant", "user"]


def test_answers_are_scored_beside_the_reference_to_their_prompt(tmp_path):
    file = tmp_path / "references.jsonl"
    file.write_text(json.dumps({"prompt": ONE.text, "reference_answer": " were not back"}))
    model = Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score")
    asked = [group(" lay quiet", " had gone out")]
    found = reference_score(asked, model=model, references=str(file))
    torch.testing.assert_close(found, model_score(referred(asked, {ONE: " were not back"}), model=model))
    assert not torch.allclose(found, model_score(asked, model=model))
    assert not torch.allclose(found, model_score(referred(asked, {ONE: " rain"}), model=model))
    with pytest.raises(DataError, match="no reference answer"):
        reference_score([group("a", prompt=Prompt(text="Two"))], model=model, references=str(file))
