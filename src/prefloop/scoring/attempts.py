"""Calling a function of the user's own that may fail for a while, or hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ..errors import PrefloopError
from ..recipe import Scoring

PAUSE = 1.0
"""Seconds before the second attempt; before each later one twice as many."""


def attempted(call: Callable[[], Any], how: Scoring) -> Any:
    """What the call returns, at the latest of its attempts.

    >>> attempted(lambda: 2.0, Scoring())
    2.0
    """
    for attempt in range(1, how.attempts):
        try:
            return within(how.timeout, call)
        except Exception as error:
            if not may_pass(error):
                raise
        time.sleep(PAUSE * 2 ** (attempt - 1))
    return within(how.timeout, call)


def may_pass(error: Exception) -> bool:
    """Whether another attempt may go well: `OSError` and its kin, and what libraries raise of their own.

    Python's other errors come from the function itself, and prefloop's have been thought of.

    >>> may_pass(ConnectionError()), may_pass(TimeoutError()), may_pass(KeyError())
    (True, True, False)
    """
    if isinstance(error, PrefloopError):
        return False
    return isinstance(error, OSError) or type(error).__module__ != "builtins"


def within(seconds: float | None, call: Callable[[], Any]) -> Any:
    """What the call returns in at most so many seconds.

    It runs in a thread of its own, since signals reach the main thread only. Nobody can stop a thread: one that has
    not answered in time is left behind, and ends with the program.

    Raises:
        TimeoutError: it has not returned.
    """
    if seconds is None:
        return call()
    answer: Future[Any] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return answer.result(timeout=seconds)
    except TimeoutError:
        if answer.done():  # the function's own, or it came at the last moment
            return answer.result()
        raise TimeoutError(f"no answer within {seconds:g} s") from None
