"""Memory of a serving process: what a snippet used goes back to the system.

glibc maps large arrays separately, but raises the size that counts as large each time such an array is freed. After
some snippets, megabytes come from heaps that never shrink, one heap for every few threads. A fixed size prevents that:
large arrays stay mapped separately, and freeing them returns their memory.
"""

from __future__ import annotations

import ctypes

LARGE_BYTES = 2**20
"""Size from which an allocation is mapped separately, and free bytes above which a heap is trimmed."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def give_back() -> bool:
    """Map large arrays separately from now on; return whether the C library supports it (glibc does)."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all(mallopt(option, LARGE_BYTES) == 1 for option in (_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD))
