"""The KL of whole answers, enumerated: which estimator has its value, and which its gradient, in loss or reward.

The mean over answers of the policy is taken by weighing every answer with its probability, which is not differentiated.
"""

import pytest
import torch

from prefloop.batch import assemble
from prefloop.objectives.penalties import kl_k1, kl_k2, kl_k2_whole, kl_k3
from prefloop.objectives.policy import reinforce
from prefloop.ops import tsum
from prefloop.shaping import kl_in_reward, total_reward
from prefloop.shaping.kl import divergence_in_reward
from prefloop.verify.problem import PROMPT, REWARD, distribution, reference
from prefloop.verify.tabular import PREFIXES, TOKENS, WHOLE, Policy, group

ANSWERS = assemble([group(PROMPT, WHOLE)])
MASK = ANSWERS["mask"]
REF_LOGP = reference().outputs(ANSWERS, ("logp",))["logp"].detach()


@pytest.fixture
def policy():
    source = torch.Generator().manual_seed(7)
    return Policy(torch.randn(1, PREFIXES, TOKENS, generator=source, dtype=torch.float64))


def logp_of(policy):
    return policy.outputs(ANSWERS, ("logp",))["logp"]


def mean(policy, terms):
    """The mean of terms of each answer (1 64) over the policy's answers, which is not differentiated."""
    return (distribution(policy) * terms[0]).sum()


def slope(value, policy):
    return torch.autograd.grad(value, policy.table)[0]


def exact(policy, divergence):
    """D_f(policy || reference) of whole answers, differentiable through their probabilities."""
    p, q = policy.log_answers()[0].exp(), distribution(reference())
    u = p / q
    f = {
        "reverse_kl": u * u.log(),
        "forward_kl": -u.log(),
        "js": u * u.log() - (1 + u) * ((1 + u) / 2).log(),
        "chi2": (u - 1).square(),
    }[divergence]
    return (q * f).sum()


def paid(policy, reward):
    """The slope of the loss of a policy gradient that is paid these rewards (1 64)."""
    logp = logp_of(policy)
    return slope(mean(policy, tsum(reinforce(logp, reward.unsqueeze(-1)), MASK)), policy)


def near(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


def alike(one, other):
    return float(torch.cosine_similarity(one.flatten(), other.flatten(), dim=0))


@pytest.mark.parametrize("estimator", [kl_k1, kl_k3])
def test_summed_over_tokens_k1_and_k3_have_the_kl_of_answers_for_their_mean(estimator, policy):
    near(mean(policy, tsum(estimator(logp_of(policy), REF_LOGP), MASK)), exact(policy, "reverse_kl"))


def test_k2_of_whole_answers_in_the_loss_has_the_gradient_of_their_kl(policy):
    got = slope(mean(policy, kl_k2_whole(logp_of(policy), REF_LOGP, MASK)), policy)
    near(got, slope(exact(policy, "reverse_kl"), policy))


def test_k1_in_the_reward_has_the_gradient_of_the_kl_of_answers(policy):
    reward = kl_in_reward(torch.zeros(1, 64).double(), logp_of(policy).detach(), REF_LOGP, MASK, beta=1.0)
    near(paid(policy, total_reward(reward, MASK)), slope(exact(policy, "reverse_kl"), policy))


@pytest.mark.parametrize("estimator", [kl_k2, kl_k3])
def test_other_estimators_in_the_reward_have_another_gradient(estimator, policy):
    """What is paid has to be the log-ratio itself, however well something else estimates its mean."""
    price = tsum(estimator(logp_of(policy).detach(), REF_LOGP), MASK)
    want = slope(exact(policy, "reverse_kl"), policy)
    assert (paid(policy, -price) - want).norm() > 0.1 * want.norm()


def test_k1_in_the_loss_has_none_of_it(policy):
    got = slope(mean(policy, tsum(kl_k1(logp_of(policy), REF_LOGP), MASK)), policy)
    near(got, torch.zeros_like(got))


@pytest.mark.parametrize("estimator", [kl_k2, kl_k3])
def test_per_token_in_the_loss_only_the_last_token_has_the_gradient_it_should(estimator, policy):
    """Earlier tokens are not blamed for later divergence; k3 has the forward KL's also at the last."""
    got = slope(mean(policy, tsum(estimator(logp_of(policy), REF_LOGP), MASK)), policy)
    want = slope(exact(policy, "reverse_kl"), policy)
    last = slice(PREFIXES - TOKENS**2, PREFIXES)
    assert not torch.allclose(got[:, 0], want[:, 0], rtol=0, atol=1e-3)
    assert torch.allclose(got[:, last], want[:, last], rtol=0, atol=1e-12) == (estimator is kl_k2)
    assert 0.3 < alike(got, want) < 0.999


def test_a_kl_that_is_turned_round_or_frozen_would_be_seen(policy):
    """What a wrong sign, or log-probabilities without a gradient, would give."""
    want = slope(exact(policy, "reverse_kl"), policy)
    turned = slope(mean(policy, -kl_k2_whole(logp_of(policy), REF_LOGP, MASK)), policy)
    assert alike(turned, want) < -0.999
    assert not kl_k2_whole(logp_of(policy).detach(), REF_LOGP, MASK).requires_grad
    other_way = slope(mean(policy, kl_k2_whole(REF_LOGP, logp_of(policy), MASK)), policy)
    near(other_way, want)  # the square does not know the order of the two, so k2 cannot be given them wrongly


@pytest.mark.parametrize("divergence", ["reverse_kl", "forward_kl", "js", "chi2"])
def test_a_divergence_in_the_reward_has_its_gradient(divergence, policy):
    worth = (policy.log_answers()[0].exp() * REWARD).sum()
    want = slope(0.3 * exact(policy, divergence) - worth, policy)
    reward = divergence_in_reward(
        REWARD.unsqueeze(0), logp_of(policy).detach(), REF_LOGP, MASK, beta=0.3, divergence=divergence
    )
    near(paid(policy, reward), want)


def test_no_two_divergences_have_the_same_gradient(policy):
    slopes = [slope(exact(policy, d), policy) for d in ("reverse_kl", "forward_kl", "js", "chi2")]
    assert all(alike(one, other) < 0.99 for i, one in enumerate(slopes) for other in slopes[:i])
