"""Memory that is touched once is kept.

A step of training allocates and frees the same large tensors again and again. glibc hands blocks of that size back to
the system, and every page is then cleared anew when it is next touched; on a small machine that costs more than the
arithmetic. The program asks glibc to keep them.
"""

from __future__ import annotations

import ctypes
import functools
import gc

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # parameters of mallopt(3)


@functools.cache
def keep_memory() -> bool:
    """Tell glibc to reuse large blocks; False where the C library is another one."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))


def give_back() -> None:
    """Return the memory of a finished stage, whose tensors the next one will not ask for again."""
    gc.collect()
    if keep_memory():
        ctypes.CDLL(None).malloc_trim(0)
