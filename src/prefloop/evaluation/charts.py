"""The report's charts, as SVG to stand inside a page.

Text stays text and colours are the page's own (CSS variables), so that a chart follows the reader's font, zoom and
dark mode. Colour never carries meaning alone: every series has its own marker and its name beside it. The same numbers
give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from io import StringIO
from itertools import pairwise
from math import sqrt
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..statistics import Interval
from .summary import BestOf, KLPoint, Point, Round

CURVES = {
    "gold": ("Gold score, training samples", "score"),
    "reward": ("Reward-model score", "deviations of the reference"),
    "kl": ("KL to the reference", "nats per response"),
    "entropy": ("Entropy of the policy", "nats per token"),
    "length": ("Response length", "tokens"),
    "reward_loss": ("Reward-model loss", "nats per answer"),
}

# Stand-ins that matplotlib can draw with, and what the page paints instead.
INK, FAINT, FIRST, SECOND = "#010101", "#020202", "#030303", "#040404"
PAINT = {INK: "currentColor", FAINT: "var(--faint)", FIRST: "var(--first)", SECOND: "var(--second)"}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.grid.axis": "y",
    "grid.color": FAINT,
    "grid.alpha": 0.35,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "errorbar.capsize": 2.5,
    "figure.constrained_layout.use": True,
}
MOST_MARKERS = 25


@matplotlib.rc_context(STYLE)
def strip(name: str, interval: Interval, *, nothing: float) -> str:
    """An interval on a line beside the value that would mean that nothing happened."""
    figure = Figure(figsize=(3.2, 0.5))
    axes = figure.add_subplot()
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    axes.axvline(nothing, color=INK, linestyle=(0, (2, 2)), linewidth=1)
    axes.plot([interval.low, interval.high], [0, 0], color=FIRST, linewidth=5, alpha=0.45, solid_capstyle="butt")
    axes.plot(interval.estimate, 0, "o", color=FIRST, markersize=7)
    reach = max(abs(interval.low - nothing), abs(interval.high - nothing)) * 1.1 or 1.0
    axes.set_xlim(nothing - reach, nothing + reach)
    axes.set_xticks([nothing])
    axes.set_xticklabels(["even" if nothing else "no change"])
    return svg(figure, name, f"From {interval.low:.3g} to {interval.high:.3g}; no change would be {nothing:.3g}.")


@matplotlib.rc_context(STYLE)
def accuracy(name: str, rounds: Sequence[Round]) -> str:
    """The reward model's accuracy between what guessing gets and what people reach, a panel for each round."""
    figure = Figure(figsize=(3.7, 0.5 + 1.1 * len(rounds)))
    panels = figure.subplots(len(rounds), 1, sharex=True, squeeze=False)[:, 0]
    for axes, turn in zip(panels, rounds, strict=True):
        _rates(axes, turn)
    panels[-1].set_xlim(0, 1)
    panels[-1].xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{100 * x:.0f} %"))
    panels[-1].set_xlabel("held-out answers predicted")
    return svg(figure, name, "Accuracy with 95 % intervals by round; the table beside it has the numbers.")


def _rates(axes: Axes, turn: Round) -> None:
    rows = (
        ("reward model", turn.accuracy, "o", FIRST),
        ("agree with each other", turn.agreement, "D", SECOND),
        ("pick the longest", turn.longest, "s", INK),
    )
    shown = [(label, rate, marker, colour) for label, rate, marker, colour in rows if rate is not None]
    for y, (_, rate, marker, colour) in enumerate(shown):
        axes.plot([rate.low, rate.high], [y, y], color=colour)
        axes.plot(rate.estimate, y, marker, color=colour)
    axes.axvline(turn.chance, color=INK, linestyle=(0, (2, 2)), linewidth=1)
    axes.plot(turn.chance, len(shown), "|", color=INK, markersize=8)
    axes.set_yticks(range(len(shown) + 1), [*(label for label, *_ in shown), "guessing"])
    axes.set_ylim(len(shown) + 0.5, -0.5)
    axes.set_title(f"Round {turn.number}")


