"""What every pure function is held to: it equals its restatement on random small batches with holes and gaps."""

import inspect
import itertools

import pytest
import torch

import restated
import restated_hidden
import restated_likelihoods
import restated_parts
import restated_rewards
import restated_sure
from prefloop import baselines, credit, select
from prefloop.binding import Bound, bind
from prefloop.errors import RecipeError
from prefloop.objectives import (
    anchored,
    attributes,
    calibration,
    contrastive,
    critic,
    cycles,
    degrees,
    distributions,
    divergences,
    flips,
    imitation,
    lengths,
    levels,
    lists,
    margins,
    members,
    mixtures,
    pairs,
    parts,
    penalties,
    personal,
    policy,
    prototypes,
    rankings,
    ratings,
    reference_free,
    rewards,
    robust,
    singles,
    spread,
    thumbs,
    ties,
    token_level,
    votes,
)
from reward_oracles import OF_THE_WHOLE_BATCH, PAID

PURE_FUNCTIONS = {
    pairs.dpo: ({}, {"beta": 0.7, "smoothing": 0.2}),
    pairs.osp: ({}, {"beta": 0.7}),
    pairs.robust_dpo: ({}, {"beta": 0.7, "flips": 0.2}),
    pairs.ipo: ({}, {"tau": 0.7}),
    pairs.ipo_per_token: ({}, {"tau": 0.7}),
    pairs.slic: ({}, {"beta": 0.7}),
    pairs.exo: ({}, {"beta": 0.7, "smoothing": 0.2}),
    pairs.discopop: ({}, {"beta": 0.7, "tau": 0.5}),
    divergences.f_dpo: (
        {},
        {"beta": 0.7, "divergence": "reverse_kl"},
        {"beta": 0.7, "divergence": "forward_kl"},
        {"beta": 0.7, "divergence": "alpha"},
        {"divergence": "alpha", "alpha": 0.3},
    ),
    margins.dpop: ({}, {"beta": 0.7, "lam": 2.0}),
    margins.r_dpo: ({}, {"beta": 0.7, "alpha": 0.3}),
    margins.odpo: ({}, {"beta": 0.7, "alpha": 0.3}),
    margins.modpo: ({}, {"beta": 0.7, "share": 0.3}),
    margins.mm_dpo: ({}, {"beta": 0.7, "weight": 0.3, "steepness": 0.8}),
    margins.wpo: ({}, {"beta": 0.7}),
    margins.dense_dpo: ({}, {"beta": 0.7}),
    margins.constrained_dpo: (
        {},
        {"beta": 0.7, "gamma": 0.3, "tau": 1.5, "alpha": 0.6},
    ),
    margins.token_agreement: ({}, {"beta": 0.7}),
    margins.rebel: ({}, {"eta": 0.7}),
    distributions.kl_from_reference: ({},),
    distributions.kl_to_mixed: ({}, {"beta": 0.7, "dpo_beta": 0.4}),
    distributions.kl_to_extrapolated: ({}, {"beta": 0.7, "scale": 0.4, "least": 0.2}),
    token_level.tdpo1: ({}, {"beta": 0.7}),
    token_level.tdpo: ({}, {"beta": 0.7, "alpha": 0.3}),
    token_level.distilled: ({},),
    degrees.degree_told: ({},),
    anchored.nca: ({}, {"beta": 0.7}),
    anchored.apo_zero: ({}, {"beta": 0.7}),
    anchored.apo_down: ({}, {"beta": 0.7}),
    calibration.calibrated_ratio: ({},),
    robust.doubly_robust: (
        {"loss": bind(pairs.dpo, beta=0.7, smoothing=0.2)},
        {"loss": bind(margins.mm_dpo, beta=0.7)},
    ),
    robust.doubly_robust_reward: ({"loss": bind(rewards.bradley_terry)},),
    members.each_member: ({},),
    members.gaussian_comparison: ({},),
    members.alike: ({},),
    votes.voted_margin: ({},),
    reference_free.simpo: ({}, {"beta": 0.7, "gamma": 0.3}),
    reference_free.cpo: ({}, {"beta": 0.7}),
    reference_free.orpo: ({},),
    reference_free.slic_hf: ({}, {"margin": 2.0}),
    reference_free.cpl: ({}, {"alpha": 0.7, "gamma": 0.6, "bias": 0.4}),
    singles.kto: ({}, {"beta": 0.7, "desirable": 1.3, "undesirable": 0.6}),
    singles.bco: ({}, {"beta": 0.7}),
    singles.pmpo: ({}, {"accepted": 0.3, "rejected": 0.8, "beta": 0.2}),
    singles.unlikelihood: ({}, {"alpha": 0.6, "eps": 0.7}),
    singles.nft: ({}, {"bar": 1.0, "eps": 0.9}),
    singles.sppo: ({}, {"beta": 0.7}),
    singles.sppo_hard: ({}, {"beta": 0.7}),
    lists.plackett_luce: ({}, {"beta": 0.7}),
    lists.listmle: ({}, {"beta": 0.7}),
    lists.lipo_lambda: ({}, {"beta": 0.7}),
    lists.pro: ({}, {"imitation": 0.5}),
    lists.rrhf: ({},),
    lists.brain: ({}, {"beta": 1.5}),
    lists.steerlm2: ({},),
    imitation.nll: ({},),
    imitation.nll_of_best: ({},),
    imitation.nll_of_best_per_token: ({},),
    rewards.bradley_terry: ({},),
    rewards.kway_choice: ({},),
    rewards.margin_bradley_terry: ({}, {"most": 3.0, "grades": 3}, {"grades": 2}),
    rewards.soft_bradley_terry: ({},),
    rewards.smoothed_bradley_terry: ({}, {"smoothing": 0.3}),
    levels.mapl: ({}, {"inter": 0.6}),
    levels.mapl_dpo: ({}, {"beta": 0.7, "inter": 0.6}),
    ties.davidson: ({},),
    ties.rao_kupper: ({},),
    rankings.ranking: ({},),
    ratings.ordinal: ({"lowest": 0.0},),
    ratings.interval: ({}, {"middle": 0.7, "unit": 1.4}),
    thumbs.p_love: ({}, {"liked": 1.3, "disliked": 0.6}),
    thumbs.balanced_p_love: ({},),
    cycles.general_preference: ({}, {"tau": 0.7}),
    cycles.hybrid_preference: ({},),
    flips.known_flips: ({}, {"flips": 0.3}),
    flips.annotator_flips: ({}, {"begin": 0.3}),
    mixtures.person_mixture: ({},),
    mixtures.prompt_mixture: ({},),
    personal.personal_preference: ({},),
    personal.latent_preference: ({}, {"price": 0.7}),
    attributes.attributes: ({},),
    attributes.gated_bradley_terry: ({},),
    parts.parts_told: ({}, {"neutral": 0.0}),
    lengths.summed_bradley_terry: ({},),
    lengths.length_correlation: ({},),
    lengths.channels_apart: ({},),
    contrastive.simcse: ({"temperature": 0.5}, {}),
    contrastive.goal_states: ({},),
    prototypes.first_bradley_terry: ({},),
    prototypes.swav: ({"temperature": 0.5, "epsilon": 0.3, "rounds": 1}, {}),
    spread.told_apart: ({},),
    policy.ppo_clip: ({}, {"low": 0.1, "high": 0.4}),
    policy.dual_clip: ({}, {"low": 0.1, "high": 0.4, "most": 1.2}),
    policy.gspo: ({}, {"low": 0.1, "high": 0.2}),
    policy.cispo: ({}, {"low": 0.3, "high": 0.4}),
    policy.pairwise_ppo: ({}, {"low": 0.1, "high": 0.4}),
    policy.reinforce: ({},),
    critic.value_clip: ({}, {"clip": 0.5}),
    penalties.kl_k1: ({},),
    penalties.kl_k2: ({},),
    penalties.kl_k3: ({},),
    penalties.kl_k2_whole: ({},),
    penalties.entropy: ({},),
    **PAID,
    credit.gae: ({}, {"gamma": 0.9, "lam": 0.8}),
    credit.return_to_go: ({}, {"gamma": 0.9}),
    credit.rloo: ({},),
    credit.group_mean: ({},),
    credit.batch_mean: ({},),
    credit.grpo: ({}, {"deviation": "sample", "eps": 0.1}),
    credit.maxrl: ({},),
    credit.gigpo: ({}, {"omega": 0.4, "gamma": 0.9}),
    baselines.above_baseline: ({},),
    baselines.above_average: ({"average": 0.7},),
    credit.mismatched_kl: ({},),
    credit.midpoint: ({},),
    credit.group_win_rate: ({},),
    credit.preferred_calibrate: ({},),
    credit.beyond_prefix: ({},),
    credit.corrected: ({}, {"gamma": 0.7}),
    select.best_of: ({},),
    select.passing: ({}, {"least": 0.8}),
    select.accepted: ({}, {"temperature": 0.2, "least": 1}, {"least": 3}),
    select.varied: ({},),
    select.filtered: ({}, {"keep": "best"}, {"keep": "best-worst"}),
    select.preferred: ({},),
    select.best_and_worst: ({}, {"price": 0.4}),
    select.turned_by_vote: ({}, {"share": 0.4}, {"share": 0.2}),
}
"""Every pure function, with the knobs it is tried with."""

