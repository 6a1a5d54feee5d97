"""`prefloop serve reward` as a process: where it says it is, it answers, and when it is told to end it ends."""

import json
import re
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager

import pytest
import torch
from scored_here import GROUPS, reward_model

from prefloop.binding import bind
from prefloop.errors import RunError
from prefloop.models.load import load, save
from prefloop.recipe import Model
from prefloop.scoring.model import model_score
from prefloop.scoring.remote import TOKEN, remote_score
from prefloop.scoring.scorer import score
from prefloop.web.serve_reward import listening

COMMAND = [sys.executable, "-c", "from prefloop.cli import main; main()", "serve", "reward"]
LONG = 300


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    place = tmp_path_factory.mktemp("served") / "reward"
    save(reward_model(), place)
    return str(place)


@contextmanager
def serving(*options):
    """The command as a process, and the address that it says."""
    process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    late = threading.Timer(LONG, process.kill)
    late.start()
    try:
        said = process.stdout.readline()
        found = re.match(r"Scores at (http://127\.0\.0\.1:\d+)/score", said)
        assert found, (said, process.stderr.read() if process.poll() is not None else "")
        yield process, found[1]
    finally:
        late.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("told", "ends"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_it_says_where_it_is_answers_there_and_ends_with_what_was_asked_answered(fitted, monkeypatch, told, ends):
    monkeypatch.delenv(TOKEN, raising=False)
    with serving("--model", fitted, "--port", "0", "--wait", "2000") as (process, url):
        model = load(Model(source=fitted, head="score"), name="reward")
        here = score(bind(model_score, model="reward"), GROUPS, {"reward": model})
        assert torch.equal(score(bind(remote_score, url=url), GROUPS, {}), here)
        described = json.load(urllib.request.urlopen(f"{url}/openapi.json", timeout=LONG))
        assert set(described["paths"]) == {"/score", "/model", "/health"}

        answers = []
        asking = threading.Thread(target=lambda: answers.append(remote_score(GROUPS, url=url)))
        asking.start()
        asking.join(0.5)
        urllib.request.urlopen(f"{url}/health", timeout=LONG).close()  # what was asked before has come by then
        assert answers == []  # it waits for others
        process.send_signal(told)
        asking.join(LONG)
        assert torch.equal(answers[0][:, :2], here[:, :2])  # the third is there of one prompt only
        assert process.wait(LONG) == ends
        assert process.stderr.read() == ""


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded():
    with listening("127.0.0.1", 0) as place:
        port = str(place.getsockname()[1])
        ended = subprocess.run(
            [*COMMAND, "--model", "/nowhere", "--port", port], capture_output=True, text=True, timeout=LONG
        )
    assert ended.returncode == 2
    assert f"nothing can listen at 127.0.0.1 port {port}: Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_of_another_machine_is_said():
    with pytest.raises(RunError, match=r"nothing can listen at 192\.0\.2\.1 port 0: .*Give another `--port`"):
        listening("192.0.2.1", 0)
