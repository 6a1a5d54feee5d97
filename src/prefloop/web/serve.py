"""Starting the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import uvicorn

from ..feedback.members import Members
from ..feedback.store import Store
from .app import create_app
from .session import secret_for

LEAD = "lead"


def serve(where: str, *, host: str, port: int, secrets_in: Path, say: Callable[[str], None]) -> None:
    """Serve the pages over a store until Ctrl-C, and say the lead's link first.

    The link is new each time, and the one before is void: whoever can start the page can lead it.
    """
    with Store.open(where) as store:
        token = Members(store).invite("", LEAD, "lead", by="prefloop label")
        app = create_app(store, secret=secret_for(str(store.engine.url), secrets_in))
        named = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
        say(f"Your link, as the lead: http://{named}:{port}/join/{token}")
        say("Make links for the others there. Ctrl-C stops the page; every answer is kept.")
        uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)
