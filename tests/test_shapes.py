"""What rows say is told from their columns; what cannot be learnt from is counted, what is malformed is named."""

import json
import re
from pathlib import Path

import pytest

from prefloop.errors import DataError
from prefloop.feedback.judged import read_judged
from prefloop.feedback.known_shapes import SHAPES
from prefloop.feedback.store import Store
from prefloop.recipe import Data
from prefloop.text import Answer, Group, Message, Prompt, Question, Response

SHARED = Path(__file__).parents[2] / "shared" / "data"
ASKED = {"role": "user", "content": "Hi"}
HI = (Message(role="user", content="Hi"),)


def said(text):
    return {"role": "assistant", "content": text}


@pytest.fixture
def read(tmp_path):
    """Rows, written to a file and read back as judged answers."""

    def go(*rows):
        path = tmp_path / "judged.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        return read_judged(str(path))

    return go


def one(judged):
    """The one group there is: its prompt, texts and labels."""
    (group,) = judged.groups
    return group.prompt, group.texts, group.labels


PAIR = ("Hello.", "What?")


@pytest.mark.parametrize(
    ("row", "prompt"),
    [
        ({"prompt": "One", "chosen": PAIR[0], "rejected": PAIR[1]}, Prompt(text="One")),
        ({"prompt": [ASKED], "chosen": PAIR[0], "rejected": PAIR[1]}, Prompt(messages=HI)),
        ({"prompt": [ASKED], "chosen": [said(PAIR[0])], "rejected": [said(PAIR[1])]}, Prompt(messages=HI)),
        ({"prompt": "Hi", "chosen": [ASKED, said(PAIR[0])], "rejected": [ASKED, said(PAIR[1])]}, Prompt(messages=HI)),
        ({"chosen": [ASKED, said(PAIR[0])], "rejected": [ASKED, said(PAIR[1])]}, Prompt(messages=HI)),
        (
            {
                "conversations": [{"from": "human", "value": "Hi"}],
                "chosen": {"from": "gpt", "value": PAIR[0]},
                "rejected": {"from": "gpt", "value": PAIR[1]},
            },
            Prompt(messages=HI),
        ),
        (
            {
                "chosen": f"\n\nHuman: Hi\n\nAssistant: {PAIR[0]}",
                "rejected": f"\n\nHuman: Hi\n\nAssistant: {PAIR[1]}",
            },
            Prompt(messages=HI),
        ),
    ],
    ids=["text", "messages", "both messages", "turns repeated", "turns only", "from and value", "dialogues"],
)
def test_pairs_of_every_notation(row, prompt, read):
    found = read(row)
    assert one(found) == (prompt, PAIR, ())
    assert (found.form, found.notes) == ("pairs", ())


@pytest.mark.parametrize("name", ["prefix", "initial_reason_steps"])
def test_steps_are_recorded_with_the_prefix_they_go_on_from_and_end_nowhere(name, read):
    row = {"prompt": "One", name: " First, add.", "chosen": " Then halve.", "rejected": " Then stop."}
    found = read(row, {**row, name: ""}, {**row, "prompt": [ASKED]})
    assert found.form == "pairs"
    assert [g.texts for g in found.groups] == [
        (" First, add. Then halve.", " First, add. Then stop."),
        (" Then halve.", " Then stop."),
        (" First, add. Then halve.", " First, add. Then stop."),
    ]
    assert [g.prompt for g in found.groups] == [Prompt(text="One"), Prompt(text="One"), Prompt(messages=HI)]
    assert {r.finish for g in found.groups for r in g.responses} == {"stop"}


def test_a_step_that_is_empty_or_as_the_other_is_left_out_and_counted(read):
    row = {"prompt": "One", "prefix": " First.", "chosen": " Then.", "rejected": " Now."}
    found = read(row, {**row, "chosen": " "}, {**row, "rejected": " Then."})
    assert len(found.groups) == 1
    empty, same = found.notes
    assert empty.startswith("1 left out, a step is empty: ")
    assert same.startswith("1 left out, two answers are the same: ")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"chosen": " First. Then."}, "line 2: `chosen` begins with the prefix, which it goes on from"),
        ({"prefix": None}, "line 2: `prefix or initial_reason_steps` is missing"),
        ({"prefix": 3}, "line 2: `prefix` is 3; it takes text"),
        ({"rejected": [ASKED]}, "line 2: `rejected` is [{"),
    ],
)
def test_a_row_of_steps_that_is_not_one_is_refused_with_its_place(change, says, read):
    row = {"prompt": "One", "prefix": " First.", "chosen": " Then.", "rejected": " Now."}
    with pytest.raises(DataError) as error:
        read(row, {**row, **change})
    assert says in str(error.value)


