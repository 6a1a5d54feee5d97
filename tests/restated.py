"""The papers' formulas again, in plain Python, one prompt at a time.

Written from the formulas and not from the code: numbers and lists (K of T numbers), loops and `math`. Every function
has the name, the arguments and the defaults of the one it restates, and its arguments are one prompt's share of them.
"""

import math
import statistics


def nll(logp):
    return [[-x for x in response] for response in logp]


def dpo(logp, ref_logp, mask, *, beta=0.1, smoothing=0.0):
    likelier = [math.exp(_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k])) for k in (0, 1)]
    chosen = likelier[0] ** beta / (likelier[0] ** beta + likelier[1] ** beta)
    return -(1 - smoothing) * math.log(chosen) - smoothing * math.log(1 - chosen)


def kto(logp, ref_logp, mask, label, reference_point, *, beta=0.1, desirable=1.0, undesirable=1.0):
    terms = []
    for x, ref, m, liked in zip(logp, ref_logp, mask, label, strict=True):
        gain = math.exp(_total(x, m)) / math.exp(_total(ref, m)) / math.exp(reference_point)
        valued = gain**beta / (gain**beta + 1)
        terms.append(desirable - desirable * valued if liked == 1 else undesirable - undesirable * (1 - valued))
    return terms


def bradley_terry(score):
    better, worse = score
    return math.log(1 + math.exp(worse - better))


def kway_choice(score, mask):
    if not any(mask[0]):
        return 0.0
    return -math.log(math.exp(score[0]) / sum(math.exp(s) for s, m in zip(score, mask, strict=True) if any(m)))


def ppo_clip(logp, old_logp, advantage, *, low=0.2, high=0.2):
    def term(new, old, credit):
        ratio = math.exp(new) / math.exp(old)
        held = min(ratio, 1 + high) if credit >= 0 else max(ratio, 1 - low)
        return -held * credit

    return _each(term, logp, old_logp, _spread(advantage, logp))


def reinforce(logp, advantage):
    return _each(lambda x, credit: -x * credit, logp, _spread(advantage, logp))


def value_clip(value, old_value, returns, *, clip=0.2):
    def term(new, old, target):
        held = max(old - clip, min(old + clip, new))
        return max((new - target) ** 2, (held - target) ** 2) / 2

    return _each(term, value, old_value, returns)


def kl_k1(logp, ref_logp):
    return _each(lambda x, ref: math.log(math.exp(x) / math.exp(ref)), logp, ref_logp)


def kl_k2(logp, ref_logp):
    return _each(lambda x, ref: math.log(math.exp(x) / math.exp(ref)) ** 2 / 2, logp, ref_logp)


def kl_k3(logp, ref_logp):
    def term(x, ref):
        ratio = math.exp(ref) / math.exp(x)
        return ratio - 1 - math.log(ratio)

    return _each(term, logp, ref_logp)


def entropy(entropy):
    return [[-x for x in response] for response in entropy]


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


def gae(token_reward, old_value, mask, *, gamma=1.0, lam=0.95):
    advantage = [[0.0] * len(response) for response in mask]
    returns = [[0.0] * len(response) for response in mask]
    for k, response in enumerate(mask):
        chosen = [t for t, m in enumerate(response) if m]
        states = [old_value[k][t] for t in chosen] + [0.0]
        deltas = [token_reward[k][t] + gamma * states[i + 1] - states[i] for i, t in enumerate(chosen)]
        for i, t in enumerate(chosen):
            advantage[k][t] = sum((gamma * lam) ** step * delta for step, delta in enumerate(deltas[i:]))
            returns[k][t] = advantage[k][t] + old_value[k][t]
    return advantage, returns


def rloo(reward, mask):
    def advantage(k, others):
        return reward[k] - statistics.fmean(reward[j] for j in others)

    return _against_siblings(advantage, mask)


def group_mean(reward, mask):
    def advantage(k, others):
        return reward[k] - statistics.fmean(reward[j] for j in (k, *others))

    return _against_siblings(advantage, mask)


def grpo(reward, mask, *, deviation="population", eps=1e-4):
    spread = {"population": statistics.pstdev, "sample": statistics.stdev}[deviation]

    def advantage(k, others):
        group = [reward[j] for j in (k, *others)]
        return (reward[k] - statistics.fmean(group)) / (spread(group) + eps)

    return _against_siblings(advantage, mask)


def batch_mean(reward, mask):
    """About the whole batch and not one prompt, and so are its arguments."""
    mean = statistics.fmean(
        r for row, m in zip(reward, mask, strict=True) for r, x in zip(row, m, strict=True) if any(x)
    )
    return [
        [[r - mean if any(x) else 0.0] for r, x in zip(row, m, strict=True)]
        for row, m in zip(reward, mask, strict=True)
    ]


def mismatched_kl(mismatched_logp, ref_mismatched_logp, mask):
    """About the whole batch and not one prompt, and so are its arguments."""
    ratios = [
        _total(x, m) - _total(ref, m)
        for prompt in zip(mismatched_logp, ref_mismatched_logp, mask, strict=True)
        for x, ref, m in zip(*prompt, strict=True)
        if any(m)
    ]
    return [max(0.0, statistics.fmean(ratios)) for _ in mask]


def best_and_worst(reward, mask):
    there = [k for k, response in enumerate(mask) if any(response)]
    if not there:
        return [0, len(mask) - 1]  # any two: none of them is there
    return [max(there, key=lambda k: reward[k]), min(reversed(there), key=lambda k: reward[k])]


def best_of(reward, mask):
    there = [k for k, response in enumerate(mask) if any(response)]
    best = max(there, key=lambda k: reward[k], default=None)
    return [k == best for k in range(len(mask))]


def preferred(mask):
    return [k == 0 and any(response) for k, response in enumerate(mask)]


def _total(xs, mask):
    return math.fsum(x for x, m in zip(xs, mask, strict=True) if m)


def _flat(batch):
    return [x for prompt in batch for response in prompt for x in response]


def _each(term, *grids):
    return [[term(*xs) for xs in zip(*rows, strict=True)] for rows in zip(*grids, strict=True)]


def _spread(rows, like):
    return [row * len(other) if len(row) == 1 else row for row, other in zip(rows, like, strict=True)]


def _against_siblings(advantage, mask):
    there = [k for k, response in enumerate(mask) if any(response)]
    if len(there) == 1:
        return [[0.0] for _ in mask]
    return [[advantage(k, [j for j in there if j != k])] if k in there else [0.0] for k in range(len(mask))]