FOURFOLD = {robust.doubly_robust.__name__, robust.doubly_robust_reward.__name__}
"""What takes a pair and two draws at least."""
PAIRED = {f.__name__ for f in PURE_FUNCTIONS if Bound(f).pairwise}
WHOLE_BATCH = {
    f.__name__
    for f in (
        *OF_THE_WHOLE_BATCH,
        credit.batch_mean,
        credit.mismatched_kl,
        credit.midpoint,
        contrastive.simcse,
        prototypes.swav,
        lengths.length_correlation,
        select.turned_by_vote,
    )
}
LEARNT = {"scores", "numbers", "traits"}
"""What models of several numbers give."""
CHANNELS = {
    "gaussian_comparison": 4,
    "general_preference": 4,
    "latent_preference": 3,
    "person_mixture": 3,
    "personal_preference": 4,
    "prompt_mixture": 4,
}
"""How many channels each takes of those there are, where its signature does not say so."""
COMPARES_SIBLINGS = {
    f.__name__
    for f in (credit.rloo, credit.group_mean, credit.grpo, credit.maxrl, credit.group_win_rate, select.best_and_worst)
}
SEEDS = range(4)
RESTATED = (restated, restated_rewards, restated_likelihoods, restated_parts, restated_sure, restated_hidden)


