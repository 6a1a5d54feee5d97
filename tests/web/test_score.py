"""A served reward model: the scores of the local one, and a reason for every refusal."""

import http.client
import json
import socket
import threading
import time
from concurrent.futures import CancelledError

import pytest
import torch
from fastapi.testclient import TestClient
from scored_here import GROUPS, TEXT, Gate, reward_model
from serve import served

from prefloop.models.contract import reading
from prefloop.scoring.model import model_score, normalisation
from prefloop.web.reward import Limits, create_app
from prefloop.web.serve_reward import listening, server_of


@pytest.fixture(scope="module")
def model():
    return reward_model()


@pytest.fixture(scope="module")
def client(model):
    with TestClient(create_app(model, limits=Limits(room=20, bytes=4_000))) as opened:
        yield opened


def ask(client, *rows, **more):
    return client.post("/score", json={"rows": list(rows)}, **more)


def test_scores_are_those_of_the_local_model_to_the_last_bit(client, model):
    got = ask(client, *TEXT)
    assert got.status_code == 200
    expected = model_score(GROUPS, model=model)
    assert got.json()["scores"] == [expected[0, :2].tolist(), expected[1].tolist()]
    assert got.json()["channels"] == []


def test_channels_are_given_by_name_each_normalised():
    model = reward_model("help", "harm")
    with TestClient(create_app(model)) as client:
        got = ask(client, *TEXT).json()
        assert client.get("/model").json()["channels"] == ["help", "harm"] == got["channels"]
    assert torch.equal(torch.tensor(got["scores"][1]), model_score(GROUPS, model=model)[1])


def test_the_contract_is_told(client, model):
    told = client.get("/model").json()
    mean, std = normalisation(model)
    assert told["reading"] == reading(model.tokenizer)
    assert told["normalisation"] == {"mean": mean.item(), "std": std.item()}
    assert (told["longest"], told["most_responses"], told["most_bytes"]) == (128, 20, 4_000)
    assert told["version"] == model.digest() == ask(client, *TEXT).json()["version"]
    assert client.get("/health").json() == {"status": "ok"}


JSON = {"Content-Type": "application/json"}
GOOD = {"prompt": "Rain", "responses": [" fell."]}


@pytest.mark.parametrize(
    ("row", "says", "response"),
    [
        ({"prompt": "Rain", "responses": []}, "row 1: responses: List should have at least 1", None),
        ({"prompt": "Rain", "responses": ["a", 7]}, "row 1, response 1: Input should be a valid string", 1),
        (
            {"prompt": "Rain", "responses": [{"text": "a", "finish": "so"}]},
            "row 1, response 0: finish: Input should be 'end'",
            0,
        ),
        ({"prompt": "Rain", "responses": ["a"], "extra": 1}, "row 1: extra: Extra inputs are not permitted", None),
        ({"prompt": "", "responses": ["a"]}, "row 1: the prompt '' has no tokens", None),
        ({"prompt": [], "responses": ["a"]}, "row 1: prompt: ", None),
        ({"prompt": "On", "responses": ["a", " and on" * 100]}, "row 1, response 1: it takes ", 1),
        ({"prompt": "On", "responses": [{"text": "", "finish": "length"}]}, "row 1, response 0: it is empty", 0),
        ({"prompt": "Rain", "responses": ["\ud800"]}, "row 1, response 0: Input should be Unicode", 0),
    ],
    ids=range(9),
)
def test_a_bad_row_is_named(client, row, says, response):
    got = client.post("/score", content=json.dumps({"rows": [GOOD, row]}), headers=JSON)
    assert got.status_code == 422
    assert got.json()["detail"].startswith(says), got.json()
    assert (got.json()["row"], got.json()["response"]) == (1, response)


def test_a_template_that_takes_no_such_conversation_names_the_row(model):
    strict = reward_model()
    strict.tokenizer.chat_template = "{{ raise_exception('no system turns') }}"
    with TestClient(create_app(strict)) as client:
        got = ask(client, GOOD, {"prompt": [{"role": "system", "content": "Be kind."}], "responses": ["a"]})
    assert (got.status_code, got.json()["row"]) == (422, 1)
    assert "does not take a conversation of system" in got.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 3_000, b"null", b'{"rows": NaN}', b'{"\\ud800": 1}'])