def test_a_dialogue_is_answered_after_its_last_common_turn(read):
    before = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: Rain?\n\nAssistant:"
    prompt, texts, _ = one(read({"chosen": f"{before} Yes.", "rejected": f"{before} No."}))
    assert [m.role for m in prompt.messages] == ["user", "assistant", "user"]
    assert prompt.messages[-1].content == "Rain?"
    assert texts == ("Yes.", "No.")


def test_a_strength_is_read_where_it_is_given(read):
    row = {"prompt": "One", "chosen": "two", "rejected": "2"}
    assert [g.target for g in read({**row, "target": 0.75}, row).groups] == [0.75, None]
    with pytest.raises(DataError, match=r"line 1: `target` is 0\.25, and it is the probability that `chosen`"):
        read({**row, "target": 0.25})
    with pytest.raises(DataError, match=r"line 1: `target` is 'high'; it takes a finite number"):
        read({**row, "target": "high"})


@pytest.mark.parametrize(
    ("row", "prompt", "label"),
    [
        ({"prompt": "One", "completion": "Hello.", "label": True}, Prompt(text="One"), 1.0),
        ({"prompt": "One", "response": "Hello.", "label": "0"}, Prompt(text="One"), 0.0),
        ({"messages": [ASKED, said("Hello.")], "label": False}, Prompt(messages=HI), 0.0),
        ({"messages": [ASKED, said("Hello.")], "kto_tag": True}, Prompt(messages=HI), 1.0),
        (
            {
                "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello."}],
                "kto_tag": "true",
            },
            Prompt(messages=HI),
            1.0,
        ),
    ],
)
def test_thumbs_of_every_notation(row, prompt, label, read):
    found = read(row)
    assert one(found) == (prompt, ("Hello.",), (label,))
    assert found.form == "thumbs"


def test_rankings_are_put_best_first_and_graded_by_what_lies_below(read):
    row = {"prompt": "One", "responses": ["a", "b", "c"]}
    assert one(read(row))[1:] == (("a", "b", "c"), (2.0, 1.0, 0.0))
    found = read({**row, "ranks": [2, 1, 2]})
    assert one(found)[1:] == (("b", "a", "c"), (1.0, 0.0, 0.0))
    assert found.form == "rankings"


def test_ratings_keep_their_numbers(read, tmp_path):
    found = read({"prompt": "One", "responses": ["a", "b"], "scores": [3, 4.5]})
    assert one(found)[1:] == (("b", "a"), (4.5, 3.0))
    assert found.form == "ratings"
    (tmp_path / "cells.csv").write_text('prompt,responses,scores\nOne,"[""a"", ""b""]","[3, 4.5]"\n')
    assert read_judged(str(tmp_path / "cells.csv")) == found


def test_a_feedback_store_gives_its_choices(tmp_path):
    group = Group(prompt=Prompt(text="One"), responses=tuple(Response(text=t) for t in "abc"))
    with Store.open(tmp_path / "any.name") as store:
        store.add_questions([Question(id="q", kind="choice", group=group)])
        store.add_answers([Answer(question="q", who="me", value=1, order=(0, 1, 2), seconds=1.0, at=0.0)])
    found = read_judged(Data(source=str(tmp_path / "any.name")))
    assert one(found)[1:] == (("b", "a", "c"), (1.0, 0.0, 0.0))
    assert found.form == "choices"


GOOD = {"prompt": "One", "chosen": "two", "rejected": "2"}