def inputs(function):
    """The names of the tensors a function takes."""
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]


def arguments(function, tensors):
    """What a function takes of these tensors; of the rewards, one with channels where it makes them one.

    What sets drawn answers apart is given as many for every prompt: half of all.
    """
    if function.__module__ == "prefloop.shaping.channels":
        tensors = {**tensors, "reward": tensors["channels"], "token_reward": tensors["token_channels"]}
    if function.__name__ in ("votes", "turned_by_vote"):
        tensors = {**tensors, "reward": tensors["channels"]}
    if function.__name__ == "gaussian_robust":
        tensors = {**tensors, "reward": tensors["scores"][..., :4]}
    if function.__name__ == "spread_reward":
        tensors = {**tensors, "token_reward": tensors["token_channels"]}
    if function.__name__ == "drawn_baseline":
        drawn = tensors["win_rate"].argsort(-1) < tensors["win_rate"].shape[-1] // 2
        tensors = {**tensors, "calibrated": drawn.double(), "mask": tensors["mask"] | drawn[..., None]}
    if function.__name__ == "ordinal":
        tensors = {**tensors, "label": 2 * tensors["label"]}  # a grade is a whole number
    if function.__name__ == "latent_preference":
        tensors = {**tensors, "traits": tensors["token_score"][:, 0, :4]}  # a mean and a spread in two dimensions
    found = {name: tensors[name] for name in inputs(function)}
    return {name: x[..., : _taken(function, name)] if name in LEARNT else x for name, x in found.items()}


def _taken(function, name):
    return (CHANNELS.get(function.__name__) if name == "scores" else None) or _last(function, name)


def _last(function, name):
    """How many numbers a function takes of a table or a model with channels; `None` where it takes any."""
    *_, last = inspect.signature(function).parameters[name].annotation.dim_str.split()
    return int(last) if last.isdigit() else None


