"""The rewards of people of two tastes on hidden states of real answers: each is served by their own."""

import random
from functools import cache

import pytest
import torch

import tiny
from prefloop.errors import DataError, ModelError
from prefloop.learning.heads import fitted_head
from prefloop.learning.newcomers import Belief
from prefloop.models.decoder import Decoder
from prefloop.models.load import load
from prefloop.recipe import Model
from prefloop.scoring.hidden import features_of
from prefloop.scoring.personal import fit_personal, personal_score, read_personal
from prefloop.text import Group, Prompt, Response

WORDS = ("rain", "boats", "quiet", "morning", "harbour")
EACH = 20


def answer(draw):
    return "".join(f" {draw.choice(WORDS)}" for _ in range(draw.randint(1, 5))) + draw.choice((".", "!"))


def prefers(mind, text):
    """Everybody likes the quiet; the one half wants to be shouted at, and the other half does not."""
    return 0.5 * text.count("quiet") + (2 if mind else -2) * text.endswith("!")


@cache
def people(count, seed):
    """Features of judged pairs (people n 2 d), the preferred first, and the mind of each, by a model in fp32."""
    draw = random.Random(seed)
    minds = [n % 2 for n in range(count)]
    groups = []
    for mind in minds:
        for _ in range(EACH):
            two = sorted((answer(draw), answer(draw)), key=lambda t: -prefers(mind, t) + draw.gauss(0, 0.3))
            groups.append(Group(prompt=Prompt(text="The day"), responses=tuple(Response(text=t) for t in two)))
    decoder = Decoder(tiny.network("llama-tied", head="score"), tiny.tokenizer(), head="score")
    return features_of(groups, decoder).view(count, EACH, 2, -1), minds


@cache
def fitted():
    features, _ = people(40, 0)
    names = [f"p{n}" for n in range(40) for _ in range(EACH)]
    return fit_personal(features.flatten(0, 1), names, dimensions=1, steps=200, lr=1e-2)


def right(score, pairs):
    return float((score(pairs[:, 0]) > score(pairs[:, 1])).double().mean())


def test_new_people_are_served_better_than_by_one_reward_for_all():
    seen, _ = people(40, 0)
    one = fitted_head(seen.flatten(0, 1), price=1e-2)
    new, minds = people(20, 1)
    for mind in (0, 1):
        mine = [n for n in range(20) if minds[n] == mind]
        own, other = 0.0, 0.0
        for n in mine:
            z = fitted().read(new[n, :8])
            own += right(lambda x, z=z: fitted().score(x, z), new[n, 8:])
            other += right(one.score, new[n, 8:])
        assert own > other + 0.1 * len(mine)


def test_questions_worth_asking_tell_more_of_new_people_than_random_ones():
    new, _ = people(20, 2)
    draw = random.Random(0)
    learnt = {"active": 0.0, "random": 0.0}
    for n in range(20):
        pool, rest = fitted().channels(new[n, :10]), new[n, 10:]
        told = Belief.of_anybody(1).information(pool)
        for way, at in (("active", int(told.argmax())), ("random", draw.randrange(10))):
            z = Belief.of_anybody(1).after(pool[at : at + 1]).mean.tolist()
            learnt[way] += right(lambda x, z=z: fitted().score(x, z), rest)
    assert learnt["active"] > learnt["random"] + 0.02 * 20


def test_what_is_scaled_is_the_chance_to_be_preferred_and_keeps_the_order():
    features, _ = people(40, 0)
    some, z = features[0, :, 0], fitted().people["p0"]
    scaled, plain = fitted().scaled(some, z), fitted().score(some, z)
    beside = fitted().score(features.flatten(0, 2), z)
    wanted = torch.stack([(s - beside).sigmoid().mean() for s in plain])
    torch.testing.assert_close(scaled, wanted)
    assert scaled.argsort().tolist() == plain.argsort().tolist()
    means = [fitted().scaled(features.flatten(0, 2), fitted().people[p]).mean() for p in ("p0", "p1")]
    assert means == pytest.approx([0.5, 0.5]), "everybody is paid as much on average"


def test_a_reward_of_somebody_is_read_again_and_scores_for_them(folder, tmp_path):
    draw = random.Random(0)
    pairs = [
        Group(prompt=Prompt(text="The day"), responses=(Response(text=answer(draw)), Response(text=answer(draw) + "?")))
        for _ in range(6)
    ]
    model = load(Model(source=str(folder), head="score", dtype="float32"), name="reward")
    features = features_of(pairs, model)
    known = fit_personal(features, ["ada"] * 3 + ["bob"] * 3, steps=3)
    known.save(tmp_path)
    paid = personal_score(pairs, model=model, folder=str(tmp_path), who="ada", scaled=False)
    torch.testing.assert_close(paid, known.score(features, known.people["ada"]).float(), rtol=1e-4, atol=1e-5)
    assert personal_score(pairs, model=model, folder=str(tmp_path), who="bob").min() > 0
    assert known.people["ada"] == pytest.approx(known.read(features[:3]))
    belief = known.belief(features[:3])
    assert belief.covariance[0, 0] < 1
    assert read_personal(tmp_path).people == known.people
    with pytest.raises(DataError, match="nothing is known of 'eve'"):
        personal_score(pairs, model=model, folder=str(tmp_path), who="eve")
    with pytest.raises(ModelError, match="has no personal reward"):
        read_personal(tmp_path / "none")
