"""The form of a new project, read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import DataError
from ..feedback.kinds import KINDS
from ..feedback.records import Price, Project, Stop
from ..feedback.trees import KINDS as TREE_KINDS
from .tree_form import CONVERSATION, tree_settings

_AXIS = re.compile(r"(.+?)(?:\s+(-?\d+)\s*(?:-|to)\s*(-?\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProject:
    """The form of a new project, read.

    >>> NewProject.read({"title": "Tone", "kind": "rating", "axes": "helpful, true 0-1", "gold": "10"}).options
    {'axes': {'helpful': [1, 5], 'true': [0, 1]}}
    """

    project: Project
    kind: str
    options: Mapping[str, Any]
    guidelines: str
    prompts: int

    @classmethod
    def read(cls, form: Mapping[str, str]) -> NewProject:
        """Read the form; empty fields are what a project has without them.

        Raises:
            DataError: a field that makes no sense, by its name.
        """
        kind, title = form.get("kind", "comparison"), form.get("title", "").strip()
        if kind not in (*KINDS, CONVERSATION):
            raise DataError(f"there is no kind `{kind}`.")
        tree = tree_settings(form, _whole) if kind == CONVERSATION else None
        if not 1 <= len(title) <= 120:
            raise DataError("the title is missing, or longer than 120 characters.")
        price = _number(form, "price", "the price")
        money = _number(form, "money", "the money to stop at")
        width = _number(form, "width", "the width to stop at")
        project = Project(
            id=key_of(title),
            title=title,
            kinds=(kind,) if tree is None else TREE_KINDS,
            tree=tree,
            overlap=_whole(form, "overlap", "people for each item", 1),
            gold_share=(_number(form, "gold", "the share of gold items") or 0.0) / 100,
            stop=Stop(
                labels=_whole(form, "labels", "the answers to stop at", 0) or None,
                width=None if width is None else width / 100,
                money=money,
            ),
            price=None if price is None else Price(amount=price, per="hour" if form.get("per") == "hour" else "answer"),
            lease_seconds=60 * (_number(form, "lease", "the minutes an item is kept") or 15.0),
            retire_after=_whole(form, "retire", "skips after which an item goes to nobody else", 3),
            examples=_whole(form, "examples", "the worked examples", 3),
            page=_page(form),
            per_minute=_whole(form, "per_minute", "the answers in a minute", 0),
        )
        return cls(
            project=project,
            kind=kind,
            options=options_of(kind, form),
            guidelines=form.get("guidelines", ""),
            prompts=prompts_of(form),
        )


def _page(form: Mapping[str, str]) -> dict[str, Any]:
    """What a project keeps for its page (`settings.PageSettings`); what is left empty is left out."""
    warning, names = form.get("warning", "").strip(), _listed(form.get("names", ""))
    told = {"warning": warning, "names": names, "reveal": bool(form.get("reveal"))}
    page: dict[str, Any] = {name: value for name, value in told.items() if value}
    if form.get("break_minutes", "").strip():
        page["break_minutes"] = _whole(form, "break_minutes", "the minutes until a break", 0)
    return page


def prompts_of(form: Mapping[str, str]) -> int:
    """How many prompts people are to write, where a project of conversations has no file.

    Raises:
        DataError: it is not from 1 to 1,000.
    """
    prompts = _whole(form, "prompts", "the prompts to write", 10)
    if not 1 <= prompts <= 1_000:
        raise DataError(f"the prompts to write are {prompts}: give a number from 1 to 1,000.")
    return prompts


def key_of(title: str) -> str:
    """A project's id from its title.

    >>> key_of("Tone of voice, 2nd try")
    'tone-of-voice-2nd-try'
    """
    return re.sub(r"[^\w.]+", "-", title.lower()).strip("-")[:64] or "project"


def options_of(kind: str, form: Mapping[str, str]) -> dict[str, Any]:
    """The options of the questions of a kind, from the form; those of other kinds are passed over.

    Raises:
        DataError: an axis, or a number, that is not understood.
    """
    options: dict[str, Any] = {}
    if kind == "rating":
        options["axes"] = dict(map(_axis, _listed(form.get("axes") or "helpful, true")))
    elif kind == "spans":
        options["types"] = _listed(form.get("types") or "untrue, unclear, harmful")
    elif kind == "comparison" and form.get("strengths"):
        options["strengths"] = _whole(form, "strengths", "the steps of strength", 7)
    return options | ({"ask": form["ask"].strip()} if form.get("ask", "").strip() else {})


def _axis(told: str) -> tuple[str, list[int]]:
    found = _AXIS.fullmatch(told)
    if found is None:
        raise DataError(f"the axis {told!r:.60} is not understood: write a name, or a name and a scale, as true 0-1.")
    return found[1], [int(found[2]), int(found[3])] if found[2] else [1, 5]


def _listed(told: str) -> list[str]:
    return [one.strip() for one in told.split(",") if one.strip()]


def _number(form: Mapping[str, str], name: str, what: str) -> float | None:
    told = form.get(name, "").strip()
    try:
        return float(told) if told else None
    except ValueError as error:
        raise DataError(f"{what}: {told!r:.40} is no number.") from error


def _whole(form: Mapping[str, str], name: str, what: str, otherwise: int) -> int:
    told = form.get(name, "").strip()
    if told and not re.fullmatch(r"-?\d{1,9}", told):
        raise DataError(f"{what}: {told!r:.40} is no whole number.")
    return int(told) if told else otherwise
