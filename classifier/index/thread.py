"""Threads that do an index's work beside queries: started while there is work, ended when none is left."""

from __future__ import annotations

import threading
from collections.abc import Callable


class WorkThread:
    """A thread that runs while there is work.

    Parameters
    ----------
    name : str
        The thread's name.
    run : callable
        Works until nothing is left, calls :meth:`ended` and returns; returns early if :attr:`stopping` is set.
    """

    def __init__(self, name: str, run: Callable[[], None]) -> None:
        self._name, self._run = name, run
        self.after_fork()

    def after_fork(self) -> None:
        """Continue without the parent's thread."""
        self.stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether the thread is at work."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def start(self) -> None:
        """Start the thread unless it is running or has been stopped; one caller at a time."""
        if not self.is_running and not self.stopping.is_set():
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def ended(self) -> None:
        """Note, from within the thread, that it is about to return, so that :meth:`start` starts another."""
        self._thread = None

    def stop(self) -> None:
        """Ask the thread to stop, and wait until it has; it is not started again."""
        self.stopping.set()
        thread = self._thread
        if thread is not None:
            thread.join()
