"""A side's half of the protocol: after each step it says what the step took, and waits until it is told to go on.

What a side says is one line of JSON on its standard output; whatever a library prints goes to standard error.
"""

import json
import os
import sys
import time
from pathlib import Path


class Turns:
    """Times the stretch between being released and the end of the next step: data, sampling, reference, optimiser."""

    def __init__(self) -> None:
        self._line = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._released: float | None = None

    def ended(self, tokens: int) -> None:
        """Called at the end of every step, which learnt from (or sampled) so many tokens."""
        seconds = None if self._released is None else time.perf_counter() - self._released
        print(json.dumps({"seconds": seconds, "tokens": tokens, "peak": peak()}), file=self._line, flush=True)
        if not sys.stdin.readline():
            os._exit(0)  # the parent has closed the pipe: all rounds are done, and nothing is to be saved
        self._released = time.perf_counter()


def peak() -> int:
    """The most memory this process has had in RAM so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
