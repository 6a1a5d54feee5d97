"""Which tokens of a response earned its score: a frozen reward model's score, attributed to them.

An attribution plays a game whose players are the tokens that the model chose: the worth of some of them is the score of
the response with all other chosen tokens taken out. A reward model's ending stays. With nothing left it is the score of
the prompt alone, or 0 after a prompt of a single token.

Two ways look at nothing behind a token, and so pay for what the policy knew when it chose it:

    gain            what the token adds to what stands before it
    shapley_so_far  its Shapley value in what stands up to it

Credit that is taken token by token, as by GAE, never looks back: a token is not credited for what it changes in the
payment of earlier ones. So only these two leave the best policy as it is. The others need the whole response:

    leave_one_out   what is lost without the token
    shapley         its Shapley value in the whole response

What others wrote between the model's tokens stays; for the first two only what stands before the last token left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from ..errors import RewardError
from ..models.decoder import Decoder
from ..models.encode import for_model
from ..text import Group, Response
from .model import AT_ONCE, plain_scores
from .spans import in_its_tokens

Way = Literal["gain", "shapley_so_far", "leave_one_out", "shapley"]

Worth = Callable[[Tensor], Tensor]
"""What coalitions of n players are worth: (S n) of True for who is in, to (S)."""


@torch.no_grad()
def attributed(
    groups: Sequence[Group],
    *,
    model: Decoder,
    by: tuple[Way, ...] = ("gain", "shapley_so_far"),
    samples: int = 4,
    seed: int = 0,
) -> Tensor:
    """How much each token earned of a reward model's score, in each of several ways (P K T D): one channel for each.

    They are in the unit of `model_score`; of tokens that the model did not choose 0. `samples` is how many orders the
    Shapley values take, drawn with `seed` and the same for all responses: each is attributed alike wherever it
    stands. Of a response of n tokens `gain` and `leave_one_out` read n + 1 parts, `shapley` at most
    1 + samples n and `shapley_so_far` 2 samples n, all beside one prompt.

    Raises:
        RewardError: the model reads other tokens than the policy's, or `by` names no way.
    """
    unknown = [way for way in by if way not in get_args(Way)]
    if unknown or not by:
        known = ", ".join(map(repr, get_args(Way)))
        raise RewardError(f"`by` of `attributed` is {by!r}: it names one or several of {known}.")
    in_its_tokens(groups, model)
    answers = [r for g in groups for r in g.responses]
    shape = (len(groups), max(len(g.responses) for g in groups), max(1, *(len(r.ids) for r in answers)))
    found = torch.zeros(*shape, len(by))
    seen: dict[tuple[tuple[int, ...], ...], Tensor] = {}  # an answer that was drawn twice is read once
    for p, group in enumerate(groups):
        for k, response in enumerate(group.responses):
            chosen = [t for t, mine in enumerate(response.mask) if mine]
            same = (group.prompt_ids, response.ids, response.mask)
            if chosen and same not in seen:
                orders = drawn_orders(len(chosen), samples, seed)
                seen[same] = torch.stack([_attribution(way, group, response, model, orders) for way in by], -1)
            if chosen:
                found[p, k, chosen] = seen[same]
    return found


def _attribution(way: Way, group: Group, response: Response, model: Decoder, orders: Tensor) -> Tensor:
    players = orders.shape[-1]
    worth = _worth(group, response, model, ahead=way in ("leave_one_out", "shapley"))
    if way == "gain":
        return shapley(worth, torch.arange(players)[None])  # of the one order in which they were written
    if way == "leave_one_out":
        return leave_one_out(worth, players)
    return shapley(worth, orders) if way == "shapley" else shapley_so_far(worth, orders)


def leave_one_out(worth: Worth, players: int) -> Tensor:
    """What is lost without each player (n): occlusion, one at a time.

        phi_t = v(all) - v(all but t)

    The parts of an additive game; of other games they add up to anything.

    >>> leave_one_out(lambda sets: sets.all(-1).float(), 3)
    tensor([1., 1., 1.])
    """
    everyone = torch.ones(1, players, dtype=torch.bool)
    found = worth(torch.cat([everyone, ~torch.eye(players, dtype=torch.bool)]))
    return found[0] - found[1:]


def shapley(worth: Worth, orders: Tensor) -> Tensor:
    """What each player adds as it joins those before it, averaged over orders of all n (S n): Shapley values (n).

        phi_t = 1/S sum_s (v(those before t in order s, and t) - v(those before t in order s))

    Shapley 1953; with all n! orders exactly, with some, drawn evenly, an unbiased estimate (Castro et al. 2009).
    Whatever the orders, they add up to v(all) - v(none). A coalition that several orders pass is asked for once.

    >>> shapley(lambda sets: sets.all(-1).float(), torch.tensor([[0, 1], [1, 0]]))
    tensor([0.5000, 0.5000])
    """
    samples, players = orders.shape
    rank = orders.argsort(-1)
    passed = rank[:, None, :] < torch.arange(players + 1)[:, None]
    sets, place = passed.view(-1, players).unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
    gains = worth(sets)[place].view(samples, players + 1).diff(dim=-1)
    return gains.gather(-1, rank).mean(0)


def shapley_so_far(worth: Worth, orders: Tensor) -> Tensor:
    """The Shapley value of each player in the game of itself and those of a lower number (n), from orders of all (S n).

        phi_t = 1/S sum_s (v(u < t before t in order s, and t) - v(u < t before t in order s))

    What follows a player is not looked at. An even draw of all orders is one of the first few, too.

    >>> shapley_so_far(lambda sets: sets.all(-1).float(), torch.tensor([[0, 1], [1, 0]]))
    tensor([0.0000, 0.5000])
    """
    samples, players = orders.shape
    rank = orders.argsort(-1)
    without = (rank[:, None, :] < rank[:, :, None]).tril()
    both = torch.stack([without, without | torch.eye(players, dtype=torch.bool)])
    sets, place = both.view(-1, players).unique(dim=0, return_inverse=True)  # type: ignore[no-untyped-call]
    return worth(sets)[place].view(2, samples, players).diff(dim=0).mean((0, 1))


def drawn_orders(players: int, samples: int, seed: int) -> Tensor:
    """So many orders of the players (samples n), each as likely as every other; with one more player the same of these.

    >>> drawn_orders(3, 1, 0), drawn_orders(4, 1, 0)
    (tensor([[2, 0, 1]]), tensor([[2, 3, 0, 1]]))
    """
    source = torch.Generator().manual_seed(seed)
    return torch.stack([torch.rand(samples, generator=source) for _ in range(players)], -1).argsort(-1)


def _worth(group: Group, response: Response, model: Decoder, *, ahead: bool) -> Worth:
    """The score of the response with some of its chosen tokens left; not `ahead`, of nothing behind the last."""
    [whole] = for_model(replace(group, responses=(response,)), model.tokenizer, ending=model.ending).responses
    cut = max(1, len(group.prompt_ids) - 1)  # the prompt's last token is read for the score of the prompt alone
    trunk, begun = group.prompt_ids[:cut], group.prompt_ids[cut:]
    mask, size = torch.tensor(response.mask, dtype=torch.bool), len(response.ids)

    def left(players: Tensor) -> Response:
        kept = torch.zeros_like(mask).masked_scatter(mask, players)
        behind = size if ahead else max(kept.nonzero().flatten().tolist(), default=0)
        stays = (kept | (~mask & (torch.arange(size) < behind))).tolist()
        ids = (*begun, *(i for i, stay in zip(response.ids, stays, strict=True) if stay), *whole.ids[size:])
        return Response(text="", ids=ids, mask=(1,) * len(ids))

    def worth(sets: Tensor) -> Tensor:
        at_once = max(1, AT_ONCE // len(whole.ids))
        parts = [
            replace(group, prompt_ids=trunk, responses=tuple(map(left, some))) for some in torch.split(sets, at_once)
        ]
        return torch.cat([plain_scores([part], model)[0] for part in parts])

    return worth
