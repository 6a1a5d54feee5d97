"""Requests that come together are read together, in few forwards, and each gets its own scores."""

import random
import threading
import time
from concurrent.futures import CancelledError

import pytest
import torch

import tiny
from prefloop.errors import RunError
from prefloop.models.decoder import Decoder
from prefloop.models.encode import for_model
from prefloop.scoring.model import model_score, plain_scores
from prefloop.scoring.pooled import Full, Pool
from prefloop.text import Group, Prompt, Response


def row(prompt, *ids):
    """A prompt of one token, and a response of these."""
    response = Response(text="", ids=ids, mask=(1,) * len(ids))
    return Group(prompt=Prompt(text="p"), prompt_ids=(prompt,), responses=(response,))


class Reader:
    """Scores a row by the sum of its tokens; keeps what was read together, and waits to be let go on."""

    def __init__(self, *, held=False):
        self.forwards, self.begun, self.goes = [], threading.Event(), threading.Event()
        if not held:
            self.goes.set()

    def __call__(self, rows):
        self.forwards.append(rows)
        self.begun.set()
        assert self.goes.wait(20)
        if any(r.prompt_ids == (666,) for r in rows):
            raise ValueError("it stumbled")
        return torch.tensor([[float(sum(r.responses[0].ids))] for r in rows])


def test_what_waits_while_a_forward_runs_goes_into_the_next_one():
    reader = Reader(held=True)
    with Pool(reader).open() as pool:
        first = pool.submit([row(1, 5)])
        assert reader.begun.wait(20)
        others = [pool.submit([row(1, n), row(1, n, n)]) for n in range(10)]
        reader.goes.set()
        assert first.result(20).tolist() == [5.0]
        assert [f.result(20).tolist() for f in others] == [[n, 2.0 * n] for n in range(10)]
    assert [len(f) for f in reader.forwards] == [1, 20]


def test_those_that_come_within_the_wait_are_read_together():
    reader = Reader()
    with Pool(reader, wait=0.5).open() as pool:
        futures = [pool.submit([row(1, n)]) for n in range(5)]
        assert [f.result(20).item() for f in futures] == [0, 1, 2, 3, 4]
    assert [len(f) for f in reader.forwards] == [5]


def test_enough_tokens_begin_a_forward_before_the_wait_is_over():
    reader = Reader()
    with Pool(reader, wait=60.0, tokens=6).open() as pool:
        begun = time.monotonic()
        assert pool.submit([row(1, 2, 3), row(1, 4, 5)]).result(20).tolist() == [5.0, 9.0]
        assert time.monotonic() - begun < 30


def test_a_forward_takes_so_many_tokens_a_shared_prompt_once_and_a_longer_row_goes_alone():
    reader = Reader()
    with Pool(reader, tokens=5).open() as pool:
        rows = [row(1, 2, 3), row(1, 2, 4), row(1, 9), row(2, 9), row(3, *range(20)), row(4, 1)]
        assert pool.submit(rows).result(20).tolist() == [5.0, 6.0, 9.0, 9.0, 190.0, 1.0]
    assert [len(f) for f in reader.forwards] == [2, 2, 1, 1]


def test_only_the_request_that_makes_a_forward_fail_fails():
    reader = Reader()
    with Pool(reader, wait=0.5).open() as pool:
        good, bad, other = (
            pool.submit(rows) for rows in ([row(1, 1)], [row(1, 2), row(666, 3), row(666, 4)], [row(1, 5)])
        )
        assert (good.result(20).item(), other.result(20).item()) == (1.0, 5.0)
        with pytest.raises(ValueError, match="it stumbled"):
            bad.result(20)
        assert pool.submit([row(1, 7)]).result(20).item() == 7.0


def refuses(error):
    def score(rows):
        raise error

    return score


@pytest.mark.parametrize(
    "score",
    [
        refuses(SystemExit(3)),
        refuses(StopIteration("no more")),
        refuses(CancelledError()),
        lambda rows: torch.zeros(len(rows) - 1, 1),
        lambda rows: torch.zeros(len(rows) + 1, 1),
        lambda rows: None,
    ],
    ids=["ends the program", "ends a loop", "ends a task", "too few", "too many", "nothing"],
)
def test_whatever_a_model_does_nobody_waits_for_ever(score):
    broken = True
    with Pool(lambda rows: score(rows) if broken else torch.ones(len(rows), 1)).open() as pool:
        bad = pool.submit([row(1, 1), row(1, 2)])
        with pytest.raises((RuntimeError, ValueError, TypeError)):
            bad.result(20)
        broken = False
        assert pool.submit([row(1, 1)]).result(20).item() == 1.0