@matplotlib.rc_context(STYLE)
def curve(name: str, points: Sequence[Point]) -> str:
    """A learning curve; intervals where the points have them, a dotted line where a round begins."""
    title, unit = CURVES.get(name, (name, ""))
    figure = Figure(figsize=(3.4, 2.3))
    axes = figure.add_subplot()
    steps = [p.step for p in points]
    axes.plot(steps, [p.value for p in points], "o-" if len(points) <= MOST_MARKERS else "-", color=FIRST)
    for p in points:
        if p.low is not None and p.high is not None:
            axes.plot([p.step, p.step], [p.low, p.high], color=FIRST, linewidth=1.2)
    for before, after in pairwise(points):
        if before.round != after.round:
            axes.axvline(after.step, color=INK, linestyle=":", linewidth=1)
            axes.annotate(
                f"round {after.round}",
                (after.step, 1),
                (3, 0),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontsize=8,
            )
    axes.set_title(title)
    axes.set_xlabel("step")
    axes.set_ylabel(unit)
    axes.grid(visible=True)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    first, last = points[0], points[-1]
    said = f"{title}: {first.value:.3g} at step {first.step:g}, {last.value:.3g} at step {last.step:g}."
    return svg(figure, name, said)


@matplotlib.rc_context(STYLE)
def over_kl(name: str, points: Sequence[KLPoint], best_of: Sequence[BestOf]) -> str:
    """Both scores against the square root of KL (Gao et al. 2022): over-optimisation is where only the upper rises."""
    figure = Figure(figsize=(3.7, 4.2))
    upper, lower = figure.subplots(2, 1, sharex=True)
    _against_kl(upper, [(p.kl, p.reward) for p in points], [(b.n, b.kl, b.reward) for b in best_of], "o", FIRST)
    _against_kl(lower, [(p.kl, p.gold) for p in points], [(b.n, b.kl, b.gold) for b in best_of], "D", SECOND)
    upper.set_title("Reward-model score: what the policy is paid for")
    lower.set_title("Gold score: what is truly liked")
    lower.set_xlabel("square root of KL (nats per response)")
    end = max(points, key=lambda p: p.kl)
    scores = f"the reward-model score is {end.reward.estimate:.3g}, the gold score {end.gold.estimate:.3g}"
    return svg(figure, name, f"At a KL of {end.kl:.3g} nats {scores}.")


def _against_kl(
    axes: Axes, points: list[tuple[float, Interval]], best_of: list[tuple[int, float, float]], marker: str, colour: str
) -> None:
    distance = [sqrt(max(kl, 0.0)) for kl, _ in points]
    axes.vlines(distance, [s.low for _, s in points], [s.high for _, s in points], color=colour, linewidth=1.2)
    axes.plot(distance, [s.estimate for _, s in points], marker + "-", color=colour)
    if best_of:
        axes.plot([sqrt(kl) for _, kl, _ in best_of], [score for *_, score in best_of], "x--", color=INK, linewidth=1)
        n, kl, score = best_of[-1]
        axes.annotate(f"best of {n}", (sqrt(kl), score), (0, 5), textcoords="offset points", ha="center", fontsize=8)
    axes.grid(visible=True)
    axes.yaxis.set_major_locator(MaxNLocator(5))


def svg(figure: Figure, name: str, said: str) -> str:
    """The figure as an element of a page: sized by the page, with ids of its own, named for those who cannot see it."""
    drawn = StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(
            drawn, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    name = re.sub(r"\W", "-", name)
    width, height = (72 * inches for inches in figure.get_size_inches())
    text = re.sub(r"^.*?<svg.*?>|<defs>\s*<style.*?</style>\s*</defs>", "", drawn.getvalue(), count=2, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    text = re.sub(r"font-family: [^;]*; ", "", text)
    for stand_in, paint in PAINT.items():
        text = text.replace(stand_in, paint)
    return f'<svg role="img" aria-label="{escape(said)}" viewBox="0 0 {width:g} {height:g}">{text}'
