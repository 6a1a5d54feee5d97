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
