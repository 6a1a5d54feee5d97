"""What a lead is told: alpha, disagreements, adjudications, people left out, items turned, money, and pace."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefloop.errors import DataError
from prefloop.feedback.adjudication import Adjudications
from prefloop.feedback.concord import Concord
from prefloop.feedback.cost import forecast, spent, still_wanted
from prefloop.feedback.erasure import erase
from prefloop.feedback.facets import facets
from prefloop.feedback.history import of_person, of_question
from prefloop.feedback.pace import TooFast
from prefloop.feedback.progress import progress
from prefloop.feedback.purposes import TURNED, turn
from prefloop.feedback.records import Item, Price, Project, Stop
from prefloop.feedback.reliability import Reliability, Scale
from prefloop.feedback.removal import effect_of_removing
from prefloop.feedback.store import Store
from prefloop.feedback.streams import export, load
from test_queue import Desk, question


@pytest.fixture
def store(place: Path | str) -> Iterator[Store]:
    with Store.open(place) as opened:
        yield opened


@pytest.fixture
def desk(store: Store) -> Desk:
    return Desk(store, overlap=3)


def say(desk: Desk, **values: list[Any]) -> None:
    """What each person says of q0, q1, ..."""
    for who, said in values.items():
        for _ in said:
            key = desk.next(who)
            assert key is not None
            desk.say(who, key, said[int(key.removeprefix("q"))])


A, B, C, D = (
    [1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3],
    [None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None],
)


@pytest.mark.parametrize(("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_alpha_is_krippendorffs_on_his_own_example(scale: Scale, alpha: float) -> None:
    found = Reliability(scale)
    for said in zip(A, B, C, D, strict=True):
        found.add([[v for v in said if v is not None]])
    got = found.alpha()
    assert got is not None
    assert got.estimate == pytest.approx(alpha, abs=5e-4)
    assert got.n == 11  # one unit of the twelve has a single value
    assert got.low < alpha < got.high


@given(st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=4), min_size=2, max_size=20))
def test_alpha_is_1_where_all_agree_and_unmoved_by_who_is_who(units: list[list[int]]) -> None:
    alike, mixed, turned = Reliability(), Reliability(), Reliability()
    for said in units:
        alike.add([[said[0]] * len(said)])
        mixed.add([said])
        turned.add([said[::-1]])
    same = alike.alpha()
    assert same is None or (same.estimate == pytest.approx(1) and alike.raw().estimate == pytest.approx(1))
    one, other = mixed.alpha(), turned.alpha()
    assert (one is None) == (other is None)
    assert one is None or one.estimate == pytest.approx(other.estimate)


def test_the_interval_of_alpha_holds_the_truth_about_as_often_as_it_says() -> None:
    import random

    rng, inside, trials = random.Random(0), 0, 60
    for _ in range(trials):
        found = Reliability()
        for _ in range(150):
            truth = rng.randrange(2)
            found.add([[truth if rng.random() < 0.9 else 1 - truth for _ in range(2)]])
        got = found.alpha()
        assert got is not None
        inside += got.low <= (0.9 - 0.1) ** 2 <= got.high  # two who are each right with p agree with alpha (2p - 1)^2
    assert inside / trials >= 0.85


def test_spans_agree_on_what_kinds_of_error_a_response_has() -> None:
    span = {"response": 1, "start": 0, "end": 1, "type": "x"}
    found = set(facets("spans", {"types": ["x", "y"]}, [span], responses=2))
    assert found == {("x", 0, False), ("x", 1, True), ("y", 0, False), ("y", 1, False)}


def test_the_worst_disagreement_comes_first_and_none_where_people_agree(desk: Desk, store: Store) -> None:
    desk.add(3)
    say(desk, ada=[0, 0, 0], ben=[0, 0, 1], cleo=[{"better": 0, "strength": 7}, 1, "tie"])
    apart = Adjudications(store).open("p")
    assert [(one.question, round(one.disagreement, 2)) for one in apart] == [("q2", 1.0), ("q1", 0.67)]
    assert apart[0].said == {"ada": 0, "ben": 1, "cleo": "tie"}


def test_an_adjudication_stands_above_all_answers_until_it_is_taken_back(desk: Desk, store: Store) -> None:
    desk.add(2)
    say(desk, ada=[0, 0], ben=[1, 0], cleo=[1, 0])
    judge = Adjudications(store, desk.clock)
    before = list(store.events())
    judge.adjudicate("p", "q0", 0, who="ben", reason="the guidelines")  # who answered it, too
    assert [(j.question, j.group.who) for j in store.choices()] == [
        ("q0", "ben"),
        ("q1", "ada"),
        ("q1", "ben"),
        ("q1", "cleo"),
    ]
    assert store.choices()[0].group.texts[0] == question(0).group.texts[0]
    assert [e.question for e in judge.standing("p")] == ["q0"]
    assert judge.open("p") == []
    assert [(a.who, a.value) for a in store.answers() if a.question == "q0"] == [("ada", 0), ("ben", 1), ("cleo", 1)]
    assert store.log("p").answers().size == 6
    assert progress(store, "p").people["ben"].answers == 2
    judge.adjudicate("p", "q0", {"better": 1, "strength": 2}, who="lee")
    assert [j.group.who for j in store.pairs() if j.question == "q0"] == ["lee"]
    judge.adjudicate("p", "q0", None, who="lee")
    assert sum(j.question == "q0" for j in store.choices()) == 3
    assert list(store.events())[: len(before)] == before
    with pytest.raises(DataError, match="nothing to take back"):
        judge.adjudicate("p", "q0", None, who="lee")


@pytest.mark.parametrize(("key", "value", "wrong"), [("q0", 2, "responses"), ("other", 0, "not in project")])
def test_an_adjudication_that_makes_no_sense_is_refused(
    desk: Desk, store: Store, key: str, value: int, wrong: str
) -> None:
    desk.add(1)
    with pytest.raises(DataError, match=wrong):
        Adjudications(store).adjudicate("p", key, value, who="lee")
    assert list(store.events()) == []


def test_adjudications_survive_export_and_erasure(desk: Desk, store: Store) -> None:
    desk.add(1)
    say(desk, ada=[0], ben=[1])
    Adjudications(store, desk.clock).adjudicate("p", "q0", 1, who="lee-lovelace")
    with Store.open("sqlite://") as other:
        load(other, export(store))
        assert [j.group.who for j in other.choices()] == ["lee-lovelace"]
        with pytest.raises(DataError, match="index"):
            load(other, (line.replace('"value": 1', '"value": 7').replace('"sub', '"x', 0) for line in changed(store)))
    done = erase(store, "lee-lovelace", by="lee")
    assert [j.group.who for j in store.choices()] == [done.pseudonym]
    erase(store, done.pseudonym, by="lee", withdraw=True)
    assert [j.group.who for j in store.choices()] == ["ada", "ben"]


def changed(store: Store) -> Iterator[str]:
    """The exported adjudication as a new line of the log."""
    for line in export(store):
        if '"adjudication"' in line:
            yield line.replace('"submission": "', '"submission": "x').replace('"revision": 0', '"revision": 1')


def test_somebody_left_out_is_in_no_training_set_and_comes_back(desk: Desk, store: Store) -> None:
    desk.add(2)
    say(desk, ada=[0, 0], ben=[1, 1])
    desk.members.exclude("p", "ben", by="lee")
    assert {j.group.who for j in store.choices()} == {"ada"}
    assert desk.members.of("p")[0].state == "excluded"
    assert Concord().of(store, "p").by_axis == {}
    desk.members.resume("p", "ben", by="lee")
    assert {j.group.who for j in store.choices()} == {"ada", "ben"}
    with pytest.raises(DataError, match="no member"):
        desk.members.exclude("p", "nobody", by="lee")


def test_concord_follows_the_log_and_the_people(desk: Desk, store: Store) -> None:
    desk.add(2)
    concord = Concord()
    assert concord.of(store, "p").by_axis == {}
    say(desk, ada=[0, 1], ben=[0, 0])
    raw, alpha = concord.of(store, "p").by_axis["comparison", "preferred"]
    assert raw is not None
    assert raw.estimate == 0.5
    assert alpha is not None
    desk.members.exclude("p", "ben", by="lee")
    assert concord.of(store, "p").by_axis == {}


def test_the_effect_of_a_removal_is_what_the_rest_says(desk: Desk, store: Store) -> None:
    desk.add(3)
    say(desk, ada=[0, 0, 0], ben=[0, 1, 0], cleo=[1, 1, 0])
    found = effect_of_removing(store, "p", "cleo")
    assert (found.before.answers, found.after.answers) == (9, 6)
    assert [(c.question, c.units["preferred", 0]) for c in found.changes] == [("q1", (1, None))]
    before, after = (side.agreement["comparison", "preferred"][0] for side in (found.before, found.after))
    assert before is not None
    assert after is not None
    assert (before.estimate, after.estimate) == (pytest.approx(5 / 9), pytest.approx(2 / 3))
    desk.members.exclude("p", "cleo", by="lee")
    assert effect_of_removing(store, "p", "cleo").changed == 0


def test_an_item_that_becomes_gold_goes_to_everybody_and_one_that_stops_being_it_to_as_many_as_it_needs(
    store: Store,
) -> None:
    desk = Desk(store, gold_share=0.9)
    desk.add(2)
    turn(store, "p", "q0", "gold", by="lee", expected=1, explanation="It is.")
    assert [(i.question.id, i.purpose, i.expected) for _, i in desk.queue.items("p")] == [
        ("q0", "gold", 1),
        ("q1", "work", None),
    ]
    got = {who: {desk.work(who), desk.work(who)} for who in ("ada", "ben")}
    assert all("q0" in keys for keys in got.values())
    assert store.log("p").answers("gold").size == 2
    desk.queue.rebuild("p")
    turn(store, "p", "q0", "work", by="lee")
    assert store.log("p").answers("gold").size == 0
    assert desk.next("cleo") is None  # two answers are there, and one was wanted
    assert [n.value["to"]["purpose"] for n in store.notes(TURNED)] == ["gold", "work"]


def test_an_item_whose_places_were_taken_away_gets_them_back(store: Store) -> None:
    desk = Desk(store, overlap=2)
    desk.add(1)
    turn(store, "p", "q0", "practice", by="lee", expected=0)
    assert sum(desk.slots().values()) == 0
    turn(store, "p", "q0", "work", by="lee")
    assert desk.work("ada") == desk.work("ben") == "q0"
    assert desk.next("cleo") is None
    with pytest.raises(DataError, match="responses"):
        turn(store, "p", "q0", "gold", by="lee", expected=5)
    with pytest.raises(DataError, match="not in project"):
        turn(store, "p", "q9", "gold", by="lee", expected=0)


@pytest.mark.parametrize(("money", "answers"), [(0.5, 5), (0.55, 5), (0.1, 1)])
def test_no_more_is_given_out_than_the_money_pays_for(store: Store, money: float, answers: int) -> None:
    desk = Desk(store, price=Price(amount=0.1, per="answer"), stop=Stop(money=money))
    desk.add(20)
    held = desk.next("zoe")
    assert held is not None
    while desk.work("ada"):
        pass
    desk.say("zoe", held)
    assert len(list(store.events())) == answers
    assert spent(store.log("p"), desk.projects.get("p")) == pytest.approx(answers * 0.1)


def test_work_by_the_hour_stops_when_the_money_is_worked_off(store: Store) -> None:
    desk = Desk(store, price=Price(amount=36.0, per="hour"), stop=Stop(money=1.0))
    desk.add(200)
    while key := desk.next("ada"):
        desk.say("ada", key, seconds=10.0)
    assert 1.0 <= spent(store.log("p"), desk.projects.get("p")) <= 1.0 + 20 * 0.1


@pytest.mark.parametrize(
    "values",
    [
        {"stop": Stop(money=1.0)},
        {"price": Price(amount=0.0, per="hour")},
        {"price": Price(amount=math.inf, per="hour")},
        {"per_minute": -1},
    ],
)
def test_settings_that_make_no_sense_are_refused(store: Store, values: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="cannot be"):
        Desk(store, **values)


def test_the_forecast_is_wanted_times_the_median_and_holds_its_median_as_often_as_it_says() -> None:
    import random

    rng, inside, trials = random.Random(1), 0, 400
    for _ in range(trials):
        seconds = [rng.expovariate(1 / 30) for _ in range(60)]
        found = forecast(seconds, wanted=3_600, price=Price(amount=2, per="hour"), gold_share=0.5)
        assert found.hours is not None
        assert found.money is not None
        inside += found.hours.low <= 2 * 30 * math.log(2) <= found.hours.high
        assert found.money.estimate == pytest.approx(2 * found.hours.estimate)
    assert 0.92 <= inside / trials <= 1


def test_what_is_still_wanted_are_the_places_that_nobody_has_filled(store: Store) -> None:
    desk = Desk(store, overlap=2, retire_after=1)
    desk.add(3)
    desk.work("ada")
    key = desk.next("ada")
    assert key is not None
    desk.say("ada", key, event="skip", value=None, reason="no")
    with store.database.reading() as connection:
        found = desk.projects.get("p")
        assert still_wanted(connection, found, 1) == 3  # one of the first item, two of the third; the second retired
        assert still_wanted(connection, replace(found, stop=Stop(labels=2)), 1) == 1


def test_too_much_in_a_minute_is_refused_and_welcome_later(store: Store) -> None:
    desk = Desk(store, per_minute=2)
    desk.add(4)
    desk.work("ada")
    desk.work("ada")
    key = desk.next("ada")
    assert key is not None
    with pytest.raises(TooFast, match="more than 2 answers"):
        desk.say("ada", key)
    assert desk.work("ben") is not None
    desk.now += 61
    desk.say("ada", key)
    assert len(list(store.events(who="ada"))) == 3


def test_history_is_of_one_item_or_one_person(desk: Desk, store: Store) -> None:
    desk.add(3)
    say(desk, ada=[0, 1, 0], ben=[1, 1, 1])
    assert [(e.who, e.value) for e in of_question(store, "q1")] == [("ada", 1), ("ben", 1)]
    newest = of_person(store, "p", "ada", limit=2)
    assert [e.question for *_, e in newest] == ["q2", "q1"]
    assert [e.question for *_, e in of_person(store, "p", "ada", before=newest[-1][2].seq)] == ["q0"]
    assert isinstance(Item(question=question(0)), Item)
    assert Project(id="x", title="X", kinds=("comparison",)).price is None
