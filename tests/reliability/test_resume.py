"""A run that stopped and went on is the run that never stopped, bit for bit."""

import os
import resource
import signal
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
import torch

import tiny
from prefloop.binding import bind
from prefloop.dials import AdaptiveKL, PidKL
from prefloop.errors import RewardError, RunError
from prefloop.learning import checkpoint
from prefloop.loops.optimise import optimise
from prefloop.models.decoder import Decoder
from prefloop.planning import plan
from prefloop.recipes import method
from prefloop.sampling.local import LocalGenerator
from prefloop.text import Prompt

STEPS, BATCH, K = 6, 2, 2
PROMPTS = [Prompt(text=t) for t in ("The old harbour", "Rain", "In the morning", "Not yet", "Back")]
KNOBS = {"k": K, "batch": BATCH, "steps": STEPS, "max_tokens": 5, "lr": 1e-3}


class Reward:
    """Pays for length, and does something else once, at a call of this number."""

    def __init__(self, at=-1, what=lambda: None):
        self.calls, self.at, self.what = 0, at, what

    def __call__(self, prompt, response):
        self.calls += 1
        if self.calls - 1 == self.at:
            self.what()
        return float(len(response))


def recipe_of(name, reward):
    def paid(prompt, response):
        return reward(prompt, response)

    extra = {"passes": 2, "minibatches": 2} if name == "ppo" else {}
    beta = (PidKL if name == "ppo" else AdaptiveKL)(target=0.05, begin=0.3)
    return replace(method(name)(reward=bind(paid), beta=beta, **KNOBS, **extra), checkpoint=2)


def networks_of(recipe):
    needed = plan(recipe).roles
    return {
        role: Decoder(tiny.network("llama", head=model.head), tiny.tokenizer(), head=model.head, name=role)
        for role, model in recipe.models.items()
        if role in needed
    }


class Run:
    """Starts, or goes on, with models as they are on disk; what it came to."""

    def __init__(self, name, folder, reward, *, die_at=None):
        recipe = recipe_of(name, reward)
        self.networks, self.metrics, self.drawn, self.folder = networks_of(recipe), {}, {}, folder
        self.arguments = {
            "networks": self.networks,
            "generator": LocalGenerator(self.networks["policy"]),
            "prompts": PROMPTS,
            "folder": folder,
            "on_step": self.seen,
        }
        self.recipe, self.die_at = recipe, die_at

    def go(self):
        optimise(self.recipe, **self.arguments)
        return self

    def seen(self, step, metrics, groups):
        self.metrics[step] = {n: x for n, x in metrics.items() if n != "seconds"}
        self.drawn[step] = groups
        if step == self.die_at:
            raise MemoryError("the machine takes the process away")

    @property
    def weights(self):
        return {f"{r}/{n}": p for r, d in self.networks.items() for n, p in d.model.named_parameters()}

    @property
    def state(self):
        return checkpoint.read(self.folder)


def interrupted(how, name, folder, step):
    """A run stopped in this way in this step (never the last)."""
    call = step * BATCH * K + 1

    def fail():
        raise LookupError("the judge has no such answer")

    if how == "a reward that raises":
        run, error = Run(name, folder, Reward(call, fail)), RewardError
    elif how == "Ctrl-C":
        run, error = Run(name, folder, Reward(call, lambda: os.kill(os.getpid(), signal.SIGINT))), KeyboardInterrupt
    else:
        run, error = Run(name, folder, Reward(), die_at=step), MemoryError
    with pytest.raises(error):
        run.go()
    return run


@pytest.fixture(scope="module", params=["rloo", "ppo", "warp-ema"])
def whole(request, tmp_path_factory):
    return request.param, Run(request.param, tmp_path_factory.mktemp(request.param) / "state", Reward()).go()


