"""Paid by a served reward model: the numbers of a local one, in any recipe, and errors that name the sample."""

import http.server
import json
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from scored_here import GROUPS, Gate, reward_model
from serve import served

import prefloop
from prefloop.binding import bind
from prefloop.errors import ModelError, RewardError
from prefloop.models.load import load, save
from prefloop.recipe import Decoding, Model, Scoring
from prefloop.recipes import methods
from prefloop.sampling.best import BestOf
from prefloop.sampling.local import LocalGenerator
from prefloop.scoring import attempts
from prefloop.scoring.model import model_score
from prefloop.scoring.remote import TOKEN, remote_score
from prefloop.scoring.scorer import score
from prefloop.text import Group, Prompt, Response
from prefloop.web.reward import Limits, create_app
from prefloop.web.serve_reward import served_model


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(attempts, "PAUSE", 0.0)
    monkeypatch.delenv(TOKEN, raising=False)


@pytest.mark.parametrize("channels", [(), ("help", "harm")], ids=["one number", "channels"])
def test_the_scores_are_those_of_the_local_model_to_the_last_bit(channels):
    model = reward_model(*channels)
    with served(create_app(model)) as url:
        got = score(bind(remote_score, url=url, version=model.digest()), GROUPS, {})
    assert torch.equal(got, score(bind(model_score, model="reward"), GROUPS, {"reward": model}))
    assert got.dtype == torch.float32


def test_sampled_tokens_are_read_as_they_are_and_those_of_another_tokenizer_as_text():
    model = reward_model()
    first = tuple(model.tokenizer("Rain")["input_ids"])
    spelt = tuple(model.tokenizer(c)["input_ids"][0] for c in " fell.")  # not as the tokenizer would cut it
    own = Group(
        prompt=Prompt(text="Rain"),
        prompt_ids=first,
        responses=tuple(Response(text=" fell.", ids=ids, mask=(1,) * len(ids)) for ids in (spelt, (*spelt, 1))),
    )
    foreign = replace(own, prompt_ids=(900,), responses=(replace(own.responses[0], ids=(901, 902), mask=(1, 1)),))
    with served(create_app(model)) as url:
        assert torch.equal(remote_score([own], url=url), model_score([own], model=model))
        assert torch.equal(remote_score([foreign], url=url), model_score([foreign], model=model))
    assert not torch.equal(model_score([own], model=model), model_score([replace(own, prompt_ids=())], model=model))


def test_many_groups_go_in_several_requests_and_keep_their_places():
    model = reward_model()
    groups = [
        Group(prompt=Prompt(text=f"{n}:"), responses=tuple(Response(text=f" {k + n}") for k in range(1 + n % 3)))
        for n in range(200)
    ]
    with served(create_app(model)) as url:
        got = remote_score(groups, url=url)
    there = torch.tensor([[k < len(g.responses) for k in range(3)] for g in groups])
    expected = model_score(groups, model=model)
    torch.testing.assert_close(got[there], expected[there], rtol=0, atol=1e-5)
    assert got[~there].eq(0).all()


def test_a_refusal_names_the_sample_and_is_not_tried_again():
    model = reward_model()
    long = replace(GROUPS[1], responses=(Response(text="So."), Response(text=" and on" * 100)))
    scorer = lambda url, **more: bind(remote_score, url=url, **more)  # noqa: E731
    with served(create_app(model)) as url:
        with pytest.raises(
            RewardError, match=r"422: row 1, response 1: it takes .*the prompt 'user: How\?', response ' and"
        ):
            score(scorer(url), [GROUPS[0], long], {})
        with pytest.raises(RewardError, match=r"is version [0-9a-f]{32}, and `version` says other"):
            score(scorer(url, version="other"), GROUPS, {})


def test_the_token_is_that_of_the_environment(monkeypatch):
    with served(create_app(reward_model(), token="s3cret")) as url:
        with pytest.raises(RewardError, match=r"401: .* PREFLOOP_REWARD_TOKEN"):
            score(bind(remote_score, url=url), GROUPS, {})
        monkeypatch.setenv(TOKEN, "s3cret")
        assert score(bind(remote_score, url=url), GROUPS, {}).shape == (2, 3)


