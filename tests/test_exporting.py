"""Exporting: rows as trainers name them, with where each came from; and round trips that lose nothing or say what."""

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefloop.errors import DataError
from prefloop.feedback import export_files
from prefloop.feedback.export_files import export_file
from prefloop.feedback.exporting import EXPORTS, Export
from prefloop.feedback.files import read_rows
from prefloop.feedback.growing import REFUSED
from prefloop.feedback.importing import import_file
from prefloop.feedback.judged import read_judged
from prefloop.feedback.projects import Projects
from prefloop.feedback.provenance import COLUMNS
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Event, Item, Project, Submission
from prefloop.feedback.store import Store
from prefloop.feedback.streams import add_events
from prefloop.feedback.tree_settings import TreeSettings
from prefloop.feedback.tree_tasks import given as given_prompt
from prefloop.feedback.trees import KINDS as TREE_KINDS
from prefloop.text import Group, Message, Prompt, Question, Response

SHARED = Path(__file__).parents[2] / "shared" / "data"
TURNS = Prompt(messages=(Message(role="user", content="Sky?"),))
AXES = {"axes": {"helpful": [1, 5], "true": [0, 1]}}


def asked(id, kind, *texts, prompt=TURNS, **more):
    return Question(
        id=id, kind=kind, group=Group(prompt=prompt, responses=tuple(Response(text=t) for t in texts)), **more
    )


def said(question, value, who="ada", **more):
    about = {"seq": 0, "event": "answer", "submission": f"{question.id}-{who}-{more.get('revision', 0)}", "at": 5.0}
    order = tuple(reversed(range(len(question.group.responses))))
    return Event(
        **{**about, "question": question.id, "who": who, "value": value, "order": order, "seconds": 2.5, **more}
    )


QUESTIONS = (
    asked("c", "comparison", "Blue.", "Green.", why="why it was asked"),
    asked("t", "thumbs", "Blue."),
    asked("r", "ranking", "Blue.", "Green.", "Red."),
    asked("s", "rating", "Blue.", "Green.", options=AXES),
    asked("d", "demonstration"),
)
EVENTS = (
    said(QUESTIONS[0], {"better": 1, "strength": 7}, guideline=3, project="sky"),
    said(QUESTIONS[0], 1, "ben"),
    said(QUESTIONS[0], 0, "cleo"),
    said(QUESTIONS[1], [True]),
    said(QUESTIONS[2], [[1], [0, 2]]),
    said(QUESTIONS[3], [{"helpful": 4, "true": 1}, {"helpful": 5, "true": 1}]),
    said(QUESTIONS[4], {"text": "Blue, by day."}),
)


def filled(store, questions=QUESTIONS, events=EVENTS):
    store.add_questions(questions)
    add_events(store, events)
    return store


@pytest.fixture
def store(place):
    with Store.open(place) as opened:
        yield filled(opened)


def rows(store, shape, **more):
    return list(Export(store=store, shape=shape, **more))


ANSWER = [{"role": "assistant", "content": "Green."}]
OTHER = [{"role": "assistant", "content": "Blue."}]
ASKED = [{"role": "user", "content": "Sky?"}]


@pytest.mark.parametrize(
    ("shape", "first", "count"),
    [
        ("pairs", {"prompt": ASKED, "chosen": ANSWER, "rejected": OTHER, "target": 1.0}, 3),
        ("dpo", {"prompt": ASKED, "chosen": ANSWER, "rejected": OTHER, "target": 1.0}, 3),
        ("reward", {"chosen": ASKED + ANSWER, "rejected": ASKED + OTHER, "target": 1.0}, 3),
        ("kto", {"prompt": ASKED, "completion": OTHER, "label": True}, 1),
        ("sft", {"prompt": ASKED, "completion": [{"role": "assistant", "content": "Blue, by day."}]}, 1),
        ("ranking", {"prompt": ASKED, "responses": ["Green.", "Blue.", "Red."], "ranks": [1, 2, 2]}, 1),
        ("rating", {"prompt": ASKED, "responses": ["Green.", "Blue."], "scores": [3.0, 2.5]}, 1),
        ("openrlhf-kto", {"input": ASKED, "output": OTHER, "label": True}, 1),
        ("openrlhf-sft", {"input": ASKED, "output": [{"role": "assistant", "content": "Blue, by day."}]}, 1),
    ],
)
def test_a_shape_has_the_names_of_its_trainers_and_then_where_the_row_came_from(shape, first, count, store):
    found = rows(store, shape)
    assert len(found) == count
    assert {name: found[0][name] for name in first} == first
    assert tuple(found[0]) == (*EXPORTS[shape].columns, *COLUMNS)


