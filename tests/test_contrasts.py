"""Contrast sets: near prompts with answers that are not the same, each prompt once."""

import math

import pytest

from prefloop.errors import DataError
from prefloop.feedback.contrasts import contrast_set
from prefloop.text import Group, Message, Prompt, Response


def judged(prompt, *answers):
    return Group(prompt=Prompt(text=prompt), responses=tuple(Response(text=a) for a in answers))


DATA = [
    judged("Write a poem about the sea in winter", " Waves.", " no"),
    judged("Write a poem about the sea in summer", " Sand.", " no"),
    judged("Write a poem about the sea in spring", " Wind.", " no"),
    judged("How tall is the tower?", " 300 m.", " tall"),
    judged("How old is the tower?", " 130 years.", " old"),
    judged("Why?", " Because.", " no"),
]


def test_nearness_is_the_cosine_of_words_weighed_by_rarity():
    [found] = contrast_set([judged("red fruit", " a"), judged("red flower", " b")], least=0.1)
    shared, own = math.log(1 + 2 / 2), math.log(1 + 2 / 1)
    assert found.near == pytest.approx(shared**2 / (shared**2 + own**2), rel=1e-12)


def test_nearest_first_and_every_prompt_once():
    found = contrast_set(DATA, least=0.2, most=1.0)
    shown = [tuple(p.shown for p in c.prompts) for c in found]
    assert len({p for two in shown for p in two}) == 2 * len(found) == 4
    assert [c.near for c in found] == sorted((c.near for c in found), reverse=True)
    assert ("How tall is the tower?", "How old is the tower?") in shown
    assert contrast_set(DATA, least=0.2, most=1.0, count=1) == found[:1]


def test_each_prompt_is_shown_both_answers_with_its_own_first():
    for contrast in contrast_set(DATA, least=0.2, most=1.0):
        own = {g.prompt: g.responses[0] for g in DATA}
        first, second = contrast.groups
        assert first.responses == (own[first.prompt], own[second.prompt])
        assert second.responses == first.responses[::-1]
        assert first.prompt != second.prompt


def test_the_same_answer_or_the_same_words_are_no_contrast():
    with pytest.raises(DataError, match="no two are as near"):
        contrast_set([judged("red fruit bowl", " Yes."), judged("red fruit dish", " Yes. ")], least=0.1)
    with pytest.raises(DataError, match="no two are as near"):
        contrast_set([judged("red fruit", " a"), judged("Fruit, red!", " b")])
    with pytest.raises(DataError, match="no two are as near"):
        contrast_set([judged("red fruit", " a"), judged("red fruit", " b")], most=1.0)
    with pytest.raises(DataError, match="0 < least <= most <= 1"):
        contrast_set(DATA, least=0.9, most=0.5)


def test_of_a_conversation_the_last_turn_is_compared():
    def talk(last):
        turns = (Message(role="system", content="Be brief and kind."), Message(role="user", content=last))
        return Group(prompt=Prompt(messages=turns), responses=(Response(text=last[::-1]),))

    with pytest.raises(DataError, match="no two are as near"):
        contrast_set([talk("one two"), talk("three four")], least=0.01)
    assert contrast_set([talk("one two"), talk("one four")], least=0.1)


def test_a_reward_that_reads_only_the_answer_is_right_on_one_side_of_every_contrast():
    for contrast in contrast_set(DATA, least=0.2, most=1.0):
        leads = [len(g.texts[0]) - len(g.texts[1]) for g in contrast.groups]
        assert leads[0] == -leads[1]
