"""A served reward model, requests scored together against one by one: latency and sequences a second.

    python -m bench.serve --model runs/reward/reward --callers 1 4 16

Two servers with the same model and the same HTTP stand on this machine: one scores what waits in one packed forward,
the other takes one sequence to a forward. So many callers at once ask each of them in turns, one sequence a request,
for `--rounds` rounds; a caller asks again as soon as it has its answer. Each number
of callers takes 2 x callers x rounds x each sequences, so that the 1,680 of the usual run take some six minutes on two
idle cores, at a quarter of a second each one by one; a row is printed and stored once it is measured. Without `--model`
it is SmolLM2-135M with a new head, whose scores mean nothing and take as long. What is printed is also written to
`bench/results/serve.json`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from prefloop.models.decoder import Decoder
from prefloop.models.load import load
from prefloop.recipe_models import Model
from prefloop.recipes import SMOLLM2
from prefloop.web.reward import Limits
from prefloop.web.serve_reward import listening, server_of

RESULTS = Path(__file__).parent / "results"
WORDS = ("the", "old", "harbour", "lay", "quiet", "under", "a", "low", "grey", "sky", "and", "nobody", "came")
SIDES = {"together": Limits(), "one by one": Limits(wait=0.0, tokens=1)}


def rows(prompts: int, count: int, *name: object) -> list[dict[str, Any]]:
    """Sequences about as long as answers are, to so many prompts; always the same for the same name."""
    draw = random.Random(repr(name))
    asked = [" ".join(random.Random(p).choices(WORDS, k=60)) for p in range(prompts)]
    return [
        {"prompt": draw.choice(asked), "responses": [" " + " ".join(draw.choices(WORDS, k=draw.randint(20, 60)))]}
        for _ in range(count)
    ]


@contextmanager
def served(model: Decoder, limits: Limits) -> Iterator[int]:
    """The port of a server. It is taken from the start: a port that was only free may be another's by then."""
    server = server_of(model, limits=limits)
    with listening("127.0.0.1", 0) as place:
        port: int = place.getsockname()[1]
        thread = threading.Thread(target=server.run, args=([place],), daemon=True)
        thread.start()
        while not server.started:
            if not thread.is_alive():
                raise SystemExit("the server ended before it had begun; its error is above.")
            time.sleep(0.02)
        try:
            yield port
        finally:
            server.should_exit = True
            thread.join()


def asked(port: int, work: Sequence[Sequence[dict[str, Any]]]) -> dict[str, Any]:
    """Let a caller for each list ask for its rows one after the other; how long each took, and all together."""
    seconds: list[float] = []
    failed: list[object] = []

    def call(mine: Sequence[dict[str, Any]]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
        try:
            for row in mine:
                begun = time.perf_counter()
                connection.request("POST", "/score", json.dumps({"rows": [row]}), {"Content-Type": "application/json"})
                answer = connection.getresponse()
                said = answer.read()
                seconds.append(time.perf_counter() - begun)
                if answer.status != 200:
                    failed.append(said)
        except (OSError, http.client.HTTPException) as error:
            failed.append(error)
        finally:
            connection.close()

    callers = [threading.Thread(target=call, args=(mine,), daemon=True) for mine in work]
    begun = time.perf_counter()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    whole = time.perf_counter() - begun
    if failed:
        raise SystemExit(f"{len(failed)} requests were not answered: {failed[0]!r}")
    cuts = statistics.quantiles(seconds, n=20, method="inclusive")
    return {"p50 ms": 1_000 * statistics.median(seconds), "p95 ms": 1_000 * cuts[-1], "a second": len(seconds) / whole}


def measured(ports: dict[str, int], callers: int, rounds: int, each: int, prompts: int) -> dict[str, Any]:
    """Medians over rounds in which the sides take turns, the first changing; and their ratio round by round."""
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in ports}
    for number in range(rounds):
        work = [rows(prompts, each, number, caller) for caller in range(callers)]
        for side in list(ports)[:: 1 if number % 2 else -1]:
            found[side].append(asked(ports[side], work))
    ratios = [a["a second"] / b["a second"] for a, b in zip(*found.values(), strict=True)]
    medians = {s: {k: statistics.median(r[k] for r in of) for k in of[0]} for s, of in found.items()}
    return {"callers": callers, **medians, "ratio": [statistics.median(ratios), min(ratios), max(ratios)]}


def a_model(source: str) -> Decoder:
    """The reward model there, or one with a head of chance."""
    model = load(Model(source=source or SMOLLM2, head="score"), name="reward")
    if not source:
        torch.manual_seed(0)
        for weight in model.new_head():
            weight.data.normal_()
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="", help="a reward model's folder")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=8, help="requests of each caller in a round")
    parser.add_argument("--prompts", type=int, default=8, help="over which the sequences are spread")
    given = parser.parse_args()
    model = a_model(given.model)
    with ExitStack() as open_:
        ports = {side: open_.enter_context(served(model, limits)) for side, limits in SIDES.items()}
        for port in ports.values():  # what is compiled or laid out once is not measured
            asked(port, [rows(given.prompts, 2, "first")])
        print(f"{'callers':>7} {'':12} {'p50 ms':>8} {'p95 ms':>8} {'sequences/s':>11}", flush=True)
        facts = {"asked": vars(given), "cores": os.cpu_count(), "threads": torch.get_num_threads()}
        found: list[dict[str, Any]] = []
        for callers in given.callers:  # a run that is cut short keeps what it had
            found.append(measured(ports, callers, given.rounds, given.each, given.prompts))
            show(found[-1])
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / "serve.json").write_text(json.dumps({**facts, "found": found}, indent=1) + "\n", "utf-8")


def show(one: dict[str, Any]) -> None:
    for side in SIDES:
        s = one[side]
        print(f"{one['callers']:7} {side:12} {s['p50 ms']:8.0f} {s['p95 ms']:8.0f} {s['a second']:11.1f}")
    middle, least, most = one["ratio"]
    print(f"{'':7} times as many, by round: {middle:.2f} ({least:.2f}-{most:.2f})", flush=True)


if __name__ == "__main__":
    main()