def test_a_row_says_who_when_in_which_order_how_strongly_and_who_agreed(store):
    first, second, third = rows(store, "pairs")
    wanted = {
        "question_id": "c", "kind": "comparison", "who": "ada", "guideline": 3, "order": [1, 0], "seconds": 2.5,
        "at": 5.0, "strength": 7, "overlap": 3, "agreement": 0.5,
        "source": "why it was asked", "project": "sky", "places": [1, 0],
    }  # fmt: skip
    assert {name: first[name] for name in wanted} == wanted
    assert (second["agreement"], third["agreement"], third["strength"]) == (0.5, 0.0, None)
    assert rows(store, "kto")[0]["agreement"] is None


def test_pseudonyms_stand_for_the_same_person_throughout_and_lead_nowhere(store):
    for shape in ("pairs", "log"):
        text = "".join(export_files.lines(Export(store=store, shape=shape, pseudonyms=True)))
        assert not any(name in text for name in ("ada", "ben", "cleo"))
    assert [row["who"] for row in rows(store, "pairs", pseudonyms=True)] == ["person-1", "person-2", "person-3"]
    events = [row for row in rows(store, "log", pseudonyms=True) if row["record"] == "event"]
    assert [e["who"] for e in events] == ["person-1", "person-2", "person-3", *["person-1"] * 4]
    assert len({e["submission"] for e in events}) == len(events)


def test_what_a_shape_does_not_hold_is_counted(store):
    tie, undone = asked("e", "comparison", "a", "b"), asked("f", "comparison", "a", "b")
    more = [said(tie, "tie"), said(undone, 0), said(undone, None, revision=1, event="undo")]
    filled(store, [tie, undone, asked("g", "thumbs", "a"), asked("h", "comparison", "a", "b", split="held_out")], more)
    export = Export(store=store, shape="pairs")
    assert len(list(export)) == 3
    assert export.left_out == {
        "ties": 1,
        "events that are skipped, taken back or said otherwise since": 2,
        "questions without an answer": 2,
        "questions that are not for `train`": 1,
        "answers of the kind thumbs, which pairs does not hold": 1,
        "answers of the kind ranking, which pairs does not hold": 1,
        "answers of the kind rating, which pairs does not hold": 1,
        "answers of the kind demonstration, which pairs does not hold": 1,
    }


def test_an_unknown_shape_or_ending_is_refused_with_the_known_ones(store, tmp_path):
    with pytest.raises(DataError, match=r"no shape `pair` to export. Did you mean `pairs`\? Shapes: log, pairs"):
        Export(store=store, shape="pair")
    with pytest.raises(DataError, match=r"is written as \.jsonl, \.csv, \.parquet"):
        export_file(Export(store=store, shape="pairs"), tmp_path / "pairs.txt")
    with pytest.raises(DataError, match="log is written as JSON lines"):
        export_file(Export(store=store, shape="log"), tmp_path / "log.csv")


