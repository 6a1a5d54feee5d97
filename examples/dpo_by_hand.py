"""Direct preference optimisation by hand: a model of your own, a loop of your own, and two functions of prefloop.

    python examples/dpo_by_hand.py

The model is a table: the logits of the next token after each token. People prefer answers that count upwards.
"""

import torch

from prefloop.objectives.pairs import dpo
from prefloop.reduce import weights

TOKENS, LENGTH, PAIRS = 6, 5, 256


def log_probabilities(table, ids):
    """Log-probability of each token (P K T); every answer begins after token 0."""
    before = torch.cat([torch.zeros_like(ids[..., :1]), ids[..., :-1]], -1)
    return table.log_softmax(-1)[before, ids]


def liking(ids):
    """How many steps of each answer go up by one."""
    return (ids.diff(dim=-1) == 1).sum(-1)


def preferred_first(answers):
    """Pairs as people judged them: the answer they prefer at index 0; ties are left out."""
    likes = liking(answers)
    order = likes.argsort(-1, descending=True)
    return answers.gather(1, order.unsqueeze(-1).expand_as(answers))[likes[:, 0] != likes[:, 1]]


def train(steps=200):
    """The expected liking of the model's own answers before and after."""
    torch.manual_seed(0)
    ids = preferred_first(torch.randint(TOKENS, (PAIRS, 2, LENGTH)))
    mask = torch.ones_like(ids)
    table = torch.zeros(TOKENS, TOKENS, requires_grad=True)
    ref_logp = log_probabilities(table.detach(), ids)
    optimiser = torch.optim.Adam([table], lr=0.05)
    before = sampled_liking(table)
    for _ in range(steps):
        terms = dpo(log_probabilities(table, ids), ref_logp, mask, beta=0.1)  # one for each pair
        loss = (weights(terms.shape, mask) * terms).sum()  # the one place that divides
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return before, sampled_liking(table)


@torch.no_grad()
def sampled_liking(table, n=2000):
    """Mean liking of answers drawn from the model."""
    token, drawn = torch.zeros(n, dtype=torch.long), []
    for _ in range(LENGTH):
        token = torch.multinomial(table.softmax(-1)[token], 1).squeeze(-1)
        drawn.append(token)
    return liking(torch.stack(drawn, -1)).float().mean().item()


if __name__ == "__main__":
    before, after = train()
    print(f"steps up in an answer: {before:.2f} before, {after:.2f} after, {LENGTH - 1} at most")
