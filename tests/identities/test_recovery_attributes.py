"""The reward of simulated people is found again from ratings of attributes, weighed attributes, parts and sums."""

import pytest
import torch

from prefloop.binding import bind
from prefloop.objectives.attributes import attributes, gated_bradley_terry
from prefloop.objectives.lengths import summed_bradley_terry
from prefloop.objectives.parts import parts_told
from recovery import SEEDS, N, chosen_first, features, fitted, found_again, happens, source

pytestmark = pytest.mark.parametrize("seed", SEEDS)


def taste(*shape):
    return torch.randn(*shape, generator=source(99), dtype=torch.float64)


def from_ratings(seed, unrated):
    """Ratings of three attributes with a noise of variance 1/2, whose likelihood the loss is; a third is unrated."""
    draw, truth = source(seed), taste(4, 3)
    x = features(draw, N, 1, 4)
    said = x @ truth + 0.5**0.5 * features(draw, N, 1, 3)
    aspect = torch.where(happens(torch.full(said.shape, 1 / 3), draw), unrated, said)

    def gives(w):
        return {"scores": x @ w.view(4, 3)}

    fit = fitted(bind(attributes), gives, {"aspect": aspect}, torch.zeros(12), answers=1)
    return found_again(fit, truth.flatten())


def test_every_attribute_is_found_where_ratings_are_missing_and_missed_where_those_are_taken_for_0(seed):
    assert from_ratings(seed, torch.nan)
    assert not from_ratings(seed, 0.0)


def from_weighed(seed, sharper):
    """Choices by attributes that are known, weighed by what the prompt says; a constant in all logits is left open."""
    draw, truth = source(seed), taste(2, 3)
    z, scores = features(draw, N, 2), 4 * features(draw, N, 2, 3)
    score = (scores * (sharper * z @ truth).softmax(-1)[:, None]).sum(-1)
    scores = chosen_first(scores, happens((score[:, 0] - score[:, 1]).sigmoid(), draw))

    def gives(v):
        return {"scores": scores, "gate": (z @ v.view(2, 3)).softmax(-1)}

    def read(v):
        return (v.view(2, 3) - v.view(2, 3).mean(1, keepdim=True))[:, :2].flatten()

    fit = fitted(bind(gated_bradley_terry), gives, {}, torch.zeros(6))
    return found_again(fit, truth.flatten(), read)


def test_a_gate_is_found_and_missed_where_people_weigh_more_sharply(seed):
    assert from_weighed(seed, 1.0)
    assert not from_weighed(seed, 1.6)


def from_parts(seed, neutral):
    """Steps of which some are called neutral in place of right, and some are not judged."""
    draw, truth = source(seed), taste(4)
    x = features(draw, N, 1, 3, 4)
    right = happens((x @ truth).sigmoid(), draw)
    label = torch.where(right & happens(torch.full(right.shape, 0.3), draw), 0.5, right.double())
    label = torch.where(happens(torch.full(right.shape, 0.4), draw), torch.nan, label)
    judged = {"token_label": label}

    fit = fitted(bind(parts_told, neutral=neutral), lambda w: {"token_score": x @ w}, judged, torch.zeros(4), answers=1)
    return found_again(fit, truth)


def test_what_makes_a_step_right_is_found_and_missed_where_neutral_ones_are_taken_for_wrong(seed):
    assert from_parts(seed, 1.0)
    assert not from_parts(seed, 0.0)


def from_sums(seed, steeper):
    """Choices by the sum of two channels, each with features of its own."""
    draw, truth = source(seed), taste(4)
    x = features(draw, N, 2, 4)
    score = x @ truth
    x = chosen_first(x, happens((steeper * (score[:, 0] - score[:, 1])).sigmoid(), draw))

    def gives(w):
        return {"scores": torch.stack([x[..., :2] @ w[:2], x[..., 2:] @ w[2:]], -1)}

    return found_again(fitted(bind(summed_bradley_terry), gives, {}, torch.zeros(4)), truth)


def test_two_channels_are_found_by_their_sum_and_missed_where_people_choose_by_a_steeper_curve(seed):
    assert from_sums(seed, 1.0)
    assert not from_sums(seed, 1.3)
