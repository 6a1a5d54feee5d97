"""The papers' formulas again, in plain Python, one prompt at a time.

Written from the formulas and not from the code: numbers and lists (K of T numbers), loops and `math`. Every function
has the name, the arguments and the defaults of the one it restates, and its arguments are one prompt's share of them.
"""

import itertools
import math
import statistics


def nll(logp):
    return [[-x for x in response] for response in logp]


def dpo(logp, ref_logp, mask, *, beta=0.1, smoothing=0.0):
    chosen = _chosen(logp, ref_logp, mask, beta)
    return -(1 - smoothing) * math.log(chosen) - smoothing * math.log(1 - chosen)


def osp(logp, ref_logp, mask, target, *, beta=0.1):
    chosen = _chosen(logp, ref_logp, mask, beta)
    return -target * math.log(chosen) - (1 - target) * math.log(1 - chosen)


def robust_dpo(logp, ref_logp, mask, *, beta=0.1, flips=0.1):
    chosen = _chosen(logp, ref_logp, mask, beta)
    return ((1 - flips) * -math.log(chosen) - flips * -math.log(1 - chosen)) / (1 - 2 * flips)


def ipo(logp, ref_logp, mask, *, tau=0.1):
    better, worse = (_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]) for k in (0, 1))
    return (better - worse - 1 / tau / 2) ** 2


def ipo_per_token(logp, ref_logp, mask, *, tau=0.1):
    better, worse = (_average(logp[k], mask[k]) - _average(ref_logp[k], mask[k]) for k in (0, 1))
    return (better - worse - 1 / tau / 2) ** 2


def slic(logp, ref_logp, mask, *, beta=0.1):
    better, worse = (beta * _total(logp[k], mask[k]) - beta * _total(ref_logp[k], mask[k]) for k in (0, 1))
    return 1 + worse - better if better < 1 + worse else 0.0


def exo(logp, ref_logp, mask, *, beta=0.1, smoothing=1e-3):
    chosen = _chosen(logp, ref_logp, mask, beta)
    return sum(q * math.log(q / p) for q, p in ((chosen, 1 - smoothing), (1 - chosen, smoothing)))


def discopop(logp, ref_logp, mask, *, beta=0.05, tau=0.05):
    chosen = _chosen(logp, ref_logp, mask, beta)
    odds = chosen / (1 - chosen)
    m = odds ** (1 / tau) / (1 + odds ** (1 / tau))
    return (1 - m) * -math.log(chosen) + m / odds


def f_dpo(logp, ref_logp, mask, *, beta=0.1, divergence="js", alpha=0.5):
    slope = {
        "reverse_kl": lambda u: math.log(u) + 1,
        "forward_kl": lambda u: -1 / u,
        "js": lambda u: math.log(2 * u / (1 + u)),
        "alpha": lambda u: (1 - u**-alpha) / alpha,
    }[divergence]
    better, worse = (beta * slope(math.exp(_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]))) for k in (0, 1))
    return math.log(1 + math.exp(worse - better))


def kl_from_reference(logits, ref_logits):
    return _places(
        lambda pi, ref: math.fsum(q * math.log(q / p) for p, q in zip(pi, ref, strict=True)), logits, ref_logits
    )


def kl_to_mixed(logits, dpo_logits, ref_logits, *, beta=0.05, dpo_beta=0.1):
    def term(pi, dpo, ref):
        share = dpo_beta / beta
        teacher = _normalised([d**share * r ** (1 - share) for d, r in zip(dpo, ref, strict=True)])
        return beta * math.fsum(p * math.log(p / q) for p, q in zip(pi, teacher, strict=True))

    return _places(term, logits, dpo_logits, ref_logits)


