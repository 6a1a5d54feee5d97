"""The pages of who leads a project."""

from __future__ import annotations

from fastapi import APIRouter

from .desk import Desk


def routes(desk: Desk) -> APIRouter:
    """The pages under `/lead`."""
    return APIRouter(prefix="/lead")