@pytest.mark.parametrize(
    ("bad", "good", "why"),
    [
        ({**GOOD, "rejected": "two"}, GOOD, "two answers are the same"),
        ({**GOOD, "rejected": "  "}, GOOD, "an answer is empty"),
        ({**GOOD, "prompt": ""}, GOOD, "the prompt is empty"),
        ({**GOOD, "chosen": [ASKED, said("a")], "rejected": [said("b")]}, GOOD, "answer different prompts"),
        (
            {"chosen": "\n\nHuman: A\n\nAssistant: b", "rejected": "\n\nHuman: C\n\nAssistant: d"},
            {"chosen": "\n\nHuman: A\n\nAssistant: b", "rejected": "\n\nHuman: A\n\nAssistant: d"},
            "chosen and rejected answer different prompts",
        ),
        (
            {"prompt": "Else", "chosen": [ASKED, said("a")], "rejected": [ASKED, said("b")]},
            GOOD,
            "the answers follow another prompt than the row's",
        ),
        (
            {"prompt": "One", "responses": ["a"]},
            {"prompt": "One", "responses": ["a", "b"]},
            "there is one answer, and nothing to compare it with",
        ),
        ({"prompt": "One", "responses": []}, {"prompt": "One", "responses": ["a", "b"]}, "the list is empty"),
    ],
)
def test_what_cannot_be_learnt_from_is_left_out_counted_and_named(bad, good, why, read):
    found = read(bad, good, bad)
    assert len(found.groups) == 1
    (note,) = found.notes
    assert re.fullmatch(rf"2 left out, .*{re.escape(why)}: .*line 1 and 1 more\.", note)
    with pytest.raises(DataError, match=f"has nothing to learn from: 1 left out, .*{re.escape(why)}"):
        read(bad)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"chosen": "two", "rejected": "2"}, "line 2: `prompt` is missing. It has: chosen, rejected."),
        ({"prompt": "One", "chosen": "two"}, "line 2: `rejected` is missing. It has: prompt, chosen."),
        ({**GOOD, "chosen": None}, "line 2: `chosen` is missing. It has: prompt, rejected."),
        ({**GOOD, "chosen": 4}, "line 2, `chosen` is 4: it takes a list of messages"),
        ({**GOOD, "chosen": [{"who": "me"}]}, "line 2, `chosen`: a message has a `role`"),
        ({**GOOD, "chosen": [ASKED]}, "line 2, `chosen` ends with what the user says"),
    ],
)
def test_a_malformed_row_is_named_with_its_field(row, says, read):
    with pytest.raises(DataError, match=re.escape(says)):
        read(GOOD, row)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"prompt": "One", "responses": "a b"}, "`responses` is 'a b'; it takes a list, in a CSV cell as JSON."),
        ({"prompt": "One", "responses": ["a", "b"], "scores": [1]}, "`scores` has 1 numbers for 2 responses"),
        ({"prompt": "One", "responses": ["a", "b"], "scores": [1, "x"]}, "`scores` is 'x'; it takes a finite number"),
        ({"prompt": "One", "completion": "a", "label": "good"}, "`label` is 'good'; it takes true or false, 1 or 0"),
    ],
)
def test_a_list_or_label_of_another_kind_is_named(row, says, read):
    with pytest.raises(DataError, match=re.escape(says)):
        read(row)


def test_unknown_columns_are_answered_with_the_known_shapes(read):
    with pytest.raises(DataError) as error:
        read({"instruction": "One", "output": "two"})
    assert "has the columns instruction, output, which is no known shape" in str(error.value)
    assert all(f"  {shape.name}: " in str(error.value) for shape in SHAPES)
    assert "thumbs: prompt, completion or response, label or kto_tag" in str(error.value)


def test_a_file_without_rows_is_refused(read):
    with pytest.raises(DataError, match=r"judged\.jsonl has no rows"):
        read()


def test_verdicts_of_three_people_become_a_strength(read):
    row = {"instruction": "Say", "input": "it", "response1": "a", "response2": "b"}

    def verdicts(*three):
        return {**row, **{f"annotator{n}": v for n, v in enumerate(three, start=1)}}

    found = read(verdicts(2, 2, 2), verdicts(1, 1, 2), verdicts(1, 0, 0), verdicts(0, 0, 0), verdicts(1, 2, 0))
    assert [(g.texts, g.target) for g in found.groups] == [
        (("b", "a"), 1.0),
        (("a", "b"), pytest.approx(2 / 3)),
        (("a", "b"), pytest.approx(2 / 3)),
    ]
    assert found.groups[0].prompt.messages[0].content == "Say\n\nit"
    assert found.notes[0].startswith("2 left out, the annotators preferred neither answer")


def test_six_verdicts_make_a_ranking_where_they_fit_one_order(read):
    row = {"question": "When?", "passages": [["Title", "It was.", "Then."]]}
    row |= {f"prediction {n}": t for n, t in enumerate("abcd", start=1)}
    # 1 = 2 = 3 and 4 above them; and a circle 1 > 2 > 3 > 1.
    found = read({**row, "preference": [0, 0, 2, 0, 2, 2]}, {**row, "preference": [1, 2, 1, 1, 1, 1]})
    prompt, texts, labels = one(found)
    assert prompt.messages[0].content == "It was.\nThen.\n\nWhen?"
    assert (texts, labels) == (("d", "a", "b", "c"), (1.0, 0.0, 0.0, 0.0))
    assert found.notes[0].startswith("1 left out, the comparisons fit no order")


PUBLISHED = {
    "hh_harmless_test.jsonl.gz": ("pairs", 2303, 9),
    "llamafactory_dpo_en.json": ("pairs", 299, 0),
    "llamafactory_kto_en.json": ("thumbs", 300, 0),
    "pandalm_testset.json": ("pairs", 855, 144),
    "qa_feedback_dev.json": ("rankings", 478, 22),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_file_is_read_as_it_lies(name):
    if not (SHARED / name).is_file():
        pytest.skip(f"shared/data/{name} is not here")
    form, count, left = PUBLISHED[name]
    found = read_judged(str(SHARED / name))
    assert (found.form, len(found.groups)) == (form, count)
    assert sum(int(note.split()[0]) for note in found.notes) == left
    assert all(g.prompt.messages[-1].role == "user" for g in found.groups)