def kl_to_extrapolated(logits, dpo_logits, reverse_logits, *, beta=0.1, scale=10.0, least=1e-3):
    def term(pi, dpo, reverse):
        weight = least + 2 * scale * sum(max(d - r, 0.0) for d, r in zip(dpo, reverse, strict=True))
        teacher = _normalised([d * (d / r) ** weight for d, r in zip(dpo, reverse, strict=True)])
        return beta / weight * math.fsum(p * math.log(p / q) for p, q in zip(pi, teacher, strict=True))

    return _places(term, logits, dpo_logits, reverse_logits)


def tdpo1(logp, ref_logp, mask, token_kl, *, beta=0.1):
    better, worse = (
        _total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]) + _total(token_kl[k], mask[k]) for k in (0, 1)
    )
    return _not_chosen(beta * (better - worse))


def tdpo(logp, ref_logp, mask, token_kl, *, beta=0.1, alpha=0.5):
    better, worse = (
        _total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]) + alpha * _total(token_kl[k], mask[k]) for k in (0, 1)
    )
    return _not_chosen(beta * (better - worse))


def distilled(token_kl):
    return token_kl


def dpop(logp, ref_logp, mask, *, beta=0.3, lam=50.0):
    better, worse = (_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]) for k in (0, 1))
    lost = -better if better < 0 else 0.0
    return _not_chosen(beta * better - beta * worse - beta * lam * lost)


def r_dpo(logp, ref_logp, mask, *, beta=0.1, alpha=0.01):
    chosen = _chosen(logp, ref_logp, mask, beta)
    odds = chosen / (1 - chosen) * math.exp(alpha * sum(mask[0])) / math.exp(alpha * sum(mask[1]))
    return -math.log(odds / (1 + odds))


def odpo(logp, ref_logp, mask, label, *, beta=0.1, alpha=1.0):
    if label[0] <= label[1]:
        return 0.0
    chosen = _chosen(logp, ref_logp, mask, beta)
    odds = chosen / (1 - chosen) / (label[0] - label[1]) ** alpha
    return -math.log(odds / (1 + odds))


def modpo(logp, ref_logp, mask, reward, *, beta=0.1, share=0.5):
    better, worse = (
        beta / share * (_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k])) - (1 - share) / share * reward[k]
        for k in (0, 1)
    )
    return _not_chosen(better - worse)


def mm_dpo(logp, ref_logp, mask, reward, *, beta=0.1, weight=0.5, steepness=0.5):
    scale = 1 + weight - weight * math.exp(steepness * reward[1]) / math.exp(steepness * reward[0])
    return -math.log(_chosen(logp, ref_logp, mask, beta * scale))


def wpo(logp, ref_logp, mask, *, beta=0.1):
    likely = math.prod(math.exp(_average(x, m)) for x, m in zip(logp, mask, strict=True))
    return -likely * math.log(_chosen(logp, ref_logp, mask, beta))


def dense_dpo(logp, ref_logp, mask, token_weight, *, beta=0.5):
    better, worse = (
        _total([w * (x - r) for x, r, w in zip(logp[k], ref_logp[k], token_weight[k], strict=True)], mask[k])
        / _total(token_weight[k], mask[k])
        for k in (0, 1)
    )
    return _not_chosen(beta * (better - worse))


def constrained_dpo(logp, ref_logp, mask, *, beta=2.5, gamma=0.5, tau=2.0, alpha=1.0):
    ahead, before = ((_average(x[0], mask[0]) - _average(x[1], mask[1])) for x in (logp, ref_logp))
    goal = before + math.log(1 + math.exp(tau * (gamma - before))) / (tau * alpha)
    return _not_chosen(beta * (ahead - goal))


def calibrated_ratio(logp, ref_logp, mask, calibrated):
    return sum(c * (_total(x, m) - _total(r, m)) for x, r, m, c in zip(logp, ref_logp, mask, calibrated, strict=True))


def doubly_robust(logp, ref_logp, mask, reward, *, loss):
    return _doubly_robust({"logp": logp, "ref_logp": ref_logp, "mask": mask, "reward": reward}, loss)


