"""A policy that is told a direction among rewards, and learns to go there."""

import math
from itertools import pairwise

import pytest
import torch

from prefloop.binding import bind
from prefloop.errors import DataError, PrefloopError, RewardError
from prefloop.evaluation.fronts import fronts, on_front
from prefloop.models.load import load
from prefloop.objectives.imitation import nll
from prefloop.recipe import Model
from prefloop.recipes import method
from prefloop.reduce import weights
from prefloop.scoring.directions import directed, direction_of, directions, with_direction
from prefloop.scoring.model import model_score
from prefloop.scoring.scorer import score
from prefloop.select import best_of
from prefloop.text import Group, Message, Prompt, Response

NAMES = ("kind", "brief")
TALK = Prompt(messages=(Message(role="user", content="Hi"),))
SYSTEM = Prompt(messages=(Message(role="system", content="Be plain."), Message(role="user", content="Hi")))


@pytest.mark.parametrize("prompt", [Prompt(text="Two lines\n\nof text."), TALK, SYSTEM])
def test_a_direction_that_is_said_is_read_again_and_the_prompt_is_as_before(prompt):
    found, before = direction_of(with_direction(prompt, {"kind": 0.2, "brief": -0.1}))
    assert before == prompt
    length = math.hypot(0.2, 0.1)
    assert found["kind"] == pytest.approx(0.2 / length, abs=0.006)
    assert found["brief"] == pytest.approx(-0.1 / length, abs=0.006)
    assert math.hypot(*found.values()) == pytest.approx(1)


def test_no_direction_and_what_is_none_are_refused():
    with pytest.raises(DataError, match="says no direction"):
        direction_of(TALK)
    for wrong in ({"kind": 0.0}, {"a+b": 1.0}, {"kind": math.nan}, {}):
        with pytest.raises(DataError, match="no direction among rewards"):
            with_direction(TALK, wrong)


def worth(prompt, response):
    """An answer is a number from 0 to 15; the kinder the less brief, and every second one is worse in both."""
    assert "rating" not in prompt
    at = int(response)
    turn, size = math.radians(6 * at), 1.0 if at % 2 else 0.7
    return size * math.cos(turn), size * math.sin(turn)


PAID = bind(directed, reward=bind(worth), names=NAMES)


def test_it_pays_the_sum_in_the_direction_of_each_prompt():
    ways = directions(NAMES, count=3, widest=90.0)
    groups = [
        Group(prompt=with_direction(TALK, way), responses=(Response(text="1"), Response(text="13"))) for way in ways
    ]
    paid = score(PAID, groups, {})
    for row, way in zip(paid.tolist(), ways, strict=True):
        wanted = [sum(v * r for v, r in zip(way.values(), worth("", text), strict=True)) for text in ("1", "13")]
        assert row == pytest.approx(wanted, abs=0.01)


def learnt(paid, steps=60, k=8):
    """Mean rewards by direction of a policy with logits linear in v, having imitated the best of k in five of them."""
    draw = torch.Generator().manual_seed(0)
    table = torch.zeros(16, 3, requires_grad=True)
    optimiser = torch.optim.Adam([table], lr=0.15)
    told = directions(NAMES, count=5)

    def logits(way):
        return table @ torch.tensor([1.0, *way.values()])

    for _ in range(steps):
        said = torch.stack([logits(way) for way in told]).log_softmax(-1)
        drawn = torch.multinomial(said.detach().exp(), k, replacement=True, generator=draw)
        groups = [
            Group(prompt=with_direction(TALK, way), responses=tuple(Response(text=str(y)) for y in row))
            for way, row in zip(told, drawn.tolist(), strict=True)
        ]
        mask = torch.ones(5, k, 1)
        kept = mask * best_of(score(paid, groups, {}), mask).unsqueeze(-1)
        terms = nll(said.gather(1, drawn).unsqueeze(-1))
        optimiser.zero_grad()
        (weights(terms.shape, kept, per="response") * terms).sum().backward()
        optimiser.step()
    values = torch.tensor([worth("", str(y)) for y in range(16)])
    return [tuple((logits(way).detach().softmax(-1) @ values).tolist()) for way in directions(NAMES, count=9)]


def trades(points):
    """Whether each step towards the second reward gains of it, and costs of the first."""
    return all(b[0] < a[0] and b[1] > a[1] for a, b in pairwise(points[4:])) and all(
        b[1] > a[1] for a, b in pairwise(points)
    )


def test_moving_the_direction_trades_one_reward_for_the_other_also_where_none_was_learnt():
    points = learnt(PAID)
    assert trades(points)
    assert points[-1][1] - points[0][1] > 0.4
    assert all(on_front(points[4:]))


def test_a_reward_that_does_not_hear_the_direction_trades_nothing():
    def deaf(groups):
        told = [Group(prompt=with_direction(TALK, {"kind": 1.0, "brief": 1.0}), responses=g.responses) for g in groups]
        return directed(told, reward=bind(worth), names=NAMES)

    points = learnt(bind(deaf))
    assert points[-1][1] - points[0][1] < 0.2


def test_a_reward_model_with_channels_pays_prompts_without_their_direction(folder):
    model = load(
        Model(source=str(folder), head="score", channels=NAMES, dtype="float32", start="random"), name="reward"
    )
    answers = (Response(text=" rain."), Response(text=" sun, sun."))
    way = {"kind": 0.6, "brief": 0.8}
    paid = bind(directed, reward=bind(model_score, model="reward"), names=NAMES, model="reward")
    found = score(paid, [Group(prompt=with_direction(TALK, way), responses=answers)], {"reward": model})
    both = model_score([Group(prompt=TALK, responses=answers)], model=model)
    torch.testing.assert_close(found, both @ torch.tensor([0.6, 0.8]))
    recipe = method("raft")(reward=paid)
    assert recipe.score["reward"].name == "directed"


def test_another_count_of_rewards_or_other_names_are_refused():
    groups = [Group(prompt=with_direction(TALK, {"kind": 1.0, "brief": 1.0}), responses=(Response(text="1"),))]
    with pytest.raises(RewardError, match="one number for each of them"):
        directed(groups, reward=bind(worth), names=("kind",))
    with pytest.raises(RewardError, match="among kind, brief, and the rewards are kind, dear"):
        directed(groups, reward=bind(worth), names=("kind", "dear"))


def test_the_front_is_what_nothing_beats_and_its_chart_says_so():
    assert on_front([(1.0, 1.0), (1.0, 1.0), (0.0, 2.0), (1.0, 0.5)]) == [True, True, True, False]
    chart = fronts("front", NAMES, {"told": [(0.0, 1.0), (1.0, 0.0)], "deaf": [(0.3, 0.3)]})
    assert chart.startswith("<svg")
    for said in ("kind", "brief", "told", "deaf"):
        assert said in chart
    with pytest.raises(PrefloopError, match="one policy or two"):
        fronts("front", NAMES, {})
