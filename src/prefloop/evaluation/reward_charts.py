"""The charts of a reward model's report, drawn as those of `charts`."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from ..statistics import Interval
from .calibration import Calibration
from .charts import FIRST, INK, SECOND, STYLE, svg
from .reward_report import CurvePoint

_PERCENT = FuncFormatter(lambda x, _: f"{100 * x:.0f} %")


@matplotlib.rc_context(STYLE)
def rates(name: str, rows: Sequence[tuple[str, Interval | None]], *, chance: float = 0.5) -> str:
    """Shares with their intervals, one below the other, and what guessing gets."""
    shown = [(label, rate) for label, rate in rows if rate is not None]
    figure = Figure(figsize=(4.2, 0.6 + 0.27 * len(shown)))
    axes = figure.add_subplot()
    axes.axvline(chance, color=INK, linestyle=(0, (2, 2)), linewidth=1)
    for y, (_, rate) in enumerate(shown):
        colour, marker = (SECOND, "D") if y else (FIRST, "o")
        axes.plot([rate.low, rate.high], [y, y], color=colour)
        axes.plot(rate.estimate, y, marker, color=colour)
    axes.set_yticks(range(len(shown)), [label for label, _ in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.set_xlabel("comparisons predicted; the dashed line is guessing")
    return svg(figure, name, "Shares with 95 % intervals; the table beside it has the numbers.")


@matplotlib.rc_context(STYLE)
def reliability(name: str, found: Calibration) -> str:
    """How often the model is right against how sure it says it is: on the dashed line the two are one."""
    figure = Figure(figsize=(3.4, 3.1))
    axes = figure.add_subplot()
    axes.plot([0.5, 1], [0.5, 1], color=INK, linestyle=(0, (2, 2)), linewidth=1)
    said = [b.said for b in found.bins]
    axes.vlines(said, [b.right.low for b in found.bins], [b.right.high for b in found.bins], color=FIRST, linewidth=1)
    axes.plot(said, [b.right.estimate for b in found.bins], "o", color=FIRST)
    axes.set_xlim(0.49, 1.01)
    axes.set_ylim(0, 1.01)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_PERCENT)
    axes.set_xlabel("how sure the model is")
    axes.set_ylabel("how often it is right")
    axes.grid(visible=True)
    return svg(figure, name, f"{len(found.bins)} bins of equal mass; ECE {found.ece:.3g}.")


@matplotlib.rc_context(STYLE)
def learning(name: str, points: Sequence[CurvePoint]) -> str:
    """Held-out accuracy by the number of judgements learnt from."""
    figure = Figure(figsize=(3.4, 2.6))
    axes = figure.add_subplot()
    at = [p.judgements for p in points]
    axes.plot(at, [p.accuracy.estimate for p in points], "o-", color=FIRST)
    axes.vlines(at, [p.accuracy.low for p in points], [p.accuracy.high for p in points], color=FIRST, linewidth=1.2)
    axes.axhline(0.5, color=INK, linestyle=(0, (2, 2)), linewidth=1)
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(at, [str(n) for n in at])
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.set_xlabel("judgements learnt from")
    axes.set_ylabel("held-out accuracy")
    axes.grid(visible=True)
    first, last = points[0], points[-1]
    said = f"{first.accuracy} with {first.judgements} judgements, {last.accuracy} with {last.judgements}."
    return svg(figure, name, said)
