"""Deadlines for sockets on which a thread blocks.

gunicorn reads without a timeout. When a deadline passes, the watchdog closes the reading side of the connection;
the blocked thread then sees the end of its input and refuses the request.
"""

from __future__ import annotations

import heapq
import itertools
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress


class Watchdog:
    """Calls a function when its deadline has passed; one thread serves all deadlines of the process."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, list[Callable[[], float | None]]]] = []
        self._numbers = itertools.count()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, seconds: float, overdue: Callable[[], float | None]) -> Callable[[], None]:
        """Call ``overdue`` after ``seconds``; if it returns a number, call it again after that many seconds.

        Returns
        -------
        callable
            Cancels the call.
        """
        call = [overdue]  # emptied to cancel
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            heapq.heappush(self._heap, (time.monotonic() + seconds, next(self._numbers), call))
            self._wake.notify()
        return call.clear

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._heap or self._heap[0][0] > time.monotonic():
                    self._wake.wait(self._heap[0][0] - time.monotonic() if self._heap else None)
                _, number, call = heapq.heappop(self._heap)
            more = call[0]() if call else None
            if more is not None:
                with self._wake:
                    heapq.heappush(self._heap, (time.monotonic() + more, number, call))


watchdog = Watchdog()


def stop_reading(sock: socket.socket) -> None:
    """Make readers of ``sock`` see end of input; an answer can still be written."""
    with suppress(OSError):  # the client may have gone
        sock.shutdown(socket.SHUT_RD)
