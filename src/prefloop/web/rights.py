"""Who may do what on the lead's pages, and how long what they send may be."""

from __future__ import annotations

from typing import Annotated

from fastapi import Form, HTTPException, Path, Request

from ..feedback.members import Member
from .desk import Desk

LOOK = ("lead", "reviewer", "readonly")
"""See projects, their figures, items and guidelines."""
JUDGE = ("lead", "reviewer")
"""See who said what, settle disagreements, and download the log."""
CHANGE = ("lead",)
"""Everything else."""

Key = Annotated[str, Path(max_length=64)]
Text = Annotated[str, Form(max_length=200)]
Long = Annotated[str, Form(max_length=100_000)]


def anyone(desk: Desk, request: Request) -> Member:
    """Who asks, whatever project they are of.

    Raises:
        HTTPException: nobody we know (401), or somebody who may not look (403).
    """
    member = desk.sessions.member(request)
    if member is None:
        raise HTTPException(401, "Open your invitation link again: this page does not know who you are.")
    return desk.someone(request, member.project, LOOK)


async def fields(request: Request) -> dict[str, str]:
    """The fields of a form whose names depend on the kind of question; the first of each name, no files."""
    form = await request.form()
    return {name: value for name, value in reversed(form.multi_items()) if isinstance(value, str)}