def doubly_robust_reward(score, mask, reward, *, loss):
    return _doubly_robust({"score": score, "mask": mask, "reward": reward}, loss)


def _doubly_robust(tensors, loss):
    mask, reward = tensors["mask"], tensors["reward"]

    def term(i, j):
        pair = {name: [tensors[name][i], tensors[name][j]] for name in loss.inputs}
        return globals()[loss.name](**pair, **loss.knobs)

    def mean(i, j):
        first = 1 / (1 + math.exp(reward[j] - reward[i]))
        return first * term(i, j) + (1 - first) * term(j, i)

    draws = [i for i in range(2, len(mask)) if any(mask[i])]
    among = [mean(i, j) for i, j in itertools.combinations(draws, 2)]
    return term(0, 1) - mean(0, 1) + (statistics.fmean(among) if among else 0.0)


def degree_told(degree_logits, degree):
    costs = [
        math.log(sum(math.exp(x) for x in logits)) - logits[d]
        for logits, d in zip(degree_logits, degree, strict=True)
        if d != -1
    ]
    return statistics.fmean(costs) if costs else 0.0


def token_agreement(logp, ref_logp, mask, token_reward, *, beta=0.1):
    h = [[beta * (x - r) for x, r in zip(logp[k], ref_logp[k], strict=True)] for k in (0, 1)]
    behind = _total(h[1], mask[1]) - _total(h[0], mask[0])
    going = [_total([r * x for r, x in zip(token_reward[k], h[k], strict=True)], mask[k]) for k in (0, 1)]
    return -(going[0] + going[1]) / (1 + math.exp(-behind))


def rebel(logp, old_logp, mask, reward, *, eta=1.0):
    first, second = ((_total(logp[k], mask[k]) - _total(old_logp[k], mask[k])) / eta for k in (0, 1))
    return (first - second - (reward[0] - reward[1])) ** 2


def nca(logp, ref_logp, mask, *, beta=0.1):
    better, worse = (math.exp(beta * (_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]))) for k in (0, 1))
    return -math.log(better / (1 + better)) + math.log(1 + better) / 2 + math.log(1 + worse) / 2


def apo_zero(logp, ref_logp, mask, *, beta=0.1):
    better, worse = (math.exp(beta * (_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]))) for k in (0, 1))
    return 1 - better / (1 + better) + worse / (1 + worse)


def apo_down(logp, ref_logp, mask, *, beta=0.1):
    better = math.exp(beta * (_total(logp[0], mask[0]) - _total(ref_logp[0], mask[0])))
    return better / (1 + better) + 1 - _chosen(logp, ref_logp, mask, beta)


def simpo(logp, mask, *, beta=2.0, gamma=1.0):
    better, worse = (beta * _average(logp[k], mask[k]) for k in (0, 1))
    return _not_chosen(better - worse - gamma)


def cpo(logp, mask, *, beta=0.1):
    better, worse = (math.exp(_total(logp[k], mask[k])) ** beta for k in (0, 1))
    return -math.log(better / (better + worse))


def orpo(logp, mask):
    better, worse = (math.exp(_average(logp[k], mask[k])) for k in (0, 1))
    ratio = better / (1 - better) / (worse / (1 - worse))
    return -math.log(ratio / (1 + ratio))


def slic_hf(logp, mask, *, margin=1.0):
    better, worse = (_total(logp[k], mask[k]) for k in (0, 1))
    return margin + worse - better if better < margin + worse else 0.0


def cpl(logp, mask, *, alpha=0.1, gamma=1.0, bias=1.0):
    better, worse = (
        sum(gamma**n * alpha * x for n, x in enumerate(x for x, m in zip(logp[k], mask[k], strict=True) if m))
        for k in (0, 1)
    )
    return -math.log(math.exp(better) / (math.exp(better) + math.exp(bias * worse)))


