"""The gradient a recipe takes from samples of a tabular policy, many times over, beside the one that is enumerated."""

import torch

from prefloop.batch import assemble
from prefloop.learning.update import Dials, derived, loss, selected, with_frozen
from prefloop.planning import plan
from prefloop.recipe import Decoding
from prefloop.scoring.scorer import score
from prefloop.verify.problem import BETA, PROMPT, REWARD, distribution, reference
from prefloop.verify.tabular import PREFIXES, TOKENS, Critic, Policy, TabularGenerator


def elsewhere():
    """A policy that is neither the reference nor the optimum, and gives every answer often enough to be seen."""
    source = torch.Generator().manual_seed(7)
    return Policy(0.3 * torch.randn(1, PREFIXES, TOKENS, generator=source, dtype=torch.float64))


def estimates(recipe, policy, *, times, prompts=1, seed=11):
    """The gradient of the policy's table (times 1 21 4) on so many batches of `prompts` groups of its own samples.

    Answers are drawn, paid, selected and learnt from as the loop does it; a critic holds arbitrary values.
    """
    source, sample = torch.Generator().manual_seed(3), recipe.sample
    critic = Critic(torch.randn(1, PREFIXES, generator=source, dtype=torch.float64))
    networks = {"policy": policy, "ref": reference(), "critic": critic}
    needs, dials, draws = plan(recipe), Dials(recipe), TabularGenerator(policy)
    groups = draws.sample([PROMPT] * times * prompts, k=sample.k, decoding=sample.decoding, seed=seed)
    batch = assemble(groups).having(reward=score(recipe.score["reward"], groups, {}))
    if sample.greedy:
        best = draws.sample([PROMPT], k=1, decoding=Decoding(temperature=0.0), seed=0)
        batch = batch.having(baseline=score(recipe.score["reward"], best, {})[0].expand(len(batch)))
    batch = with_frozen(batch, needs, networks, tokens=10**6, temperature=1.0)

    def gradient(rows):
        some = selected(recipe, rows)
        if not len(some):
            return torch.zeros_like(policy.table)
        outputs = {
            n: x for role, names in needs.outputs.items() for n, x in networks[role].outputs(some, names).items()
        }
        terms = loss(recipe, outputs, derived(recipe, some, outputs, dials), dials)
        return torch.autograd.grad(terms, policy.table)[0]

    return torch.stack([gradient(batch.rows(i, i + prompts)) for i in range(0, len(batch), prompts)])


def furthest(found, exact):
    """How many standard errors the mean of many gradients is from an exact one, where it is furthest."""
    return float(((found.mean(0) - exact).abs() / (found.std(0) / len(found) ** 0.5)).max())


def in_direction(found, exact):
    """The exact gradient times what brings it nearest to the mean of many."""
    return exact * (found.mean(0) * exact).sum() / exact.square().sum()


def of_regularised_reward(policy):
    """The gradient of -(E[r] - beta KL(pi || pi_ref)), enumerated."""
    logp, ref = policy.log_answers()[0], distribution(reference()).log()
    worth = (logp.exp() * (REWARD - BETA * (logp - ref))).sum()
    return -torch.autograd.grad(worth, policy.table)[0]


def of_share(policy, good):
    """The probability of these answers, and its gradient, enumerated."""
    p = policy.log_answers()[0].exp()[good].sum()
    return p.detach(), torch.autograd.grad(p, policy.table)[0]
