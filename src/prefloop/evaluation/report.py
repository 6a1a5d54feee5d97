"""The report: one page that opens anywhere, asks nothing of the network, and claims no more than was measured."""

from __future__ import annotations

import json
import os
from importlib.resources import files
from pathlib import Path

from ..errors import RunError
from . import wording
from .summary import Summary


def write_report(summary: Summary, folder: Path) -> Path:
    """Write `summary.json` and `report.html` into `folder`, each whole or not at all, and return the page's path.

    Raises RunError when the disk refuses, or when what draws the page is not installed.
    """
    replace_text(folder / "summary.json", json.dumps(summary.to_json(), indent=1, allow_nan=False))
    return replace_text(folder / "report.html", render(summary))


def render(summary: Summary) -> str:
    """The page as text. The same summary gives the same text; everything in it that a model wrote is escaped."""
    return drawn("report.html.jinja", "summary.json", s=summary, headline=wording.headline(summary))


def drawn(template: str, numbers: str, **values: object) -> str:
    """A page from its template; `numbers` is the file that has what it would show."""
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined

        from . import charts, reward_charts
    except ModuleNotFoundError as missing:
        raise RunError(
            f"The report cannot be drawn because {missing.name} is not installed: run "
            f'`pip install "prefloop[demo]"`. Everything it would show is in {numbers}.'
        ) from missing
    page = Environment(
        loader=FunctionLoader(lambda name: files(__package__).joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (wording.digits, wording.number, wording.signed, wording.percent, wording.plural, wording.duration)
    page.filters.update({word.__name__: word for word in words})
    return page.get_template(template).render(charts=charts, reward_charts=reward_charts, **values)


def replace_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(text, encoding="utf-8", errors="replace")
        os.replace(unfinished, path)
    except OSError as refused:
        unfinished.unlink(missing_ok=True)
        raise RunError(
            f"{path} cannot be written ({refused.strerror}): make room there or choose another folder, then resume."
        ) from refused
    return path
