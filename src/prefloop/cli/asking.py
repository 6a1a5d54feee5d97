"""Who answers a run that the command line starts: the options that say so, and the people they name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ..errors import RecipeError, RunError
from ..terminal import Shown

if TYPE_CHECKING:
    from ..feedback.sources import Hire, Source
    from ..loops.progress import Progress

HOST, PORT = "127.0.0.1", 8000
People = Annotated[
    str, typer.Option(help="Who answers: simulated, terminal for you, or browser for people on a page (extra `web`).")
]
PageStore = Annotated[
    str, typer.Option(help="With --people browser: the page's feedback store, a file or URL, where not the run's own.")
]
Host = Annotated[
    str, typer.Option(help="With --people browser: 127.0.0.1 is this machine only; 0.0.0.0 whoever reaches it.")
]
Port = Annotated[int, typer.Option(min=1, max=65_535, help="With --people browser: the port of the page.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where the page of a run is.

    >>> Page(port=8001).given
    {'--port': 8001}
    """

    store: str = ""
    host: str = HOST
    port: int = PORT

    @property
    def given(self) -> dict[str, Any]:
        """The options that differ from what they are unasked."""
        options = {"--store": (self.store, ""), "--host": (self.host, HOST), "--port": (self.port, PORT)}
        return {name: value for name, (value, usual) in options.items() if value != usual}


NO_PAGE = Page()


def asking(value: Any, people: str) -> Any:
    """The same loop with other people; what is known of the simulated people's taste is no measure of real ones.

    Raises:
        RecipeError: it asks nobody, or there are no such people.
    """
    from ..loops.rounds import Rounds

    if not people or (people == "simulated" and isinstance(value, Rounds) and not isinstance(value.people, str)):
        return value
    if not isinstance(value, Rounds):
        raise RecipeError("this recipe asks nobody: --people is for a whole loop, such as `prefloop run demo`.")
    if people not in ("terminal", "browser"):
        raise RecipeError(
            f"--people is `terminal` or `browser`, not `{people}`; simulated people are part of a recipe (`people:`)."
        )
    return replace(value, people=people, gold=None, gold_scale="")  # type: ignore[arg-type]


def waits(value: Any) -> str:
    """How long each round of a loop waits for people, as a line; nothing where nobody is waited for.

    >>> waits(None)
    ''
    """
    from ..loops.rounds import Rounds

    return f"{value.wait.told}\n" if isinstance(value, Rounds) and value.people == "browser" else ""


@contextlib.contextmanager
def people_of(value: Any, page: Page, named: str, console: Console) -> Iterator[tuple[Source | Hire | None, Progress]]:
    """Who answers this run, and who is told how it goes; a page is served while this is entered.

    Raises:
        RunError: the page is not installed, or its port or store cannot be had.
    """
    from ..loops.rounds import Rounds

    shown, people = Shown(console), value.people if isinstance(value, Rounds) else None
    if people != "browser":
        from ..feedback.terminal import Terminal

        who = os.environ.get("USER") or "you"
        yield (Terminal(who=who, console=console, seed=value.seed) if people == "terminal" else None), shown
        return
    from ..models.load import cache

    try:
        from ..web.beside import beside
    except ImportError as error:
        raise RunError(f"the page needs {error.name}, which is not installed: pip install 'prefloop[web]'.") from error
    with beside(
        value,
        named=named,
        where=page.store,
        host=page.host,
        port=page.port,
        secrets_in=cache() / "label",
        progress=shown,
        say=partial(console.print, highlight=False, markup=False, soft_wrap=True),
    ) as hired:
        yield hired
