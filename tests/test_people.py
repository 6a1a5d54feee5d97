"""Simulated people choose as their stated probabilities say, and always the same in the same place."""

from __future__ import annotations

import itertools
import math
import random
import sys
from collections import Counter

import pytest

from prefloop.errors import RecipeError, RewardError, RunError
from prefloop.feedback import taste
from prefloop.feedback.people import FOUR, Person, Pool
from prefloop.feedback.sources import shown_order
from prefloop.text import Answer, Group, Prompt, Question, Response

LIKING = {"good": 0.5, "fair": 0.2, "poor and rather long": 0.0}


def question(name: object, *, split: str = "train", texts: tuple[str, ...] = tuple(LIKING)) -> Question:
    responses = tuple(Response(text=t) for t in texts)
    return Question(id=str(name), kind="choice", group=Group(prompt=Prompt(text="p"), responses=responses), split=split)


def pool(*people: Person, **knobs: object) -> Pool:
    return Pool(people=people, taste=lambda prompt, response: LIKING[response], clock=lambda: 7.0, **knobs)


def asked(source: Pool, questions: list[Question]) -> list[Answer]:
    answers: list[Answer] = []
    source.ask(questions, answers.extend)
    return answers


def test_the_probability_is_luce_choice_with_biases_and_lapses() -> None:
    person = Person(name="eve", rationality=2.0, lapse=0.3, length_bias=0.1, first_bias=0.4)
    source = pool(person)
    firsts = set()
    for i in range(12):
        first = shown_order(question(i), who="eve", seed=0)[0]
        odds = [
            math.exp(2.0 * (0.5 + 0.1 * 1 + (0.4 if first == 0 else 0.0))),
            math.exp(2.0 * (0.2 + 0.1 * 1 + (0.4 if first == 1 else 0.0))),
            math.exp(2.0 * (0.0 + 0.1 * 4 + (0.4 if first == 2 else 0.0))),
        ]
        expected = [0.7 * o / sum(odds) + 0.1 for o in odds]
        assert source.probability(person, question(i)) == pytest.approx(expected, rel=1e-12)
        firsts.add(first)
    assert firsts == {0, 1, 2}


def test_between_two_responses_it_is_bradley_terry() -> None:
    person = Person(name="eve", rationality=3.0)
    first, second = pool(person).probability(person, question("q", texts=("good", "fair")))
    assert first == pytest.approx(1 / (1 + math.exp(-3.0 * 0.3)), rel=1e-12)
    assert first + second == pytest.approx(1.0, abs=1e-15)


def test_a_very_rational_person_does_not_overflow() -> None:
    person = Person(name="eve", rationality=1e6)
    assert pool(person).probability(person, question("q")) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("person", [*FOUR, Person(name="eve", rationality=1.0, first_bias=1.0)], ids=lambda p: p.name)
def test_people_choose_as_often_as_their_probability_says(person: Person) -> None:
    questions = [question(i) for i in range(4_000)]
    source = pool(person, seed=5)
    chosen = Counter(a.value for a in asked(source, questions))
    stated = [source.probability(person, q) for q in questions]
    for index in range(3):
        expected = sum(p[index] for p in stated)
        deviation = math.sqrt(sum(p[index] * (1 - p[index]) for p in stated))
        assert abs(chosen[index] - expected) < 4 * deviation


def test_two_people_see_the_same_responses_in_orders_of_their_own() -> None:
    same = sum(
        shown_order(question(i), who="ada", seed=0) == shown_order(question(i), who="ben", seed=0) for i in range(900)
    )
    assert abs(same - 900 / 6) < 4 * math.sqrt(900 * 1 / 6 * 5 / 6)


def test_every_order_of_showing_is_equally_likely() -> None:
    counts = Counter(shown_order(question(i), who="ada", seed=0) for i in range(6_000))
    assert set(counts) == set(itertools.permutations(range(3)))
    chi_square = sum((c - 1_000) ** 2 / 1_000 for c in counts.values())
    assert chi_square < 20.52  # the 0.999 quantile with 5 degrees of freedom, from a printed table


def test_answers_do_not_depend_on_the_order_of_asking_or_on_what_was_asked_before() -> None:
    questions = [question(i) for i in range(60)]
    whole = {(a.question, a.who): a for a in asked(pool(*FOUR, seed=1, overlap=2), questions)}
    shuffled = random.Random(0).sample(questions, 60)
    assert {(a.question, a.who): a for a in asked(pool(*FOUR, seed=1, overlap=2), shuffled)} == whole
    assert asked(pool(*FOUR, seed=1, overlap=2), questions[30:31]) == [a for (q, _), a in whole.items() if q == "30"]
    other_seed = {(a.question, a.who): a for a in asked(pool(*FOUR, seed=2, overlap=2), questions)}
    assert other_seed != whole


def test_training_questions_are_shared_out_and_held_out_ones_are_answered_by_all() -> None:
    source = pool(*FOUR, overlap=2)
    counts = Counter(a.who for a in asked(source, [question(i) for i in range(2_000)]))
    assert sum(counts.values()) == 4_000
    assert all(abs(counts[p.name] - 1_000) < 4 * math.sqrt(2_000 * 0.25) for p in FOUR)
    assert [a.who for a in asked(source, [question("h", split="held_out")])] == ["ada", "ben", "cleo", "dev"]


def test_the_answers_to_one_question_are_recorded_together() -> None:
    batches: list[list[str]] = []
    pool(*FOUR).ask(
        [question(1, split="held_out"), question(2)], lambda answers: batches.append([a.question for a in answers])
    )
    assert batches == [["1"] * 4, ["2"]]


def test_the_median_answer_takes_twenty_seconds() -> None:
    seconds = sorted(a.seconds for a in asked(pool(FOUR[0]), [question(i) for i in range(4_000)]))
    # The median of n lognormal draws has standard error 20 * 0.5 * sqrt(pi / 2 / n).
    assert abs(seconds[2_000] - 20.0) < 4 * 20.0 * 0.5 * math.sqrt(math.pi / 2 / 4_000)
    assert seconds[0] > 0


def test_a_taste_that_is_not_a_number_is_blamed_on_the_response() -> None:
    source = Pool(people=FOUR, taste=lambda prompt, response: math.nan)
    with pytest.raises(RewardError, match=r"nan to response 0 of question `q`: 'good'"):
        source.ask([question("q")], print)


@pytest.mark.parametrize(
    "knobs", [{"people": ()}, {"overlap": 0}, {"overlap": 5}, {"people": (FOUR[0], Person(name="ada"))}]
)
def test_a_pool_that_cannot_answer_is_refused(knobs: dict[str, object]) -> None:
    with pytest.raises(RecipeError, match="overlap"):
        Pool(**{"people": FOUR, "taste": taste.sentiment, **knobs})


@pytest.mark.parametrize("habits", [{"lapse": 1.1}, {"lapse": -0.1}, {"rationality": -1.0}, {"rationality": math.nan}])
def test_a_person_of_impossible_habits_is_refused(habits: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="simulated person eve"):
        Person(name="eve", **habits)


def test_sentiment_is_vaders_compound_score() -> None:
    # "great" has valence 3.1 in VADER's lexicon; one word gives 3.1 / sqrt(3.1^2 + 15), rounded to four places.
    assert taste.sentiment("ignored and horrible", "great") == round(3.1 / math.sqrt(3.1**2 + 15), 4)
    assert taste.sentiment("", "") == 0.0


def test_a_missing_vader_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    taste._analyser.cache_clear()
    with pytest.raises(RunError, match=r"pip install"):
        taste.sentiment("", "fine")
