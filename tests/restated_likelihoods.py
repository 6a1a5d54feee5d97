"""The likelihoods of reward models again, in plain Python, one prompt at a time, as in `restated.py`.

They are written from the probabilities of everything that people could have said, which have to sum to 1, and not from
the logarithms in which the code is stable.
"""

import itertools
import math

import numpy as np


def margin_bradley_terry(score, target, *, most=1.0, grades=4):
    strength = (target - 0.5) * 2 * grades
    margin = 0.0 if strength < 1 else most * (strength - 1) / (grades - 1)
    return -math.log(_first(score[0] - score[1] - margin))


def soft_bradley_terry(score, target):
    return -target * math.log(_first(score[0] - score[1])) - (1 - target) * math.log(_first(score[1] - score[0]))


def smoothed_bradley_terry(score, *, smoothing=0.1):
    return soft_bradley_terry(score, 1 - smoothing)


def davidson(score, numbers, tied):
    first, second = math.exp(score[0]), math.exp(score[1])
    tie = math.exp(numbers[0]) * math.sqrt(first * second)
    return -math.log((tie if tied else first) / (first + second + tie))


def rao_kupper(score, numbers, tied):
    first, second, theta = math.exp(score[0]), math.exp(score[1]), 1 + math.exp(numbers[0])
    won, lost = first / (first + theta * second), second / (second + theta * first)
    return -math.log(1 - won - lost if tied else won)


def ranking(score, mask, label):
    there = [k for k, row in enumerate(mask) if any(row)]
    agreeing = [
        order
        for order in itertools.permutations(there)
        if all(label[a] >= label[b] for a, b in itertools.pairwise(order))
    ]
    total = 0.0
    for order in agreeing:
        chance = 1.0
        for place, k in enumerate(order):
            chance *= math.exp(score[k]) / sum(math.exp(score[i]) for i in order[place:])
        total += chance
    return -math.log(total)


def ordinal(score, numbers, mask, label, *, lowest):
    middle, *gaps = numbers
    theta = [0.0, *itertools.accumulate(math.log(1 + math.exp(g)) for g in gaps)]
    mean = sum(theta) / len(theta)
    theta = [middle + t - mean for t in theta]

    def at_most(grade, s):
        return 0.0 if grade < 0 else 1.0 if grade >= len(theta) else _first(theta[grade] - s)

    def term(s, said):
        grade = round(said - lowest)
        return -math.log(at_most(grade, s) - at_most(grade - 1, s))

    return _those_there(term, score, mask, label)


def interval(score, numbers, mask, label, *, middle=0.0, unit=1.0):
    offset, deviation = numbers[0], math.exp(numbers[1])

    def term(s, said):
        density = math.exp(-(((said - middle) / unit - offset - s) ** 2) / 2 / deviation**2) / deviation
        return -math.log(density)

    return _those_there(term, score, mask, label)


def p_love(score, mask, label, *, liked=1.0, disliked=1.0):
    def term(s, said):
        return -liked * math.log(_first(s)) if said > 0 else -disliked * math.log(1 - _first(s))

    return _those_there(term, score, mask, label)


def balanced_p_love(score, mask, label, liked_share):
    return p_love(score, mask, label, liked=0.5 / liked_share, disliked=0.5 / (1 - liked_share))


def general_preference(scores, *, tau=1.0):
    return -math.log(_first(_ahead(scores) / tau))


def hybrid_preference(scores):
    (reward, *v), (other, *w) = scores
    return -math.log(_first(reward - other + _ahead((v, w))))


def known_flips(score, *, flips=0.1):
    first = _first(score[0] - score[1])
    return -math.log((1 - flips) * first + flips * (1 - first))


def annotator_flips(score, traits, *, begin=0.1):
    odds = math.exp(traits[0]) * begin / (1 - begin)
    return known_flips(score, flips=odds / (1 + odds))


def person_mixture(scores, traits):
    total = sum(math.exp(t) for t in traits)
    chance = sum(math.exp(t) / total * _first(a - b) for t, a, b in zip(traits, *scores, strict=True))
    return -math.log(chance)


def prompt_mixture(scores):
    (*first,), (*second,) = scores
    half = len(first) // 2
    odds = [(a + b) / 2 for a, b in zip(first[half:], second[half:], strict=True)]
    return person_mixture((first[:half], second[:half]), odds)


def personal_preference(scores, traits):
    first, second = (s[0] + sum(t * x for t, x in zip(traits, s[1:], strict=True)) for s in scores)
    return -math.log(_first(first - second))


def latent_preference(scores, traits, *, price=0.01):
    half = len(traits) // 2
    mean, variance = traits[:half], [math.exp(t) for t in traits[half:]]
    gaps = [a - b for a, b in zip(*scores, strict=True)]
    middle = gaps[0] + sum(m * g for m, g in zip(mean, gaps[1:], strict=True))
    deviation = math.sqrt(sum(v * g**2 for v, g in zip(variance, gaps[1:], strict=True)))
    at, share = np.polynomial.hermite.hermgauss(32)  # the weight exp(-x^2) of physicists
    bound = sum(s * math.log(_first(middle + deviation * math.sqrt(2) * x)) for x, s in zip(at, share, strict=True))
    divergence = sum((m * m + v) / 2 - 0.5 - math.log(math.sqrt(v)) for m, v in zip(mean, variance, strict=True))
    return -bound / math.sqrt(math.pi) + price * divergence


def _first(lead):
    return 1 / (1 + math.exp(-lead))


def _ahead(scores):
    """<R v_0, v_1>, R written out as a matrix of blocks ((0, -1), (1, 0))."""
    v, w = scores
    size = len(v)
    turn = [[0.0] * size for _ in range(size)]
    for m in range(0, size, 2):
        turn[m][m + 1], turn[m + 1][m] = -1.0, 1.0
    turned = [sum(turn[i][j] * v[j] for j in range(size)) for i in range(size)]
    return sum(a * b for a, b in zip(turned, w, strict=True))


def _those_there(term, score, mask, label):
    return [term(s, said) if any(row) else 0.0 for s, row, said in zip(score, mask, label, strict=True)]


def _levels(reward, mask, inter):
    there = [any(m) for m in mask]
    if len(reward) == 2 or not any(there[2:]):
        return -math.log(_first(reward[0] - reward[1])) if there[0] and there[1] else 0.0
    if not all(there[:4]):
        return 0.0
    wide, narrow = reward[0] - reward[1], reward[2] - reward[3]
    return -inter * math.log(_first(wide - narrow))


def mapl(score, mask, *, inter=1.0):
    return _levels(score, mask, inter)


def mapl_dpo(logp, ref_logp, mask, *, beta=0.1, inter=1.0):
    rows = zip(logp, ref_logp, mask, strict=True)
    implicit = [beta * sum(a - b for a, b, m in zip(*row, strict=True) if m) for row in rows]
    return _levels(implicit, mask, inter)
