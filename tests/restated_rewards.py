"""The formulas of what is paid and of how far to trust it, again in plain Python, one prompt at a time.

As `restated.py`, which holds the others: written from the formulas and not from the code.
"""

import math
import statistics

from restated import _each, _flat, _spread, _total


def kl_in_reward(reward, old_logp, ref_logp, mask, *, beta):
    paid = [[0.0] * len(response) for response in mask]
    for k, response in enumerate(mask):
        chosen = [t for t, m in enumerate(response) if m]
        for t in chosen:
            paid[k][t] = beta * ref_logp[k][t] - beta * old_logp[k][t]
        for t in chosen[-1:]:
            paid[k][t] += reward[k]
    return paid


def total_reward(token_reward, mask):
    return [_total(x, m) for x, m in zip(token_reward, mask, strict=True)]


def whiten_advantage(advantage, mask):
    """About the whole batch and not one prompt, and so are its arguments."""
    rows = [_spread(responses, m) for responses, m in zip(advantage, mask, strict=True)]
    seen = [x for x, m in zip(_flat(rows), _flat(mask), strict=True) if m]
    mean, deviation = statistics.fmean(seen), math.sqrt(statistics.pvariance(seen) + 1e-8)
    return [
        _each(lambda x, chosen: (x - mean) / deviation if chosen else 0.0, a, m)
        for a, m in zip(rows, mask, strict=True)
    ]


def truncated_importance(advantage, old_logp, sampled_logp, mask, *, cap=2.0):
    rows = zip(_spread(advantage, mask), old_logp, sampled_logp, mask, strict=True)
    return [
        [
            min(math.exp(old) / math.exp(drawn), cap) * a if chosen else 0.0
            for a, old, drawn, chosen in zip(*row, strict=True)
        ]
        for row in rows
    ]


def centred(reward, mask):
    """About the whole batch and not one prompt, and so are its arguments."""
    mean = statistics.fmean(_there(reward, mask))
    return [
        [r - mean if any(x) else 0.0 for r, x in zip(row, m, strict=True)] for row, m in zip(reward, mask, strict=True)
    ]


def standardised(reward, mask, *, eps=1e-8):
    """About the whole batch and not one prompt, and so are its arguments."""
    scale = math.sqrt(statistics.pvariance(_there(reward, mask)) + eps)
    return [[r / scale for r in row] for row in centred(reward, mask)]


def clipped(reward, *, low, high):
    return [sorted((low, r, high))[1] for r in reward]


def min_max(reward, mask):
    """About the whole batch and not one prompt, and so are its arguments."""
    rewards = _there(reward, mask)
    return [
        [
            (r - min(rewards)) / (max(rewards) - min(rewards)) if any(x) and len(set(rewards)) > 1 else 0.0
            for r, x in zip(row, m, strict=True)
        ]
        for row, m in zip(reward, mask, strict=True)
    ]


def sigmoid(reward, *, slope=1.0):
    return [math.exp(slope * r) / (math.exp(slope * r) + 1) for r in reward]


def tanh(reward, *, slope=1.0):
    return [2 / (1 + math.exp(-2 * slope * r)) - 1 for r in reward]


def log_sigmoid(reward):
    return [-math.log(1 + math.exp(-r)) for r in reward]


def confidence_priced(reward, confidence, *, weight=0.5, average=0.0):
    return [r - weight * (average - r) * (2 * c - 1) / 2 for r, c in zip(reward, confidence, strict=True)]


def drawn_baseline(reward, calibrated, mask):
    own = [[0 if c else m for m in row] for c, row in zip(calibrated, mask, strict=True)]
    return [r for r, c in zip(reward, calibrated, strict=True) if c], own


def contrastive(reward, baseline):
    return [statistics.fmean(r - b for b in _several(baseline)) for r in reward]


def par(reward, baseline):
    return [statistics.fmean(math.exp(r) / (math.exp(r) + math.exp(b)) for b in _several(baseline)) for r in reward]


