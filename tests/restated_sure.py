"""Again in plain Python, one prompt at a time: reward models that are sure of some answers, and what others vote."""

import math


def _chosen(ahead):
    return 1 / (1 + math.exp(-ahead))


def each_member(scores, resampled):
    first, second = scores
    costs = [-math.log(_chosen(a - b)) for a, b in zip(first, second, strict=True)]
    return sum(n * cost for n, cost in zip(resampled, costs, strict=True)) / len(costs)


def gaussian_comparison(scores, *, width=9.0, steps=400):
    first, second = scores
    heads = []
    for h in range(len(first) // 2):
        ahead = first[2 * h] - second[2 * h]
        spread = math.sqrt(sum(math.exp(2 * side[2 * h + 1]) for side in scores))
        z = [width * (2 * i / steps - 1) for i in range(steps + 1)]
        density = [math.exp(-x * x / 2) for x in z]
        chance = sum(d * _chosen(ahead + spread * x) for d, x in zip(density, z, strict=True)) / sum(density)
        heads.append(-math.log(chance))
    return sum(heads) / len(heads)


def alike(diversity):
    return 0 - diversity


def voted_margin(score, strength):
    return -math.log(_chosen(score[0] - score[1] - strength))


def votes(reward):
    leads = [a - b for a, b in zip(*reward, strict=True)]
    mean = sum(leads) / len(leads)
    return mean, math.sqrt(sum((lead - mean) ** 2 for lead in leads) / len(leads))


def voted_target(strength):
    return _chosen(strength)


def turned_by_vote(reward, *, share=0.1):
    strengths = [votes(pair)[0] for pair in reward]
    doubtful = sorted(range(len(reward)), key=strengths.__getitem__)[: int(share * len(reward))]
    return [[1, 0] if p in doubtful else [0, 1] for p in range(len(reward))]


def gaussian_robust(reward, *, nominal=0.5):
    found = []
    for row in reward:
        means, deviations = row[0::2], row[1::2]
        surest = means[deviations.index(min(deviations))]
        found.append(nominal * surest + (1 - nominal) * min(means))
    return found
