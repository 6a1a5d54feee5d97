"""The addresses of pages."""

from __future__ import annotations

from urllib.parse import urlencode


def path_of(project: str, page: str, **query: object) -> str:
    """The path of one of a project's pages.

    >>> path_of("tone", "person", who="a b&c")
    '/lead/p/tone/person?who=a+b%26c'
    """
    return f"/lead/p/{project}/{page}?{urlencode(query)}"