def test_a_file_that_is_not_finished_is_not_there(store, tmp_path, monkeypatch):
    (tmp_path / "pairs.jsonl").write_text("what was there")
    monkeypatch.setattr("prefloop.feedback.exporting.columns", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export_file(Export(store=store, shape="pairs"), tmp_path / "pairs.jsonl")
    assert [p.name for p in tmp_path.glob("pairs*")] == ["pairs.jsonl"]
    assert (tmp_path / "pairs.jsonl").read_text() == "what was there"


def test_a_parquet_file_of_texts_and_turns_is_refused_with_the_way_out(tmp_path):
    pytest.importorskip("pyarrow", reason="the extra `data` is not installed")
    plain = asked("p", "comparison", "a", "b", prompt=Prompt(text="Sky?"))
    with Store.open("sqlite://") as store:
        filled(store, [QUESTIONS[0], plain], [EVENTS[0], said(plain, 0)])
        with pytest.raises(DataError, match=r"Write \.jsonl, which holds both"):
            export_file(Export(store=store, shape="pairs"), tmp_path / "pairs.parquet")


def contents(store):
    """Everything questions and events hold that a shape can: all but why, tokens and the place in the log."""
    questions = {q.id: (q.kind, q.group.prompt, q.group.texts, q.options) for q in store.questions()}
    return questions, Counter(json.dumps(plain(e), sort_keys=True) for e in store.events())


def plain(event):
    return [
        event.event, event.submission, event.question, event.who, event.revision, event.value, event.order,
        event.seconds, event.at, event.guideline,
    ]  # fmt: skip


ENDINGS = ("jsonl", "csv", "parquet")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("shape", ["pairs", "dpo", "reward", "kto", "sft", "ranking", "rating"])
def test_a_shape_comes_back_as_what_it_was_made_of(shape, ending, store, tmp_path):
    if ending == "parquet":
        pytest.importorskip("pyarrow", reason="the extra `data` is not installed")
    path = tmp_path / f"out.{ending}"
    done = export_file(Export(store=store, shape=shape), path)
    questions, events = contents(store)
    with Store.open("sqlite://") as other:
        back = import_file(other, path)
        assert (back.preview.rows, back.preview.problem_count, back.preview.lost) == (done.rows, 0, {})
        again, said_again = contents(other)
    assert again.items() <= questions.items()
    assert said_again <= events
    assert sum(said_again.values()) == done.rows
    same = import_file(store, path)
    assert (same.questions, same.answers, same.preview.problem_count) == (0, 0, 0)


def test_rows_of_questions_with_more_responses_say_what_is_lost(tmp_path):
    choice, thumbs = asked("w", "choice", "a", "b", "c"), asked("x", "thumbs", "a", "b")
    edit = asked("y", "edit", "a")
    events = [said(choice, 2), said(thumbs, [True, False]), said(edit, {"response": 0, "text": "A."})]
    with Store.open("sqlite://") as store:
        filled(store, [choice, thumbs, edit], events)
        for shape, count, lost in (
            ("pairs", 2, "the other responses that were shown with it, and their order"),
            ("kto", 2, "the other responses that were shown with it, and their order"),
            ("sft", 1, "the answers that were shown before one was written"),
        ):
            export_file(Export(store=store, shape=shape), tmp_path / "out.jsonl")
            with Store.open("sqlite://") as other:
                back = import_file(other, tmp_path / "out.jsonl")
                assert (back.answers, dict(back.preview.lost)) == (count, {lost: count})
                assert {a.who for a in other.answers()} == {"ada"}


def test_training_reads_what_is_exported(store, tmp_path):
    for shape, form in (("pairs", "pairs"), ("kto", "thumbs"), ("ranking", "rankings"), ("rating", "ratings")):
        for ending in ("jsonl", "csv"):
            export_file(Export(store=store, shape=shape), tmp_path / f"{shape}.{ending}")
            judged = read_judged(str(tmp_path / f"{shape}.{ending}"))
            assert judged.form == form
            there = tuple(replace(j.group, aspects={}) for j in store.view(EXPORTS[shape].view))  # a row has the mean
            assert judged.groups == there or shape in ("pairs", "ranking")
            assert [g.texts for g in judged.groups] == [j.group.texts for j in store.view(EXPORTS[shape].view)]


def test_a_cell_keeps_line_ends_quotes_and_commas(tmp_path):
    odd = asked("o", "comparison", 'a "b", c\r\nd\re', " \u2028\ttail ", prompt=Prompt(text="x,\ny"))
    with Store.open("sqlite://") as store:
        filled(store, [odd], [said(odd, 0)])
        export_file(Export(store=store, shape="pairs"), tmp_path / "odd.csv")
        with (tmp_path / "odd.csv").open(newline="", encoding="utf-8") as file:
            [row] = csv.DictReader(file)
        assert (row["prompt"], row["chosen"]) == ("x,\ny", 'a "b", c\r\nd\re')
        [row] = read_rows(str(tmp_path / "odd.csv"))
        assert (row.values["chosen"], row.values["rejected"]) == odd.group.texts


TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
PROMPTS = st.one_of(
    TEXT.map(lambda t: Prompt(text=t)),
    st.lists(TEXT, min_size=1, max_size=3).map(
        lambda ts: Prompt(
            messages=tuple(Message(role=("user", "assistant")[n % 2], content=t) for n, t in enumerate(ts))
        )
    ),
)
PEOPLE = st.sampled_from(["ada", "ben", "Zoë, the 2nd"])


@st.composite
def talks(draw):
    """A question of some kind and what people said of it."""
    kind = draw(
        st.sampled_from(["comparison", "choice", "ranking", "rating", "thumbs", "edit", "demonstration", "spans"])
    )
    count = 0 if kind == "demonstration" else 2 if kind == "comparison" else draw(st.integers(2, 4))
    texts = draw(st.lists(TEXT, min_size=count, max_size=count))
    options = {"rating": AXES, "spans": {"types": ["untrue"]}}.get(kind, {})
    index = st.integers(0, max(count - 1, 0))
    strong = st.fixed_dictionaries({"better": index, "strength": st.integers(1, 7)})
    one = st.fixed_dictionaries({"helpful": st.integers(1, 5), "true": st.integers(0, 1)})
    values = {
        "comparison": st.one_of(index, strong, st.sampled_from(["tie", "both-bad"])),
        "choice": index,
        "ranking": st.permutations(range(count)).map(lambda p: [[i] for i in p]),
        "rating": st.lists(one, min_size=count, max_size=count),
        "thumbs": st.lists(st.booleans(), min_size=count, max_size=count),
        "edit": st.fixed_dictionaries({"response": index, "text": TEXT.filter(str.strip)}),
        "demonstration": st.fixed_dictionaries({"text": TEXT.filter(str.strip)}),
        "spans": st.just([]),
    }
    who = draw(st.lists(PEOPLE, unique=True, max_size=3))
    about = st.tuples(values[kind], st.permutations(range(count)), st.floats(0, 1e6), st.integers(0, 3))
    return kind, draw(PROMPTS), texts, options, [(w, *draw(about)) for w in who]


def build(store, all_talks):
    questions, events = [], []
    for n, (kind, prompt, texts, options, answers) in enumerate(all_talks):
        question = asked(f"q{n}", kind, *texts, prompt=prompt, options=options)
        questions.append(question)
        for who, value, order, seconds, guideline in answers:
            about = {"order": tuple(order), "seconds": seconds, "guideline": guideline}
            events.append(said(question, value, who, **about))
    return filled(store, questions, events)


@settings(max_examples=40, deadline=None)
@given(st.lists(talks(), min_size=1, max_size=5))
def test_the_log_comes_back_whole_whatever_was_said(tmp_path_factory, some):
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    with Store.open("sqlite://") as store, Store.open("sqlite://") as other:
        build(store, some)
        done = export_file(Export(store=store, shape="log"), path)
        back = import_file(other, path)
        assert (back.preview.rows, back.preview.problem_count, back.preview.lost) == (done.rows, 0, {})
        assert other.questions() == store.questions()
        assert [plain(e) for e in other.events()] == [plain(e) for e in store.events()]
        assert import_file(other, path).answers == 0


@settings(max_examples=60, deadline=None)
@given(
    st.lists(talks(), min_size=1, max_size=4),
    st.sampled_from(["pairs", "kto", "sft", "ranking", "rating"]),
    st.booleans(),
)
def test_a_shape_loses_nothing_that_it_does_not_count(tmp_path_factory, some, shape, as_csv):
    path = tmp_path_factory.mktemp("shape") / ("out.csv" if as_csv else "out.jsonl")
    with Store.open("sqlite://") as store, Store.open("sqlite://") as other:
        build(store, some)
        export = Export(store=store, shape=shape)
        done = export_file(export, path)
        _, events = contents(store)
        left = {k: n for k, n in done.left_out.items() if not k.startswith("questions")}
        assert done.rows + sum(left.values()) >= sum(events.values()), "every answer is a row, or counted"
        if not done.rows:
            return
        back = import_file(other, path)
        lost = sum(back.preview.lost.values())
        assert (back.preview.rows, back.preview.problem_count) == (done.rows, 0)
        _, said_again = contents(other)
        assert sum((said_again & events).values()) == done.rows - lost, "what is not the same is counted"


PUBLISHED = {
    "hh_harmless_test.jsonl.gz": "pairs",
    "pandalm_testset.json": "pairs",
    "llamafactory_dpo_en.json": "pairs",
    "llamafactory_kto_en.json": "kto",
    "alpaca_en_demo.json": "sft",
    "label_studio_export.json": "pairs",
    "tulu1_human_eval.xlsx": "pairs",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_file_comes_back_from_the_log_and_from_its_own_shape(name, tmp_path):
    if not (SHARED / name).is_file():
        pytest.skip(f"shared/data/{name} is not here")
    with Store.open("sqlite://") as store, Store.open("sqlite://") as other, Store.open("sqlite://") as third:
        import_file(store, SHARED / name)
        export_file(Export(store=store, shape="log"), tmp_path / "log.jsonl")
        import_file(other, tmp_path / "log.jsonl")
        assert other.questions() == store.questions()
        assert [plain(e) for e in other.events()] == [plain(e) for e in store.events()]
        done = export_file(Export(store=store, shape=PUBLISHED[name]), tmp_path / "own.jsonl")
        back = import_file(third, tmp_path / "own.jsonl")
        assert (back.answers, back.preview.lost, back.preview.problem_count) == (done.rows, {}, 0)
        kept, events = contents(third)
        assert kept.items() <= contents(store)[0].items()
        assert events <= contents(store)[1]
        left = sum(n for what, n in done.left_out.items() if not what.startswith("questions"))
        assert done.rows + left == len(list(store.events()))


def test_practice_and_what_a_user_wrote_in_a_tree_are_not_for_training(tmp_path):
    settings = TreeSettings(reviews=1)
    with Store.open(tmp_path / "s.sqlite") as store:
        Projects(store).create(Project(id="p", title="P", kinds=("thumbs",)), by="lee")
        Projects(store).create(Project(id="sky", title="Sky", kinds=TREE_KINDS, tree=settings), by="lee")
        queue = Queue(store)
        tried = Item(question=asked("try", "thumbs", "Blue."), purpose="practice", expected=[True])
        queue.add_items("p", [tried, Item(question=asked("work", "thumbs", "Blue."))])
        add_events(store, [said(tried.question, [True]), said(asked("work", "thumbs", "Blue."), [True])])
        queue.add_items("sky", [Item(question=given_prompt("sky-1", "Why?", settings))])
        for who, text in (("ada", "Air scatters blue."), ("ben", "Dust.")):
            got = queue.next_item("sky", who)
            made = Submission(id=who, project="sky", question=got.question.id, who=who, value={"text": text})
            queue.submit(made)
        thumbs, written = Export(store=store, shape="kto"), Export(store=store, shape="sft", project="sky")
        assert [row["question_id"] for row in thumbs] == ["work"]
        assert thumbs.left_out["questions to practise on"] == 1
        assert list(written) == []  # nobody has reviewed them yet
        assert written.left_out[REFUSED] == 2