def nll_of_best(logp, mask):
    return -_total(logp[0], mask[0])


def nll_of_best_per_token(logp, mask):
    return -_average(logp[0], mask[0])


def kto(logp, ref_logp, mask, label, reference_point, *, beta=0.1, desirable=1.0, undesirable=1.0):
    terms = []
    for x, ref, m, liked in zip(logp, ref_logp, mask, label, strict=True):
        gain = math.exp(_total(x, m)) / math.exp(_total(ref, m)) / math.exp(reference_point)
        valued = gain**beta / (gain**beta + 1)
        terms.append(desirable - desirable * valued if liked > 0 else undesirable - undesirable * (1 - valued))
    return terms


def bco(logp, ref_logp, mask, label, reference_point, *, beta=0.1):
    terms = []
    for x, ref, m, grade in zip(logp, ref_logp, mask, label, strict=True):
        gain = (math.exp(_total(x, m)) / math.exp(_total(ref, m)) / math.exp(reference_point)) ** beta
        told = gain / (1 + gain)
        terms.append(-math.log(told if grade > 0 else 1 - told))
    return terms


def pmpo(logp, ref_logp, mask, label, *, accepted=0.5, rejected=0.5, beta=0.5):
    return [
        (-accepted if grade > 0 else rejected) * _total(x, m) + beta * (_total(ref, m) - _total(x, m))
        for x, ref, m, grade in zip(logp, ref_logp, mask, label, strict=True)
    ]


def unlikelihood(logp, label, *, alpha=1.0, eps=1e-5):
    return [
        [-x if grade > 0 else -alpha * math.log(max(eps, 1 - math.exp(x))) for x in response]
        for response, grade in zip(logp, label, strict=True)
    ]


def nft(logp, old_logp, mask, reward, *, bar=0.5, eps=1.0):
    verdicts = [r > bar for r, m in zip(reward, mask, strict=True) if any(m)]
    if len(set(verdicts)) < 2:
        return [[0.0] * len(response) for response in mask]
    rate = sum(verdicts) / len(verdicts)

    def term(new, old, chosen, paid):
        if not chosen:
            return 0.0
        ratio = math.exp(new) / math.exp(old)
        implied = ratio if paid > bar else max(eps, (1 - rate * ratio) / (1 - rate))
        return -math.sqrt(1 / rate - 1) * math.log(implied)

    return _each(term, logp, old_logp, mask, _spread([[r] for r in reward], mask))


def sppo(logp, old_logp, mask, win_rate, *, beta=0.1):
    return [
        (math.log(math.exp(_total(x, m)) / math.exp(_total(old, m))) - (wins - 1 / 2) / beta) ** 2
        for x, old, m, wins in zip(logp, old_logp, mask, win_rate, strict=True)
    ]


def sppo_hard(logp, ref_logp, mask, *, beta=0.1):
    first, second = (_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k]) for k in (0, 1))
    return (first - 1 / (2 * beta)) ** 2 + (second + 1 / (2 * beta)) ** 2


def plackett_luce(logp, ref_logp, mask, *, beta=0.1):
    return _ranked(_likelier(logp, ref_logp, mask, beta))


def listmle(logp, ref_logp, mask, label, *, beta=0.1):
    likelier = _likelier(logp, ref_logp, mask, beta)
    loss = 0.0
    for k, mine in likelier.items():
        loss -= math.log(mine / math.fsum(other for i, other in likelier.items() if label[i] <= label[k]))
    return loss


def lipo_lambda(logp, ref_logp, mask, label, *, beta=0.1):
    likelier = _likelier(logp, ref_logp, mask, beta)
    rank = {k: 1 + sum(other > mine for other in likelier.values()) for k, mine in likelier.items()}
    loss = 0.0
    for i, j in itertools.permutations(likelier, 2):
        if label[i] > label[j]:
            gain = (2 ** label[i] - 1) - (2 ** label[j] - 1)
            weight = gain * abs(1 / math.log(1 + rank[i]) - 1 / math.log(1 + rank[j]))
            loss += weight * math.log(1 + likelier[j] / likelier[i])
    return loss


