"""The page beside a run: people answer while it waits and while it learns, and nothing they said is lost."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import replace

import httpx2 as httpx
import pytest
from visitor import Visitor

from prefloop.errors import DataError, RunError
from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Item
from prefloop.feedback.store import Store
from prefloop.feedback.waiting import Wait
from prefloop.loops.progress import Silent
from prefloop.loops.run import run
from prefloop.recipe_file import dump
from prefloop.sampling.local import LocalGenerator
from prefloop.web.beside import beside
from small import PROMPTS, small

LINK = re.compile(r"(http://[^/]+)/join/(\S+)")


@pytest.fixture(scope="module")
def prompts(tmp_path_factory):
    path = tmp_path_factory.mktemp("prompts") / "prompts.jsonl"
    path.write_text(PROMPTS, encoding="utf-8")
    return path


def asked_on_a_page(folder, prompts, **changes):
    """Two small rounds for people on a page: eight questions to learn from and at most two to measure with, each."""
    return replace(small(folder, prompts), **{"people": "browser", "gold": None, "judged": 2, **changes})


class Heard(Silent):
    """Listens for the links, and for what is said; `at` is done when a stage of that name begins."""

    def __init__(self, **at):
        self.said, self.at, self.stages = [], at, []
        self.linked = threading.Event()

    def say(self, text):
        self.said.append(text)
        if "Both links" in text:
            self.linked.set()

    def stage(self, title, total):
        self.stages.append(title)
        name = title.replace(" ", "_").replace(":", "")
        if name in self.at:
            self.at.pop(name)()
        return super().stage(title, total)

    @property
    def links(self):
        assert self.linked.wait(60), self.said
        found = [LINK.search(line) for line in self.said]
        return [(m[1], m[2]) for m in found if m]


class Annotator(threading.Thread):
    """Answers on the page what comes, and stops after so many; `value` is for whom every answer is the same."""

    value = None

    def __init__(self, heard, who, *, most=1_000, pick=0):
        super().__init__(daemon=True)
        self.heard, self.who, self.most, self.pick = heard, who, most, pick
        self.done, self.ended, self.error = 0, threading.Event(), None
        self.start()

    def run(self):
        try:
            address, token = self.heard.links[1]
            with httpx.Client(base_url=address, follow_redirects=True) as client:
                self.visitor = joined(client, token, self.who)
                while not self.ended.is_set() and self.done < self.most:
                    got = self.visitor.next()
                    if "lease" not in got:
                        self.ended.wait(0.02)
                        continue
                    value = {"better": self.pick, "strength": 3} if got["kind"] == "comparison" else self.pick
                    value = self.value or value
                    assert self.visitor.say(got["lease"], value).status_code == 200
                    self.done += 1
        except httpx.TransportError:
            pass  # the run has ended, and the page with it
        except BaseException as error:
            self.error = error

    def end(self):
        self.ended.set()
        self.join(10)
        assert self.error is None, self.error


def joined(client, token, who):
    page = client.post(f"/join/{token}", data={"name": who})
    assert page.status_code == 200, page.text
    made = Visitor.__new__(Visitor)
    made.client, made.kind = client, re.search(r'data-project="([^"]+)"', page.text)[1]
    made.csrf = re.search(r'name="csrf" content="(\w+)"', page.text)[1]
    return made


def leased(visitor):
    """What comes next, once the round has put its questions."""
    while "lease" not in (got := visitor.next()):
        threading.Event().wait(0.05)
    return got


@contextmanager
def served(rounds, out, heard, where=""):
    given = {"named": out.name, "where": str(where), "host": "127.0.0.1", "port": 0, "secrets_in": out.parent / "keys"}
    with beside(rounds, progress=heard, say=heard.say, poll=0.02, **given) as (people, watched):
        yield people, watched


def go(rounds, out, heard, *, where="", resume=False):
    with served(rounds, out, heard, where) as (people, watched):
        run(rounds, out=out, people=people, progress=watched, resume=resume)


def told(out):
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


@pytest.fixture(params=["in the run's store", "in a store of its own"])
def where(request, tmp_path):
    return "" if request.param == "in the run's store" else tmp_path / "page.sqlite"


def test_people_answer_on_the_page_and_the_reward_model_learns_from_them(folder, prompts, tmp_path, where):
    rounds, out, heard = asked_on_a_page(folder, prompts), tmp_path / "run", Heard()
    people = [Annotator(heard, "ada"), Annotator(heard, "ben", pick=1)]
    go(rounds, out, heard, where=where)
    for one in people:
        one.end()
    with Store.open(out / "feedback.sqlite") as store:
        questions, answers, events = store.questions(), store.answers(), list(store.events())
    assert sorted(a.question for a in answers) == sorted(q.id for q in questions)  # each once, by either of them
    assert len(events) == len(answers) == sum(one.done for one in people)
    assert {a.who for a in answers} <= {"ada", "ben"}
    summary = told(out)
    assert summary["people"].endswith("on the page: " + ", ".join(sorted({a.who for a in answers})))
    assert summary["wait"] == Wait().told
    assert summary["costs"]["labels"] == len(answers)
    assert [r["late"] for r in summary["rounds"]] == [0, 0]
    assert [r["learnt"] for r in summary["rounds"]] == [8, 16]
    steps = [m for m in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()) if m["stage"] == "2/reward"]
    assert len(steps) == -(-rounds.reward.epochs * 16 // rounds.reward.batch)
    assert "Every label" not in (out / "report.html").read_text()
    assert "A round learns when every label asked for so far has come." in (out / "report.html").read_text()


def test_with_a_share_the_rest_comes_while_the_policy_learns_and_joins_the_next_fit(folder, prompts, tmp_path, where):
    rounds = asked_on_a_page(folder, prompts, judged=0, wait=Wait(share=0.5))
    heard = Heard(round_1_rloo=lambda: Annotator(heard, "ben", most=4).join(60))
    Annotator(heard, "ada", most=4)
    go(rounds, tmp_path / "run", heard, where=where)  # round 2 waits for nobody: 8 of 16 labels are there
    rows = [(r["labels"], r["learnt"], r["late"]) for r in told(tmp_path / "run")["rounds"]]
    assert rows == [(8, 4, 4), (0, 8, 0)]
    assert "round 1 learns with 4 of 8 labels there; the others are kept for a later fit." in heard.said
    report = (tmp_path / "run" / "report.html").read_text()
    assert re.search(r"of these, after it learnt</th><td>4</td><td>0</td>", report)


def test_a_fit_that_is_stopped_goes_on_with_the_labels_it_began_with(folder, prompts, tmp_path):
    rounds, out = asked_on_a_page(folder, prompts, judged=0, rounds=1, wait=Wait(share=0.5)), tmp_path / "run"

    def stop():
        Annotator(heard, "cleo", most=4).join(60)
        raise MemoryError

    heard = Heard(round_1_reward_model=stop)
    Annotator(heard, "ada", most=4)
    with pytest.raises(MemoryError):
        go(rounds, out, heard)
    go(rounds, out, Heard(), resume=True)
    (row,) = told(out)["rounds"]
    assert (row["labels"], row["learnt"], row["late"]) == (8, 4, 4)
    steps = [m for m in map(json.loads, (out / "metrics.jsonl").read_text().splitlines()) if m["stage"] == "1/reward"]
    assert len(steps) == -(-rounds.reward.epochs * 4 // rounds.reward.batch)


def test_asynchronously_a_round_learns_from_what_there_is(folder, prompts, tmp_path):
    rounds = asked_on_a_page(folder, prompts, judged=0, wait=Wait(share=0.0, least=2))
    heard = Heard(round_2_sample=lambda: Annotator(heard, "ben", most=3).join(60))
    Annotator(heard, "ada", most=2)
    go(rounds, tmp_path / "run", heard)
    rows = [(r["labels"], r["learnt"], r["late"]) for r in told(tmp_path / "run")["rounds"]]
    assert rows == [(5, 2, 3), (0, 5, 0)]


def test_after_so_many_minutes_a_round_learns_from_what_there_is_and_says_so_where_nobody_came(
    folder, prompts, tmp_path
):
    rounds = asked_on_a_page(folder, prompts, judged=0, rounds=1, wait=Wait(minutes=0.005))
    heard = Heard()
    heard.came = threading.Event()
    told_ = heard.say

    def say(text):
        told_(text)
        if "nobody has answered yet" in text and not heard.came.is_set():
            heard.came.set()
            Annotator(heard, "ada", most=3)

    heard.say = say
    go(rounds, tmp_path / "run", heard)
    assert any(
        "nobody has answered yet, and it takes 1 to learn from (0 are there): waiting on" in t for t in heard.said
    )
    assert told(tmp_path / "run")["rounds"][0]["learnt"] >= 1


@pytest.mark.parametrize("how", ["skipped", "closed"])
def test_what_was_skipped_and_a_closed_project_are_waited_for_no_more(folder, prompts, tmp_path, how):
    rounds = asked_on_a_page(folder, prompts, judged=0, rounds=1)
    heard, out = Heard(), tmp_path / "run"

    def person():
        address, token = heard.links[1]
        with (
            httpx.Client(base_url=address, follow_redirects=True) as client,
            Store.open(out / "feedback.sqlite") as store,
        ):
            visitor = joined(client, token, "ada")
            for number in range(8 if how == "skipped" else 2):
                got = leased(visitor)
                value = {"better": 0, "strength": 1} if got["kind"] == "comparison" else 0
                skip = {"event": "skip", "reason": "broken"}
                visitor.say(got["lease"], **({"value": value} if number < 2 else skip))
            if how == "closed":
                projects = Projects(store)
                projects.change(replace(projects.get(visitor.kind), state="closed"), by="lee")

    threading.Thread(target=person, daemon=True).start()
    go(rounds, out, heard)
    assert told(out)["rounds"][0]["learnt"] == 2


def test_several_people_an_undo_and_gold_work_as_on_the_page(folder, prompts, tmp_path, where):
    rounds, out = asked_on_a_page(folder, prompts, judged=0, rounds=1), tmp_path / "run"
    heard = Heard()

    def person():
        address, token = heard.links[1]
        page = where or out / "feedback.sqlite"
        with httpx.Client(base_url=address, follow_redirects=True) as client, Store.open(page) as store:
            visitor = joined(client, token, "ada")
            got, projects = leased(visitor), Projects(store)
            projects.change(replace(projects.get(visitor.kind), overlap=2, gold_share=0.3), by="lee")
            Queue(store).settle(visitor.kind)
            ((_, first),) = Queue(store).items(visitor.kind, limit=1)
            gold = replace(first.question, id="gold-1")
            Queue(store).add_items(visitor.kind, [Item(question=gold, purpose="gold", expected=0)])
            lease = visitor.say(got["lease"], 1).json()["lease"]
            lease = visitor.say(lease, event="undo").json()["lease"]
            assert visitor.say(lease, 0).json()["revision"] == 2
        Annotator(heard, "ben")
        Annotator(heard, "cleo")

    threading.Thread(target=person, daemon=True).start()
    go(rounds, out, heard, where=where)
    with Store.open(out / "feedback.sqlite") as store:
        answers, ours = store.answers(), {q.id for q in store.questions() if q.id != "gold-1"}
        (kept,) = [a for a in answers if a.who == "ada"]
    assert (kept.value, kept.revision) == (kept.order[0], 2)  # the first on the page, after the second was taken back
    of_ours = [a for a in answers if a.question in ours]
    assert len(of_ours) == 2 * len(ours) == len({(a.question, a.who) for a in of_ours})


def test_text_that_no_store_holds_is_asked_about_all_the_same(folder, prompts, tmp_path):
    class Strange(LocalGenerator):
        def sample(self, *args, **options):
            groups = super().sample(*args, **options)
            strange = [f"\0<script>{n}</script>\0" for n in range(4)]
            return [
                replace(g, responses=tuple(replace(r, text=t) for r, t in zip(g.responses, strange, strict=False)))
                for g in groups
            ]

    rounds, heard = asked_on_a_page(folder, prompts, rounds=1), Heard()
    person = Annotator(heard, "ada")
    with served(rounds, tmp_path / "run", heard) as (people, watched):
        run(rounds, out=tmp_path / "run", people=people, progress=watched, sampler=Strange)
        texts = [s.text for s in watched.samples()]
    person.end()
    assert texts
    with Store.open(tmp_path / "run" / "feedback.sqlite") as store:
        assert {t[0] + t[-1] for q in store.questions() for t in q.group.texts} == {"\N{REPLACEMENT CHARACTER}" * 2}
        assert len(store.answers()) == len(store.questions())


def test_a_port_that_is_taken_is_named_before_anything_loads(folder, prompts, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        given = {
            "named": "x",
            "where": "",
            "host": "127.0.0.1",
            "secrets_in": tmp_path,
            "progress": Silent(),
            "say": print,
        }
        with (
            pytest.raises(RunError, match=rf"port {port} of 127.0.0.1 .*choose another with --port"),
            beside(asked_on_a_page(folder, prompts), port=port, **given),
        ):
            pass


def test_nothing_to_learn_from_is_said_and_the_answers_are_kept(folder, prompts, tmp_path):
    rounds, heard = asked_on_a_page(folder, prompts, judged=0, comparisons=1.0), Heard()
    person = Annotator(heard, "ada")
    person.pick = 0
    Annotator.value = "tie"
    try:
        with pytest.raises(DataError, match="nothing to learn from"):
            go(rounds, tmp_path / "run", heard)
    finally:
        del Annotator.value
    person.end()


PROGRAM = "import sys; from prefloop.cli import main; sys.argv[0] = 'prefloop'; main()"


class Process:
    """The command line in a process of its own, and the links that it prints."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-c", PROGRAM, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self.said, self.linked = [], threading.Event()
        self.reading = threading.Thread(target=self._read, daemon=True)
        self.reading.start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.said.append(line)
                if "Both links" in line:
                    self.linked.set()

    links = Heard.links

    def end(self, number):
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        code = self.process.wait(120)
        self.reading.join(10)
        return code