@pytest.mark.parametrize("step", [0, 1, 2, 4])
@pytest.mark.parametrize("how", ["a reward that raises", "Ctrl-C", "a process that dies"])
def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_been(whole, how, step, tmp_path):
    name, want = whole
    first = interrupted(how, name, tmp_path / "state", step)
    got = Run(name, tmp_path / "state", Reward()).go()
    done = {"a reward that raises": step, "Ctrl-C": step + 1, "a process that dies": step - step % 2}[how]
    assert list(got.metrics) == list(range(done, STEPS))  # a process that dies falls back to its last checkpoint
    assert {**first.metrics, **got.metrics} == want.metrics
    assert {**first.drawn, **got.drawn} == want.drawn  # tokens, log-probabilities and versions of the weights
    assert all(torch.equal(p, want.weights[n]) for n, p in got.weights.items())
    (tensors, facts), (whole_tensors, whole_facts) = got.state, want.state
    assert facts == whole_facts
    assert tensors.keys() == whole_tensors.keys()
    assert all(torch.equal(t, whole_tensors[n]) for n, t in tensors.items())


def test_the_runs_compared_here_do_move(whole):
    _, run = whole
    start = networks_of(run.recipe)
    assert all(
        (run.weights[f"{r}/{n}"] - p).abs().max() > 1e-4
        for r in plan(run.recipe).outputs
        for n, p in start[r].model.named_parameters()
    )
    assert len({m["lr"] for m in run.metrics.values()}) == 1
    assert run.state[1]["dials"]["derive.0.beta"] != 0.3
    assert run.metrics[STEPS - 1]["kl"] != 0
    assert run.state[1]["step"] == STEPS


def test_ctrl_c_is_heard_between_steps_and_the_state_is_written(tmp_path):
    run = interrupted("Ctrl-C", "rloo", tmp_path / "state", 2)
    assert max(run.metrics) == 2
    assert run.state[1]["step"] == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_finished_run_does_nothing_more(tmp_path):
    Run("rloo", tmp_path / "state", Reward()).go()
    again = Run("rloo", tmp_path / "state", Reward(0, lambda: pytest.fail("a finished run asked for a reward"))).go()
    assert again.metrics == {}


@contextmanager
def full_disk(room):
    """No file of this process may grow beyond `room` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 100, 40_000], ids=["nothing fits", "not the facts", "not the tensors"])
def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(tmp_path, room):
    old, new = torch.zeros(100_000), torch.ones(100_000)
    checkpoint.write(tmp_path / "state", {"w": old}, {"step": 1})
    facts = {"step": 2, "note": "x" * 200}
    with (
        full_disk(room),
        pytest.raises(RunError, match=r"could not be written .*What was there before is kept: make room"),
    ):
        checkpoint.write(tmp_path / "state", {"w": new if room else old}, facts)
    tensors, facts = checkpoint.read(tmp_path / "state")
    assert torch.equal(tensors["w"], old)
    assert facts == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_process_killed_while_it_changes_checkpoints_leaves_one(tmp_path):
    checkpoint.write(tmp_path / "state", {"w": torch.ones(2)}, {"step": 1})
    (tmp_path / "state").rename(tmp_path / ".state.before")  # killed after the first of two renames
    assert checkpoint.read(tmp_path / "state")[1] == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state"]


def test_a_run_stopped_by_a_full_disk_goes_on_from_its_last_checkpoint(whole, tmp_path):
    name, want = whole
    stopped = Run(name, tmp_path / "state", Reward())

    def fill(step, metrics, groups):
        stopped.metrics[step] = metrics
        if step == 2:
            disk.enter_context(full_disk(1000))

    stopped.arguments["on_step"] = fill
    with ExitStack() as disk, pytest.raises(RunError, match="could not be written"):
        stopped.go()
    assert stopped.state[1]["step"] == 2
    got = Run(name, tmp_path / "state", Reward()).go()
    assert min(got.metrics) == 2
    assert got.metrics == {s: m for s, m in want.metrics.items() if s >= 2}
    assert all(torch.equal(p, want.weights[n]) for n, p in got.weights.items())