def pro(logp, mask, label, *, imitation=0.05):
    p = {k: _total(x, m) / sum(m) for k, (x, m) in enumerate(zip(logp, mask, strict=True)) if any(m)}
    loss = 0.0
    for k in p:
        worse = [i for i in p if label[i] < label[k]]
        if worse:
            mine = math.exp((label[k] - min(label[i] for i in worse)) * p[k])
            loss -= math.log(mine / (mine + math.fsum(math.exp((label[k] - label[i]) * p[i]) for i in worse)))
    return loss - imitation * _of_best(p, label)


def rrhf(logp, mask, label):
    totals = {k: _total(x, m) for k, (x, m) in enumerate(zip(logp, mask, strict=True)) if any(m)}
    p = {k: total / sum(mask[k]) for k, total in totals.items()}
    pairs = [(i, j) for i, j in itertools.permutations(p, 2) if label[i] > label[j]]
    loss = math.fsum(p[j] - p[i] for i, j in pairs if p[j] > p[i])
    return loss - _of_best(totals, label)


def brain(logp, old_logp, ref_logp, mask, reward, *, beta=0.1):
    there = [k for k, response in enumerate(mask) if any(response)]
    drawn = {k: math.exp(_total(old_logp[k], mask[k])) for k in there}
    posterior = {k: math.exp(_total(ref_logp[k], mask[k])) * math.exp(reward[k] / beta) / drawn[k] for k in there}
    weight = {k: math.exp(_total(logp[k], mask[k])) / drawn[k] for k in there}
    return -math.fsum(
        posterior[k] / math.fsum(posterior.values()) * math.log(weight[k] / math.fsum(weight.values())) for k in there
    )


def steerlm2(logp, old_logp, mask, reward, prior):
    there = [k for k, response in enumerate(mask) if any(response)]
    drawn = {k: math.exp(_total(old_logp[k], mask[k])) for k in there}
    joint = {k: math.exp(reward[k]) * math.exp(prior[k]) / drawn[k] for k in there}
    own = {k: math.exp(_total(logp[k], mask[k])) / drawn[k] for k in there}
    return -math.fsum(joint[k] / math.fsum(joint.values()) * math.log(own[k] / math.fsum(own.values())) for k in there)


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


def dual_clip(logp, old_logp, advantage, *, low=0.2, high=0.2, most=3.0):
    def term(new, old, credit):
        ratio = math.exp(new) / math.exp(old)
        if credit >= 0:
            return -min(ratio, 1 + high) * credit
        return -min(max(ratio, 1 - low), most) * credit

    return _each(term, logp, old_logp, _spread(advantage, logp))


def gspo(logp, old_logp, advantage, mask, *, low=3e-4, high=4e-4):
    def loss(new, old, credit, m):
        credit = _average(credit, m)
        ratio = math.prod(math.exp(x - y) for x, y, c in zip(new, old, m, strict=True) if c) ** (1 / max(1, sum(m)))
        held = min(ratio, 1 + high) if credit >= 0 else max(ratio, 1 - low)
        return -held * credit

    return [loss(*row) for row in zip(logp, old_logp, _spread(advantage, logp), mask, strict=True)]


def cispo(logp, old_logp, advantage, *, low=1.0, high=4.0):
    def term(new, old, credit):
        return -max(1 - low, min(1 + high, math.exp(new) / math.exp(old))) * credit * new

    return _each(term, logp, old_logp, _spread(advantage, logp))


def pairwise_ppo(logp, old_logp, reward, mask, *, low=0.2, high=0.2):
    likelier = [math.exp(_total(x, m)) / math.exp(_total(y, m)) for x, y, m in zip(logp, old_logp, mask, strict=True)]
    ratio, gap = likelier[0] / likelier[1], reward[0] - reward[1]
    return -gap * (min(ratio, 1 + high) if gap >= 0 else max(ratio, 1 - low)) / 2


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


