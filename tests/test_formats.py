"""Each format as its authors published it: what the rows become, and what is not kept, counted."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from prefloop.errors import DataError
from prefloop.feedback.files import Row
from prefloop.feedback.formats.known import FORMATS, format_of
from prefloop.feedback.importing import import_file, preview
from prefloop.feedback.shapes import LeftOut
from prefloop.feedback.store import Store
from prefloop.text import Message, Question

SHARED = Path(__file__).parents[2] / "shared" / "data"


def published(name):
    """A file of real judgements; skips where it is not here."""
    if not (SHARED / name).is_file():
        pytest.skip(f"shared/data/{name} is not here")
    if name.endswith(".xlsx"):
        pytest.importorskip("openpyxl", reason="the extra `data` is not installed")
    return SHARED / name


def rows_of(name):
    data = published(name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode()
    return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.split("\n") if line]


def stored(name, **told):
    """What a file becomes in a store: what was said of it, its questions by id, and its events."""
    with Store.open("sqlite://") as store:
        done = import_file(store, published(name), **told)
        return done.preview, {q.id: q for q in store.questions()}, list(store.events())


def convert(format, **values):
    return list(FORMATS[format].convert(Row(place="row 1", values=values)))


def test_dialogues_in_one_text_become_comparisons_whose_verdicts_are_those_of_the_file():
    name = "hh_harmless_test.jsonl.gz"
    found, questions, events = stored(name)
    rows = rows_of(name)
    assert (found.format, found.rows, found.problem_count) == ("pairs-implicit", len(rows), 0)
    assert found.answers + sum(found.lost.values()) == len(rows) == 2_312
    chosen = Counter(questions[e.question].group.texts[e.value] for e in events)
    assert chosen <= Counter(r["chosen"].rpartition("\n\nAssistant:")[2].strip() for r in rows)
    left = sum(e.value == 0 for e in events) / len(events)
    assert 0.45 < left < 0.55, "the preferred answer is not always kept first"


def test_three_verdicts_are_three_answers_and_the_models_are_known():
    found, questions, events = stored("pandalm_testset.json")
    rows = [r for r in rows_of("pandalm_testset.json") if all(isinstance(r[f"response{n}"], str) for n in (1, 2))]
    said = Counter((e.who, e.value) for e in events)
    for n in (1, 2, 3):
        for verdict, value in ((0, "tie"), (1, 0), (2, 1)):
            assert said[f"annotator{n}", value] == sum(r[f"annotator{n}"] == verdict for r in rows)
    assert found.lost["an answer is no text"] == 999 - len(rows)
    assert found.answers == len(events) == 3 * len(rows)
    models = {tuple(r.model_version for r in q.group.responses) for q in questions.values()}
    assert models == {tuple(r["cmp_key"].split("_")) for r in rows}


def test_all_that_was_said_of_four_answers_is_kept():
    _, questions, events = stored("qa_feedback_dev.json")
    rows = rows_of("qa_feedback_dev.json")
    kinds = Counter(questions[e.question].kind for e in events)
    corrected = sum(bool(r["feedback"]["corrected-prediction"].strip()) for r in rows)
    missing = sum(bool(r["feedback"]["missing-info"]) for r in rows)
    assert kinds == {"comparison": 3_000, "spans": 500, "demonstration": 500, "edit": corrected, "critique": missing}
    verdicts = Counter(e.value for e in events if questions[e.question].kind == "comparison")
    in_file = Counter(verdict for r in rows for verdict in r["preference"])
    assert verdicts == {"tie": in_file[0], 0: in_file[1], 1: in_file[2]}
    marks = Counter(mark["type"] for e in events if questions[e.question].kind == "spans" for mark in e.value)
    assert marks == Counter(error["error type"] for r in rows for error in r["feedback"]["errors"])
    omissions = [e.value["text"] for e in events if questions[e.question].kind == "critique"]
    assert sum(text.count("\n") + 1 for text in omissions) == sum(len(r["feedback"]["missing-info"]) for r in rows)
    assert any("(passage 2, sentence 8): In 1969, in Pasadena" in text for text in omissions)


def test_marks_lie_on_the_text_they_were_made_on():
    _, questions, events = stored("qa_feedback_dev.json")
    marked = Counter()
    for event in events:
        question = questions[event.question]
        for mark in event.value if question.kind == "spans" else ():
            marked[question.group.texts[0][mark["start"] : mark["end"]]] += 1
    rows = rows_of("qa_feedback_dev.json")
    assert marked == Counter(r["prediction 1"][e["start"] : e["end"]] for r in rows for e in r["feedback"]["errors"])


def test_a_sheet_keeps_strength_sides_times_and_who():
    openpyxl = pytest.importorskip("openpyxl", reason="the extra `data` is not installed")
    found, questions, events = stored("tulu1_human_eval.xlsx")
    sheet = openpyxl.load_workbook(SHARED / "tulu1_human_eval.xlsx", read_only=True).worksheets[0]
    names, *cells = sheet.iter_rows(values_only=True)
    rows = [dict(zip(names, row, strict=True)) for row in cells]
    rows = [r for r in rows if r["evaluator"]]
    compared = [e for e in events if questions[e.question].kind == "comparison"]
    assert found.rows == len(rows) == len(compared) == 1_150
    assert Counter(e.who for e in compared) == Counter(r["evaluator"] for r in rows)
    assert Counter(e.at for e in compared) == Counter(r["timestamp"].timestamp() for r in rows)
    said = Counter(
        e.value if e.value == "tie" else (e.order.index(e.value["better"]), e.value["strength"]) for e in compared
    )
    words = {"tie": "tie", "a-is-better": (0, 2), "a-is-slightly-better": (0, 1)}
    words |= {"b-is-better": (1, 2), "b-is-slightly-better": (1, 1)}
    assert said == Counter(words[r["preference"]] for r in rows)
    accepted = [e.value[e.order[0]] for e in events if questions[e.question].kind == "thumbs"]
    assert sum(accepted) == sum(r["completion_a_is_acceptable"] == "yes" for r in rows)
    models = {tuple(r.model_version for r in q.group.responses) for q in questions.values()}
    assert all(pair == tuple(sorted(pair)) for pair in models)


def test_completions_by_model_are_the_questions_that_were_asked_of_people():
    pytest.importorskip("openpyxl", reason="the extra `data` is not installed")
    with Store.open("sqlite://") as store:
        import_file(store, published("tulu1_human_eval.xlsx"))
        before = {q.id for q in store.questions()}
        done = import_file(store, published("tulu1_instances.jsonl"), options={"strengths": 2}, kind="comparison")
        now = {q.id for q in store.questions()}
    assert (done.preview.format, done.preview.rows, done.answers) == ("completions-by-model", 996, 0)
    assert len(now - before) < 0.1 * sum(done.preview.kinds.values())


def test_conversations_with_a_better_and_a_worse_answer():
    found, questions, events = stored("llamafactory_dpo_en.json")
    assert (found.format, found.rows, found.lost, len(events)) == ("pairs-conversation", 299, {}, 299)
    chosen = Counter(questions[e.question].group.texts[e.value] for e in events)
    assert chosen == Counter(r["chosen"]["value"] for r in rows_of("llamafactory_dpo_en.json"))


def test_conversations_that_were_liked_or_not():
    found, _, events = stored("llamafactory_kto_en.json")
    assert (found.format, found.rows, found.lost) == ("thumbs-conversation", 300, {})
    assert Counter(e.value[0] for e in events) == Counter(r["label"] for r in rows_of("llamafactory_kto_en.json"))


def test_instructions_are_demonstrations_with_their_answers():
    found, questions, events = stored("alpaca_en_demo.json")
    assert (found.format, found.rows, found.lost) == ("instructions", 999, {})
    assert Counter(e.value["text"] for e in events) == Counter(r["output"] for r in rows_of("alpaca_en_demo.json"))
    assert {q.kind for q in questions.values()} == {"demonstration"}


def test_annotations_have_who_when_and_how_long():
    found, questions, events = stored("label_studio_export.json")
    rows = rows_of("label_studio_export.json")
    assert (found.format, found.rows, len(events)) == ("label-studio", 32, 32)
    by_id = {a["unique_id"]: (r, a) for r in rows for a in r["annotations"]}
    for event in events:
        row, annotation = by_id[event.submission]
        selected = annotation["result"][0]["value"]["selected"]
        answer = row["data"]["answer1" if selected == "left" else "answer2"]
        assert questions[event.question].group.texts[event.value] == answer
        assert (event.seconds, event.who) == (annotation["lead_time"], "2")
    assert found.lost["column `inner_id`"] == 32


def test_two_outputs_and_which_is_better():
    found, questions, events = stored("llmbar/natural.json")
    assert (found.format, found.rows, found.lost) == ("llmbar", 100, {})
    better = {questions[e.question].group.texts[e.value] for e in events}
    assert better == {r[f"output_{r['label']}"] for r in rows_of("llmbar/natural.json")}


@pytest.mark.parametrize(
    ("name", "format", "count"), [("gsm8k_test.jsonl", "questions", 1_319), ("ifeval_prompts.jsonl", "prompts", 541)]
)
def test_prompts_with_and_without_an_answer(name, format, count):
    found = preview(published(name))
    assert (found.format, found.rows, found.problem_count) == (format, count, 0)
    assert set(found.kinds) == {"demonstration"}
    assert found.answers == (count if format == "questions" else 0)


TURN = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("format", "values"),
    [
        ("pairs", {"prompt": "Sky?", "chosen": " Blue.", "rejected": " Green."}),
        ("pairs-implicit", {"chosen": "Sky? Blue.", "rejected": "Sky? Green."}),
        ("pairs", {"prompt": [TURN], "chosen": [{"role": "assistant", "content": " Blue."}], "rejected": " Green."}),
        ("pairs-instruction", {"instruction": "Sky?", "input": "", "chosen": " Blue.", "rejected": " Green."}),
    ],
)
def test_every_notation_of_a_preference_is_one_comparison(format, values):
    assert format_of(values, "a.jsonl").name == format
    question, event = convert(format, **values)
    assert question.kind == "comparison"
    assert [question.group.texts[event.value], question.group.texts[1 - event.value]] == [" Blue.", " Green."]


def test_the_implicit_prompt_is_what_both_texts_begin_with_up_to_a_space():
    question, _ = convert("pairs-implicit", chosen="The sky is blue.", rejected="The sky is bleak.")
    assert question.group.prompt.text == "The sky is bl"
    assert set(question.group.texts) == {"ue.", "eak."}
    question, _ = convert("pairs-implicit", chosen="The sky is blue.", rejected="The sky is green.")
    assert question.group.prompt.text == "The sky is"
    [lost] = convert("pairs-implicit", chosen="One", rejected="Two")
    assert isinstance(lost, LeftOut)


def test_an_instruction_has_its_system_message_and_history_before_it():
    values = {"instruction": "And now?", "input": "the text", "system": "Be brief.", "history": [["Hi", "Hello."]]}
    question, _ = convert("instructions", **values, output="Bye.")
    roles = [(m.role, m.content) for m in question.group.prompt.messages]
    assert roles == [
        ("system", "Be brief."),
        ("user", "Hi"),
        ("assistant", "Hello."),
        ("user", "And now?\n\nthe text"),
    ]


@pytest.mark.parametrize(
    ("scores", "kind", "value"),
    [
        ([5, 1], "rating", [5, 1]),
        ([0, 10], "rating", [0, 10]),
        ([0.5, 0.25], "ranking", None),
        ([500, 1], "ranking", None),
    ],
)
def test_ratings_that_a_rating_cannot_hold_become_a_ranking_and_say_so(scores, kind, value):
    values = {"prompt": "One", "responses": ["first", "second"], "scores": scores}
    question, event, *lost = convert("ratings", **values)
    first, second = (question.group.texts.index(t) for t in ("first", "second"))
    assert question.kind == kind
    if value:
        low, high = question.options["axes"]["score"]
        assert [event.value[first]["score"], event.value[second]["score"]] == value
        assert low <= min(scores) <= max(scores) <= high
        assert not lost
    else:
        assert event.value == [[first], [second]]
        assert len(lost) == 1


def test_a_probability_becomes_a_strength_and_one_half_a_tie():
    pair = {"prompt": "One", "chosen": "a", "rejected": "b"}
    question, event = convert("pairs", **pair, target=0.75)
    assert question.options == {"strengths": 100}
    assert event.value == {"better": question.group.texts.index("a"), "strength": 50}
    assert convert("pairs", **pair, target=0.5)[1].value == "tie"
    assert len(convert("pairs", **pair, target=2 / 3)) == 3


def test_answers_that_nobody_judged_are_asked_about_and_ranks_are_an_answer():
    row = {"prompt": "One", "responses": ["a", "b", "c"]}
    [question] = convert(format_of(row, "a").name, **row)
    assert question.kind == "ranking"
    question, event = convert(format_of({**row, "ranks": [2, 1, 2]}, "a").name, **row, ranks=[2, 1, 2])
    assert [question.group.texts[i] for i in event.value[0]] == ["b"]
    question, event = convert("rankings-best-first", **row)
    assert [question.group.texts[tier[0]] for tier in event.value] == ["a", "b", "c"]


def test_a_cancelled_annotation_is_a_skip_and_other_results_are_counted():
    about = {"completed_by": {"email": "ada@example.org"}, "created_at": "2023-04-17T21:54:20.457543Z"}
    pairwise = {"type": "pairwise", "value": {"selected": "left"}}
    annotations = [
        {**about, "was_cancelled": True},
        {**about, "result": [pairwise, {"type": "textarea", "value": {"text": ["why"]}}]},
    ]
    data = {"prompt": "Sky?", "a": "Blue.", "b": "Green."}
    question, skip, lost, answer = convert("label-studio", data=data, annotations=annotations)
    assert isinstance(question, Question)
    assert question.group.prompt.messages == (Message(role="user", content="Sky?"),)
    assert (skip.event, answer.event, answer.value, answer.who) == ("skip", "answer", 0, "ada@example.org")
    assert lost.why == "results of the type textarea"
    with pytest.raises(DataError, match="`data` has 3 texts beside `prompt`, and a comparison takes two"):
        convert("label-studio", data={**data, "c": "Red."}, annotations=[])


def test_an_unknown_format_gets_the_known_ones_and_a_named_one_its_columns():
    with pytest.raises(DataError, match=r"no known format[\s\S]*  pairs: prompt, chosen, rejected"):
        format_of(("colour",), "a.csv")
    with pytest.raises(DataError, match=r"no format `pair`. Did you mean `pairs`\?"):
        format_of(("colour",), "a.csv", name="pair")
    with pytest.raises(
        DataError, match="has the columns colour, and the format `pairs` takes prompt, chosen, rejected"
    ):
        format_of(("colour",), "a.csv", name="pairs")


def test_conversation_trees_keep_every_message_its_parent_and_the_ranks():
    def messages(message):
        yield message
        for reply in message["replies"]:
            yield from messages(reply)

    found, questions, events = stored("oasst_100_trees.jsonl")
    trees = rows_of("oasst_100_trees.jsonl")
    every = {m["message_id"]: m for tree in trees for m in messages(tree["prompt"])}
    assert (found.format, found.rows, found.problem_count, found.lost) == ("oasst", 100, 0, {})
    assert {key: questions[key].group.texts[0] for key in every} == {key: m["text"] for key, m in every.items()}
    assert {key: questions[key].parent for key in every} == {key: m.get("parent_id", "") for key, m in every.items()}
    for event in events:
        question = questions[event.question]
        texts = [question.group.texts[i] for tier in event.value for i in tier]
        replies = [r for r in every[question.parent]["replies"] if r.get("rank") is not None]
        assert texts == [r["text"] for r in sorted(replies, key=lambda r: r["rank"])]
    assert len(events) == sum(sum("rank" in r for r in m["replies"]) > 1 for m in every.values())
