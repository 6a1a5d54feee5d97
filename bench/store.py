"""The feedback store under load: a million answers in and out, fifty people at once, a process killed fifty times.

    python -m bench.store fill   --store URL --items 100000 --answers 1000000
    python -m bench.store people --store URL --people 50 --seconds 300 --items 100000
    python -m bench.store people --store URL --people 50 --seconds 300 --items 100000 --http
    python -m bench.store kill   --store URL --times 50

`--store` is a file that is not there yet, or the URL of an empty PostgreSQL database. What is printed is also written
to `bench/results/`. The latencies are those of the machine: run `people` with nothing else on it.
"""

from __future__ import annotations

import argparse
import json
import os
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
from prefloop.web.board import board

from .people import people
from .questions import question

RESULTS = Path(__file__).parent / "results"


def events(items: int, answers: int) -> Iterator[Event]:
    """Answers, the same number by each of as many people as it takes."""
    for n in range(answers):
        who, number = divmod(n, items)
        value = {"better": n % 2, "strength": 1 + n % 7}
        yield Event(
            seq=0,
            event="answer",
            submission=f"s{n}",
            project="bench",
            question=f"q{number}",
            who=f"w{who}",
            value=value,
            order=(0, 1),
            seconds=20.0,
            at=float(n),
        )


def fill(store_at: str, items: int, answers: int) -> dict[str, object]:
    """Import, export to a file, and import that file into a second store; peak memory at each quarter of the way.

    Then the board, for the first time and again, when everything else is measured: it keeps the log as columns.
    """
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
        said["MiB after the export"] = peak()
        with Store.open(Path(folder) / "second.sqlite") as second, file.open(encoding="utf-8") as handle:
            begun = time.perf_counter()
            said["read back"] = load(second, handle)
            said["read back s"] = round(time.perf_counter() - begun, 1)
        said["MiB after reading back"] = peak()
        assert said["read back"] == (items, answers)
        said |= looked(store, items, answers)
    return said


def looked(store: Store, items: int, answers: int) -> dict[str, object]:
    """The board of all this."""
    overlap = max(1, answers // items)
    made = Project(id="bench", title="", kinds=("comparison",), overlap=overlap)
    project, queue = Projects(store).create(made, by="bench"), Queue(store)
    said: dict[str, object] = {
        "items into the queue s": timed(
            lambda: queue.add_items("bench", (Item(question=question(n)) for n in range(items)))
        ),
        "board s": timed(lambda: board(store, project)),
        "board again s": timed(lambda: board(store, project)),
    }
    add_events(
        store,
        (
            Event(seq=0, event="skip", submission=f"n{n}", project="bench", question=f"q{n}", who="new", at=0.0)
            for n in range(10)
        ),
    )
    said["board after ten lines more s"] = timed(lambda: board(store, project))
    said["MiB after the board"] = peak()
    return said


def kill(store_at: str, times: int) -> dict[str, object]:
    """Kill a process in the middle of its submits, and look for every submission it had said was acknowledged."""
    with Store.open(store_at) as store:
        Projects(store).create(Project(id="bench", title="", kinds=("comparison",), lease_seconds=0.001), by="b")
        Queue(store).add_items("bench", (Item(question=question(n)) for n in range(500 * times)))
    draw, acknowledged, killed = random.Random(0), set[str](), 0
    for n in range(times):
        command = [sys.executable, "-m", "bench.store", "submit", "--store", store_at, "--who", f"k{n}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            acknowledged.add(process.stdout.readline().strip())
            threading.Timer(draw.random() * 0.5, process.kill).start()
            acknowledged.update(line.strip() for line in process.stdout if line.endswith("\n"))
        killed += process.returncode < 0
    with Store.open(store_at) as store:
        kept = Counter(e.submission for e in store.events(project="bench"))
    return {
        "started": times,
        "killed": killed,
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


def timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return round(time.perf_counter() - begun, 2)


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
    parser.add_argument("--think", type=float, default=4.0, help="mean seconds from a question to its answer")
    parser.add_argument("--http", action="store_true", help="through the pages")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--who", default="")
    given = parser.parse_args()
    if given.what == "submit":
        return submit(given.store, given.who)
    work: dict[str, Callable[[], dict[str, object]]] = {
        "fill": lambda: fill(given.store, given.items, given.answers),
        "people": lambda: people(
            given.store,
            count=given.people,
            seconds=given.seconds,
            items=given.items,
            think=given.think,
            processes=given.processes,
            over_http=given.http,
        ),
        "kill": lambda: kill(given.store, given.times),
    }
    load = round(os.getloadavg()[0], 1)
    database = "postgresql" if "://" in given.store else "sqlite"
    found = {"database": database, "load of the machine before": load, **work[given.what]()}
    print(json.dumps(found, indent=1))
    RESULTS.mkdir(exist_ok=True)
    name = f"store-{given.what}{'-http' if given.http else ''}-{database}"
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
