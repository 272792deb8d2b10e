"""Limits how many snippets are worked on and how many wait; the rest are refused at once.

The request's own thread does the work; the gate only decides when. numpy and numba release the interpreter's
lock, and decoding happens in child processes, so threads are enough. A place in the queue is taken before
decoding and a CPU place after it: a file that is slow to decode does not occupy the CPU.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from classifier.errors import Busy


class Gate:
    """Places for CPU-bound work, first come, first served.

    Parameters
    ----------
    workers : int >= 1
        Snippets worked on at the same time.
    queue : int >= 0
        Further snippets that may wait.
    what : str
        What they are, in the plural, for messages.
    """

    def __init__(self, workers: int, queue: int, what: str = "snippets") -> None:
        self._what = what
        self._workers = workers
        self._room = workers + queue
        self._inside = 0
        self.watch: Callable[[int], None] = lambda inside: None
        """Called with the number of snippets in work or waiting, whenever it changes."""
        self._active = 0
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()
        self._seconds = 0.5  # running mean of a snippet's CPU time

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place in the queue.

        Raises
        ------
        Busy
            At once, if the queue is full; ``retry_after_s`` estimates when there will be room again.
        """
        with self._lock:
            if self._inside >= self._room:
                error = Busy(f"{self._inside} {self._what} are being worked on or waiting: no more are taken right now")
                error.retry_after_s = min(60, max(1, round(self._seconds * self._inside / self._workers)))
                raise error
            self._inside += 1
            self.watch(self._inside)
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                self.watch(self._inside)

    @contextmanager
    def cpu(self) -> Iterator[None]:
        """Wait for a CPU place, and hold it."""
        turn = threading.Event()
        with self._lock:
            if self._active < self._workers:
                self._active += 1
                turn.set()
            else:
                self._waiting.append(turn)
        turn.wait()
        started = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._seconds += 0.1 * (time.monotonic() - started - self._seconds)
                if self._waiting:
                    self._waiting.popleft().set()  # hands the place on
                else:
                    self._active -= 1
