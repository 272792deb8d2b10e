"""Memory of a serving process: what a snippet used goes back to the system.

glibc maps large arrays separately, but raises the size that counts as large each time such an array is freed. After
some snippets, tens of megabytes come from heaps that hardly ever shrink, eight heaps for every core. A fixed size
prevents that: large arrays stay mapped separately, and freeing them returns their memory; with few heaps, smaller
arrays share their reserve. A size below a snippet's usual arrays would cost time, because each page of a new mapping is
a fault.
"""

from __future__ import annotations

import ctypes

LARGE_BYTES = 8 * 2**20
"""Size from which an allocation is mapped separately, and free bytes above which a heap is trimmed."""
N_HEAPS = 2
"""Most heaps that the threads of the process share."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h


def give_back() -> bool:
    """Map large arrays separately and share heaps from now on; return whether the C library supports it (glibc does).

    Threads keep the heaps that they have: call it before they are started.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = {_M_MMAP_THRESHOLD: LARGE_BYTES, _M_TRIM_THRESHOLD: LARGE_BYTES, _M_ARENA_MAX: N_HEAPS}
    return all(mallopt(option, value) == 1 for option, value in options.items())