def kl_k2_whole(logp, ref_logp, mask):
    ratios = (_total(x, m) - _total(ref, m) for x, ref, m in zip(logp, ref_logp, mask, strict=True))
    return [ratio**2 / 2 for ratio in ratios]


def entropy(entropy):
    return [[-x for x in response] for response in entropy]


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


def return_to_go(token_reward, mask, *, gamma=1.0):
    paid = [[0.0] * len(response) for response in mask]
    for k, response in enumerate(mask):
        chosen = [t for t, m in enumerate(response) if m]
        for i, t in enumerate(chosen):
            paid[k][t] = math.fsum(gamma**step * token_reward[k][s] for step, s in enumerate(chosen[i:]))
    return paid


def gigpo(token_reward, ids, mask, *, omega=1.0, gamma=1.0):
    to_go = return_to_go(token_reward, mask, gamma=gamma)
    whole = _against_siblings(
        lambda k, others: (
            _total(token_reward[k], mask[k]) - statistics.fmean(_total(token_reward[j], mask[j]) for j in (k, *others))
        ),
        mask,
    )

    def credit(k, t):
        alike = [j for j, row in enumerate(ids) if mask[j][t] and row[:t] == ids[k][:t]]
        return whole[k][0] + omega * (to_go[k][t] - statistics.fmean(to_go[j][t] for j in alike))

    return [[credit(k, t) if m else 0.0 for t, m in enumerate(row)] for k, row in enumerate(mask)]


def maxrl(reward, mask):
    def advantage(k, others):
        mean = statistics.fmean(reward[j] for j in (k, *others))
        return reward[k] / mean - 1 if mean > 0 else 0.0

    return _against_siblings(advantage, mask)


def above_baseline(reward, baseline, mask):
    usual = statistics.fmean(baseline) if isinstance(baseline, list) else baseline
    return [[r - usual] if any(m) else [0.0] for r, m in zip(reward, mask, strict=True)]


def above_average(reward, mask, *, average):
    return [[r - average] if any(m) else [0.0] for r, m in zip(reward, mask, strict=True)]


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


def midpoint(old_logp, ref_logp, mask, label):
    """About the whole batch and not one prompt, and so are its arguments."""
    ratios = {True: [], False: []}
    for prompt in zip(old_logp, ref_logp, mask, label, strict=True):
        for x, ref, m, grade in zip(*prompt, strict=True):
            if any(m):
                ratios[grade > 0].append(_total(x, m) - _total(ref, m))
    return [statistics.fmean(statistics.fmean(r) for r in ratios.values() if r) for _ in mask]


def group_win_rate(reward, mask):
    there = [k for k, response in enumerate(mask) if any(response)]
    return [
        statistics.fmean(1 / (1 + math.exp(reward[j] - reward[k])) for j in there) if k in there else 0.0
        for k in range(len(mask))
    ]


def preferred_calibrate(mask):
    return [float(i == 0 and any(response)) for i, response in enumerate(mask)]


def beyond_prefix(ids, mask):
    said = [[i if m else None for i, m in zip(ids[k], mask[k], strict=True)] for k in (0, 1)]
    return [[m if said[0][: t + 1] != said[1][: t + 1] else 0 for t, m in enumerate(row)] for row in mask]


def corrected(ids, mask, *, gamma=5.0):
    places = [[t for t, m in enumerate(row) if m] for row in mask]
    kept = _kept(*([(t, row[t]) for t in at] for row, at in zip(ids, places, strict=True)))
    return [
        [0.0 if not m else 1.0 if t in who else gamma for t, m in enumerate(row)]
        for row, who in zip(mask, kept, strict=True)
    ]


