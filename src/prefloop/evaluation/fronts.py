"""What a policy that can be told a direction trades: its mean rewards, and which of them nothing else beats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib
from matplotlib.figure import Figure

from ..errors import DataError
from .charts import FIRST, SECOND, STYLE, svg

Point = tuple[float, float]


def on_front(points: Sequence[Sequence[float]]) -> list[bool]:
    """Whether each point is on the Pareto front: no other is at least as high in everything, and higher in something.

    >>> on_front([(0.0, 1.0), (1.0, 0.0), (0.4, 0.4), (0.0, 0.9)])
    [True, True, True, False]
    """

    def beats(one: Sequence[float], other: Sequence[float]) -> bool:
        both = list(zip(one, other, strict=True))
        return all(a >= b for a, b in both) and any(a > b for a, b in both)

    return [not any(beats(other, point) for other in points) for point in points]


def fronts(name: str, names: tuple[str, str], lines: Mapping[str, Sequence[Point]]) -> str:
    """The mean rewards of some policies as an SVG, each a line through its directions; hollow what another one beats.

    Raises:
        DataError: there is nothing to draw, or more than two policies.
    """
    if not 0 < len(lines) <= 2 or not all(lines.values()):
        raise DataError(
            f"a chart of fronts shows one policy or two, with a point each at least; here are {len(lines)}."
        )
    free = iter(on_front([p for points in lines.values() for p in points]))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.2, 3.4), layout="constrained")
        axes = figure.subplots()
        for (policy, points), colour, marker in zip(lines.items(), (FIRST, SECOND), "os", strict=False):
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1, label=policy)
            for x, y in points:
                axes.plot(x, y, marker, color=colour, fillstyle="full" if next(free) else "none")
        axes.set(xlabel=names[0], ylabel=names[1], title=f"{names[0]} and {names[1]}, by what the policy is told")
        if len(lines) > 1:
            axes.legend(frameon=False)
        said = "; ".join(f"{policy}: {len(points)} directions" for policy, points in lines.items())
        return svg(figure, name, said)