def best_of_n_ratio(reward, baseline, *, n=4):
    others = _several(baseline)

    def likelier(r):
        worse, alike = sum(b < r for b in others), 1 + sum(b == r for b in others)
        total = len(others) + 1
        # All n are paid at most r and not all of them less, which answers paid alike share.
        return (((worse + alike) / total) ** n - (worse / total) ** n) / (alike / total)

    return [math.log(likelier(r)) for r in reward]


def diverse_win(win_rate, ids, mask, *, weight=0.1):
    said = [[x for x, m in zip(*row, strict=True) if m] for row in zip(ids, mask, strict=True)]

    def bonus(k):
        apart = [
            sum((x in a) != (x in b) for x in {*a, *b}) / len({*a, *b})
            for j, b in enumerate(said)
            if b and j != k and (a := said[k])
        ]
        return statistics.fmean(apart) if apart else 0.0

    return [w + weight * bonus(k) if said[k] else 0.0 for k, w in enumerate(win_rate)]


def mean_channel(reward):
    return [statistics.fmean(ds) for ds in reward]


def worst_channel(reward):
    return [min(ds) for ds in reward]


def worst_group(reward, mask):
    """About the whole batch and not one prompt, and so are its arguments."""
    there = [ds for row, m in zip(reward, mask, strict=True) for ds, x in zip(row, m, strict=True) if any(x)]
    means = [statistics.fmean(column) for column in zip(*there, strict=True)]
    worst = means.index(min(means))
    return [[ds[worst] for ds in row] for row in reward]


def uncertainty_weighted(reward, *, lam=0.1):
    return [statistics.fmean(ds) - lam * statistics.pvariance(ds) for ds in reward]


def lower_bound(reward, *, deviations=1.0):
    return [statistics.fmean(ds) - deviations * statistics.pstdev(ds) for ds in reward]


def reward_robust(reward, *, nominal=0.5):
    return [sum(nominal * d / len(ds) + (1 - nominal) * min(ds) / len(ds) for d in ds) for ds in reward]


def weighted_channels(reward, *, weights):
    return [math.fsum(w * d for w, d in zip(weights, ds, strict=True)) for ds in reward]


def weighted_spans(token_reward, *, weights):
    return [weighted_channels(response, weights=weights) for response in token_reward]


def kl_in_tokens(token_reward, old_logp, ref_logp, mask, *, beta):
    rows = zip(token_reward, old_logp, ref_logp, mask, strict=True)
    return [
        [r + beta * ref - beta * old if chosen else 0.0 for r, old, ref, chosen in zip(*row, strict=True)]
        for row in rows
    ]


def spread_reward(token_reward, reward, mask, *, weights):
    found = []
    for earned, paid, chosen in zip(token_reward, reward, mask, strict=True):
        shares = [
            math.fsum(w * e for w, e in zip(weights, es, strict=True)) if mine else 0.0
            for es, mine in zip(earned, chosen, strict=True)
        ]
        places = [t for t, mine in enumerate(chosen) if mine]
        if places:
            shares[places[-1]] += paid - math.fsum(shares)
        found.append(shares)
    return found


def divergence_in_reward(reward, old_logp, ref_logp, mask, *, beta, divergence="js"):
    slope = {
        "reverse_kl": math.log,
        "forward_kl": lambda u: -1 / u,
        "js": lambda u: math.log(u / (1 + u)),
        "chi2": lambda u: 2 * u,
    }[divergence]
    return [
        r - beta * slope(math.exp(_total(x, m)) / math.exp(_total(ref, m)))
        for r, x, ref, m in zip(reward, old_logp, ref_logp, mask, strict=True)
    ]


def implicit_in_reward(token_reward, dpo_logp, ref_logp, mask, *, dense=0.05):
    return _each(lambda r, dpo, ref, m: r - dense * (ref - dpo) if m else 0.0, token_reward, dpo_logp, ref_logp, mask)


def contrast(better_logp, worse_logp, mask):
    def paid(better, worse):
        likelier = math.exp(better) / (math.exp(better) + math.exp(worse))
        return likelier - 0.5

    return [
        [paid(b, w) if m else 0.0 for b, w, m in zip(*rows, strict=True)]
        for rows in zip(better_logp, worse_logp, mask, strict=True)
    ]


