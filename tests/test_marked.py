"""Rows and answers about attributes, steps and marked errors become what reward models learn from."""

import json
from dataclasses import replace

import pytest

from prefloop.errors import DataError
from prefloop.feedback.judged import read_judged
from prefloop.feedback.store import Store
from prefloop.loops.judged import judged_answers
from prefloop.parts import CLAUSES, LINES, marks_of
from prefloop.recipe import Data
from prefloop.recipes import method
from prefloop.text import Answer, Group, Prompt, Question, Response


def written(folder, *rows):
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


def marks(group):
    return [(m.end, m.value) for m in group.marks]


def test_columns_of_attributes_are_ratings_of_which_some_are_missing(tmp_path):
    rows = [
        {"prompt": "One", "response": " two", "helpfulness": 3, "verbosity": None, "comment": "fine"},
        {"prompt": "One", "response": " 2", "helpfulness": "1", "verbosity": 0},
        {"prompt": "One", "response": " 2 2", "helpfulness": "", "verbosity": 4},
    ]
    found = read_judged(written(tmp_path, *rows))
    assert found.form == "ratings"
    assert [g.aspects for g in found.groups] == [{"helpfulness": (3.0,)}, {"helpfulness": (1.0,), "verbosity": (0.0,)}]
    assert [g.labels for g in found.groups] == [(3.0,), (1.0,)]
    assert "1 left out, nobody rated its helpfulness" in found.notes[0]
    recipe = method("helpsteer2")(channels=("helpfulness", "verbosity"))
    assert len(judged_answers(with_data(recipe, written(tmp_path, *rows)), say=print)) == 2


def with_data(recipe, source, **more):
    return replace(recipe, data=Data(source=source, **more))


def test_a_rating_that_is_no_number_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"`helpfulness` is 'good'; it takes a number"):
        read_judged(written(tmp_path, {"prompt": "One", "response": " two", "helpfulness": "good"}))


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ({"steps": ["a", "b", "c"], "labels": [True, 1, "negative"]}, [1.0, 1.0, 0.0]),
        ({"completions": ["a", "b", "c"], "labels": ["neutral", False]}, [0.5, 0.0]),
        ({"steps": ["a", "b", "c"], "ratings": [1, 0, -1]}, [1.0, 0.5, 0.0]),
    ],
)
def test_steps_are_judged_where_they_end(tmp_path, row, values):
    (group,) = read_judged(written(tmp_path, {"prompt": "One", **row})).groups
    assert group.texts == ("a\nb\nc",)
    assert marks(group) == list(zip((2, 4, 6), values, strict=False))  # the last one ends beyond the text
    assert [m.end for m in group.marks] == [m.end for m in marks_of("a\nb\nc", [], ends=LINES)][: len(values)]


def test_steps_with_line_ends_stay_as_they_are(tmp_path):
    (group,) = read_judged(written(tmp_path, {"prompt": "One", "steps": ["a\n\n", "b\n"], "labels": [1, 0]})).groups
    assert group.texts == ("a\n\nb\n",)
    assert marks(group) == [(3, 1.0), (5, 0.0)]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"steps": ["a"], "labels": [1, 0]}, "2 judgements of 1 steps"),
        ({"steps": ["a"], "labels": [-1]}, r"`labels` is -1; .*one of true, 1, positive, neutral"),
        ({"steps": ["a"], "ratings": [2]}, "`ratings` is 2"),
        ({"steps": ["a"], "labels": []}, "nothing to learn from: 1 left out, no step was judged"),
    ],
)
def test_steps_that_make_no_sense_are_refused(tmp_path, row, why):
    with pytest.raises(DataError, match=why):
        read_judged(written(tmp_path, {"prompt": "One", **row}))


SPANS = [{"start": 3, "end": 8, "type": "untrue"}, {"start": 16, "end": 18, "type": "rude"}]
TEXT = "It rains. It is, so. Fine"


@pytest.mark.parametrize(
    ("data", "values"),
    [
        ({}, [(9, 0.0), (20, 0.0), (26, 1.0)]),
        ({"about": ("untrue",)}, [(9, 0.0), (20, 1.0), (26, 1.0)]),
        ({"about": ("rude",), "ends": CLAUSES}, [(9, 1.0), (16, 1.0), (20, 0.0), (26, 1.0)]),
    ],
)
def test_a_part_is_wrong_in_which_an_error_lies(tmp_path, data, values):
    path = written(tmp_path, {"prompt": "One", "response": TEXT, "spans": SPANS})
    (group,) = judged_answers(with_data(method("fine-grained-reward")(), path, **data), say=print)
    assert marks(group) == values


def test_a_mark_outside_the_answer_is_refused(tmp_path):
    row = {"prompt": "One", "response": " two", "spans": [{"start": 4, "end": 9, "type": "untrue"}]}
    with pytest.raises(DataError, match="from character 4 to 9, and the answer has 4"):
        read_judged(written(tmp_path, row))


QA = {
    "question": "When?",
    "passages": [["Title", "In 1900."]],
    **{f"prediction {n}": f"  In 190{n}. I think." for n in (1, 2, 3, 4)},
    "preference": [1, 1, 1, 1, 1, 1],
    "feedback": {
        "errors": [
            {"start": 5, "end": 9, "error type": "Wrong-Grounding"},
            {"start": 11, "end": 18, "error type": "Irrelevant"},
        ]
    },
}


def test_errors_marked_in_qa_feedback_are_read_where_parts_are_learnt_and_rankings_elsewhere(tmp_path):
    path = written(tmp_path, QA)
    assert read_judged(path).form == "rankings"
    learnt = method("fine-grained-reward")()
    (group,) = judged_answers(with_data(learnt, path, about=("Wrong-Grounding", "Unverifiable")), say=print)
    assert group.texts == ("In 1901. I think.",)
    assert marks(group) == [(8, 0.0), (17, 1.0)]
    (group,) = judged_answers(with_data(learnt, path, about=("Irrelevant",)), say=print)
    assert marks(group) == [(8, 1.0), (17, 0.0)]


def test_marks_in_a_store_are_read_by_type(tmp_path):
    path = str(tmp_path / "said.sqlite")
    group = Group(prompt=Prompt(text="One"), responses=(Response(text=TEXT), Response(text="Yes.")))
    with Store.open(path) as store:
        options = {"types": ["untrue", "rude"]}
        store.add_questions([Question(id="q", kind="spans", group=group, options=options)])
        said = [{"response": 0, **span} for span in SPANS]
        store.add_answers([Answer(question="q", who="ada", value=said, order=(0, 1), seconds=1.0, at=0.0)])
    learnt = method("fine-grained-reward")()
    (group,) = judged_answers(with_data(learnt, path, about=("rude",)), say=print)
    assert [(m.response, m.value) for m in group.marks] == [(0, 1.0), (0, 0.0), (0, 1.0), (1, 1.0)]
    assert group.who == "ada"
    with pytest.raises(DataError, match="nobody was asked for dull"):
        judged_answers(with_data(learnt, path, about=("dull",)), say=print)


def test_judged_parts_are_no_pairs(tmp_path):
    path = written(tmp_path, {"prompt": "One", "steps": ["a"], "labels": [1]})
    with pytest.raises(DataError, match=r"takes pairs, and these are parts: take another method"):
        judged_answers(with_data(method("bradley-terry")(), path), say=print)
