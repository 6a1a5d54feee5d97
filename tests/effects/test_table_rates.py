"""Numbers learnt beside a model have a rate of their own: they are far from where they begin, in steps of a trunk."""

import pytest
import torch

from prefloop.batch import Batch
from prefloop.binding import bind
from prefloop.learning.local import LocalLearner
from prefloop.models.table import Table
from prefloop.objectives.flips import annotator_flips
from prefloop.objectives.ties import davidson, rao_kupper
from prefloop.recipe import Optimiser
from recovery import happens, one_of, source

N = 600
SHARED = 2e-4
"""That of the new head in the recipes of reward models, 20 times that of the trunk."""


def ties(draw, shares):
    """Scores of pairs, the preferred first, and which of them were tied, by the shares of a likelihood."""
    ahead = 2 * torch.randn(N, generator=draw, dtype=torch.float64)
    said = one_of(shares(ahead), draw)
    score = torch.stack([ahead, torch.zeros(N, dtype=torch.float64)], 1)
    return torch.where((said == 2)[:, None], score.flip(1), score), (said == 1).long()


def davidsons(ahead, log_nu=-1.5):
    half = ahead / 2
    return torch.stack([half, torch.full_like(half, log_nu), -half], 1).softmax(1)


def rao_kuppers(ahead, eta=0.15):
    first, second = (ahead - eta).sigmoid(), (-ahead - eta).sigmoid()
    return torch.stack([first, 1 - first - second, second], 1)


def flips(draw):
    """Pairs judged by three people, who are turned round now and then, half of the time and nearly always."""
    who = torch.arange(N) % 3
    share = torch.tensor([0.1, 0.3, 0.8], dtype=torch.float64)[who]
    ahead = 3 * torch.randn(N, generator=draw, dtype=torch.float64)
    right = happens(ahead.sigmoid(), draw) ^ happens(share, draw)
    return torch.where(right[:, None], torch.stack([ahead, 0 * ahead], 1), torch.stack([0 * ahead, ahead], 1)), who + 1


def toy(name):
    draw = source(0)
    if name == "flips":
        score, who = flips(draw)
        table = Table(("flips",), apart=True)
        table.know({"a", "b", "c"})
        return bind(annotator_flips), {"score": score}, table, who, "traits"
    objective, shares = {"davidson": (davidson, davidsons), "rao-kupper": (rao_kupper, rao_kuppers)}[name]
    score, tied = ties(draw, shares)
    return bind(objective), {"score": score, "tied": tied}, Table(("n",), apart=False), torch.zeros(N).long(), "numbers"


def steps_to(name, settings, best=None, most=400):
    """Steps until every number is a tenth of the way from where it rests, and that place where it is not given."""
    objective, given, table, who, gives = toy(name)
    table = table.double()
    learner = LocalLearner({"people": table}, {"people": (gives,)}, settings)
    trunks = tuple(torch.tensor([1]) for _ in range(N))
    batch = Batch(trunks=trunks, lengths=torch.ones(N, 1, dtype=torch.long), tensors={"who": who})
    for step in range(most):
        at = table.rows.detach().clone()
        if best is not None and bool(((at - best).abs() <= 0.1 * best.abs().clamp(min=0.1)).all()):
            return step, at
        learner.update(batch, lambda found: objective({**given, **found}).mean())
        learner.step(1e-4)
    return most, table.rows.detach().clone()


@pytest.mark.parametrize("name", ["davidson", "rao-kupper", "flips"])
def test_thresholds_and_flips_are_reached_in_a_tenth_of_the_steps(name):
    whole = {"head": 20.0, "tokens": 10**9}
    _, best = steps_to(name, Optimiser(**whole, tables=0.1), most=400)
    own, _ = steps_to(name, Optimiser(**whole), best)
    _, shared = steps_to(name, Optimiser(**whole, tables=SHARED), best, most=10 * own)
    assert 10 < own < 300
    assert bool(((shared - best).abs() > 0.1 * best.abs()).any()), "not there in ten times as many"
