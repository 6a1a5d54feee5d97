"""Knobs that move: their settings worked out by hand, and the controller against a policy that answers to it."""

import pytest

from prefloop.dials import AdaptiveKL, Dial, Linear


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
    assert not isinstance(0.1, Dial)
