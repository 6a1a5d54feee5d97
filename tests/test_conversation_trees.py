"""Conversation trees: they grow to their end, nobody judges themselves, and two at once do not grow one twice."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as examples
from hypothesis import strategies as st

from at_once import work_at_once
from prefloop.errors import DataError
from prefloop.feedback.forest import add_replies, consensus, demonstrations, stored_trees
from prefloop.feedback.judged import read_judged
from prefloop.feedback.progress import progress
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item, Leased, Project, Submission
from prefloop.feedback.store import Store
from prefloop.feedback.tree_settings import FLAG, SCALE, TreeSettings
from prefloop.feedback.tree_tasks import first_prompt, given
from prefloop.feedback.trees import KINDS, Tree, Turn, wanted_replies
from prefloop.recipe import Data
from prefloop.text import Message

SMALL = TreeSettings(
    goal=6,
    depth=3,
    assistant_replies=2,
    reviews=2,
    rankings=2,
    labels={"spam": FLAG, "lang_mismatch": FLAG, "quality": SCALE},
    assistant_labels={"helpfulness": SCALE},
)
GOOD = {"spam": 0, "lang_mismatch": 0, "quality": 4, "helpfulness": 4}
SPAM = GOOD | {"spam": 1}
Say = Callable[[Leased, str], Any]


class Desk:
    """A project of trees, and a clock that is set by hand."""

    def __init__(self, store: Store, tree: TreeSettings = SMALL, **values: Any) -> None:
        self.now, self.store, self.sent = 1_000.0, store, 0
        self.projects, self.queue = Projects(store, self.clock), Queue(store, self.clock)
        self.projects.create(Project(id="t", title="T", kinds=KINDS, tree=tree, **values), by="lee")

    def clock(self) -> float:
        return self.now

    def plant(self, *prompts: str, empty: int = 0) -> None:
        tree = self.projects.get("t").tree
        assert tree is not None
        begun = [Item(question=given(f"t-{n}", text, tree)) for n, text in enumerate(prompts, 1)]
        begun += [Item(question=first_prompt(f"t-{len(prompts) + n}")) for n in range(1, empty + 1)]
        self.queue.add_items("t", begun)

    def next(self, who: str, **more: Any) -> Leased:
        leased = self.queue.next_item("t", who, **more)
        assert leased is not None
        return leased

    def say(self, leased: Leased, who: str, value: Any = None, **more: Any) -> Submission:
        self.sent += 1
        said = Submission(
            id=f"s{self.sent}", project="t", question=leased.question.id, who=who, value=value,
            order=leased.order, revision=leased.revision,
        )  # fmt: skip
        said = replace(said, **more)
        self.queue.submit(said)
        return said

    def work(self, who: str, say: Say) -> Leased | None:
        leased = self.queue.next_item("t", who)
        if leased is not None:
            self.say(leased, who, say(leased, who))
        return leased

    def trees(self) -> list[Tree]:
        return stored_trees(self.store, "t")

    def root(self) -> Turn:
        prompt = self.trees()[0].prompt
        assert prompt is not None
        return prompt


def labels(leased: Leased, said: dict[str, int]) -> list[dict[str, int]]:
    return [{name: said[name] for name in leased.question.options["axes"]}]


def agreeable(leased: Leased, who: str) -> Any:
    """Writes something of its own, finds all of it good, and ranks by the alphabet."""
    question = leased.question
    if question.kind == "demonstration":
        return {"text": f"{who} on {len(question.group.prompt.messages)}: {question.id[-12:]}"}
    if question.kind == "rating":
        return labels(leased, GOOD)
    texts = question.group.texts
    return [[i] for i in sorted(range(len(texts)), key=lambda i: texts[i])]


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


def run(desk: Desk, say: Say, people: int, seed: int, skips: float = 0.0) -> None:
    """Random people act until nobody has anything left to do."""
    chance = random.Random(seed)
    names = [f"p{n}" for n in range(people)]
    idle: set[str] = set()
    while idle != set(names):
        who = chance.choice(names)
        leased = desk.queue.next_item("t", who)
        if leased is None:
            idle.add(who)
            continue
        idle.clear()
        if chance.random() < skips:
            desk.say(leased, who, event="skip", reason="no")
        else:
            desk.say(leased, who, say(leased, who))


def check_what_was_given(desk: Desk, tree: TreeSettings) -> None:
    """Nobody judged their own message or the same thing twice, and every message was judged by enough."""
    asked = {q.id: q for q in desk.store.questions()}
    answers = desk.store.answers()
    assert max(Counter((a.question, a.who) for a in answers).values()) == 1
    wrote = {(a.value["text"], a.who) for a in answers if asked[a.question].kind == "demonstration"}
    for answer in answers:
        question = asked[answer.question]
        if not tree.own and question.kind != "demonstration":
            assert not {(text, answer.who) for text in question.group.texts} & wrote
        if not tree.own and question.kind == "demonstration" and question.group.prompt.messages:
            assert (question.group.prompt.messages[-1].content, answer.who) not in wrote
    for found in desk.trees():
        for turn in found.turns:
            if turn.given is None:
                assert turn.verdict == "waiting" or turn.reviews == tree.reviews
        if found.state == "ready":
            check_ready(found, tree)


def check_ready(found: Tree, tree: TreeSettings) -> None:
    assert found.prompt is not None
    alive = [turn for turn in found.turns if turn.verdict == "accepted"]
    assert len(alive) <= tree.goal
    for turn in alive:
        if turn.role == "user" and len(turn.accepted) > 1:
            assert turn.rankings == tree.rankings
            assert sorted(r.rank for r in turn.accepted)[0] == 0
        assert all(len(r.path) == len(turn.path) + 1 for r in turn.replies)


def test_a_tree_grows_from_a_prompt_of_a_file_until_it_is_ready(store: Store) -> None:
    desk = Desk(store)
    desk.plant("Why is the sky blue?")
    assert [t.state for t in desk.trees()] == ["growing"]
    run(desk, agreeable, people=7, seed=1)
    [tree] = desk.trees()
    assert tree.state == "ready"
    assert len([t for t in tree.turns if t.verdict == "accepted"]) == SMALL.goal
    check_what_was_given(desk, SMALL)
    far = progress(store, "t")
    assert (far.answers, far.finished) == (far.wanted, far.items)


def test_people_write_the_first_prompt_where_there_is_no_file(store: Store) -> None:
    desk = Desk(store)
    desk.plant(empty=2)
    assert [t.state for t in desk.trees()] == ["prompt", "prompt"]
    first = desk.next("ada")
    assert first.question.group.prompt.shown == ""
    desk.say(first, "ada", {"text": "Why is the sky blue?"})
    assert desk.trees()[0].state == "review"
    other = desk.next("ada")
    assert (other.question.id, other.question.kind) == ("t-2", "demonstration")
    review = desk.next("ben")
    assert (review.question.kind, review.question.group.texts) == ("rating", ("Why is the sky blue?",))
    desk.say(other, "ada", {"text": "And red in the evening?"})
    desk.say(review, "ben", labels(review, GOOD))
    run(desk, agreeable, people=9, seed=2)
    assert [t.state for t in desk.trees()] == ["ready", "ready"]
    check_what_was_given(desk, SMALL)


def test_a_refused_prompt_ends_its_tree_and_a_refused_reply_is_written_anew(store: Store) -> None:
    desk = Desk(store)
    desk.plant("Hello", empty=1)
    bad = {"Buy this"}

    def say(leased: Leased, who: str) -> Any:
        if leased.question.kind == "demonstration" and who == "spammer":
            return {"text": "Buy this"}
        if leased.question.kind == "rating":
            return labels(leased, SPAM if leased.question.group.texts[0] in bad else GOOD)
        return agreeable(leased, who)

    desk.work("spammer", say)
    desk.work("spammer", say)
    run(desk, say, people=8, seed=3)
    hello, empty = desk.trees()
    assert empty.state == "aborted"
    assert [p.score for p in empty.spare] == [0.0]
    assert [r.verdict for r in hello.turns[0].replies].count("rejected") == 1
    assert hello.state == "ready"
    assert "Buy this" not in {t for g in consensus([hello]) for t in g.texts}
    assert "Buy this" not in {g.texts[0] for g in demonstrations([hello])}


def test_a_message_is_accepted_at_the_threshold_and_not_below(store: Store) -> None:
    half = replace(SMALL, threshold=0.5)
    desk = Desk(store, half)
    desk.plant("Hello")
    desk.say(desk.next("ada"), "ada", {"text": "Hi"})
    desk.say(desk.next("ben", holding=["t-1-reply"]), "ben", {"text": "Ho"})
    reviews = [desk.next("cy"), desk.next("dee")]
    assert {q.question.group.texts for q in reviews} == {("Hi",)}
    desk.say(reviews[0], "cy", labels(reviews[0], GOOD))
    assert [r.verdict for r in desk.root().replies] == ["waiting", "waiting"]
    desk.say(reviews[1], "dee", labels(reviews[1], SPAM))
    assert next((r.verdict, r.score) for r in desk.root().replies) == ("accepted", 0.5)
    stricter = replace(desk.projects.get("t"), tree=replace(half, threshold=0.6))
    desk.projects.change(stricter, by="lee")
    assert desk.root().replies[0].verdict == "rejected"


def test_nobody_replies_to_or_judges_their_own_unless_the_project_lets_them(store: Store) -> None:
    desk = Desk(store)
    desk.plant(empty=1)
    desk.say(desk.next("ada"), "ada", {"text": "Hello"})
    assert desk.queue.next_item("t", "ada") is None
    [review] = [q for q in store.questions() if q.kind == "rating"]
    sneaky = Submission(id="x", project="t", question=review.id, who="ada", value=[GOOD], order=(0,))
    with pytest.raises(DataError, match="was not given to ada"):
        desk.queue.submit(sneaky)
    desk.queue.rebuild("t")
    assert desk.queue.next_item("t", "ada") is None
    changed = desk.projects.get("t")
    desk.projects.change(replace(changed, id="t", tree=replace(SMALL, own=True)), by="lee")
    fresh = desk.next("ben")
    desk.say(fresh, "ben", labels(fresh, GOOD))
    fresh = desk.next("cy")
    desk.say(fresh, "cy", labels(fresh, GOOD))
    assert desk.next("ada").question.id.endswith("-reply")


def test_a_tree_that_too_many_skip_is_halted_and_asks_no_more(store: Store) -> None:
    desk = Desk(store, replace(SMALL, max_skips=2))
    desk.plant("Hello")
    held = desk.next("late")
    for who in ("ada", "ben"):
        desk.say(desk.next(who), who, event="skip", reason="no")
    assert desk.trees()[0].state == "growing"
    desk.say(desk.next("cy"), "cy", event="skip", reason="no")
    assert desk.trees()[0].state == "halted"
    assert desk.queue.next_item("t", "dee") is None
    desk.now += 10_000
    assert desk.queue.next_item("t", "dee") is None, "a lapsed lease does not open it again"
    desk.say(held, "late", {"text": "I was slow"})
    assert [r.text for r in desk.root().replies] == ["I was slow"]


def test_what_is_taken_back_takes_its_questions_along_and_comes_back_with_them(store: Store) -> None:
    desk = Desk(store)
    desk.plant("Hello")
    leased = desk.next("ada")
    said = desk.say(leased, "ada", {"text": "Hi"})
    assert desk.next("ben").question.kind == "demonstration"
    assert [q.kind for q in store.questions()] == ["rating", "demonstration", "rating"]
    desk.say(leased, "ada", event="undo", revision=1)
    assert desk.root().replies == ()
    assert {desk.queue.next_item("t", who) is None for who in ("dee", "eve")} == {True}
    desk.queue.submit(replace(said, id="again", revision=2))
    review = desk.next("dee")
    assert review.question.group.texts == ("Hi",)


def test_each_of_two_places_goes_to_one_and_a_late_answer_is_kept(store: Store) -> None:
    desk = Desk(store, lease_seconds=60.0)
    desk.plant("Hello")
    late = desk.next("ada")
    desk.next("ben")
    assert desk.queue.next_item("t", "cy") is None
    desk.now += 61
    desk.say(desk.next("cy"), "cy", {"text": "cy"})
    desk.say(desk.next("dee"), "dee", {"text": "dee"})
    desk.say(late, "ada", {"text": "ada"})
    assert sorted(r.text for r in desk.root().replies) == ["ada", "cy", "dee"]
    run(desk, agreeable, people=9, seed=5)
    assert desk.trees()[0].state == "ready"


def test_two_at_once_do_not_grow_a_tree_twice(store: Store) -> None:
    desk = Desk(store)
    desk.plant("Why?", "How?", empty=1)
    assert work_at_once(desk.queue, "t", agreeable, patience=25) == []
    run(desk, agreeable, people=9, seed=6)
    check_what_was_given(desk, SMALL)
    for tree in desk.trees():
        assert tree.state == "ready"
        assert len([t for t in tree.turns if t.verdict == "accepted"]) == SMALL.goal
    assert len(list(store.events())) == len(store.answers())


@examples(
    seed=st.integers(0, 10_000),
    people=st.integers(3, 10),
    goal=st.integers(1, 9),
    depth=st.integers(0, 4),
    replies=st.integers(1, 4),
    reviews=st.integers(1, 3),
    rankings=st.integers(1, 3),
    own=st.booleans(),
    spam=st.sampled_from([0.0, 0.3]),
    skips=st.sampled_from([0.0, 0.2]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_people_do_it_ends_and_every_message_is_judged_enough(
    seed: int, people: int, spam: float, skips: float, **numbers: Any
) -> None:
    numbers["assistant_replies"] = numbers.pop("replies")
    tree = replace(SMALL, max_skips=4, **numbers)
    chance = random.Random(seed)

    def say(leased: Leased, who: str) -> Any:
        if leased.question.kind == "rating":
            return labels(leased, SPAM if chance.random() < spam else GOOD)
        if leased.question.kind == "ranking":
            shuffled = chance.sample(range(len(leased.order)), len(leased.order))
            return [[shuffled[0], *shuffled[2:]], [shuffled[1]]]
        return agreeable(leased, who)

    with Store.open("sqlite://") as store:
        desk = Desk(store, tree)
        desk.plant("Hello", empty=1)
        run(desk, say, people, seed, skips)
        if store.answers():
            check_what_was_given(desk, tree)
        if not skips and people >= tree.assistant_replies + max(tree.reviews, tree.rankings) + 12 * (spam > 0):
            assert {t.state for t in desk.trees()} <= {"ready", "aborted"}
        slots_before = [desk.queue.next_item("t", f"p{n}") for n in range(people)]
        desk.queue.rebuild("t")
        assert [desk.queue.next_item("t", f"p{n}") for n in range(people)] == slots_before == [None] * people


def test_a_model_writes_along_and_is_ranked_without_being_reviewed(store: Store) -> None:
    desk = Desk(store)
    desk.plant("Why is the sky blue?")
    assert add_replies(desk.queue, "t", lambda prompt: f"Because of {len(prompt.messages)}.", model="m-7") == 1
    assert add_replies(desk.queue, "t", lambda prompt: "Again.", model="m-7") == 0
    run(desk, agreeable, people=8, seed=7)
    [tree] = desk.trees()
    assert tree.state == "ready"
    machine = [t for t in tree.turns[1:] if t.given]
    assert [t.given.group.responses[0].model_version for t in machine if t.given] == ["m-7"]
    assert machine[0].rank is not None


def test_rankings_labels_and_paths_become_training_sets(store: Store, place: Path | str) -> None:
    desk = Desk(store)
    desk.plant("Why is the sky blue?")
    run(desk, agreeable, people=8, seed=8)
    [tree] = desk.trees()
    ranked = [t for t in tree.turns if t.rankings]
    rankings = store.view("rankings")
    assert len(rankings) == SMALL.rankings * len(ranked)
    assert {g.group.prompt.messages for g in rankings} == {t.conversation for t in ranked}
    one = next(iter(consensus([tree])))
    assert one.texts == tuple(sorted(one.texts))
    assert one.labels == tuple(float(n) for n in range(len(one.texts) - 1, -1, -1))
    written = store.view("demonstrations")
    accepted = [t for t in tree.turns if t.role == "assistant" and t.verdict == "accepted"]
    assert sorted(g.group.texts[0] for g in written) == sorted(t.text for t in accepted)
    assert written.left_out
    assert {g.group.texts[0] for g in written} == {g.texts[0] for g in demonstrations([tree])}
    assert {g.group.labels for g in store.view("ratings", axis="quality")} == {(4.0,)}
    judged = read_judged(Data(source=str(place), split="rankings"))
    assert (judged.form, len(judged.groups)) == ("rankings", len(rankings))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"goal": 0}, "`goal` 0"),
        ({"threshold": 1.5}, "`threshold` 1.5"),
        ({"labels": {}}, "no `labels`"),
        ({"against": ("rude",)}, "`rude` counts against"),
    ],
)
def test_settings_of_which_no_tree_can_grow_are_refused(store: Store, values: dict[str, Any], why: str) -> None:
    with pytest.raises(DataError, match=why):
        Desk(store, replace(SMALL, **values))
    with pytest.raises(DataError, match="a project of trees asks"):
        Projects(store).create(Project(id="t", title="T", kinds=("rating",), tree=SMALL), by="lee")


def test_settings_are_kept_as_they_were(store: Store) -> None:
    assert Desk(store).projects.get("t").tree == SMALL


def test_a_policy_learns_from_the_rankings_of_a_project_of_trees(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from prefloop import method
    from prefloop.loops.align import on_data
    from prefloop.loops.run import run as train

    def brief(leased: Leased, who: str) -> Any:
        if leased.question.kind == "ranking":
            return [[i] for i in sorted(range(len(leased.order)), key=lambda i: leased.question.group.texts[i])]
        return {"text": who} if leased.question.kind == "demonstration" else agreeable(leased, who)

    with Store.open(tmp_path / "store.sqlite") as store:
        desk = Desk(store, replace(SMALL, depth=1, goal=4, assistant_replies=3))
        desk.plant(*(f"Go {n}" for n in range(6)))
        run(desk, brief, people=8, seed=9)
        assert {t.state for t in desk.trees()} == {"ready"}
    data = Data(source=str(tmp_path / "store.sqlite"), split="rankings")
    recipe = method("dpo")(model=str(folder), lr=1e-3, batch=4, epochs=2)
    train(on_data(recipe, data=data, model=None, held_out=0.3), out=tmp_path / "out")
    assert (tmp_path / "out" / "accuracy.json").is_file()


def test_who_writes_already_has_the_room_before_anybody_else() -> None:
    reply = Turn(
        id="r", question="p-reply", text="Hi", path=(Message(role="user", content="Hello"),), verdict="accepted"
    )
    prompt = Turn(id="p", question="p", text="Hello", path=(), verdict="accepted", replies=(reply,))
    room_for_one = replace(SMALL, goal=3)
    assert wanted_replies(prompt, room_for_one) == {"r": 1}
    assert wanted_replies(prompt, room_for_one, {"p": 1}) == {"p": 1}
