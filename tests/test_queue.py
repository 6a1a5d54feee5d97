"""The queue: nobody waits for nothing, nobody gets the same place as another, and nothing said is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from at_once import work_at_once
from prefloop.errors import DataError
from prefloop.feedback.members import DAY, EVERYBODY, Members
from prefloop.feedback.progress import Share, progress
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import HELD_AT_MOST, Queue
from prefloop.feedback.records import Item, Leased, Project, Stop, Submission
from prefloop.feedback.store import Store
from prefloop.feedback.tables import MEMBERS, SLOTS
from prefloop.text import Group, Prompt, Question, Response


class Desk:
    """A project with a queue, and a clock that is set by hand."""

    def __init__(self, store: Store, **values: Any) -> None:
        self.now, self.store, self.sent = 1_000.0, store, 0
        self.projects, self.queue = Projects(store, self.clock), Queue(store, self.clock)
        self.members = Members(store, self.clock)
        self.projects.create(Project(id="p", title="P", kinds=("comparison",), **values), by="lee")

    def clock(self) -> float:
        return self.now

    def add(self, count: int, purpose: Any = "work", first: int = 0) -> None:
        expected = None if purpose == "work" else 1
        numbers = range(first, first + count)
        self.queue.add_items("p", (Item(question=question(n), purpose=purpose, expected=expected) for n in numbers))

    def next(self, who: str, **more: Any) -> str | None:
        leased = self.queue.next_item("p", who, **more)
        return leased.question.id if leased else None

    def say(self, who: str, key: str, value: Any = 0, **more: Any) -> Submission:
        self.sent += 1
        said = Submission(id=f"s{self.sent}", project="p", question=key, who=who, value=value, order=(0, 1))
        said = replace(said, **more)
        self.queue.submit(said)
        return said

    def work(self, who: str) -> str | None:
        key = self.next(who)
        if key is not None:
            self.say(who, key)
        return key

    def slots(self) -> Counter[tuple[str, str | None]]:
        with self.store.engine.connect() as connection:
            return Counter(tuple(r) for r in connection.execute(select(SLOTS.c.state, SLOTS.c.who)))


def question(number: int) -> Question:
    pair = (Response(text="a"), Response(text="b"))
    return Question(id=f"q{number}", kind="comparison", group=Group(prompt=Prompt(text=str(number)), responses=pair))


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


def test_each_item_goes_to_as_many_people_as_the_overlap_says_and_to_nobody_twice(store: Store) -> None:
    desk = Desk(store, overlap=2)
    desk.add(5)
    got = {who: [desk.work(who) for _ in range(6)] for who in ("ada", "ben", "cy")}
    assert got["ada"] == ["q0", "q1", "q2", "q3", "q4", None]
    assert got["ben"] == ["q0", "q1", "q2", "q3", "q4", None]
    assert got["cy"] == [None] * 6
    assert {(a.question, a.who) for a in store.answers()} == {(f"q{n}", w) for n in range(5) for w in ("ada", "ben")}


def test_a_page_that_loads_again_gets_what_it_had_and_one_that_fetches_ahead_gets_the_next(store: Store) -> None:
    desk = Desk(store)
    desk.add(9)
    first = desk.queue.next_item("p", "ada")
    assert first is not None
    assert desk.queue.next_item("p", "ada") == first
    assert desk.next("ada", holding=["q0"]) == "q1"
    assert desk.next("ada", holding=["q1"]) == "q0"
    assert desk.next("ben") == "q2"
    held = ["q0", "q1"]
    assert desk.next("ada", holding=held) == "q3"
    assert len([*held, "q3"]) == HELD_AT_MOST
    assert desk.next("ada", holding=[*held, "q3"]) is None
    assert desk.next("ada", holding=["made up"]) == "q0"


def test_an_expired_lease_goes_to_another_and_the_late_answer_is_kept(store: Store) -> None:
    desk = Desk(store, lease_seconds=60.0)
    desk.add(1)
    assert (desk.next("ada"), desk.next("ben")) == ("q0", None)
    desk.now += 61
    assert desk.next("ben") == "q0"
    assert desk.next("ada") is None
    desk.say("ada", "q0")
    desk.say("ben", "q0")
    assert {a.who for a in store.answers()} == {"ada", "ben"}
    assert desk.next("cy") is None


def test_who_let_an_item_lapse_gets_it_again_where_nobody_else_takes_it(store: Store) -> None:
    desk = Desk(store, lease_seconds=60.0)
    desk.add(1)
    assert desk.next("ada") == "q0"
    desk.now += 61
    assert desk.next("ben") == "q0"
    desk.say("ben", "q0", event="skip", reason="unclear")
    assert desk.next("ben") is None
    assert desk.next("ada") == "q0"
    assert desk.slots() == {("leased", "ada"): 1, ("skipped", "ben"): 1}


def test_a_submission_that_comes_again_is_acknowledged_and_changes_nothing(store: Store) -> None:
    desk = Desk(store)
    desk.add(1)
    desk.next("ada")
    said = desk.say("ada", "q0", 1)
    again = desk.queue.submit(replace(said, value=0))
    assert (again.repeated, again.revision) == (True, 0)
    assert [(a.value, a.revision) for a in store.answers()] == [(1, 0)]
    assert len(list(store.events())) == 1
    with pytest.raises(DataError, match="in use"):
        desk.queue.submit(replace(said, who="ben"))


def test_an_answer_may_be_revised_and_taken_back_and_the_log_keeps_all_of_it(store: Store) -> None:
    desk = Desk(store)
    desk.add(2)
    desk.next("ada")
    desk.say("ada", "q0", 0)
    desk.say("ada", "q0", "tie", revision=1)
    assert [a.value for a in store.answers()] == ["tie"]
    with pytest.raises(DataError, match="the next is 2"):
        desk.say("ada", "q0", 1, revision=1)
    desk.say("ada", "q0", event="undo", revision=2)
    assert store.answers() == []
    back = desk.queue.next_item("p", "ada")
    assert isinstance(back, Leased)
    assert (back.question.id, back.revision) == ("q0", 3)
    assert desk.next("ben") == "q1"
    desk.say("ada", "q0", 1, revision=3)
    assert [(e.event, e.value, e.revision) for e in store.events(who="ada")] == [
        ("answer", 0, 0),
        ("answer", "tie", 1),
        ("undo", None, 2),
        ("answer", 1, 3),
    ]


@pytest.mark.parametrize(("retire_after", "asked"), [(0, 4), (1, 1), (2, 2)])
def test_a_skipped_item_goes_on_to_others_until_enough_people_skipped_it(
    store: Store, retire_after: int, asked: int
) -> None:
    desk = Desk(store, retire_after=retire_after)
    desk.add(1)
    people = ["ada", "ben", "cy", "dee"]
    for who in people[:asked]:
        assert desk.next(who) == "q0"
        desk.say(who, "q0", event="skip", reason=f"{who} cannot tell")
        assert desk.next(who) is None
    assert [desk.next(who) for who in people[asked:]] == [None] * (4 - asked)
    assert [e.reason for e in store.events()] == [f"{who} cannot tell" for who in people[:asked]]
    desk.say("ada", "q0", event="undo", revision=1)
    assert desk.next("ada") == "q0"


def test_nobody_answers_what_was_not_given_to_them(store: Store) -> None:
    desk = Desk(store)
    desk.add(2)
    desk.next("ada")
    for who, key in (("ben", "q0"), ("ada", "q1"), ("ada", "q9")):
        with pytest.raises(DataError, match=f"`{key}` was not given to {who}"):
            desk.say(who, key)
    with pytest.raises(DataError, match="2 responses"):
        desk.say("ada", "q0", 5)
    assert list(store.events()) == []


def test_gold_items_come_at_the_stated_share_to_everybody_and_at_no_place_to_count_on(store: Store) -> None:
    desk = Desk(store, gold_share=0.25, overlap=2)
    desk.add(60)
    desk.add(20, "gold", first=100)
    desk.add(5, "practice", first=200)
    places = {}
    for who in ("ada", "ben"):
        got = [desk.work(who) for _ in range(40)]
        places[who] = [n for n, key in enumerate(got) if key is not None and 100 <= int(key[1:]) < 200]
        assert len(set(got)) == 40
        assert abs(len(places[who]) - 10) <= 1
        assert got[:2] == ["q203", "q204"], "to practise on, after the examples"
        assert not {"q200", "q201", "q202"} & set(got)
    assert places["ada"] != places["ben"]
    assert len({b - a for a, b in zip(places["ada"], places["ada"][1:], strict=False)}) > 1
    said = progress(store, "p")
    assert said.people["ada"] == Share(answers=38 - len(places["ada"]), gold=len(places["ada"]))
    assert (said.items, said.wanted, said.answers) == (60, 120, sum(p.answers for p in said.people.values()))


def test_a_project_stops_at_its_number_of_labels_with_those_who_are_at_work_counted(store: Store) -> None:
    desk = Desk(store, stop=Stop(labels=3))
    desk.add(9)
    assert [desk.work("ada") for _ in range(2)] == ["q0", "q1"]
    assert (desk.next("ben"), desk.next("ada")) == ("q2", None)
    desk.say("ben", "q2")
    assert (desk.next("ben"), desk.next("ada")) == (None, None)
    desk.say("ben", "q2", event="undo", revision=1)
    desk.say("ben", "q2", event="skip", revision=2, reason="no")
    assert desk.next("ada") == "q2"


def test_a_project_stops_when_the_interval_of_agreement_is_narrow(store: Store) -> None:
    desk = Desk(store, stop=Stop(width=0.3), overlap=2)
    desk.add(60)
    count = 0
    while desk.work("ada"):
        assert desk.work("ben")
        count += 1
    assert 9 < count < 60


def test_a_closed_project_gives_nothing_and_takes_what_is_under_way(store: Store) -> None:
    desk = Desk(store)
    desk.add(2)
    desk.next("ada")
    desk.projects.change(replace(desk.projects.get("p"), state="closed"), by="lee")
    assert desk.next("ben") is None
    assert desk.work("ada") == "q0"
    assert desk.next("ada") is None


def test_more_overlap_later_opens_every_item_again_and_less_closes_what_nobody_has(store: Store) -> None:
    desk = Desk(store)
    desk.add(3)
    assert [desk.work("ada") for _ in range(4)] == ["q0", "q1", "q2", None]
    for overlap, got in ((3, ["q0", "q1", "q2", None]), (1, [None] * 4)):
        desk.projects.change(replace(desk.projects.get("p"), overlap=overlap), by="lee")
        desk.queue.settle("p")
        assert [desk.work("ben" if overlap == 3 else "cy") for _ in range(4)] == got


def test_the_queue_can_be_made_anew_from_the_log(store: Store) -> None:
    desk = Desk(store, overlap=3, gold_share=0.3)
    desk.add(6)
    desk.add(3, "gold", first=100)
    for who in ("ada", "ben"):
        for _ in range(4):
            desk.work(who)
    key = desk.next("cy")
    assert key is not None
    desk.say("cy", key, event="skip", reason="no")
    desk.next("cy")
    before = desk.slots()
    desk.queue.rebuild("p")
    assert desk.slots() == before


def test_items_of_another_kind_of_another_project_or_without_the_right_answer_are_refused(store: Store) -> None:
    desk = Desk(store)
    desk.add(1)
    desk.projects.create(Project(id="other", title="", kinds=("comparison", "choice")), by="lee")
    thumbs = replace(question(5), kind="thumbs")
    for project, item, why in (
        ("p", Item(question=thumbs), "is a thumbs"),
        ("p", Item(question=question(5), purpose="gold"), "it has 2 responses"),
        ("p", Item(question=question(5), expected=1), "neither gold nor"),
        ("other", Item(question=question(0)), "in project `p` already"),
        ("pp", Item(question=question(5)), r"no project `pp`.*Did you mean `p`|no project `pp`"),
    ):
        with pytest.raises(DataError, match=why):
            desk.queue.add_items(project, [item])
    assert desk.queue.add_items("p", [Item(question=question(0)), Item(question=question(1))]) == 1
    assert [item.question.id for _, item in desk.queue.items("p")] == ["q0", "q1"]


def test_guidelines_have_versions_that_answers_carry_and_two_leads_cannot_overwrite_each_other(store: Store) -> None:
    desk = Desk(store)
    desk.add(1)
    assert [desk.projects.add_guidelines("p", text, by="lee") for text in ("Be kind.", "Be true.")] == [1, 2]
    leased = desk.queue.next_item("p", "ada")
    assert leased is not None
    desk.say("ada", "q0", guideline=leased.guideline)
    assert [a.guideline for a in store.answers()] == [2]
    assert [desk.projects.guidelines("p", v).text for v in (1, None)] == ["Be kind.", "Be true."]
    read = desk.projects.get("p")
    desk.projects.change(replace(read, title="Mine"), by="lee")
    with pytest.raises(DataError, match="changed meanwhile"):
        desk.projects.change(replace(read, title="Yours"), by="kim")
    assert desk.projects.get("p").title == "Mine"
    with pytest.raises(DataError, match="`gold_share` is 1"):
        desk.projects.change(replace(read, gold_share=1), by="lee")


def test_tokens_expire_are_void_when_replaced_or_removed_and_are_kept_as_hashes(store: Store) -> None:
    desk = Desk(store)
    first = desk.members.invite("p", "ada", "annotator", by="lee", days=1)
    second = desk.members.invite("p", "ada", "reviewer", by="lee", days=1)
    assert desk.members.authenticate(first) is None
    assert desk.members.authenticate(second).role == "reviewer"
    desk.members.pause("p", "ada", by="lee")
    assert desk.members.authenticate(second).state == "paused"
    desk.members.resume("p", "ada", by="lee")
    assert [(m.who, m.state) for m in desk.members.of("p")] == [("ada", "active")]
    with store.engine.connect() as connection:
        kept = str(connection.execute(select(MEMBERS)).all())
    assert first not in kept
    assert second not in kept
    desk.now += DAY + 1
    assert desk.members.authenticate(second) is None
    third = desk.members.invite("p", "ada", "annotator", by="lee")
    desk.members.remove("p", "ada", by="lee")
    assert desk.members.authenticate(third) is None
    assert desk.members.of("p") == []


def test_an_open_invitation_gives_each_a_token_of_their_own_under_a_name_that_is_free(store: Store) -> None:
    desk = Desk(store)
    link = desk.members.invite("p", EVERYBODY, "annotator", by="lee")
    assert desk.members.authenticate(desk.members.join(link, "ada")).who == "ada"
    for name, why in (("ada", "already"), ("", "no name"), (EVERYBODY, "no name"), ("erased-1", "erased")):
        with pytest.raises(DataError, match=why):
            desk.members.join(link, name)
    with pytest.raises(DataError, match="not valid"):
        desk.members.join("guessed", "ben")


def test_many_people_at_once_lose_nothing_and_never_share_a_place(store: Store) -> None:
    desk = Desk(store, overlap=2, gold_share=0.1)
    desk.add(30)
    desk.add(4, "gold", first=100)
    assert work_at_once(desk.queue, "p", lambda leased, who: 1) == []
    answers = Counter(a.question for a in store.answers())
    assert {key: n for key, n in answers.items() if int(key[1:]) < 100} == {f"q{n}": 2 for n in range(30)}
    assert len(list(store.events())) == sum(answers.values())
