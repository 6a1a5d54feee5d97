"""What the methods are known to reach that look into an answer, step by step or token by token; and DPO once more."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..recipes import method
from .distance import PAIRS, Known, Verdict, from_all_pairs
from .learn import from_population
from .pairwise import apart, chosen, learnt
from .problem import BETA, REWARD, distribution, instructed, reference, regularised_optimum, total_variation
from .tabular import ANSWERS, LENGTH, TOKENS, prefix_rows, response

STEPS = tuple(dict.fromkeys(tuple(ids[:n]) for n in range(1, LENGTH + 1) for ids in ANSWERS.tolist()))
"""Every beginning of an answer (84): what has been written when a step is chosen."""

SIBLINGS = torch.tensor(
    [(i, j) for j in range(len(STEPS)) for i in range(j) if STEPS[i][:-1] == STEPS[j][:-1]]  # of one length therefore
)
"""Every two beginnings that differ in their last token alone (126), as places in `STEPS`."""


def soft_values() -> Tensor:
    """What each of `STEPS` is worth when the answer goes on as well as its price allows:

        Q(s) = beta log sum_y pi_ref(y | s) exp(r(y) / beta)        over the answers y that begin with s

    The regularised optimum takes the step s after its prefix with pi_ref(s | prefix) exp((Q(s) - V) / beta), V being
    the same for all siblings. Rafailov et al. 2024 (arXiv 2404.12358), with tokens for steps.
    """
    begins = torch.tensor([[tuple(ids[: len(step)]) == step for ids in ANSWERS.tolist()] for step in STEPS])
    start = distribution(reference()).expand(begins.shape)
    worth = torch.where(begins, start * (REWARD / BETA).exp(), 0.0).sum(-1)
    return BETA * (worth / torch.where(begins, start, 0.0).sum(-1)).log()


def longdpo() -> Known:
    """The implicit reward of a step beside its sibling is how much more it is worth, at every prefix alike."""
    answers, probability = chosen(apart(soft_values(), SIBLINGS).sigmoid(), SIBLINGS)
    begun = [response(step) for step in STEPS]
    optimum = regularised_optimum()
    return Known(
        recipe=method("longdpo")(beta=BETA),
        what="pi_ref exp(r/beta)/Z, from Bradley-Terry choices between all tokens that can follow every prefix",
        distance=lambda recipe: total_variation(
            distribution(from_population(recipe, answers, probability, drawn=begun)["policy"]), optimum
        ),
    )


def t_reg(alpha: float = 0.15) -> Known:
    """From people whose choices hold the two terms in balance at the optimum."""
    optimum = regularised_optimum()
    people = balancing(optimum, paid_tokens(), alpha=alpha)
    return Known(
        recipe=method("t-reg")(beta=BETA, alpha=alpha),
        what="pi_ref exp(r/beta)/Z, from choices that balance the two terms there, in every pair of answers",
        distance=lambda recipe: total_variation(learnt(recipe, *chosen(people)), optimum),
    )


@torch.no_grad()
def paid_tokens() -> Tensor:
    """What each token of every answer is paid (64 3): its share of the two probabilities it has, told so or otherwise.

    p_better / (p_better + p_worse) - 1/2
    """
    better, worse = (instructed(way).table.softmax(-1)[0, prefix_rows(ANSWERS), ANSWERS] for way in (1.0, -1.0))
    return better / (better + worse) - 0.5


def balancing(policy: Tensor, paid: Tensor, *, alpha: float) -> Tensor:
    """How often the first answer of each of `PAIRS` is chosen by people who leave this policy (64) where it is.

    Let g be the gap of a pair and p = sigmoid(g) + e how often its first answer is chosen. In units of beta the two
    orders together pull the first answer up by e, the second down by it, and pay the tokens of both

        alpha (p sigmoid(-g) + (1 - p) sigmoid(g)) = alpha (2 sigmoid(g) sigmoid(-g) + e (sigmoid(-g) - sigmoid(g)))

    times their rewards. With e = (d_i - d_j) / 64 and sum_i d_i = 0 all pairs together pull answer i by d_i, which is
    sought such that the logits of no prefix move. How d depends on itself is weak, and is found by repeating it.
    """
    gap = BETA * apart((policy / distribution(reference())).log())
    even = gap.sigmoid() * (-gap).sigmoid()
    pull = torch.zeros_like(policy)
    for _ in range(100):
        excess = apart(pull) / len(policy)
        weight = 2 * even + excess * ((-gap).sigmoid() - gap.sigmoid())
        each = torch.zeros_like(policy).index_add(0, PAIRS.flatten(), weight.repeat_interleave(2))
        pull = resting(policy, alpha * each.unsqueeze(-1) * paid)
    return gap.sigmoid() + apart(pull) / len(policy)


def resting(policy: Tensor, pulls: Tensor) -> Tensor:
    """The pull on each whole answer (64) beside which these pulls on their tokens (64 3) leave a policy where it is.

    Logits rest where each token's share of all the pull at its prefix is its probability there. The pull on a beginning
    is that on all answers it begins, so that each follows from that of the prefix before it.
    """
    tree = policy.view(TOKENS, TOKENS, TOKENS)
    down = policy.new_zeros(1, 1, 1)
    for t, below in enumerate(((1, 2), (2,), ())):
        here = pulls[:, t].view_as(tree)
        here, begun = (x.sum(below, keepdim=True) if below else x for x in (here, tree))
        share = begun / begun.sum(t, keepdim=True)
        down = share * (here.sum(t, keepdim=True) + down) - here
    return down.flatten()


def _ddro() -> Known:
    what = "pi_ref exp(r/beta)/Z, as `dpo`, whose loss it is, from Bradley-Terry choices in every pair of answers"
    return Known(recipe=method("ddro")(beta=BETA), what=what, distance=from_all_pairs)


KNOWN_STEPS: dict[str, Callable[[], Verdict]] = {
    "ddro": lambda: _ddro().verdict(),
    "longdpo": lambda: longdpo().verdict(),
    "t-reg": lambda: t_reg().verdict(),
}
"""How each of them is verified."""
