"""What people said in a feedback store is learnt from as it was said, and several kinds of answers are not mixed."""

import pytest

from prefloop.errors import DataError
from prefloop.feedback.judged import read_judged
from prefloop.feedback.store import Store
from prefloop.recipe import Data
from prefloop.text import Answer, Group, Prompt, Question, Response


def said(folder, *answers):
    """A feedback store in which ada has given these answers, each to a question of its kind; its path."""
    path = folder / "said.sqlite"
    with Store.open(path) as store:
        for n, (kind, value) in enumerate(answers):
            responses = (Response(text=f" {n} is best"), Response(text=f" {n} is worst"))
            group = Group(prompt=Prompt(text=f"Of {n}"), responses=responses)
            store.add_questions([Question(id=f"q{n}", kind=kind, group=group, options=OPTIONS.get(kind, {}))])
            answer = Answer(question=f"q{n}", who="ada", value=value, order=(0, 1), seconds=1.0, at=0.0)
            store.add_answers([answer])
    return str(path)


OPTIONS = {"rating": {"axes": {"helpful": [1, 5]}}}


@pytest.mark.parametrize(
    ("kind", "value", "form", "labels"),
    [
        ("comparison", 1, "choices", (1.0, 0.0)),
        ("ranking", [[1], [0]], "rankings", (1.0, 0.0)),
        ("rating", [{"helpful": 1}, {"helpful": 4}], "ratings", (4.0, 1.0)),
        ("edit", {"response": 1, "text": " 0 is best"}, "pairs", (1.0, 0.0)),
    ],
)
def test_what_people_said_in_a_store_is_learnt_from_in_its_own_form(tmp_path, kind, value, form, labels):
    found = read_judged(said(tmp_path, (kind, value)))
    assert found.form == form
    assert found.groups[0].labels == labels
    assert found.groups[0].texts == ((" 0 is worst", " 0 is best") if kind != "edit" else (" 0 is best", " 0 is worst"))


def test_thumbs_in_a_store_stay_on_their_answers(tmp_path):
    found = read_judged(said(tmp_path, ("thumbs", [True, False])))
    assert (found.form, found.groups[0].labels) == ("thumbs", (1.0, 0.0))


def test_of_a_store_with_several_kinds_of_answers_one_is_asked_for(tmp_path):
    path = said(tmp_path, ("comparison", {"better": 0, "strength": 7}), ("ranking", [[0], [1]]), ("comparison", "tie"))
    with pytest.raises(DataError, match=r"1 choices, 1 rankings: say which, for example --split choices"):
        read_judged(path)
    found = read_judged(Data(source=path, split="pairs"))
    assert (found.form, found.groups[0].target, found.notes) == ("pairs", 1.0, ("1 left out: ties.",))
    with pytest.raises(DataError, match="no view `spans`"):
        read_judged(Data(source=path, split="spans"))
    with pytest.raises(DataError, match=r"nobody has answered .* as thumbs"):
        read_judged(Data(source=path, split="thumbs"))
