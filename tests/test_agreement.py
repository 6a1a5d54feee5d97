"""Agreement and habits, against counts made by hand and people whose habits are known."""

from __future__ import annotations

import math

import pytest

from prefloop.feedback.agreement import agreement, habits
from prefloop.feedback.people import Person, Pool
from prefloop.text import Answer, Group, Prompt, Question, Response


def question(name: str, *texts: str) -> Question:
    responses = tuple(Response(text=t) for t in texts)
    return Question(id=name, kind="choice", group=Group(prompt=Prompt(text="p"), responses=responses), split="held_out")


def said(name: str, who: str, value: int, order: tuple[int, ...]) -> Answer:
    return Answer(question=name, who=who, value=value, order=order, seconds=1.0, at=0.0)


QUESTIONS = [question("two", "a", "b c"), question("three", "a b", "c", "d e"), question("alone", "a", "b")]
ANSWERS = [
    said("two", "ada", 1, (1, 0)),
    said("two", "ben", 1, (0, 1)),
    said("two", "cleo", 0, (0, 1)),
    said("three", "ada", 2, (0, 1, 2)),
    said("three", "ben", 2, (2, 0, 1)),
    said("alone", "ada", 0, (0, 1)),
]


def test_agreement_is_the_share_of_pairs_that_chose_the_same_averaged_over_questions() -> None:
    found = agreement(QUESTIONS, ANSWERS)
    assert found is not None
    assert found.raw.estimate == pytest.approx((1 / 3 + 1) / 2)  # one pair of three on "two", one of one on "three"
    assert found.raw.n == 2
    assert found.chance == pytest.approx((1 / 2 + 1 / 3) / 2)


def test_without_a_question_answered_twice_there_is_no_agreement() -> None:
    assert agreement(QUESTIONS, ANSWERS[-1:]) is None
    assert habits(QUESTIONS, ANSWERS[-1:])[0].with_others is None


def test_habits_are_counted_person_by_person() -> None:
    ada, ben, cleo = habits(QUESTIONS, ANSWERS)
    assert [h.who for h in (ada, ben, cleo)] == ["ada", "ben", "cleo"]
    assert ada.answers == 3
    assert ada.with_others is not None
    assert ada.with_others.estimate == pytest.approx((1 / 2 + 1) / 2)
    assert cleo.with_others is not None
    assert cleo.with_others.estimate == 0.0
    assert ada.first.estimate == pytest.approx(2 / 3)
    assert ben.first.estimate == pytest.approx(1 / 2)
    assert ada.longest is not None
    assert (ada.longest.estimate, ada.longest.n) == (1.0, 2)  # "alone" has no longest; in "three" two are longest
    assert cleo.longest is not None
    assert cleo.longest.estimate == 0.0
    assert ada.chance == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 3)


def test_habits_of_simulated_people_are_found_again() -> None:
    people = (
        Person(name="blind", lapse=1.0),
        Person(name="first", first_bias=100.0),
        Person(name="long", length_bias=100.0),
        Person(name="short", length_bias=-100.0),
    )
    questions = [question(f"q{i}", "a", "b c d", "e f") for i in range(400)]
    answers: list[Answer] = []
    Pool(people=people, taste=lambda prompt, response: 0.0).ask(questions, answers.extend)
    of = {h.who: h for h in habits(questions, answers)}
    assert of["first"].first.estimate == 1.0
    assert of["long"].longest is not None
    assert of["long"].longest.estimate == 1.0
    assert of["short"].longest is not None
    assert of["short"].longest.estimate == 0.0
    third = 4 * math.sqrt(1 / 3 * 2 / 3 / 400)
    for rate in (of["blind"].first, of["blind"].longest, of["long"].first):
        assert rate is not None
        assert abs(rate.estimate - 1 / 3) < third


def test_blind_people_agree_by_chance() -> None:
    people = tuple(Person(name=n, lapse=1.0) for n in ("x", "y"))
    questions = [question(f"q{i}", "a", "b", "c", "d") for i in range(1_000)]
    answers: list[Answer] = []
    Pool(people=people, taste=lambda prompt, response: 0.0).ask(questions, answers.extend)
    found = agreement(questions, answers)
    assert found is not None
    assert found.chance == 0.25
    assert abs(found.raw.estimate - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 1_000)
