"""Memory of a serving process: what a snippet needed goes back to the system, not into a reserve.

glibc raises the size above which an array gets a mapping of its own whenever such an array is freed, so that after
some snippets megabytes come out of heaps that never shrink, one for every few threads. A fixed size keeps it from that:
large arrays are mapped, and gone once they are freed.
"""

from __future__ import annotations

import ctypes

LARGE_BYTES = 2**20
"""Size from which an allocation has a mapping of its own, and free bytes above which a heap is cut."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def give_back() -> bool:
    """Have large arrays mapped from now on; return whether the C library can: glibc does."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, LARGE_BYTES) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
