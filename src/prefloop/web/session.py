"""Who is asking: the invitation's token in a signed cookie, and a second token that every change has to bring along."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import Request, Response
from itsdangerous import BadSignature, Signer, URLSafeSerializer

from ..feedback.members import Member, Members

COOKIE = "prefloop"
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Sessions:
    """Reads and sets the cookies. A cookie holds for one project, or for the lead's pages, by its path.

    >>> Sessions(members=None, secret="s").csrf("token") == Sessions(members=None, secret="s").csrf("token")
    True
    """

    members: Members
    secret: str

    def token(self, request: Request) -> str | None:
        """The token in the cookie, where we signed it."""
        try:
            return self._signer.unsign(request.cookies.get(COOKIE, "")).decode()
        except BadSignature:
            return None

    def member(self, request: Request) -> Member | None:
        """Who it is, as they stand now."""
        token = self.token(request)
        return None if token is None else self.members.authenticate(token)

    def begin(self, response: Response, token: str, *, path: str, secure: bool) -> None:
        """Set the cookie."""
        response.set_cookie(
            COOKIE,
            self._signer.sign(token.encode()).decode(),
            path=path,
            max_age=90 * _DAY,
            httponly=True,
            samesite="strict",
            secure=secure,
        )

    def csrf(self, token: str) -> str:
        """What a change has to bring along: only our own pages have it."""
        return hmac.new(self.secret.encode(), b"csrf:" + token.encode(), hashlib.sha256).hexdigest()

    def brings(self, request: Request, given: str) -> bool:
        """Whether the change comes from one of our own pages."""
        token = self.token(request)
        return token is not None and hmac.compare_digest(self.csrf(token).encode(), given.encode())

    @property
    def sealer(self) -> URLSafeSerializer:
        """Signs what the browser keeps for us and has to give back as it was."""
        return URLSafeSerializer(self.secret, salt="lease")

    @property
    def _signer(self) -> Signer:
        return Signer(self.secret, salt="cookie")


@dataclass(slots=True)
class Tries:
    """Counts what comes from one place, and says when that has to wait: failed links of an address, say.

    >>> tries = Tries(most=1)
    >>> tries.count("::1"), tries.must_wait("::1"), tries.must_wait("::2")
    (None, True, False)
    """

    most: int = 20
    seconds: float = 60.0
    clock: Callable[[], float] = time.monotonic
    _counted: dict[str, deque[float]] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def count(self, place: str) -> None:
        """Count one more."""
        with self._turn:
            self._drop_old()
            self._counted.setdefault(place, deque(maxlen=self.most)).append(self.clock())

    def must_wait(self, place: str) -> bool:
        """Whether too much came from there in the last `seconds`."""
        with self._turn:
            self._drop_old()
            return len(self._counted.get(place, ())) >= self.most

    def _drop_old(self) -> None:
        since = self.clock() - self.seconds
        for place, times in list(self._counted.items()):
            while times and times[0] < since:
                times.popleft()
            if not times:
                del self._counted[place]


def secret_for(place: str, folder: Path) -> str:
    """The secret that signs the cookies of a store: made once, kept in a file that only this user reads.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     secret_for("a.sqlite", Path(folder)) == secret_for("a.sqlite", Path(folder))
    True
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{hashlib.sha256(place.encode()).hexdigest()[:24]}.secret"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")