def test_a_busy_server_is_asked_again():
    model = reward_model()
    gate = Gate(model)
    with served(create_app(model, limits=Limits(room=5))) as url:
        holding = threading.Thread(target=remote_score, args=(GROUPS,), kwargs={"url": url})
        holding.start()
        assert gate.begun.wait(30)
        with pytest.raises(ConnectionError, match="429"):
            remote_score(GROUPS, url=url)
        answered = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(attempts.time, "sleep", lambda _: (gate.goes.set(), holding.join(30)))
            answered.append(score(bind(remote_score, url=url), GROUPS, {}))
    assert torch.equal(answered[0], score(bind(model_score, model="reward"), GROUPS, {"reward": model}))


@contextmanager
def answering(*said):
    """A server that says these things in turn, each a status and a body; the last again and again."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            status, body = said[min(len(asked), len(said) - 1)]
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


RIGHT = json.dumps({"scores": [[1.0, 2.0], [3.0, 4.0, 5.0]], "channels": [], "version": "v"}).encode()


def test_what_may_pass_is_tried_again_and_what_may_not_is_not():
    with answering((503, b"stopping"), (500, b"failed"), (200, RIGHT)) as (url, asked):
        assert score(bind(remote_score, url=url), GROUPS, {}).tolist() == [[1.0, 2.0, 0.0], [3.0, 4.0, 5.0]]
        assert len(asked) == 3
    with answering((503, b"stopping")) as (url, asked):
        with pytest.raises(RewardError, match=r"ConnectionError: .* answered 503: stopping .*in 2 attempts"):
            score(bind(remote_score, url=url), GROUPS, {}, Scoring(attempts=2))
        assert len(asked) == 2
    with answering((404, b"Not Found")) as (url, asked):
        with pytest.raises(RewardError, match="answered 404: Not Found"):
            score(bind(remote_score, url=url), GROUPS, {})
        assert len(asked) == 1


@pytest.mark.parametrize("body", [b'{"hello": 1}', b"[]", b'{"scores": [["a"]], "version": ""}', b'{"scores": 3}'])
def test_what_is_no_reward_model_is_told_from_one(body):
    with answering((200, body)) as (url, _), pytest.raises(RewardError, match="is no `prefloop serve reward`"):
        remote_score(GROUPS, url=url)


def test_scores_for_other_responses_are_refused():
    with answering((200, RIGHT)) as (url, _), pytest.raises(RewardError, match="for other responses"):
        remote_score(GROUPS[::-1], url=url)


def test_a_server_that_is_not_there_is_told():
    with pytest.raises(RewardError, match=r"URLError: .*refused.* in 2 attempts"):
        score(bind(remote_score, url="http://127.0.0.1:9"), GROUPS, {}, Scoring(attempts=2))


@pytest.mark.parametrize("name", ["rloo", "online-dpo"])
def test_a_recipe_runs_as_with_the_model_beside_it(name, folder, tmp_path):
    save(reward_model(), tmp_path / "reward")
    recipe = methods()[name](model=str(folder), max_tokens=5)
    recipe = replace(recipe, steps=2, batch=2)
    recipe = replace(recipe, models={**recipe.models, "reward": Model(source=str(tmp_path / "reward"), head="score")})
    local = prefloop.run(recipe, out=tmp_path / "local")
    with served(create_app(served_model(str(tmp_path / "reward"), say=print))) as url:
        paid = replace(recipe, score={"reward": bind(remote_score, url=url)})
        remote = prefloop.run(paid, out=tmp_path / "remote")
    assert [m["reward"] for m in remote.metrics] == [m["reward"] for m in local.metrics]
    assert len({m["reward"] for m in local.metrics}) > 1


def test_best_of_n_takes_the_answers_it_would_take_with_the_model_beside_it(folder):
    model, policy = reward_model(), load(Model(source=str(folder), dtype="float32"), name="policy")
    asked = {"k": 2, "decoding": Decoding(max_tokens=5), "seed": 0}

    def taken(scorer):
        paid = BestOf(generator=LocalGenerator(policy), n=4, score=lambda g: score(scorer, g, {"reward": model}))
        return [g.texts for g in paid.sample([Prompt(text="Rain"), Prompt(text="The old harbour")], **asked)]

    with served(create_app(model)) as url:
        assert taken(bind(remote_score, url=url)) == taken(bind(model_score, model="reward"))


def test_a_model_that_was_never_fitted_is_not_served(folder):
    with pytest.raises(ModelError, match="has never been fitted to give scores"):
        served_model(str(folder), say=print)
