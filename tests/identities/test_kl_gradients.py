"""The KL estimators over a distribution small enough to list: mean value and mean gradient against the exact KL."""

import pytest
import torch

from prefloop.objectives.penalties import entropy, kl_k1, kl_k2, kl_k3


@pytest.fixture
def logits():
    return torch.tensor([0.3, -1.2, 0.9, 0.0, 1.7], dtype=torch.float64, requires_grad=True)


@pytest.fixture
def ref_logp():
    return torch.tensor([1.0, 0.2, -0.4, 0.6, -0.9], dtype=torch.float64).log_softmax(0)


def mean_over_samples(estimator, logits, ref_logp):
    """The mean of an estimator over tokens drawn from the policy, which are not differentiated: K lists the tokens."""
    logp = logits.log_softmax(0)
    terms = estimator(logp.view(1, -1, 1), ref_logp.view(1, -1, 1)).flatten()
    return (logp.detach().exp() * terms).sum()


def slope(value, logits):
    return torch.autograd.grad(value, logits)[0]


def reverse_kl(logits, ref_logp):
    logp = logits.log_softmax(0)
    return (logp.exp() * (logp - ref_logp)).sum()


def forward_kl(logits, ref_logp):
    logp = logits.log_softmax(0)
    return (ref_logp.exp() * (ref_logp - logp)).sum()


def near(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("estimator", [kl_k1, kl_k3])
def test_k1_and_k3_have_the_reverse_kl_for_their_mean(estimator, logits, ref_logp):
    near(mean_over_samples(estimator, logits, ref_logp), reverse_kl(logits, ref_logp))


def test_k2_is_the_reverse_kl_to_second_order(logits, ref_logp):
    for step in (1e-2, 1e-3):
        close = (logits + step * ref_logp).log_softmax(0).detach()
        exact = reverse_kl(logits, close)
        error = (mean_over_samples(kl_k2, logits, close) - exact).abs()
        assert error < 2 * step * exact


def test_k1_as_a_loss_has_no_gradient(logits, ref_logp):
    near(slope(mean_over_samples(kl_k1, logits, ref_logp), logits), torch.zeros_like(logits))


def test_k2_as_a_loss_has_the_gradient_of_the_reverse_kl(logits, ref_logp):
    near(slope(mean_over_samples(kl_k2, logits, ref_logp), logits), slope(reverse_kl(logits, ref_logp), logits))


def test_k3_as_a_loss_has_the_gradient_of_the_forward_kl(logits, ref_logp):
    near(slope(mean_over_samples(kl_k3, logits, ref_logp), logits), slope(forward_kl(logits, ref_logp), logits))


def test_the_two_directions_of_the_kl_can_be_told_apart_here(logits, ref_logp):
    towards, back = slope(reverse_kl(logits, ref_logp), logits), slope(forward_kl(logits, ref_logp), logits)
    assert torch.cosine_similarity(towards, back, dim=0) < 0.99


def test_k3_is_never_negative(logits, ref_logp):
    assert kl_k3(logits.log_softmax(0).view(1, -1, 1), ref_logp.view(1, -1, 1)).min() >= 0


def test_minimising_the_entropy_term_flattens_the_distribution(logits):
    logp = logits.log_softmax(0)
    exact = -(logp.exp() * logp).sum()
    downhill = -slope(entropy(exact.view(1, 1, 1)).sum(), logits)
    flatter = (logits + 1e-3 * downhill).log_softmax(0)
    assert -(flatter.exp() * flatter).sum() > exact