def test_what_is_no_request_is_refused(client, body):
    got = client.post("/score", content=body, headers=JSON)
    assert got.status_code in (400, 422)
    assert isinstance(got.json()["detail"], str)


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "é", "e\u0301", "日本語", "👩‍👩‍👧", "\u202eabc", "\ufeff", " ", "\n", "<|end|>"]
)
def test_any_text_is_scored_as_it_is_locally(client, model, text):
    from prefloop.text import Group, Prompt, Response

    group = Group(prompt=Prompt(text=text), responses=(Response(text=text),))
    got = ask(client, {"prompt": text, "responses": [text]})
    assert got.json()["scores"] == model_score([group], model=model).tolist()


def test_too_much_is_refused(client):
    assert ask(client, {"prompt": "a", "responses": ["b" * 5_000]}).status_code == 413
    assert client.post("/score", content=iter([b"x" * 3_000] * 2)).status_code == 413
    many = ask(client, {"prompt": "a", "responses": ["b"] * 21})
    assert many.status_code == 422
    assert "21 responses and a request takes 20" in many.json()["detail"]


def test_a_page_of_another_site_is_refused(client):
    assert ask(client, GOOD, headers={"Origin": "https://evil.example"}).status_code == 403


def test_a_token_is_asked_for_where_there_is_one(model):
    with TestClient(create_app(model, token="s3cret")) as client:
        for headers in ({}, {"Authorization": "Bearer s3cre"}, {"Authorization": "s3cret"}, {"Authorization": b"\xe9"}):
            for got in (client.post("/score", content=b"{", headers=headers), client.get("/model", headers=headers)):
                assert got.status_code == 401
                assert got.headers["www-authenticate"] == "Bearer"
        assert ask(client, GOOD, headers={"Authorization": "Bearer s3cret"}).status_code == 200
        assert client.get("/health").status_code == 200
        assert "HTTPBearer" in client.get("/openapi.json").json()["components"]["securitySchemes"]


def test_a_number_that_is_none_names_its_row():
    broken = reward_model()
    broken.base.score.weight.data.fill_(float("nan"))
    with TestClient(create_app(broken)) as client:
        got = ask(client, GOOD)
    assert (got.status_code, got.json()["row"]) == (500, 0)


def test_a_model_that_fails_is_told_and_goes_on():
    model = reward_model()
    with TestClient(create_app(model), raise_server_exceptions=False) as client:
        model.hidden = None
        assert ask(client, GOOD).status_code == 500
        del model.hidden
        assert ask(client, GOOD).status_code == 200


def test_a_model_that_ends_a_loop_or_a_task_is_told_as_well():
    model = reward_model()
    with served(create_app(model)) as url:
        for error in (StopIteration(), CancelledError(), SystemExit(1)):

            def hidden(*given, error=error):
                raise error

            model.hidden = hidden
            asking = Asking(url, GOOD)
            asking.join(30)
            assert asking.status == 500
            assert type(error).__name__ in asking.answer["detail"]
        del model.hidden
        asking = Asking(url, GOOD)
        asking.join(30)
        assert asking.status == 200


class Asking(threading.Thread):
    """A caller with a connection of its own."""

    def __init__(self, url, *rows):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        self.rows, self.status, self.answer = rows, None, None
        self.start()

    def run(self):
        body = json.dumps({"rows": self.rows})
        try:
            self.connection.request("POST", "/score", body, {"Content-Type": "application/json"})
            got = self.connection.getresponse()
            self.status, self.answer = got.status, json.loads(got.read())
        except OSError as error:
            self.status = error
        finally:
            self.connection.close()


