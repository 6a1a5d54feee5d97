"""Knobs that move: their settings worked out by hand, and the controller against a policy that answers to it."""

import math

import pytest
import torch

from prefloop.dials import AdaptiveKL, After, Dial, EffectiveShare, Linear, PidKL, setting
from prefloop.metrics import effective_share


def test_what_waits_is_off_for_so_many_steps_and_then_on():
    late, settings = After(steps=2, value=0.5), []
    now = late.start()
    for step in range(4):
        settings.append(now)
        now = late.next(now, step=step, steps=4, metrics={})
    assert settings == [0.0, 0.0, 0.5, 0.5]
    assert After(steps=0).start() == 1.0


def test_the_kl_weight_moves_by_the_clipped_error_times_the_gain():
    controller = AdaptiveKL(target=5.0, begin=0.2)
    assert controller.start() == 0.2

    def after(kl, now=0.2):
        return controller.next(now, step=0, steps=9, metrics={"kl": kl})

    assert after(5.0) == 0.2
    assert after(5.5) == pytest.approx(0.2 * 1.01, rel=1e-12)  # 10 % over: 0.1 x 0.1
    assert after(4.5) == pytest.approx(0.2 * 0.99, rel=1e-12)
    assert after(100.0) == pytest.approx(0.2 * 1.02, rel=1e-12)  # the error is cut at a fifth
    assert after(0.0) == pytest.approx(0.2 * 0.98, rel=1e-12)
    assert after(5.5, now=1.0) == pytest.approx(1.01, rel=1e-12)


def test_gain_and_clip_are_knobs():
    wild = AdaptiveKL(target=1.0, gain=1.0, clip=0.5)
    assert wild.next(1.0, step=0, steps=1, metrics={"kl": 1.4}) == pytest.approx(1.4, rel=1e-12)
    assert wild.next(1.0, step=0, steps=1, metrics={"kl": 3.0}) == pytest.approx(1.5, rel=1e-12)


@pytest.mark.parametrize("begin", [0.01, 5.0])
@pytest.mark.parametrize("target", [2.0, 12.0])
def test_the_controller_brings_the_kl_to_its_target(begin, target):
    """A policy at the optimum of reward - beta KL for rewards of deviation s has KL near s^2 / (2 beta^2)."""
    controller = AdaptiveKL(target=target, begin=begin)
    beta, kl, seen = controller.start(), 0.0, []
    for step in range(1500):
        kl += 0.2 * (0.5 / beta**2 - kl)  # the policy follows the weight with a delay
        beta = controller.next(beta, step=step, steps=1500, metrics={"kl": kl})
        seen.append(kl)
    assert all(abs(kl / target - 1) < 0.2 for kl in seen[-300:])
    assert abs(seen[0] / target - 1) > 0.2


def test_a_line_warms_up_and_comes_down():
    line, settings = Linear(begin=1.0, end=0.2, warmup=2), []
    now = line.start()
    for step in range(6):
        settings.append(now)
        now = line.next(now, step=step, steps=6, metrics={})
    assert settings == pytest.approx([0.5, 1.0, 1.0, 0.8, 0.6, 0.4], rel=1e-12)


def test_a_line_without_warmup_starts_where_it_begins():
    assert Linear(begin=0.7, end=0.0).start() == 0.7


def test_schedules_and_controllers_are_dials_and_numbers_are_not():
    assert isinstance(Linear(begin=0, end=1), Dial)
    assert isinstance(AdaptiveKL(target=1), Dial)
    assert isinstance(PidKL(target=1), Dial)
    assert isinstance(EffectiveShare(full=1), Dial)
    assert not isinstance(0.1, Dial)


def test_the_pid_controller_by_hand():
    controller = PidKL(target=10.0, begin=0.3, proportional=0.5, integral=0.25, derivative=2.0, clip=0.4)

    def after(now, kl):
        return controller.next(now, step=0, steps=9, metrics={"kl": kl})

    once = after(controller.start(), 12.0)
    assert once == pytest.approx([0.3 * math.exp(0.5 * 0.2 + 0.25 * 0.2 + 2 * 0.2), 0.2, 0.2], rel=1e-12)
    twice = after(once, 9.0)
    assert twice == pytest.approx([0.3 * math.exp(-0.5 * 0.1 + 0.25 * 0.1 - 2 * 0.3), 0.1, -0.1], rel=1e-12)
    assert after(twice, 100.0)[1:] == pytest.approx([0.5, 0.4], rel=1e-12)  # the error is cut
    assert setting(once) == once[0]


def test_with_its_integral_alone_the_pid_controller_is_the_adaptive_one():
    integral = PidKL(target=6.0, begin=0.2, proportional=0.0, integral=0.01, derivative=0.0)
    adaptive = AdaptiveKL(target=6.0, begin=0.2, gain=0.01)
    now, beta = integral.start(), adaptive.start()
    for kl in (6.6, 12.0, 3.0, 5.9, 6.1):
        now = integral.next(now, step=0, steps=9, metrics={"kl": kl})
        beta = adaptive.next(beta, step=0, steps=9, metrics={"kl": kl})
    assert setting(now) == pytest.approx(beta, rel=1e-5)
    assert setting(now) != beta


@pytest.mark.parametrize("begin", [0.05, 2.0])
@pytest.mark.parametrize("target", [2.0, 12.0])
def test_the_pid_controller_brings_the_kl_to_its_target_and_keeps_it_there(begin, target):
    """The policy of the test above, which follows its weight with a delay."""

    def far(controller):
        state, kl, off = controller.start(), 0.0, []
        for step in range(1500):
            kl += 0.2 * (0.5 / setting(state) ** 2 - kl)
            state = controller.next(state, step=step, steps=1500, metrics={"kl": kl})
            off.append(abs(kl / target - 1))
        return off

    off = far(PidKL(target=target, begin=begin))
    assert max(off[-300:]) < 0.01
    assert off[0] > 0.2
    assert max(far(PidKL(target=target, begin=begin, integral=0.0, proportional=0.0))[-300:]) > 0.2


def test_a_batch_that_is_stale_is_trusted_by_its_effective_share():
    dial = EffectiveShare(full=0.4, floor=0.25)
    assert dial.start() == 0.4
    shares = {1.0: 0.4, 0.5: 0.2, 0.01: 0.1}
    for share, want in shares.items():
        assert dial.next(0.3, step=0, steps=9, metrics={"effective_share": share}) == pytest.approx(want, rel=1e-12)


def test_the_effective_share_counts_what_the_weights_leave_of_a_batch():
    sampled, mask = torch.tensor([[[0.5, 0.5, 0.2, 0.9]]]).log(), torch.tensor([[[1, 1, 1, 0]]])
    assert effective_share(sampled, sampled, mask) == pytest.approx(1.0)
    one = torch.tensor([[[1e-6, 1e-6, 0.2, 0.9]]]).log()
    assert effective_share(one, sampled, mask) == pytest.approx(1 / 3, rel=1e-4)
    logp = torch.tensor([[[0.25, 0.5, 0.1, 0.1]]]).log()  # weights 1/2, 1 and 1/2
    assert effective_share(logp, sampled, mask) == pytest.approx(4 / 1.5 / 3)
