"""Memory of a serving process: what a snippet needed goes back to the system, not into a reserve.

glibc raises the size above which an array gets a mapping of its own whenever such an array is freed, so that after
some snippets tens of megabytes come out of heaps that hardly ever shrink, of which it makes eight for every core. With
a fixed size large arrays are mapped, and gone once they are freed; with few heaps the smaller ones share their reserve.
A size below a snippet's usual arrays would cost time: each page of a fresh mapping is a fault.
"""

from __future__ import annotations

import ctypes

LARGE_BYTES = 8 * 2**20
"""Size from which an allocation has a mapping of its own, and free bytes above which a heap is cut."""
N_HEAPS = 2
"""Most heaps that the threads of the process share."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h


def give_back() -> bool:
    """Have large arrays mapped and heaps shared from now on; return whether the C library can: glibc does.

    Threads keep the heaps that they have: call it before they are started.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    options = {_M_MMAP_THRESHOLD: LARGE_BYTES, _M_TRIM_THRESHOLD: LARGE_BYTES, _M_ARENA_MAX: N_HEAPS}
    return all(mallopt(option, value) == 1 for option, value in options.items())
