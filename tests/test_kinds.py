"""Every kind of question takes its answers, refuses others with a reason, and becomes its training set."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prefloop.errors import DataError
from prefloop.feedback.agreement import agreement, habits
from prefloop.feedback.kinds import KINDS, Asked, check_question, check_value
from prefloop.feedback.store import Store
from prefloop.text import Answer, Group, Prompt, Question, Response

OPTIONS: dict[str, dict[str, Any]] = {
    "rating": {"axes": {"helpful": [1, 5], "true": [0, 1]}},
    "spans": {"types": ["untrue", "rude"]},
}
TAKEN: list[tuple[str, Any]] = [
    ("comparison", 1),
    ("comparison", {"better": 0, "strength": 7}),
    ("comparison", "tie"),
    ("comparison", "both-bad"),
    ("choice", 1),
    ("ranking", [[1], [0]]),
    ("ranking", [[0, 1]]),
    ("rating", [{"helpful": 5, "true": 0}, {"helpful": 1, "true": 1}]),
    ("thumbs", [True, False]),
    ("spans", []),
    ("spans", [{"response": 1, "start": 0, "end": 5, "type": "rude", "note": "é"}]),
    ("edit", {"response": 1, "text": "Three."}),
    ("critique", {"response": 0, "text": "Too short."}),
    ("demonstration", {"text": "Two."}),
]
REFUSED: list[tuple[str, Any, str]] = [
    ("comparison", 2, "it has 2 responses"),
    ("comparison", True, "it has 2 responses"),
    ("comparison", None, "it has 2 responses"),
    ("comparison", "both", "it has 2 responses"),
    ("comparison", {"better": 0, "strength": 8}, "from 1 to 7"),
    ("comparison", {"better": 0}, "object with better, strength"),
    ("choice", "tie", "it has 2 responses"),
    ("ranking", [[0], []], "stands once"),
    ("ranking", [[0], [0, 1]], "stands once"),
    ("ranking", [0, 1], "list of lists"),
    ("rating", [{"helpful": 5, "true": 0}], "1 ratings"),
    ("rating", [{"helpful": 6, "true": 0}] * 2, "`helpful` is a whole number from 1 to 5"),
    ("rating", [{"helpful": 5}] * 2, "object with helpful, true"),
    ("thumbs", [1, 0], "true or false"),
    ("thumbs", [True], "true or false"),
    ("spans", [{"response": 1, "start": 2, "end": 2, "type": "rude"}], "ends after"),
    ("spans", [{"response": 1, "start": 0, "end": 6, "type": "rude"}], "from 0 to 5"),
    ("spans", [{"response": 1, "start": 0, "end": 5, "type": "dull"}], "one of untrue, rude"),
    ("edit", {"response": 1, "text": "  "}, "empty"),
    ("edit", {"response": 3, "text": "Three."}, "it has 2 responses"),
    ("critique", "Too short.", "object with response, text"),
    ("demonstration", {"text": "a\0b"}, "cannot be stored"),
    ("demonstration", {"text": "\ud800"}, "cannot be stored"),
]


def question(kind: str, number: int = 0) -> Question:
    pair = Group(prompt=Prompt(text=f"{number}?"), responses=(Response(text="Two."), Response(text="Trois")))
    return Question(id=f"{kind}-{number}", kind=kind, group=pair, options=OPTIONS.get(kind, {}))


def said(question: Question, value: Any, who: str = "ada") -> Answer:
    order = tuple(range(len(question.group.responses)))
    return Answer(question=question.id, who=who, value=value, order=order, seconds=1.0, at=0.0, guideline=3)


def test_every_kind_has_an_answer_that_is_taken_and_one_that_is_refused() -> None:
    assert {kind for kind, _ in TAKEN} == {kind for kind, _, _ in REFUSED} == set(KINDS)


def test_what_is_taken_comes_back_from_the_store_as_it_was(place: object) -> None:
    with Store.open(place) as store:
        for number, (kind, value) in enumerate(TAKEN):
            store.add_questions([question(kind, number)])
            store.add_answers([said(question(kind, number), json.loads(json.dumps(value)))])
        assert [a.value for a in store.answers()] == [value for _, value in TAKEN]
        assert {type(a.value) for a in store.answers()} == {type(value) for _, value in TAKEN}
        assert [q.options for q in store.questions()] == [OPTIONS.get(kind, {}) for kind, _ in TAKEN]
        assert {a.guideline for a in store.answers()} == {3}


@pytest.mark.parametrize(("kind", "value", "why"), REFUSED)
def test_what_is_refused_is_refused_with_the_reason_and_what_is_taken(kind: str, value: Any, why: str) -> None:
    with Store.open("sqlite://") as store:
        store.add_questions([question(kind)])
        with pytest.raises(DataError, match=why) as raised:
            store.add_answers([said(question(kind), value)])
        assert f"`{kind}-0`" in str(raised.value)
        assert KINDS[kind].takes in str(raised.value)
        assert store.answers() == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"kind": "comparision"}, "Did you mean `comparison`"),
        ({"kind": "spans", "options": {"typs": ["x"]}}, "no option `typs`"),
        ({"kind": "spans", "options": {}}, "`types` is None"),
        ({"kind": "rating", "options": {"axes": {"a": [5, 1]}}}, "`axes` is"),
        ({"kind": "comparison", "options": {"strengths": 0}}, "`strengths` is 0"),
        ({"kind": "comparison", "group": Group(prompt=Prompt(text="p"), responses=(Response(text="a"),))}, "takes 2"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(change: dict[str, Any], why: str) -> None:
    group = Group(prompt=Prompt(text="p"), responses=(Response(text="a"), Response(text="b")))
    with pytest.raises(DataError, match=why):
        check_question(Question(**{"id": "q", "group": group, **change}))


def test_a_span_counts_code_points_as_python_does() -> None:
    asked = Asked(id="q", kind="spans", lengths=(len("😀 é"),), options={"types": ["x"]})
    whole = {"response": 0, "start": 0, "end": 3, "type": "x"}
    assert check_value([whole], asked) == [whole]
    with pytest.raises(DataError):
        check_value([whole | {"end": 4}], asked)


@pytest.fixture
def answered(place: object) -> Any:
    with Store.open(place) as store:
        for number, (kind, value) in enumerate(TAKEN):
            store.add_questions([question(kind, number)])
            store.add_answers([said(question(kind, number), value)])
        yield store


def texts(found: Any) -> list[tuple[tuple[str, ...], tuple[float, ...]]]:
    return [(j.group.texts, j.group.labels) for j in found]


def test_the_views_say_what_they_are_and_count_what_they_leave_out(answered: Store) -> None:
    two, trois = "Two.", "Trois"
    assert texts(answered.choices()) == [((trois, two), (1.0, 0.0)), ((two, trois), (1.0, 0.0)), ((trois, two), (1, 0))]
    assert answered.choices().left_out == answered.pairs().left_out == {"ties": 1, "both bad": 1}
    assert [j.group.target for j in answered.pairs()] == [None, 1.0, None]
    assert texts(answered.view("thumbs")) == [((two, trois), (1.0, 0.0))]
    assert texts(answered.view("rankings")) == [((trois, two), (1.0, 0.0)), ((two, trois), (0.0, 0.0))]
    assert texts(answered.view("ratings")) == [((two, trois), (2.5, 1.0))]
    assert texts(answered.view("ratings", axis="true")) == [((trois, two), (1.0, 0.0))]
    assert answered.view("ratings", axis="kind").left_out == {"no rating on the axis kind": 1}
    assert texts(answered.view("corrections")) == [(("Three.", trois), (1.0, 0.0))]
    assert texts(answered.view("demonstrations")) == [(("Three.",), (1.0,)), (("Two.",), (1.0,))]
    with pytest.raises(DataError, match="no view `pair`"):
        answered.view("pair")


def test_people_agree_on_what_is_better_whatever_the_strength() -> None:
    asked = [question("comparison", n) for n in range(3)] + [question("thumbs")]
    answers = [
        *(said(asked[0], value, who) for value, who in ((1, "ada"), ({"better": 1, "strength": 2}, "ben"))),
        *(said(asked[1], value, who) for value, who in (("tie", "ada"), ("tie", "ben"))),
        *(said(asked[2], value, who) for value, who in (("tie", "ada"), (0, "ben"))),
        *(said(asked[3], [True, True], who) for who in ("ada", "ben")),
    ]
    found = agreement(asked, answers)
    assert found is not None
    assert found.raw.estimate == pytest.approx(2 / 3)
    assert [(h.who, h.answers) for h in habits(asked, answers)] == [("ada", 1), ("ben", 2)]
