"""The rule by which a round waits for people, and what the log says as of a moment."""

import pytest

from prefloop.errors import RecipeError
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Project, Submission
from prefloop.feedback.slots import unanswered
from prefloop.feedback.store import Store
from prefloop.feedback.waiting import Wait
from prefloop.recipe_file import with_changes
from prefloop.text import Group, Prompt, Question, Response


@pytest.mark.parametrize(
    ("wait", "state", "over"),
    [
        (Wait(), {"asked": 10, "come": 9, "usable": 9}, False),
        (Wait(), {"asked": 10, "come": 10, "usable": 0}, True),  # nothing more can come
        (Wait(share=0.9), {"asked": 10, "come": 8, "usable": 8}, False),
        (Wait(share=0.9), {"asked": 10, "come": 9, "usable": 9}, True),
        (Wait(share=0.9), {"asked": 10, "come": 9, "usable": 0}, False),  # ties alone teach nothing
        (Wait(share=0.9, least=10), {"asked": 20, "come": 18, "usable": 18, "round": 2}, False),
        (Wait(share=0.0, least=5), {"asked": 20, "come": 5, "usable": 5}, True),
        (Wait(share=0.0, least=5), {"asked": 20, "come": 9, "usable": 9, "round": 2}, False),
        (Wait(minutes=30), {"asked": 20, "come": 1, "usable": 1, "minutes": 29.9}, False),
        (Wait(minutes=30), {"asked": 20, "come": 1, "usable": 1, "minutes": 30}, True),
        (Wait(minutes=30), {"asked": 20, "come": 0, "usable": 0, "minutes": 99}, False),
        (Wait(minutes=30, least=5), {"asked": 20, "come": 6, "usable": 6, "minutes": 99, "round": 2}, False),
    ],
)
def test_a_round_learns_when_the_rule_says_so(wait, state, over):
    assert wait.over(**{"round": 1, **state}) is over


@pytest.mark.parametrize("share", [0.07, 0.14, 0.55, 0.9])
def test_a_share_of_a_whole_number_is_no_label_more(share):
    assert Wait(share=share).wanted(100) == round(100 * share)


@pytest.mark.parametrize("wrong", [{"share": 1.1}, {"share": -0.1}, {"minutes": 0}, {"least": 0}])
def test_a_rule_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(RecipeError, match="a wait of share"):
        Wait(**wrong)


def test_the_rule_is_told_as_it_is():
    assert Wait().told == "A round learns when every label asked for so far has come."
    assert "90 % of the labels" in Wait(share=0.9).told
    assert Wait(minutes=30, least=2).told.endswith("and at least 2 a round, or after 30 minutes with 2 labels a round.")
    assert "as soon as there are 20 labels a round" in Wait(share=0, least=20).told


def test_the_rule_is_changed_by_path():
    from prefloop.loops.demo import demo

    assert with_changes(demo(people="browser"), ["wait.share=0.5", "wait.minutes=2"]).wait == Wait(share=0.5, minutes=2)


def question(number):
    group = Group(prompt=Prompt(text=str(number)), responses=(Response(text="a"), Response(text="b")))
    return Question(id=f"q{number}", kind="comparison", group=group, round=1)


@pytest.fixture
def store(place):
    with Store.open(place) as opened:
        Projects(opened).create(Project(id="tone", title="", kinds=("comparison",), retire_after=1), by="lee")
        Queue(opened).add_items("tone", [Item(question=question(n)) for n in range(3)])
        yield opened


def say(store, question, value=0, revision=0, event="answer"):
    said = {"value": value} if event == "answer" else {"reason": "broken"} if event == "skip" else {}
    Queue(store).submit(
        Submission(
            id=f"{question}-{revision}",
            project="tone",
            question=question,
            who="ada",
            event=event,
            order=(0, 1),
            revision=revision,
            **said,
        )
    )


def test_the_log_can_be_read_as_it_stood(store):
    assert store.last() == 0
    queue = Queue(store)
    queue.next_item("tone", "ada")
    say(store, "q0", 0)
    cut = store.last()
    queue.next_item("tone", "ada")
    say(store, "q0", 1, 1)
    say(store, "q1", 0)
    assert [(a.question, a.value) for a in store.answers(until=cut)] == [("q0", 0)]
    assert [(a.question, a.value) for a in store.answers()] == [("q0", 1), ("q1", 0)]
    assert [j.group.texts for j in store.choices(until=cut)] == [("a", "b")]
    assert [j.group.texts for j in store.choices()] == [("b", "a"), ("a", "b")]
    assert len(store.pairs(until=cut)) == 1
    say(store, "q0", None, 2, "undo")
    assert [a.question for a in store.answers(until=cut)] == ["q0"]
    assert [a.question for a in store.answers()] == ["q1"]


def test_what_waits_for_an_answer_is_counted_with_what_somebody_has_now(store):
    def left():
        with store.database.reading() as connection:
            return unanswered(connection, "tone")

    queue = Queue(store)
    assert left() == 3
    queue.next_item("tone", "ada")
    assert left() == 3
    say(store, "q0", 0)
    assert left() == 2
    queue.next_item("tone", "ada")
    say(store, "q1", event="skip")
    assert left() == 1
