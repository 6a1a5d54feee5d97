"""Variational preference learning on features that stay as they are: an encoder of people, and what they reward."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..errors import DataError
from ..objectives.personal import latent_preference
from ..reduce import weights


class LatentPeople(nn.Module):
    """What somebody prefers, by a latent vector that is read from a few of their judgements.

    The encoder q(z | judgements) makes of every pair of features, the preferred first, one vector, lets each attend to
    the others, and reads from their mean where z is and how far it may be from there; their order does not matter.
    The decoder makes of the features of an answer everybody's reward and one for each dimension of z.

    Variational preference learning (VPL, Poddar et al. 2024, arXiv 2408.10075), in the form: its decoder is a network
    of the answer and z, and this one is a network of the answer, linear in z (`latent_preference`).

    >>> people = LatentPeople(features=3, dimensions=2)
    >>> people.traits(torch.zeros(5, 4, 2, 3), torch.ones(5, 4)).shape
    torch.Size([5, 4])
    >>> people.scores(torch.zeros(7, 2, 3)).shape
    torch.Size([7, 2, 3])
    """

    def __init__(self, *, features: int, dimensions: int, width: int = 32, heads: int = 2) -> None:
        """So many `features` of an answer, `dimensions` of z, and a `width` of the layers between."""
        super().__init__()
        self.read = nn.Sequential(nn.Linear(2 * features, width), nn.GELU(), nn.Linear(width, width))
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.tell = nn.Linear(width, 2 * dimensions)
        self.reward = nn.Sequential(nn.Linear(features, width), nn.GELU(), nn.Linear(width, 1 + dimensions))

    def traits(self, judged: Tensor, there: Tensor) -> Tensor:
        """The means of z and the logarithms of its variances (people 2 D), by judgements (people n 2 d).

        `there` (people n) is 1 for a judgement and 0 for padding. Of somebody without any it is the prior: 0.
        """
        known = there.bool().any(1)
        attended = there.bool() | ~known.unsqueeze(1)  # to attend to nothing is no number
        pairs = self.read(judged.flatten(2))
        heard, _ = self.attend(pairs, pairs, pairs, key_padding_mask=~attended, need_weights=False)
        told: Tensor = (pairs + heard) * there.unsqueeze(-1)
        middle = told.sum(1) / there.sum(1, keepdim=True).clamp(min=1)
        return torch.where(known.unsqueeze(1), self.tell(middle), 0.0)

    def scores(self, features: Tensor) -> Tensor:
        """The channels of answers (... d): everybody's reward, and one for each dimension of z."""
        scores: Tensor = self.reward(features)
        return scores


def fitted_latent(
    features: Tensor,
    who: Tensor,
    *,
    dimensions: int,
    price: float | None = None,
    width: int = 32,
    lr: float = 3e-3,
    steps: int = 300,
    people: int = 32,
    seed: int = 0,
) -> LatentPeople:
    """Fit encoder and decoder to pairs of features (P 2 d), the preferred first, that several people judged (`who`, P).

        maximise  sum_h sum_i E_q(z | some of h's) log sigmoid(r(x_i0, z) - r(x_i1, z))  -  price KL(q || N(0, I))

    In each step so many `people` are drawn, and of each a random number of judgements for the encoder to read, so that
    it learns to tell from few; all of theirs are then explained. The `price` is of the KL beside one comparison: 1 over
    the mean number of judgements of a person unless it is given, which is the paper's bound at a weight of 1.

    Raises:
        DataError: one person judged everything, or features are no finite numbers.
    """
    names, at = who.unique(return_inverse=True)  # type: ignore[no-untyped-call]
    if len(names) < 2:
        raise DataError("one person judged all of these pairs, and this learns how people differ: add other people's.")
    if not bool(features.isfinite().all()):
        raise DataError("some features are no finite numbers: leave those pairs out.")
    judged, there = by_person(features, at)
    cost = len(names) / len(who) if price is None else price
    draw = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LatentPeople(features=features.shape[-1], dimensions=dimensions, width=width).to(features.dtype)
    optimiser = torch.optim.Adam(model.parameters(), lr=lr)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for _ in range(steps):
        some = torch.randperm(len(names), generator=draw)[:people]
        traits = model.traits(judged[some], there[some] * _shown(there[some], draw))
        rows, of = there[some].bool(), torch.arange(len(some)).unsqueeze(1).expand_as(there[some])
        terms = latent_preference(model.scores(judged[some][rows]), traits[of[rows]], price=cost)
        loss = (weights(terms.shape, torch.ones(len(terms), 2, 1)).to(terms) * terms).sum()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        falling.step()
    return model


def by_person(features: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (P ...) as those of each person (people n ...), padded with 0, and which are there (people n).

    `at` (P) is the number of the person, from 0.

    >>> by_person(torch.tensor([5.0, 6.0, 7.0]), torch.tensor([1, 0, 1]))
    (tensor([[6., 0.],
            [5., 7.]]), tensor([[1., 0.],
            [1., 1.]]))
    """
    counts = at.bincount()
    order = at.argsort(stable=True)
    place = torch.arange(len(at)) - (counts.cumsum(0) - counts)[at[order]]
    found = features.new_zeros(len(counts), int(counts.max()), *features.shape[1:])
    found[at[order], place] = features[order]
    there = features.new_zeros(found.shape[:2])
    there[at[order], place] = 1
    return found, there


def _shown(there: Tensor, draw: torch.Generator) -> Tensor:
    """Some judgements of each person, from one to all of them (people n)."""
    even = torch.rand(there.shape, generator=draw).to(there).masked_fill(there == 0, 2.0)
    rank = even.argsort(1).argsort(1)
    number = 1 + (torch.rand(len(there), 1, generator=draw).to(there) * there.sum(1, keepdim=True)).floor()
    return (rank < number).to(there)