def _kept(one, other):
    """The places in two lists of (place, token) of the longest run they share, the first of several, and so on."""
    runs = [
        (-size, i, j)
        for i in range(len(one))
        for j in range(len(other))
        for size in range(1, 1 + min(len(one) - i, len(other) - j))
        if [x for _, x in one[i : i + size]] == [x for _, x in other[j : j + size]]
    ]
    if not runs:
        return set(), set()
    size, i, j = min(runs)
    size = -size
    before, after = _kept(one[:i], other[:j]), _kept(one[i + size :], other[j + size :])
    here = {t for t, _ in one[i : i + size]}, {t for t, _ in other[j : j + size]}
    return tuple(before[k] | here[k] | after[k] for k in (0, 1))


def best_and_worst(reward, mask, *, price=0.0):
    there = [k for k, response in enumerate(mask) if any(response)]
    if not there:
        return [0, len(mask) - 1]  # any two: none of them is there
    paid = [r - price * sum(response) for r, response in zip(reward, mask, strict=True)]
    return [max(there, key=lambda k: paid[k]), min(reversed(there), key=lambda k: paid[k])]


def passing(reward, mask, *, least=1.0):
    return [any(response) and r >= least for r, response in zip(reward, mask, strict=True)]


def best_of(reward, mask):
    there = [k for k, response in enumerate(mask) if any(response)]
    best = max(there, key=lambda k: reward[k], default=None)
    return [k == best for k in range(len(mask))]


def _likelier(logp, ref_logp, mask, beta):
    """How many times likelier each response that is there has become, to the power of beta."""
    return {
        k: (math.exp(_total(x, m)) / math.exp(_total(ref, m))) ** beta
        for k, (x, ref, m) in enumerate(zip(logp, ref_logp, mask, strict=True))
        if any(m)
    }


def _of_best(numbers, label):
    best = [x for k, x in numbers.items() if label[k] == max(label[i] for i in numbers)]
    return statistics.fmean(best) if best else 0.0


def _ranked(strengths):
    left, loss = list(strengths.values()), 0.0
    while left:
        loss -= math.log(left[0] / math.fsum(left))
        left = left[1:]
    return loss


def varied(reward, mask):
    there = [k for k, response in enumerate(mask) if any(response)]
    kinds = {reward[k] for k in there}
    return [k in there and len(kinds) > 1 for k in range(len(mask))]


def filtered(reward, mask, *, keep="best-random"):
    there = sorted((k for k, response in enumerate(mask) if any(response)), key=lambda k: -reward[k])
    others = there[1:]
    second = {"best": [], "best-random": sorted(others)[:1], "best-worst": others[-1:]}[keep]
    return [k in (*there[:1], *second) for k in range(len(mask))]


def preferred(mask):
    return [k == 0 and any(response) for k, response in enumerate(mask)]


def _places(term, *logits):
    """A term of the distributions at every place."""
    return [[term(*map(_softmax, at)) for at in zip(*rows, strict=True)] for rows in zip(*logits, strict=True)]


def _softmax(logits):
    return _normalised([math.exp(x) for x in logits])


def _normalised(weights):
    return [w / math.fsum(weights) for w in weights]


def _total(xs, mask):
    return math.fsum(x for x, m in zip(xs, mask, strict=True) if m)


def _average(xs, mask):
    return _total(xs, mask) / sum(mask) if any(mask) else 0.0


def _chosen(logp, ref_logp, mask, beta):
    """The probability with which the first of two is chosen for having become likelier."""
    likelier = [math.exp(_total(logp[k], mask[k]) - _total(ref_logp[k], mask[k])) for k in (0, 1)]
    return likelier[0] ** beta / (likelier[0] ** beta + likelier[1] ** beta)


def _not_chosen(gap):
    """-log sigmoid(gap), also where the gap is far from 0."""
    return max(0.0, -gap) + math.log(1 + math.exp(-abs(gap)))


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