def potential_in_reward(token_reward, potential, mask, *, gamma=1.0):
    shaped = [[0.0] * len(row) for row in mask]
    for k, row in enumerate(mask):
        places = [t for t, m in enumerate(row) if m]
        states = [potential[k][t] for t in places] + [0.0]
        for i, t in enumerate(places):
            shaped[k][t] = token_reward[k][t] - (states[i] - gamma * states[i + 1])
    return shaped


def step_ends(ids, mask, *, separators):
    ends = [[0.0] * len(row) for row in mask]
    for k, row in enumerate(mask):
        places = [t for t, m in enumerate(row) if m]
        for t in places:
            if ids[k][t] in separators or t == places[-1]:
                ends[k][t] = 1.0
    return ends


def steps_in_reward(token_reward, token_score, step_end, *, weight=1.0):
    return _each(lambda r, s, e: r + weight * s if e else r, token_reward, token_score, step_end)


def process_reward(token_score, step_end, *, by="product"):
    def whole(scores, ends):
        steps = [1 / (1 + math.exp(-s)) for s, e in zip(scores, ends, strict=True) if e]
        return {"product": math.prod, "minimum": min, "last": lambda ps: ps[-1]}[by](steps) if steps else 0.0

    return [whole(*row) for row in zip(token_score, step_end, strict=True)]


def masked_importance(advantage, old_logp, sampled_logp, mask, *, low=0.5, high=2.0):
    def kept(a, x, q, m):
        weight = math.exp(x) / math.exp(q)
        return a * weight if m and low <= weight <= high else 0.0

    return _each(kept, _spread(advantage, old_logp), old_logp, sampled_logp, mask)


def response_truncated_importance(advantage, old_logp, sampled_logp, mask, *, cap=2.0):
    return _weighed(advantage, old_logp, sampled_logp, mask, lambda w: min(w, cap))


def response_masked_importance(advantage, old_logp, sampled_logp, mask, *, low=0.5, high=2.0):
    return _weighed(advantage, old_logp, sampled_logp, mask, lambda w: w if low <= w <= high else 0.0)


def _weighed(advantage, old_logp, sampled_logp, mask, change):
    rows = zip(_spread(advantage, old_logp), old_logp, sampled_logp, mask, strict=True)
    weights = [change(math.exp(_total(x, m) - _total(q, m))) for _, x, q, m in rows]
    grid = [[w] * len(m) for w, m in zip(weights, mask, strict=True)]
    return _each(lambda a, w, m: a * w if m else 0.0, _spread(advantage, mask), grid, mask)


def length_priced(reward, mask, *, price=0.01, free=0):
    return [r - price * len([m for m in row if m][free:]) for r, row in zip(reward, mask, strict=True)]


def overlong(reward, mask, *, longest, margin):
    def penalty(n):
        if n <= longest - margin:
            return 0.0
        return 1.0 if n > longest else (n - (longest - margin)) / margin

    return [r - penalty(sum(row)) for r, row in zip(reward, mask, strict=True)]


def unfinished_priced(reward, ended, *, price=1.0):
    return [r if e else r - price for r, e in zip(reward, ended, strict=True)]


def unfinished_paid(reward, ended, *, value=-1.0):
    return [r if e else value for r, e in zip(reward, ended, strict=True)]


def _there(reward, mask):
    return [r for row, m in zip(reward, mask, strict=True) for r, x in zip(row, m, strict=True) if any(x)]


def _several(baseline):
    return baseline if isinstance(baseline, list) else [baseline]


def best_alone(reward, mask):
    there = [k for k, response in enumerate(mask) if any(response)]
    best = max(there, key=lambda k: reward[k], default=None)
    return [[float(len(there)) if k == best else 0.0] for k in range(len(mask))]


def accepted(reward, chance, mask, *, temperature=0.5, least=2):
    there = [k for k, response in enumerate(mask) if any(response)]
    most = max((reward[k] for k in there), default=0.0)
    likely = {k: math.exp((reward[k] - most) / temperature) for k in there}
    kept = {k for k in there if chance[k] < likely[k]}
    missed = sorted((k for k in there if k not in kept), key=lambda k: chance[k] / likely[k])
    kept |= set(missed[: max(0, least - len(kept))])
    return [k in kept for k in range(len(mask))]
