"""What a project keeps for its page, in `Project.page`."""

from __future__ import annotations

from dataclasses import dataclass

from ..feedback.records import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings:
    """How the page of a project behaves.

    warning: shown before every item, which is blurred until somebody asks for it; an item's own is its question's
    option `warning`. reveal: after an answer, say which model wrote what; the answer is closed then. names: further
    names that tell whose an answer is, hidden like those of known models. break_minutes: of work, after which the page
    proposes a break; 0 never.

    >>> PageSettings.of(Project(id="p", title="P", kinds=("choice",), page={"break_minutes": 20})).break_minutes
    20
    """

    warning: str = ""
    reveal: bool = False
    names: tuple[str, ...] = ()
    break_minutes: int = 50

    @classmethod
    def of(cls, project: Project) -> PageSettings:
        """The settings of a project."""
        kept = project.page
        return cls(
            warning=str(kept.get("warning") or ""),
            reveal=bool(kept.get("reveal")),
            names=tuple(str(name) for name in kept.get("names") or ()),
            break_minutes=int(kept.get("break_minutes", cls.__dataclass_fields__["break_minutes"].default)),
        )
