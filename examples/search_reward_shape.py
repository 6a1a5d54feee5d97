"""A search for the shape of a reward: how much each token is to be paid at once, and how much at the end.

    python examples/search_reward_shape.py

The inner loop trains a small policy by policy gradients, paid by `spread_reward`; the outer loop is Bayesian
optimisation over the weights (Koo et al. 2025, arXiv 2504.16272): a Gaussian process of what each run reached, and
expected improvement. The model is a table: the logits of the next token after each token.
"""

from functools import partial

import torch

from prefloop.credit import return_to_go
from prefloop.objectives.policy import reinforce
from prefloop.reduce import weights as shares
from prefloop.scoring.attributions import drawn_orders, shapley, shapley_so_far
from prefloop.shaping.spread import spread_reward

TOKENS, LENGTH, GROUP = 5, 8, 16


def worth(ids, sets):
    """The reward of an answer of which only these tokens are left (S): one for every neighbour that goes up by one."""
    return ((ids.diff() == 1) & sets[:, 1:] & sets[:, :-1]).sum(-1).float()


def attributed(answers, seed):
    """What each token of each answer earned, by what it adds and by Shapley values so far (1 K T 2)."""
    games, orders = [partial(worth, ids) for ids in answers], drawn_orders(LENGTH, 2, seed)
    gains = torch.stack([shapley(game, torch.arange(LENGTH)[None]) for game in games])
    return torch.stack([gains, torch.stack([shapley_so_far(game, orders) for game in games])], -1)[None]


def train(weights, *, seed, steps=12):
    """The mean reward of a policy's own answers after it was paid in this shape."""
    torch.manual_seed(seed)
    table = torch.zeros(TOKENS, TOKENS, requires_grad=True)
    optimiser = torch.optim.Adam([table], lr=0.1)
    for step in range(steps):
        ids = drawn(table, GROUP)
        mask, reward = torch.ones(1, *ids.shape), rewards(ids)[None]
        paid = spread_reward(attributed(ids, step), reward, mask, weights=weights)
        credit = return_to_go(paid, mask)
        terms = reinforce(log_probabilities(table, ids)[None], credit - credit.mean(1, keepdim=True))
        optimiser.zero_grad()
        (shares(terms.shape, mask) * terms).sum().backward()
        optimiser.step()
    return float(rewards(drawn(table, 500)).mean())


def log_probabilities(table, ids):
    """Log-probability of each token (K T); every answer begins after token 0."""
    before = torch.cat([torch.zeros_like(ids[:, :1]), ids[:, :-1]], -1)
    return table.log_softmax(-1)[before, ids]


def rewards(ids):
    """The reward of whole answers (K)."""
    return (ids.diff(dim=-1) == 1).sum(-1).float()


@torch.no_grad()
def drawn(table, n):
    """Answers of the policy (n T)."""
    token, ids = torch.zeros(n, dtype=torch.long), []
    for _ in range(LENGTH):
        token = torch.multinomial(table.softmax(-1)[token], 1).squeeze(-1)
        ids.append(token)
    return torch.stack(ids, -1)


def simplex(n):
    """Weights of the attributions (n 2), drawn evenly from all that add up to at most 1."""
    return torch.distributions.Dirichlet(torch.ones(3)).sample((n,))[:, :2]


def likeness(a, b):
    """How alike two shapes are taken to be, by their distance."""
    return (-torch.cdist(a, b).square() / (2 * 0.4**2)).exp()


def most_promising(tried, found, candidates, *, noise=0.1):
    """The candidate with the largest expected improvement on the best mean of what was tried."""
    scale = found.std() + 1e-6
    seen = torch.linalg.inv(likeness(tried, tried) + noise * torch.eye(len(tried)))
    known = (found - found.mean()) / scale
    across = likeness(candidates, tried)
    mean = across @ seen @ known
    deviation = (1 - (across @ seen * across).sum(-1)).clamp(min=1e-9).sqrt()
    gap = mean - (likeness(tried, tried) @ seen @ known).max()
    normal = torch.distributions.Normal(0.0, 1.0)
    gain = gap * normal.cdf(gap / deviation) + deviation * normal.log_prob(gap / deviation).exp()
    return candidates[gain.argmax()]


def search(runs=12, *, first=4, steps=12):
    """Every shape that was tried, and what it reached: the reward at the end first, then `first` by chance."""
    torch.manual_seed(0)
    tried = torch.cat([torch.zeros(1, 2), simplex(first)])
    candidates = simplex(200)
    found = torch.tensor([train(tuple(w.tolist()), seed=n, steps=steps) for n, w in enumerate(tried)])
    for n in range(len(tried), runs):
        chosen = most_promising(tried, found, candidates)
        reached = train(tuple(chosen.tolist()), seed=n, steps=steps)
        tried, found = torch.cat([tried, chosen[None]]), torch.cat([found, torch.tensor([reached])])
    return tried, found


if __name__ == "__main__":
    shapes, reached = search()
    for shape, reward in zip(shapes.tolist(), reached.tolist(), strict=True):
        print(f"gain {shape[0]:.2f}, shapley {shape[1]:.2f}, at the end {1 - sum(shape):.2f}: reward {reward:.2f}")