def test_callers_at_once_get_their_own_answers_from_few_forwards():
    model = reward_model()
    texts = [f"{n} boats lay in the rain"[: 5 + n] for n in range(16)]
    alone = {t: ask_locally(model, t) for t in texts}
    gate = Gate(model)
    with served(create_app(model)) as url:
        first = Asking(url, GOOD)
        assert gate.begun.wait(30)
        callers = {t: Asking(url, {"prompt": "Rain", "responses": [t]}) for t in texts}
        time.sleep(0.5)  # they are all waiting
        gate.goes.set()
        for caller in (first, *callers.values()):
            caller.join(60)
    for text, caller in callers.items():
        assert caller.status == 200
        assert caller.answer["scores"][0][0] == pytest.approx(alone[text], abs=1e-5)
    assert min(abs(a - b) for t, a in alone.items() for u, b in alone.items() if t != u) > 1e-4
    assert gate.forwards <= 4


def ask_locally(model, text):
    from prefloop.text import Group, Prompt, Response

    return model_score([Group(prompt=Prompt(text="Rain"), responses=(Response(text=text),))], model=model).item()


def test_more_than_there_is_room_for_is_put_off():
    model = reward_model()
    gate = Gate(model)
    with served(create_app(model, limits=Limits(room=2))) as url:
        first = Asking(url, {"prompt": "a", "responses": ["b", "c"]})
        assert gate.begun.wait(30)
        second = Asking(url, GOOD)
        second.join(30)
        assert second.status == 429
        assert "2 sequences are waiting" in second.answer["detail"]
        gate.goes.set()
        first.join(30)
        assert first.status == 200
        third = Asking(url, GOOD)
        third.join(30)
        assert third.status == 200


def test_a_caller_that_goes_away_is_scored_no_further_and_leaves_its_room():
    model = reward_model()
    gate = Gate(model)
    with served(create_app(model, limits=Limits(room=12, tokens=1))) as url:
        gone = Asking(url, {"prompt": "a", "responses": ["b" * n for n in range(1, 11)]})
        assert gate.begun.wait(30)
        gone.connection.sock.shutdown(socket.SHUT_RDWR)
        gone.join(30)

        time.sleep(0.5)  # the server hears of it
        other = Asking(url, {"prompt": "a", "responses": ["b"] * 3})
        time.sleep(0.2)
        gate.goes.set()
        other.join(30)
        assert other.status == 200
    assert gate.forwards == 1 + 3


def test_a_stop_lets_what_was_asked_be_answered():
    model = reward_model()
    gate, before, asked = Gate(model), threading.enumerate(), []

    def stop():
        with served(create_app(model)) as url:
            asked.append(Asking(url, GOOD))
            assert gate.begun.wait(30)

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert gate.begun.wait(30)
    time.sleep(0.5)  # the server has been told to stop
    late = http.client.HTTPConnection(asked[0].connection.host, asked[0].connection.port, timeout=5)
    with pytest.raises(ConnectionError):
        late.connect()
    gate.goes.set()
    stopping.join(30)
    asked[0].join(30)
    assert asked[0].status == 200
    assert [t for t in threading.enumerate() if t.name == "reward" and t not in before] == []


def test_a_stop_whose_time_is_over_leaves_what_waits():
    """It ends with the forward that runs: whoever waits behind it has been given up, and is not read for nobody."""
    model = reward_model()
    gate = Gate(model)
    with listening("127.0.0.1", 0) as place:
        url = f"http://127.0.0.1:{place.getsockname()[1]}"
        server = server_of(model, limits=Limits(tokens=1), grace=1)
        serving = threading.Thread(target=server.run, args=([place],), daemon=True)
        serving.start()
        first = Asking(url, GOOD)
        assert gate.begun.wait(30)
        others = [Asking(url, GOOD) for _ in range(8)]
        time.sleep(1.0)  # they are all waiting
        server.should_exit = True
        time.sleep(3.0)  # longer than it gives them
        gate.goes.set()
        serving.join(30)
        assert not serving.is_alive()
    for asking in (first, *others):
        asking.join(30)
        assert (asking.status, asking.answer["detail"]) == (503, "the reward model is stopped.")
    assert gate.forwards == 1
