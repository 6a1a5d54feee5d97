"""The pure functions of what is paid and of how far to trust it, with the knobs they are tried with."""

from prefloop.shaping import advantages, channels, endings, kl, references, siblings, tokens, transforms

PAID = {
    transforms.centred: ({},),
    transforms.standardised: ({}, {"eps": 0.3}),
    transforms.clipped: ({"low": 0.8, "high": 1.2},),
    transforms.min_max: ({},),
    transforms.sigmoid: ({}, {"slope": 0.7}),
    transforms.tanh: ({}, {"slope": 0.7}),
    transforms.log_sigmoid: ({},),
    transforms.confidence_priced: ({}, {"weight": 0.7, "average": 0.8}),
    references.drawn_baseline: ({},),
    references.contrastive: ({},),
    references.par: ({},),
    references.best_of_n_ratio: ({}, {"n": 1}, {"n": 2}),
    siblings.diverse_win: ({}, {"weight": 0.7}),
    channels.mean_channel: ({},),
    channels.worst_channel: ({},),
    channels.uncertainty_weighted: ({}, {"lam": 0.7}),
    channels.lower_bound: ({}, {"deviations": 0.7}),
    channels.reward_robust: ({}, {"nominal": 0.0}, {"nominal": 0.7}, {"nominal": 1.0}),
    channels.weighted_channels: ({"weights": (0.7, 0.2, -0.4)},),
    channels.weighted_spans: ({"weights": (0.7, 0.2, -0.4)},),
    kl.kl_in_reward: ({"beta": 0.3},),
    kl.kl_in_tokens: ({"beta": 0.3},),
    kl.divergence_in_reward: (
        {"beta": 0.3},
        {"beta": 0.3, "divergence": "reverse_kl"},
        {"beta": 0.3, "divergence": "forward_kl"},
        {"beta": 0.3, "divergence": "chi2"},
    ),
    tokens.total_reward: ({},),
    tokens.implicit_in_reward: ({}, {"dense": 0.7}),
    tokens.contrast: ({},),
    tokens.potential_in_reward: ({}, {"gamma": 0.7}),
    tokens.step_ends: ({"separators": (1,)}, {"separators": (0, 2)}),
    tokens.steps_in_reward: ({}, {"weight": 0.7}),
    tokens.process_reward: ({}, {"by": "minimum"}, {"by": "last"}),
    advantages.best_alone: ({},),
    advantages.whiten_advantage: ({},),
    advantages.truncated_importance: ({}, {"cap": 1.3}),
    advantages.masked_importance: ({}, {"low": 0.9, "high": 1.3}, {"low": 1.0, "high": 1.0}),
    advantages.response_truncated_importance: ({}, {"cap": 1.3}),
    advantages.response_masked_importance: ({}, {"low": 0.9, "high": 1.3}, {"low": 1.0, "high": 1.0}),
    endings.length_priced: ({}, {"price": 0.7, "free": 2}),
    endings.overlong: ({"longest": 3, "margin": 2}, {"longest": 1, "margin": 1}, {"longest": 4, "margin": 4}),
    endings.unfinished_priced: ({}, {"price": 0.7}),
    endings.unfinished_paid: ({}, {"value": 0.7}),
}

OF_THE_WHOLE_BATCH = (transforms.centred, transforms.standardised, transforms.min_max, advantages.whiten_advantage)
"""Those that look at the whole batch and not at one prompt."""
