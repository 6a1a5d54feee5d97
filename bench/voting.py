"""What a vote costs, and how often it is right, where answers far from the goal are given up early.

Right answers say some of twelve words a little more often and wrong ones some others. A recurrent network is fitted to
pairs, as a reward model from its last state, with the loss on goal states or without; the goal is the mean of the last
states of the preferred answers. Then several answers to each new prompt vote: a right one says what is right, a wrong
one one of three other things. Given up is what falls below a value under which a share of the preferred answers of the
training pairs fall. Whatever comes out is printed: nothing is chosen afterwards.

    python -m bench.voting                        # 5 seeds, 1,000 prompts each
    python -m bench.voting --seeds 2 --answers 16
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from prefloop.evaluation.voting import voting
from prefloop.objectives.contrastive import goal_states
from prefloop.objectives.rewards import bradley_terry
from prefloop.scoring.goals import Goal

WORDS, TOKENS, SIZE, PAIRS, STEPS, SKIP = 12, 24, 16, 200, 250, 5
SHARES = (0.02, 0.05, 0.1, 0.2, 0.4)
GOALS = (0.0, 0.5)


class Reader(nn.Module):
    """Hidden states of words, and a score from the last."""

    def __init__(self) -> None:
        """With random weights."""
        super().__init__()
        self.embed = nn.Embedding(WORDS, SIZE)
        self.network = nn.GRU(SIZE, SIZE, batch_first=True)
        self.head = nn.Linear(SIZE, 1)

    def states(self, words: Tensor) -> Tensor:
        """The state after each word (P K T D)."""
        states: Tensor = self.network(self.embed(words.flatten(0, 1)))[0]
        return states.view(*words.shape, SIZE)


def said(right: Tensor, draw: torch.Generator) -> Tensor:
    """The words of answers (P K T) that are right or not (P K)."""
    lean = torch.zeros(2, WORDS)
    lean[1, :4] = lean[0, 4:8] = 0.6
    rows = lean[right.long()].softmax(-1).flatten(0, 1)
    return torch.multinomial(rows, TOKENS, replacement=True, generator=draw).view(*right.shape, TOKENS)


def fitted(goals: float, pairs: Tensor, draw: torch.Generator) -> Reader:
    """A reader of pairs whose first answer is the right one."""
    reader = Reader()
    optimiser = torch.optim.Adam(reader.parameters(), lr=5e-3)
    for _ in range(STEPS):
        states = reader.states(pairs[torch.randint(len(pairs), (32,), generator=draw)])
        loss = bradley_terry(reader.head(states[:, :, -1]).squeeze(-1)).mean()
        loss = loss + goals * goal_states(states, torch.ones(states.shape[:3])).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return reader


def voted(goals: float, seed: int, prompts: int, answers: int) -> Iterator[tuple[float, float, float]]:
    """For each of the shares how often the vote of all is right, that of those left, and the part of tokens saved."""
    draw = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    pairs = said(torch.tensor([True, False]).expand(PAIRS, 2), draw)
    reader = fitted(goals, pairs, draw)
    easy = 0.2 + 0.4 * torch.rand(prompts, 1, generator=draw)
    right = torch.rand(prompts, answers, generator=draw) < easy
    other = torch.randint(3, right.shape, generator=draw)
    votes = [["right" if r else f"wrong {o}" for r, o in zip(*row, strict=True)]
             for row in zip(right.tolist(), other.tolist(), strict=True)]  # fmt: skip
    with torch.no_grad():
        learnt = reader.states(pairs)[:, 0]
        goal = Goal(learnt[:, -1].mean(0))
        least = goal.values(learnt)[:, SKIP:].amin(-1)
        values = goal.values(reader.states(said(right, draw)))
    for share in SHARES:
        lowest = float(least.quantile(share))
        found = voting(values, torch.ones(values.shape), votes, ["right"] * prompts, lowest=lowest, skip=SKIP)
        yield found.every.estimate, found.left.estimate, found.saved / found.tokens


def main() -> None:
    """Print means over the seeds, and standard errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--prompts", type=int, default=1000)
    parser.add_argument("--answers", type=int, default=8)
    how = parser.parse_args()
    print("goals  share   vote of all   vote of those left   tokens saved")
    for goals in GOALS:
        runs = torch.tensor([list(voted(goals, seed, how.prompts, how.answers)) for seed in range(how.seeds)])
        errors = runs.std(0) / how.seeds**0.5
        for share, mean, error in zip(SHARES, runs.mean(0).tolist(), errors.tolist(), strict=True):
            cells = "   ".join(f"{m:.3f} +- {e:.3f}" for m, e in zip(mean, error, strict=True))
            print(f"{goals:5.1f}  {share:5.2f}   {cells}", flush=True)


if __name__ == "__main__":
    main()
