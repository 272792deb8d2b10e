"""A limited number of places, shared fairly: no caller can leave others without any."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

from classifier.errors import Busy


class Places:
    """Places; a caller for whom none is left is refused at once.

    A caller may hold at most as many places as remain free. One caller alone gets half of them, two get a third each,
    and a caller that holds none gets one as long as any is free.

    Parameters
    ----------
    n : int >= 1
        Number of places.
    """

    def __init__(self, n: int) -> None:
        self._free = n
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: str) -> Callable[[], None]:
        """Take a place for ``caller``; return the function that gives it back.

        Raises
        ------
        Busy
            If no place is free, or the caller already holds its share.
        """
        with self._lock:
            held = self._held[caller]
            if held >= self._free:
                whose = f"{held} of your uploads" if held else "as many uploads as the service takes"
                raise Busy(f"{whose} are already arriving: try again shortly")
            self._free -= 1
            self._held[caller] += 1
        return lambda: self._give_back(caller)

    def _give_back(self, caller: str) -> None:
        with self._lock:
            self._free += 1
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller]
