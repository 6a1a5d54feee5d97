"""Ctrl-C between steps, not in the middle of one."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class Patience:
    """While it is entered, the first Ctrl-C sets `asked` and the second interrupts at once."""

    def __init__(self) -> None:
        """Nobody has asked yet."""
        self.asked = False

    def __enter__(self) -> Patience:
        """Listen, where the program may: signals reach the main thread only."""
        self._main = threading.current_thread() is threading.main_thread()
        if self._main:
            self._before = signal.signal(signal.SIGINT, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        """Listen no more."""
        if self._main:
            signal.signal(signal.SIGINT, self._before)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
