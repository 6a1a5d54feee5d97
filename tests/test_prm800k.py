"""PRM800K as it was published: what is learnt of a row, and what a store keeps of it."""

import copy
import json

import pytest

from prefloop.errors import DataError
from prefloop.feedback.formats.known import FORMATS
from prefloop.feedback.judged import read_judged
from prefloop.feedback.shapes import LeftOut
from prefloop.text import Question
from test_marked import marks, written


def step(*completions, chosen=0, human=None):
    rated = [{"text": text, "rating": rating, "flagged": None} for text, rating in completions]
    return {"completions": rated, "chosen_completion": chosen, "human_completion": human}


ROW = {
    "labeler": "l1",
    "timestamp": "2023-01-22T04:34:27.052924",
    "generation": 9,
    "is_quality_control_question": False,
    "question": {"problem": "What is 2 + 2?", "ground_truth_answer": "4"},
    "label": {
        "steps": [
            step(("I add.", 0)),
            step(("So it is 5.", -1), ("So it is 4.", 1), chosen=1),
            step(("# Answer\n\n4", 1)),
        ],
        "total_time": 1,
        "finish_reason": "solution",
    },
}
WHOLE = "I add.\nSo it is 4.\n# Answer\n\n4"


def changed(**label):
    row = copy.deepcopy(ROW)
    row["label"] |= label
    return row


def test_every_rated_step_is_marked_once(tmp_path):
    found = read_judged(written(tmp_path, ROW))
    assert found.form == "parts"
    main, other = found.groups
    assert main.prompt.messages[0].content == "What is 2 + 2?"
    assert main.texts == (WHOLE,)
    assert marks(main) == [(7, 0.5), (19, 1.0), (len(WHOLE) + 1, 1.0)]
    assert (main.who, main.responses[0].finish) == ("l1", "end")
    assert other.texts == ("I add.\nSo it is 5.",)
    assert marks(other) == [(len(other.texts[0]) + 1, 0.0)]
    assert other.responses[0].finish == "stop"


def test_a_solution_stops_at_its_first_error(tmp_path):
    steps = [*ROW["label"]["steps"][:1], step(("So it is 5.", -1), ("So it is 4.", 1), chosen=None)]
    main, other = read_judged(written(tmp_path, changed(steps=steps, finish_reason="found_error"))).groups
    assert main.texts == ("I add.\nSo it is 5.",)
    assert [value for _, value in marks(main)] == [0.5, 0.0]
    assert main.responses[0].finish == "stop"
    assert (other.texts, [value for _, value in marks(other)]) == (("I add.\nSo it is 4.",), [1.0])


def test_a_step_that_a_labeler_wrote_is_right_and_one_without_a_rating_says_nothing(tmp_path):
    written_by_hand = {"text": "It is 4.", "rating": None, "source": "human"}
    steps = [step(("I add.", None)), step(("It is 5.", -1), chosen=None, human=written_by_hand), step(("4", 1))]
    main, wrong = read_judged(written(tmp_path, changed(steps=steps))).groups
    assert main.texts == ("I add.\nIt is 4.\n4",)
    assert marks(main) == [(16, 1.0), (18, 1.0)]
    assert wrong.texts == ("I add.\nIt is 5.",)


def test_broken_problems_are_left_out_and_counted(tmp_path):
    found = read_judged(written(tmp_path, ROW, changed(finish_reason="bad_problem")))
    assert len(found.groups) == 2
    assert "1 left out, the labeler found the problem to be broken" in found.notes[0]


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ({"steps": [step(("a", 3))]}, "the rating of a completion of step 1 is 3; it is 1, 0 or -1"),
        ({"steps": [step(("a", 1), chosen=2)]}, "`chosen_completion` of step 1 is 2, and it has 1 completions"),
        ({"steps": None}, "an object with the list `steps`"),
        ({"steps": [{"completions": "a"}]}, "step 1 of `label`"),
    ],
)
def test_what_is_no_row_of_it_is_refused_with_its_place(tmp_path, label, why):
    with pytest.raises(DataError, match=why):
        read_judged(written(tmp_path, changed(**label)))


def test_a_store_keeps_the_marks_of_a_solution(tmp_path):
    from prefloop.feedback.files import read_rows
    from prefloop.feedback.formats.known import format_of

    [row] = read_rows(written(tmp_path, ROW))
    assert format_of(row.values, "x") is FORMATS["prm800k"]
    question, event, left = FORMATS["prm800k"].convert(row)
    assert isinstance(question, Question)
    assert question.group.texts == (WHOLE,)
    assert event.value == [{"response": 0, "start": 0, "end": 7, "type": "neutral"}]
    assert event.who == "l1"
    assert left == LeftOut(why="a step was not gone on from")
    assert json.dumps(event.value)