def test_a_request_for_nothing_is_refused_and_stops_nobody():
    with Pool(Reader()).open() as pool:
        with pytest.raises(ValueError, match="nothing to score"):
            pool.submit([])
        assert pool.submit([row(1, 3)]).result(20).item() == 3.0


def test_what_is_dropped_is_not_read_and_what_is_being_read_is_answered():
    reader = Reader(held=True)
    with Pool(reader).open() as pool:
        first = pool.submit([row(1, 5)])
        assert reader.begun.wait(20)
        others = [pool.submit([row(1, n)]) for n in range(10)]
        pool.drop()
        assert all(other.cancelled() for other in others)
        reader.goes.set()
    assert first.result(0).item() == 5.0
    assert len(reader.forwards) == 1


def test_a_cancelled_request_is_read_no_further():
    reader = Reader(held=True)
    with Pool(reader, tokens=2).open() as pool:
        long = pool.submit([row(1, n) for n in range(50)])
        assert reader.begun.wait(20)
        never, after = pool.submit([row(8, 8)]), pool.submit([row(1, 9)])
        assert long.cancel()
        assert never.cancel()
        reader.goes.set()
        assert after.result(20).item() == 9.0
        with pytest.raises(CancelledError):
            long.result(0)
    assert len(reader.forwards) == 2
    assert all(r.prompt_ids != (8,) for rows in reader.forwards for r in rows)


def test_there_is_room_for_so_many_and_it_comes_back():
    pool = Pool(Reader(), room=3)
    with pool.admitted(2):
        with pytest.raises(Full, match="2 sequences are waiting and 3 may"), pool.admitted(2):
            pass
        with pool.admitted(1):
            pass
    with pool.admitted(3):
        pass


def test_what_waits_when_it_is_closed_is_still_scored_and_then_nothing_is_taken():
    reader = Reader(held=True)
    with Pool(reader, wait=60.0).open() as pool:
        futures = [pool.submit([row(1, n)]) for n in range(3)]
        reader.goes.set()
    assert [f.result(0).item() for f in futures] == [0, 1, 2]
    with pytest.raises(RunError, match="is stopped"):
        pool.submit([row(1, 1)])


GROUPS = [
    Group(
        prompt=Prompt(text=tiny.TEXT[: 5 + 7 * p]),
        responses=tuple(Response(text=tiny.TEXT[k : 9 * k + 3]) for k in range(1, 5)),
    )
    for p in range(4)
]


@pytest.fixture(scope="module")
def model():
    return Decoder(tiny.network("llama", head="score"), tiny.tokenizer(), head="score", name="reward")


def singles(group, model):
    group = for_model(group, model.tokenizer)
    return [Group(prompt=group.prompt, prompt_ids=group.prompt_ids, responses=(r,)) for r in group.responses]


@torch.no_grad()
def test_alone_a_request_has_the_bits_of_local_scores(model):
    with Pool.of(model).open() as pool:
        got = pool.submit([one for g in GROUPS for one in singles(g, model)]).result(20)
    assert torch.equal(got.view(4, 4), model_score(GROUPS, model=model))


@torch.no_grad()
def test_shared_prompts_are_read_once(model):
    read = []
    hidden = model.hidden
    model.hidden = lambda ids, *rest: (read.append(len(ids)), hidden(ids, *rest))[1]
    try:
        rows = [one for g in (GROUPS[3], GROUPS[3]) for one in singles(g, model)]
        plain_scores(rows, model)
    finally:
        del model.hidden
    assert read == [len(rows[0].prompt_ids) + sum(len(r.responses[0].ids) for r in rows[:4])]


@torch.no_grad()
def test_of_many_callers_each_gets_its_own_scores(model):
    """Which rows are read together is up to the moment; the score of none moves by more than fp32's rounding."""
    expected = model_score(GROUPS, model=model)
    wrong, draw = [], random.Random(0)

    def ask(pool, wanted):
        for p in wanted:
            got = pool.submit(singles(GROUPS[p], model)).result(60)
            if not torch.allclose(got, expected[p], rtol=0, atol=1e-5):
                wrong.append((p, got, expected[p]))

    with Pool.of(model, tokens=150).open() as pool:
        threads = [threading.Thread(target=ask, args=(pool, draw.choices(range(4), k=10))) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
    assert wrong == []
    gaps = [float((a - b).abs()) for i, a in enumerate(expected.flatten()) for b in expected.flatten()[:i]]
    assert min(gaps) > 1e-4, "two rows with the same score would hide a mix-up"
