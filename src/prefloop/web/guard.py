"""What stands around every page: headers that let nothing foreign in, and a limit on what a request may send."""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
MOST_BYTES = 1 << 20
MOST_UPLOADED = 256 << 20


class Headed:
    """Adds the headers to every response, also to errors."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand around this application."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request, and put the headers on what comes back."""

        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
            await send(message)

        await self.app(scope, receive, headed if scope["type"] == "http" else send)


class Capped:
    """Refuses a body that is too long, whether the request says so or only sends it, and changes from other sites."""

    def __init__(
        self,
        app: ASGIApp,
        uploads: tuple[str, ...] = ("/lead/projects", "/lead/projects/preview"),
        most: int = MOST_BYTES,
    ) -> None:
        """Stand around this application, which takes `most` bytes; only the paths `uploads` take files."""
        self.app = app
        self.uploads = uploads
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request that may come in."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        most = MOST_UPLOADED if scope["path"] in self.uploads else self.most
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > most:
            await _refused(413, f"At most {most >> 10} KiB.")(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD", "OPTIONS") and _is_foreign(headers):
            await _refused(403, "This did not come from here: another site's page sent it.")(scope, receive, send)
        elif "transfer-encoding" in headers:
            await self._counted(most, scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _counted(self, most: int, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a body of unknown length up to the limit before anything else sees it."""
        messages: list[Message] = []
        total, more = 0, True
        while more:
            message = await receive()
            messages.append(message)
            total += len(message.get("body", b""))
            more = message.get("more_body", False)
            if total > most:
                await _refused(413, f"At most {most >> 10} KiB.")(scope, receive, send)
                return

        async def replay() -> Message:
            return messages.pop(0) if messages else await receive()

        await self.app(scope, replay, send)


def _is_foreign(headers: Headers) -> bool:
    """Whether the browser says that another site sent it. A program that is no browser says nothing."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != headers.get("host", "")


def _refused(status: int, text: str) -> PlainTextResponse:
    return PlainTextResponse(text, status_code=status, headers={"Connection": "close"})
