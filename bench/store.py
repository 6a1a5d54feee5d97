"""The feedback store under load: a million answers in and out, fifty people at once, a process killed fifty times.

    python -m bench.store fill   --store URL --items 100000 --answers 1000000
    python -m bench.store people --store URL --people 50 --seconds 300 --items 100000
    python -m bench.store kill   --store URL --times 50

`--store` is a file that is not there yet, or the URL of an empty PostgreSQL database. What is printed is also written
to `bench/results/`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from prefloop.feedback.projects import Projects
from prefloop.feedback.queue import Queue
from prefloop.feedback.records import Event, Item, Project, Submission
from prefloop.feedback.store import Store
from prefloop.feedback.streams import add_events, add_questions, export, load
from prefloop.text import Group, Prompt, Question, Response

RESULTS = Path(__file__).parent / "results"
WORDS = ("the", "old", "harbour", "lay", "quiet", "under", "a", "low", "grey", "sky", "and", "nobody", "came")


def question(number: int) -> Question:
    """A pair of answers of some sixty words each."""
    draw = random.Random(number)
    pair = tuple(Response(text=" ".join(draw.choices(WORDS, k=60))) for _ in range(2))
    prompt = Prompt(text=f"{number}: " + " ".join(draw.choices(WORDS, k=30)))
    return Question(id=f"q{number}", kind="comparison", group=Group(prompt=prompt, responses=pair))


def events(items: int, answers: int) -> Iterator[Event]:
    """Answers, the same number by each of as many people as it takes."""
    for n in range(answers):
        who, number = divmod(n, items)
        value = {"better": n % 2, "strength": 1 + n % 7}
        yield Event(
            seq=0,
            event="answer",
            submission=f"s{n}",
            question=f"q{number}",
            who=f"w{who}",
            value=value,
            order=(0, 1),
            seconds=20.0,
            at=float(n),
        )


def fill(store_at: str, items: int, answers: int) -> dict[str, object]:
    """Import, export to a file, and import that file into a second store; peak memory at each quarter of the way."""
    said: dict[str, object] = {"items": items, "answers": answers, "MiB before": peak()}
    marks: list[float] = []

    def marked(coming: Iterator[Event]) -> Iterator[Event]:
        for n, event in enumerate(coming):
            if n % max(1, answers // 4) == 0:
                marks.append(peak())
            yield event

    with tempfile.TemporaryDirectory() as folder, Store.open(store_at) as store:
        said["import questions s"] = timed(lambda: add_questions(store, (question(n) for n in range(items))))
        said["import answers s"] = timed(lambda: add_events(store, marked(events(items, answers))))
        said["MiB at quarters"] = marks
        file = Path(folder) / "all.jsonl"

        def write() -> None:
            with file.open("w", encoding="utf-8") as handle:
                handle.writelines(export(store))

        said["export s"] = timed(write)
        said["export MiB"] = round(file.stat().st_size / 2**20, 1)
        with Store.open(Path(folder) / "second.sqlite") as second, file.open(encoding="utf-8") as handle:
            begun = time.perf_counter()
            said["read back"] = load(second, handle)
            said["read back s"] = round(time.perf_counter() - begun, 1)
    said["MiB at the end"] = peak()
    assert said["read back"] == (items, answers)
    return said


def people(store_at: str, count: int, seconds: float, items: int, think: float, processes: int) -> dict[str, object]:
    """So many people who take an item, think, and answer, each submission sent twice in every tenth case.

    Then: every answer that was acknowledged is there once, and no item has more answers than its overlap.
    """
    with Store.open(store_at) as store:
        Projects(store).create(Project(id="bench", title="", kinds=("comparison",), overlap=2, gold_share=0.05), by="b")
        queue = Queue(store)
        gold = max(1, items // 100)
        queue.add_items("bench", (Item(question=question(n)) for n in range(items)))
        expected = (Item(question=question(items + n), purpose="gold", expected=1) for n in range(gold))
        queue.add_items("bench", expected)
    context = multiprocessing.get_context("spawn")
    done: multiprocessing.Queue[tuple[list[float], list[float], list[str]]] = context.Queue()
    shares = [range(n, count, processes) for n in range(processes)]
    workers = [context.Process(target=annotators, args=(store_at, s, seconds, think, done)) for s in shares]
    for worker in workers:
        worker.start()
    parts = [done.get() for _ in workers]
    for worker in workers:
        worker.join()
    nexts, submits, acknowledged = (sorted(x for part in parts for x in part[i]) for i in range(3))
    with Store.open(store_at) as store:
        kept = Counter(e.submission for e in store.events(project="bench"))
        each = Counter(e.question for e in store.events(project="bench"))
    work = [n for key, n in each.items() if int(key[1:]) < items]
    return {
        "people": count,
        "processes": processes,
        "seconds": seconds,
        "think": think,
        "items": items,
        "answers": len(acknowledged),
        "next ms p50": ms(nexts, 0.5),
        "next ms p95": ms(nexts, 0.95),
        "next ms worst": ms(nexts, 1.0),
        "submit ms p50": ms(submits, 0.5),
        "submit ms p95": ms(submits, 0.95),
        "lost": len(set(acknowledged) - set(kept)),
        "twice": sum(n > 1 for n in kept.values()),
        "not acknowledged": len(set(kept) - set(acknowledged)),
        "items over their overlap": sum(n > 2 for n in work),
    }


def annotators(store_at: str, numbers: range, seconds: float, think: float, done: object) -> None:
    """The people of one process, a thread each."""
    nexts: list[float] = []
    submits: list[float] = []
    acknowledged: list[str] = []
    with Store.open(store_at) as store:
        queue, end = Queue(store), time.monotonic() + seconds

        def work(who: str) -> None:
            draw = random.Random(who)
            time.sleep(draw.random() * think)
            while time.monotonic() < end:
                begun = time.perf_counter()
                leased = queue.next_item("bench", who)
                nexts.append(time.perf_counter() - begun)
                if leased is None:
                    return
                time.sleep(draw.expovariate(1 / think) if think else 0.0)
                said = Submission(
                    id=uuid.uuid4().hex,
                    project="bench",
                    question=leased.question.id,
                    who=who,
                    value=draw.randrange(2),
                    order=leased.order,
                )
                for _ in range(1 + (draw.random() < 0.1)):
                    begun = time.perf_counter()
                    queue.submit(said)
                    submits.append(time.perf_counter() - begun)
                acknowledged.append(said.id)

        threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    done.put((nexts, submits, acknowledged))  # type: ignore[attr-defined]


def kill(store_at: str, times: int) -> dict[str, object]:
    """Kill a process in the middle of its submits, and look for every submission it had said was acknowledged."""
    with Store.open(store_at) as store:
        Projects(store).create(Project(id="bench", title="", kinds=("comparison",), lease_seconds=0.001), by="b")
        Queue(store).add_items("bench", (Item(question=question(n)) for n in range(200 * times)))
    draw, acknowledged = random.Random(0), set[str]()
    for n in range(times):
        command = [sys.executable, "-m", "bench.store", "submit", "--store", store_at, "--who", f"k{n}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged.add(process.stdout.readline().strip())
            threading.Timer(draw.random() * 0.5, process.kill).start()
            acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
    with Store.open(store_at) as store:
        kept = Counter(e.submission for e in store.events(project="bench"))
    return {
        "killed": times,
        "acknowledged": len(acknowledged),
        "kept": len(kept),
        "lost": len(acknowledged - set(kept)),
        "twice": sum(n > 1 for n in kept.values()),
    }


def submit(store_at: str, who: str) -> None:
    """Submit until killed, saying what was acknowledged."""
    with Store.open(store_at) as store:
        queue = Queue(store)
        while leased := queue.next_item("bench", who):
            said = Submission(
                id=uuid.uuid4().hex,
                project="bench",
                question=leased.question.id,
                who=who,
                value=0,
                order=leased.order,
            )
            queue.submit(said)
            print(said.id, flush=True)


def ms(sorted_seconds: list[float], share: float) -> float:
    place = min(len(sorted_seconds) - 1, int(share * len(sorted_seconds)))
    return round(1_000 * sorted_seconds[place], 1)


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return round(time.perf_counter() - begun, 1)


def peak() -> float:
    """The most memory this process had, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["fill", "people", "kill", "submit"])
    parser.add_argument("--store", required=True)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--processes", type=int, default=1, help="over which the people are spread")
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--think", type=float, default=1.0, help="mean seconds from a question to its answer")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--who", default="")
    given = parser.parse_args()
    if given.what == "submit":
        return submit(given.store, given.who)
    work: dict[str, Callable[[], dict[str, object]]] = {
        "fill": lambda: fill(given.store, given.items, given.answers),
        "people": lambda: people(given.store, given.people, given.seconds, given.items, given.think, given.processes),
        "kill": lambda: kill(given.store, given.times),
    }
    found = {"database": "postgresql" if "://" in given.store else "sqlite", **work[given.what]()}
    print(json.dumps(found, indent=1))
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"store-{given.what}-{found['database']}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
