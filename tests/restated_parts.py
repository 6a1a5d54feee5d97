"""Losses on attributes, parts and lengths, and the weight of an edit, again in plain Python, as in `restated.py`."""

import math
import statistics


def attributes(scores, aspect):
    return [
        sum((s - a) ** 2 for s, a in zip(given, said, strict=True) if not math.isnan(a))
        for given, said in zip(scores, aspect, strict=True)
    ]


def gated_bradley_terry(scores, gate):
    first, second = (sum(w * s for w, s in zip(gate, row, strict=True)) for row in scores)
    return -math.log(_sigmoid(first - second))


def parts_told(token_score, token_label, *, neutral=1.0):
    def part(score, label):
        right = neutral if label == 0.5 else label
        return -math.log(_sigmoid(score) ** right * _sigmoid(-score) ** (1 - right))

    return [
        sum(part(s, y) for s, y in zip(row, said, strict=True) if not math.isnan(y))
        for row, said in zip(token_score, token_label, strict=True)
    ]


def summed_bradley_terry(scores):
    first, second = map(sum, scores)
    return -math.log(_sigmoid(first - second))


def length_correlation(scores, mask):
    """About the whole batch and not one prompt, and so are its arguments."""
    rows = [
        (quality, length, max(t for t, m in enumerate(row) if m) + 1)
        for given, masks in zip(scores, mask, strict=True)
        for (quality, length), row in zip(given, masks, strict=True)
        if any(row)
    ]
    quality, length, tokens = zip(*rows, strict=True)
    found = abs(statistics.correlation(quality, tokens)) - statistics.correlation(length, tokens)
    return [found] * len(scores)


def channels_apart(overlap):
    return sum(abs(row[j]) for i, row in enumerate(overlap) for j in range(i + 1, len(row)))


def changed_share(ids, mask, *, least=0.0):
    better, worse = ([i for i, m in zip(*row, strict=True) if m] for row in zip(ids, mask, strict=True))
    return max(least, 1 - 2 * _kept(better, worse) / (len(better) + len(worse)))


def _kept(a, b):
    """Tokens in the longest common run, the earliest of equals, and in those to its left and to its right."""
    runs = [
        (n, -i, -j)
        for i in range(len(a))
        for j in range(len(b))
        for n in range(1, min(len(a) - i, len(b) - j) + 1)
        if a[i : i + n] == b[j : j + n]
    ]
    if not runs:
        return 0
    n, i, j = max(runs)
    return n + _kept(a[:-i], b[:-j]) + _kept(a[-i + n :], b[-j + n :])


def _sigmoid(x):
    return 1 / (1 + math.exp(-x))