def batch(seed, *, k):
    """Random tensors by name for 5 prompts of at most `k` responses, in float64.

    Masks have holes. With k = 4 some responses are missing: there are 4, 3, 2, 1 and 0; with k = 6 there are 5, 5, 2, 1
    and 0. An odd seed gives one advantage per response instead of one per token.
    """
    source = torch.Generator().manual_seed(seed)

    def normal(*shape, mean=0.0, scale=0.5):
        return mean + scale * torch.randn(shape, generator=source, dtype=torch.float64)

    def sometimes(x, share):
        """NaN elsewhere."""
        return torch.where(torch.rand(x.shape, generator=source) < share, x, torch.nan)

    p, t = 5, 6
    mask = torch.randint(0, 2, (p, k, t), generator=source)
    mask[..., 1] = 1
    if k >= 4:
        mask[1, 1] = mask[2, 2:] = mask[3, 1:] = mask[4] = 0
    if k == 6:
        mask[0, 4] = 0
    names = ("value", "old_value", "returns", "token_reward", "entropy", "token_kl")
    logits = ("logits", "ref_logits", "dpo_logits", "reverse_logits")
    logps = ("logp", "ref_logp", "old_logp", "sampled_logp", "mismatched_logp", "ref_mismatched_logp")
    advantage, paid = normal(p, k, 1 if seed % 2 else t), normal(p, k, mean=1.0)
    return {
        "mask": mask,
        "advantage": advantage,
        "reward": paid,
        "score": normal(p, k, scale=2.0),
        **{name: normal(p, k, t, mean=-1.0) for name in names},
        **{name: -normal(p, k, t, mean=1.0).abs() for name in logps},
        "label": torch.tensor([0.0, 1.0, 1.5]).double()[torch.randint(0, 3, (p, k), generator=source)],
        "target": torch.rand(p, generator=source, dtype=torch.float64),
        "reference_point": normal(p, mean=1.0),
        "win_rate": torch.rand(p, k, generator=source, dtype=torch.float64),
        "token_weight": 1 + normal(p, k, t).abs(),
        "calibrated": torch.randint(0, 2, (p, k), generator=source).double(),
        "ids": torch.randint(0, 3, (p, k, t), generator=source),
        **{name: normal(p, k, t, 3) for name in logits},
        "better_logp": -normal(p, k, t, mean=1.0).abs(),
        "worse_logp": -normal(p, k, t, mean=1.0).abs(),
        "chance": torch.rand(p, k, generator=source, dtype=torch.float64),
        "confidence": torch.rand(p, k, generator=source, dtype=torch.float64),
        "ended": torch.randint(0, 2, (p, k), generator=source),
        "step_end": (mask * torch.randint(0, 2, (p, k, t), generator=source)).double(),
        "token_score": normal(p, k, t),
        "potential": normal(p, k, t),
        "dpo_logp": -normal(p, k, t, mean=1.0).abs(),
        "channels": normal(p, k, 3),
        "baseline": normal(p) if seed % 2 else torch.stack([normal(p), paid[:, 0], normal(p, mean=1.0)], -1),
        "degree_logits": normal(p, k, 3, scale=2.0),
        "degree": torch.randint(-1, 3, (p, k), generator=source),
        "token_channels": normal(p, k, t, 3),
        "scores": normal(p, k, 5),
        "resampled": torch.randint(0, 3, (p, 5), generator=source),
        "strength": normal(p),
        "diversity": normal(p),
        "numbers": normal(p, 3),
        "traits": normal(p, 3, scale=1.0),
        "tied": torch.tensor([0, 1, 1, 0, 1])[torch.randperm(p, generator=source)],
        "aspect": sometimes(normal(p, k, 5), 0.6),
        "gate": normal(p, 5).softmax(-1),
        "overlap": normal(p, 3, 3),
        "views": normal(p, k, 2, 4),
        "directions": normal(p, 3, 4),
        "states": normal(p, k, t, 3),
        "token_label": sometimes(torch.randint(0, 3, (p, k, t), generator=source).double() / 2, 0.5),
        "liked_share": 0.1 + 0.8 * torch.rand(p, generator=source, dtype=torch.float64),
        "prior": normal(p, k, mean=-2.0),
    }


def check(function, knobs_tried):
    """Raise unless the function equals its restatement, for each setting of its knobs."""
    name = function.__name__
    sizes = (2,) if name in PAIRED else (4, 6) if name in FOURFOLD else (2, 4)
    for knobs, k, seed in itertools.product(knobs_tried, sizes, SEEDS):
        given = arguments(function, batch(seed, k=k))
        _assert_equal(function(**given, **knobs), _restated(function, given, knobs))
    if function.__name__ in COMPARES_SIBLINGS:
        lone = torch.ones(3, 1, 2)
        with pytest.raises(RecipeError, match="at least 2 responses"):
            function(torch.ones(3, 1), lone)
    if name in FOURFOLD:
        three = {n: x[:, :1].repeat_interleave(3, 1) for n, x in arguments(function, batch(0, k=2)).items()}
        with pytest.raises(RecipeError, match=r"given 3 responses .* at least two draws"):
            function(**three, **knobs_tried[0])


def _restated(function, given, knobs):
    name = function.__name__
    formula = next(f for m in RESTATED if (f := getattr(m, name, None)))
    if function.__name__ in WHOLE_BATCH:
        return formula(**{name: x.tolist() for name, x in given.items()}, **knobs)
    prompts = [dict(zip(given, rows, strict=True)) for rows in zip(*(x.tolist() for x in given.values()), strict=True)]
    terms = [formula(**prompt, **knobs) for prompt in prompts]
    return tuple(zip(*terms, strict=True)) if isinstance(terms[0], tuple) else terms


def _assert_equal(got, want):
    if isinstance(got, tuple):
        for one, other in zip(got, want, strict=True):
            _assert_equal(one, other)
    else:
        torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype), rtol=0, atol=1e-12)
