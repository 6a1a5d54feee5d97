"""Losses on hidden states, and how far draws are told apart, again in plain Python, as in `restated.py`."""

import math


def simcse(views, *, temperature=0.05):
    """About the whole batch and not one prompt, and so are its arguments."""
    apart = [[[a - b for a, b in zip(first[v], second[v], strict=True)] for v in range(2)] for first, second in views]
    found = []
    for one, same in apart:
        near = [math.exp(_cosine(one, other) / temperature) for _, other in apart]
        found.append(-math.log(math.exp(_cosine(one, same) / temperature) / sum(near)))
    return found


def first_bradley_terry(scores):
    (first, *_), (second, *_) = scores
    return -math.log(_sigmoid(first - second))


def swav(views, directions, *, temperature=0.1, epsilon=0.05, rounds=3):
    """About the whole batch and not one prompt, and so are its arguments."""
    near = [
        [
            [_cosine([a - b for a, b in zip(one, two, strict=True)], c) for c in read[1:]]
            for (one, two), read in zip(((first[v], second[v]) for first, second in views), directions, strict=True)
        ]
        for v in range(2)
    ]
    codes = [sinkhorn([[s / epsilon for s in row] for row in rows], rounds=rounds) for rows in near]
    found = []
    for p in range(len(views)):
        total = 0.0
        for v in range(2):
            likely = [math.exp(s / temperature) for s in near[v][p]]
            total -= sum(q * math.log(e / sum(likely)) for q, e in zip(codes[1 - v][p], likely, strict=True))
        found.append(total)
    return found


def sinkhorn(x, *, rounds):
    """By products of whole rows and columns, each made to add up to its share of 1."""
    q = [[math.exp(s) for s in row] for row in x]
    for _ in range(rounds):
        columns = [sum(column) * len(q[0]) for column in zip(*q, strict=True)]
        q = [[s / c for s, c in zip(row, columns, strict=True)] for row in q]
        q = [[s / (sum(row) * len(q)) for s in row] for row in q]
    return [[s * len(q) for s in row] for row in q]


def goal_states(states, mask):
    own, other = ([s for s, m in zip(*row, strict=True) if m] for row in zip(states, mask, strict=True))
    reached = [-math.log(_sigmoid(_cosine(a, b))) for t, a in enumerate(own) for b in own[t + 1 :]]
    missed = [-math.log(1 - _sigmoid(_cosine(a, b))) for a in own for b in other]
    return sum(reached) / max(len(reached), 1) + sum(missed) / max(len(missed), 1)


def told_apart(score, calibrated):
    drawn = [s for s, c in zip(score, calibrated, strict=True) if c]
    two = [_sigmoid(abs(a - b)) for i, a in enumerate(drawn) for b in drawn[i + 1 :]]
    return 2 * sum(two) / max(len(drawn), 1) ** 2


def _cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def _sigmoid(x):
    return 1 / (1 + math.exp(-x))
