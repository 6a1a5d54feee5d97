"""Simulated people: a shared taste, and each person's own noise and habits."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import RecipeError, RewardError
from ..text import Answer, Question
from .sources import Record, chance, shown_order

Taste = Callable[[str, str], float]
"""How much somebody likes a response to a prompt: (prompt, response) -> utility."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """How one person departs from the shared taste.

        utility_i = taste_i + length_bias * words_i + first_bias * [i was shown first]
        P(i)      = (1 - lapse) * exp(rationality * utility_i) / sum_j exp(rationality * utility_j) + lapse / K

    Luce's choice rule, which for K = 2 is Bradley-Terry; `lapse` is the share of answers picked blindly.

    >>> Person(name="ada").lapse
    0.0
    """

    name: str
    rationality: float = 8.0
    lapse: float = 0.0
    length_bias: float = 0.0
    first_bias: float = 0.0

    def __post_init__(self) -> None:
        if not (self.rationality >= 0 and 0 <= self.lapse <= 1):
            raise RecipeError(
                f"the simulated person {self.name} has rationality {self.rationality} and lapse {self.lapse}: "
                "rationality is at least 0, and lapse is a share between 0 and 1."
            )


FOUR = (
    Person(name="ada", rationality=10.0),
    Person(name="ben", rationality=6.0),
    Person(name="cleo", rationality=6.0, lapse=0.4),
    Person(name="dev", rationality=6.0, length_bias=0.03),
)
"""Reliable, a little less so, careless, and fond of longer answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Simulated people who share the work.

    `overlap` of them answer each training question, all of them each held-out one. Who answers, and what, depends on
    the seed, the question and the person only.

    >>> from prefloop.text import Group, Prompt, Response
    >>> group = Group(prompt=Prompt(text="I"), responses=(Response(text=" a"), Response(text=" bcd")))
    >>> pool = Pool(people=(Person(name="ada"),), taste=lambda prompt, response: len(response))
    >>> pool.ask([Question(id="q1", kind="comparison", group=group)], lambda answers: print(answers[0].value))
    1
    """

    people: tuple[Person, ...] = FOUR
    taste: Taste
    seed: int = 0
    overlap: int = 1
    clock: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        names = [p.name for p in self.people]
        if len(set(names)) != len(names) or not 1 <= self.overlap <= len(names):
            raise RecipeError(
                f"a pool of {', '.join(names) or 'nobody'} with overlap {self.overlap} cannot answer: give every "
                "person a name of their own, and an overlap between 1 and the number of people."
            )

    @property
    def told(self) -> str:
        """Who answers, in words."""
        return f"{len(self.people)} simulated people: {', '.join(p.name for p in self.people)}"

    def ask(self, questions: Sequence[Question], record: Record) -> None:
        """Answer every question; the answers to one question are recorded together."""
        for question in questions:
            record([self._answer(person, question) for person in self.asked(question)])

    def asked(self, question: Question) -> tuple[Person, ...]:
        """Who answers a question: turns are taken by a hash, so that every person meets every kind of question."""
        if question.split == "held_out":
            return self.people
        first = chance(self.seed, "turn", question.id).randrange(len(self.people))
        return (self.people[first:] + self.people[:first])[: self.overlap]

    def probability(self, person: Person, question: Question) -> tuple[float, ...]:
        """How likely the person is to choose each response, in the order of the question's group."""
        first = shown_order(question, who=person.name, seed=self.seed)[0]
        utility = [
            self._liking(question, index)
            + person.length_bias * len(text.split())
            + person.first_bias * (index == first)
            for index, text in enumerate(question.group.texts)
        ]
        odds = [math.exp(person.rationality * (u - max(utility))) for u in utility]
        return tuple((1 - person.lapse) * o / sum(odds) + person.lapse / len(odds) for o in odds)

    def _answer(self, person: Person, question: Question) -> Answer:
        draw = chance(self.seed, "answer", question.id, person.name)
        probability = self.probability(person, question)
        return Answer(
            question=question.id,
            who=person.name,
            value=draw.choices(range(len(probability)), probability)[0],
            order=shown_order(question, who=person.name, seed=self.seed),
            seconds=draw.lognormvariate(math.log(20.0), 0.5),
            at=self.clock(),
        )

    def _liking(self, question: Question, index: int) -> float:
        liking = self.taste(question.group.prompt.shown, question.group.texts[index])
        if not math.isfinite(liking):
            raise RewardError(
                f"the simulated people's taste gave {liking} to response {index} of question `{question.id}`: "
                f"{question.group.texts[index]!r}. A taste returns a finite number for every response."
            )
        return liking