def test_a_run_that_is_stopped_or_killed_while_people_answer_goes_on_with_all_they_said(folder, prompts, tmp_path):
    rounds, out = asked_on_a_page(folder, prompts, judged=0, rounds=1), tmp_path / "run"
    (tmp_path / "loop.yaml").write_text(dump(rounds), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = ("run", str(tmp_path / "loop.yaml"), "--people", "browser", "--out", str(out), "--port", port)
    stopped = Process(*words)
    address, token = stopped.links[1]
    with httpx.Client(base_url=address, follow_redirects=True) as client:
        visitor = joined(client, token, "ada")

        def answer(times):
            for _ in range(times):
                got = leased(visitor)
                value = {"better": 0, "strength": 1} if got["kind"] == "comparison" else 0
                assert visitor.say(got["lease"], value).status_code == 200

        answer(2)
        assert stopped.end(signal.SIGINT) == 130
        said = "".join(stopped.said)
        assert f"prefloop run {tmp_path / 'loop.yaml'} --people browser --port {port} --out {out} --resume" in said
        killed = Process(*words, "--resume")
        assert killed.links
        answer(3)  # with the cookie of before
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
        going = Process(*words, "--resume")
        assert going.links
        answer(3)
        assert going.wait() == 0, "".join(going.said)
    with Store.open(out / "feedback.sqlite") as store:
        events = list(store.events())
    assert [e.who for e in events] == ["ada"] * 8
    assert len({e.question for e in events}) == 8
    assert told(out)["rounds"][0]["learnt"] == 8
