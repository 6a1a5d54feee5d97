"""Small charts as SVG that the server draws: no script, and nothing in them that is not in a table beside them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

from ..statistics import Interval

_WIDTH, _HEIGHT, _EDGE = 600, 90, 6


def bars(values: Sequence[float], title: str) -> Markup:
    """A bar for each value, from 0 to the largest.

    >>> str(bars([1, 2], "Answers")).count("<rect")
    2
    """
    top, step = max(values, default=0) or 1, _WIDTH / max(len(values), 1)
    drawn = "".join(
        f'<rect x="{n * step + 1:.1f}" y="{_HEIGHT - _HEIGHT * v / top:.1f}" width="{step - 2:.1f}" '
        f'height="{_HEIGHT * v / top:.1f}"/>'
        for n, v in enumerate(values)
    )
    return _svg(drawn, title)


def points(values: Sequence[Interval | float | None], title: str, *, expected: float | None = None) -> Markup:
    """A point for each value with its interval as an upright line; shares from 0 to 1, plain numbers from 0 up.

    `expected` is drawn as a broken line. A value of `None` leaves its place empty.

    >>> str(points([1.0, None, 2.0], "Seconds")).count('class="dot"')
    2
    """
    top = 1.0 if any(isinstance(v, Interval) for v in values) else _largest(values)
    step = _WIDTH / max(len(values), 1)
    drawn = "" if expected is None else _line("expected", 0, _WIDTH, _y(expected, top), _y(expected, top))
    for n, value in enumerate(values):
        x = (n + 0.5) * step
        if isinstance(value, Interval):
            drawn += _line("spread", x, x, _y(value.low, top), _y(value.high, top))
            drawn += _dot(x, _y(value.estimate, top))
        elif value is not None:
            drawn += _dot(x, _y(value, top))
    return _svg(drawn, title)


def _largest(values: Sequence[Interval | float | None]) -> float:
    return max((v for v in values if isinstance(v, int | float)), default=0.0) or 1.0


def _y(value: float, top: float) -> float:
    return _HEIGHT - _EDGE - (_HEIGHT - 2 * _EDGE) * value / top


def _line(name: str, x1: float, x2: float, y1: float, y2: float) -> str:
    return f'<line class="{name}" x1="{x1:.1f}" x2="{x2:.1f}" y1="{y1:.1f}" y2="{y2:.1f}"/>'


def _dot(x: float, y: float) -> str:
    """A line of no length with round ends: it stays round however the drawing is stretched."""
    return _line("dot", x, x, y, y)


def _svg(drawn: str, title: str) -> Markup:
    box = f'viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none"'
    return Markup(f'<svg class="chart" role="img" aria-label="{escape(title)}" {box}>{drawn}</svg>')
