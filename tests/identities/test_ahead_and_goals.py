"""What a step ahead and goals are for, on networks of a few hundred weights."""

import torch

from prefloop.objectives.contrastive import goal_states
from prefloop.objectives.rewards import bradley_terry
from prefloop.objectives.spread import told_apart

RATE, SEEDS = 15.0, range(3)


def newer_answers(seed, ahead, pairs=100, steps=300, size=8):
    """Accuracy on answers of a newer policy, better than all that were judged, by a network fitted to 100 pairs.

    ahead: of which answers the step ahead reads the scores, "newer" or "judged" ones, or `None` for none.
    """
    draw = torch.Generator().manual_seed(seed)
    taste = torch.randn(size, generator=draw)
    taste = 2 * taste / taste.norm()
    x = torch.randn(pairs, 2, size, generator=draw)
    first = torch.rand(pairs, generator=draw) < ((x[:, 0] - x[:, 1]) @ taste).sigmoid()
    x = torch.where(first[:, None, None], x, x.flip(1))
    drawn, kept = (0.5 * torch.randn(n, 4, size, generator=draw) + taste for n in (pairs, 1500))
    if ahead == "judged":
        drawn = torch.randn(pairs, 4, size, generator=draw)
    torch.manual_seed(seed)
    network = torch.nn.Sequential(torch.nn.Linear(size, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1))
    weights = list(network.parameters())
    optimiser = torch.optim.Adam(weights, lr=5e-3)
    for _ in range(steps):
        rows, before = torch.randint(pairs, (32,), generator=draw), [w.detach().clone() for w in weights]
        if ahead:
            climbed = told_apart(network(drawn[rows]).squeeze(-1), torch.ones(32, 4)).mean()
            slopes = torch.autograd.grad(climbed, weights)
            with torch.no_grad():
                for w, slope in zip(weights, slopes, strict=True):
                    w.add_(RATE * slope)
        optimiser.zero_grad()
        bradley_terry(network(x[rows]).squeeze(-1)).mean().backward()
        with torch.no_grad():
            for w, at in zip(weights, before, strict=True):
                w.copy_(at)
        optimiser.step()
    with torch.no_grad():
        score, worth = network(kept).squeeze(-1), kept @ taste
    return float(((score[:, 0] - score[:, 1]) * (worth[:, 0] - worth[:, 1]) > 0).float().mean())


def test_a_step_ahead_helps_where_the_policy_has_moved_to_and_one_on_what_was_judged_does_not():
    plain, newer, judged = (
        sum(newer_answers(seed, ahead) for seed in SEEDS) / len(SEEDS) for ahead in (None, "newer", "judged")
    )
    assert newer > plain + 0.02
    assert newer > judged + 0.02


def begun_answers(seed, goals, pairs=200, steps=250, tokens=12, words=12, size=16):
    """The AUROC of the score after half of an answer, by a recurrent network fitted to scores of whole answers.

    Preferred answers say some words a little more often, and the others some other words.
    """
    draw = torch.Generator().manual_seed(seed)
    says = torch.zeros(2, words)
    says[0, :4] = says[1, 4:8] = 0.6

    def answers(n):
        rows = says.softmax(-1).repeat(n, 1)
        return torch.multinomial(rows, tokens, replacement=True, generator=draw).view(n, 2, tokens)

    learnt, kept = answers(pairs), answers(1500)
    torch.manual_seed(seed)
    embed, network = torch.nn.Embedding(words, size), torch.nn.GRU(size, size, batch_first=True)
    head = torch.nn.Linear(size, 1)
    optimiser = torch.optim.Adam([*embed.parameters(), *network.parameters(), *head.parameters()], lr=5e-3)

    def states(x):
        return network(embed(x.flatten(0, 1)))[0].view(*x.shape, size)

    for _ in range(steps):
        read = states(learnt[torch.randint(pairs, (32,), generator=draw)])
        loss = bradley_terry(head(read[:, :, -1]).squeeze(-1)).mean()
        loss = loss + goals * goal_states(read, torch.ones(32, 2, tokens)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        better, worse = head(states(kept)[:, :, tokens // 2 - 1]).squeeze(-1).unbind(1)
    return float((better[:, None] > worse).double().mean())


def test_goals_tell_better_from_half_of_an_answer_how_good_it_will_be():
    with_goals, plain, turned = (
        sum(begun_answers(seed, goals) for seed in SEEDS) / len(SEEDS) for goals in (0.5, 0.0, -0.5)
    )
    assert with_goals > plain + 0.003
    assert with_goals > turned + 0.003
