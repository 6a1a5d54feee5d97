"""Open Assistant's trees in and out: nothing of a file is lost, and what people grew here is written in its format."""

import json
from pathlib import Path

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from prefloop.errors import DataError
from prefloop.feedback import streams
from prefloop.feedback.exporting import Export
from prefloop.feedback.forest import stored_trees
from prefloop.feedback.formats.oasst import read, write
from prefloop.feedback.store import Store
from prefloop.text import Question
from test_conversation_trees import GOOD, SMALL, SPAM, Desk, agreeable, labels, run

REAL = Path(__file__).parents[2] / "shared" / "data" / "oasst_100_trees.jsonl"
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
EXTRA = st.fixed_dictionaries(
    {},
    optional={
        "lang": st.sampled_from(["en", "de"]),
        "review_count": st.integers(0, 5),
        "review_result": st.sampled_from([True, False, None]),
        "deleted": st.booleans(),
        "rank": st.integers(0, 3) | st.none(),
        "emojis": st.dictionaries(TEXTS, st.integers(0, 9), max_size=2),
        "labels": st.dictionaries(
            TEXTS, st.fixed_dictionaries({"value": st.floats(0, 1), "count": st.integers(1, 4)}), max_size=2
        ),
        "synthetic": st.booleans(),
        "model_name": st.sampled_from(["m-1", None]),
        "something_new": st.none() | TEXTS,
    },
)


@st.composite
def messages(draw, depth=0, count=None):
    count = count if count is not None else [0]
    count[0] += 1
    message = {"message_id": f"m{count[0]}", "text": draw(TEXTS), "role": ("prompter", "assistant")[depth % 2]}
    message |= draw(EXTRA)
    if depth:
        message["parent_id"] = "set below"
    size = draw(st.integers(0, 3 if depth < 3 else 0))
    message["replies"] = [draw(messages(depth + 1, count)) for _ in range(size)]
    for reply in message["replies"]:
        reply["parent_id"] = message["message_id"]
    return message


def parted(records):
    records = list(records)
    return [r for r in records if isinstance(r, Question)], [r for r in records if not isinstance(r, Question)]


def tree(prompt, **more):
    return json.dumps(
        {"message_tree_id": prompt["message_id"], "tree_state": "ready_for_export", **more, "prompt": prompt}
    )


def through_a_store(lines, path="sqlite://"):
    with Store.open(path) as store:
        questions, events = parted(read(lines))
        streams.add_questions(store, questions)
        streams.add_events(store, events)
        exported = [json.dumps(row, ensure_ascii=False) for row in Export(store=store, shape="oasst")]
        written = list(write(streams.questions(store), store.events()))
        assert [json.loads(line) for line in exported] == [json.loads(line) for line in written]
        return written


def test_the_real_trees_come_back_as_they_were(tmp_path):
    if not REAL.is_file():
        pytest.skip("shared/data/oasst_100_trees.jsonl is not here")
    lines = [line for line in REAL.read_text(encoding="utf-8").split("\n") if line]
    again = through_a_store(lines, tmp_path / "oasst.sqlite")
    assert [json.loads(line) for line in again] == [json.loads(line) for line in lines]
    with Store.open(tmp_path / "oasst.sqlite") as store:
        ranked = store.view("rankings")
        written = [q for q in store.questions() if q.kind == "rating"]
    nodes = [node for line in lines for node in walk(json.loads(line)["prompt"])]
    assert len(written) == len(nodes)
    several = [n for n in nodes if len({r["text"] for r in n["replies"] if r.get("rank") is not None}) > 1]
    assert len(ranked) == len(several)
    best = {min((r["rank"], r["text"]) for r in n["replies"] if r.get("rank") is not None)[1] for n in several}
    assert {j.group.texts[0] for j in ranked} == best


def walk(node):
    yield node
    for reply in node["replies"]:
        yield from walk(reply)


@examples(messages())
@settings(max_examples=60, deadline=None)
def test_any_tree_comes_back_as_it_was(prompt):
    line = tree(prompt, origin="somewhere")
    assert [json.loads(again) for again in through_a_store([line])] == [json.loads(line)]


def test_what_people_grew_is_written_with_their_verdicts_and_read_again():
    with Store.open("sqlite://") as store:
        desk = Desk(store)
        desk.plant("Why is the sky blue?", empty=1)

        def say(leased, who):
            bad = leased.question.kind == "rating" and leased.question.group.texts[0].startswith("p3")
            return labels(leased, SPAM) if bad else agreeable(leased, who)

        run(desk, say, people=9, seed=4)
        made = list(write(streams.questions(store), store.events(), settings=SMALL, lang="en"))
        trees = stored_trees(store, "t")
    first = json.loads(made[0])
    assert first["tree_state"] == "ready_for_export"
    replies = first["prompt"]["replies"]
    assert {r["review_result"] for r in replies if r["text"].startswith("p3")} <= {False}
    accepted = [r for r in replies if r["review_result"]]
    assert sorted(r["rank"] for r in accepted) == list(range(len(accepted)))
    assert sorted(accepted, key=lambda r: r["rank"]) == sorted(accepted, key=lambda r: r["text"])
    assert accepted[0]["labels"]["quality"] == {"value": (GOOD["quality"] - 1) / 4, "count": SMALL.reviews}
    assert [t.state for t in trees] == ["ready", "aborted"]
    refused = json.loads(made[1])
    assert (refused["tree_state"], refused["prompt"]["text"]) == ("aborted_low_grade", trees[1].spare[0].text)
    assert [json.loads(line) for line in through_a_store(made)] == [json.loads(line) for line in made]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2 is no JSON"),
        ("[]", "line 2 is no tree of Open Assistant"),
        (tree({"message_id": "a", "role": "prompter", "replies": []}), "line 2: a message has `text` None"),
        (tree({"message_id": "a", "text": "Hi", "role": "assistant", "replies": []}), "the user is next"),
    ],
)
def test_a_line_that_is_no_tree_is_named(line, why):
    good = tree({"message_id": "t", "text": "Hi", "role": "prompter", "replies": []})
    with pytest.raises(DataError, match=why):
        list(read([good, line]))
