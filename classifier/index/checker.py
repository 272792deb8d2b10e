"""The checker: a thread that compares mapped segments with their checksums and has damaged ones rebuilt.

It reads all that a process finds on disk when it starts, and everything again once an hour. Starting up waits for its
first second (``IndexFolder.wait``); after that it pauses between reads, to leave disk and processor to queries.
"""

from __future__ import annotations

import math
import threading
import time

from classifier.index.builder import Builder
from classifier.index.holdings import Holdings
from classifier.index.integrity import check
from classifier.index.manifest import Manifest
from classifier.index.thread import WorkThread

#: Seconds between checks of a segment.
_INTERVAL_S = 3600.0
#: Seconds after a check during which a segment is not suspected again.
_TRUSTED_S = 60.0
#: Seconds of reading before the first pause.
EAGER_S = 1.0
#: Length of a pause, as a multiple of the read before it.
_PAUSE = 3.0


class Checker:
    """Checks the segments of one index; hold the lock of ``holdings`` to call a method, unless it says otherwise.

    Parameters
    ----------
    holdings : Holdings
        What is mapped.
    manifest : Manifest
        Of its folder.
    builder : Builder
        Replaces what is damaged.
    """

    def __init__(self, holdings: Holdings, manifest: Manifest, builder: Builder) -> None:
        self._holdings, self._manifest, self._builder = holdings, manifest, builder
        self._checked: dict[str, float] | None = None
        self._thread = WorkThread("index check", self._run)

    def after_fork(self) -> None:
        """Continue without the parent's thread."""
        self._thread.after_fork()

    @property
    def is_running(self) -> bool:
        """Whether a segment is being checked; needs no lock."""
        return self._thread.is_running

    def start(self) -> None:
        """Start the thread if a segment is due and it is not running."""
        # Segments that this process finds when it starts are due at once; those published later are new.
        self._start(-math.inf if self._checked is None else time.monotonic())

    def suspect(self) -> None:
        """Check now everything not checked just before: a search failed, perhaps because of damage."""
        now = time.monotonic()
        self._checked = {name: moment for name, moment in (self._checked or {}).items() if now - moment < _TRUSTED_S}
        self._start(-math.inf)

    def _start(self, unseen: float) -> None:
        known = self._checked or {}
        self._checked = {name: known.get(name, unseen) for name in self._holdings.disk}
        if self._due() is not None:
            self._thread.start()

    def stop(self) -> None:
        """End the thread, in the middle of a segment if need be; call it without the lock."""
        self._thread.stop()

    def _due(self) -> str | None:
        """Return the segment that has waited longest, if it has waited long enough."""
        waiting = {name: moment for name, moment in (self._checked or {}).items() if name in self._holdings.disk}
        name = min(waiting, key=lambda name: waiting[name], default=None)
        return name if name is not None and time.monotonic() - waiting[name] >= _INTERVAL_S else None

    # --- the thread -----------------------------------------------------------------------------------------

    def _run(self) -> None:
        pauses = _Pauses(self._thread.stopping)
        while True:
            with self._holdings.lock:
                name = self._due()
                if name is None:
                    self._thread.ended()
                    self._holdings.lock.notify_all()
                    return
            try:
                check(self._manifest.folder / name, self._manifest.profile, pauses)
            except _Stopped:
                return
            except (ValueError, OSError) as error:
                self._replace(name, error)
            with self._holdings.lock:
                if self._checked is not None:
                    self._checked[name] = time.monotonic()

    def _replace(self, name: str, fault: Exception) -> None:
        with self._holdings.lock:
            self._builder.catch_up()
            if name in self._holdings.disk:  # otherwise another process has replaced or withdrawn it
                self._builder.replace(name, fault)
            self._builder.start()


class _Stopped(Exception):
    pass


class _Pauses:
    """Called between reads: waits ``_PAUSE`` times as long as the last read took; raises when it is time to stop."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._begun = self._since = time.monotonic()

    def __call__(self) -> None:
        now = time.monotonic()
        if self._stopping.wait(_PAUSE * (now - self._since) if now - self._begun >= EAGER_S else 0.0):
            raise _Stopped
        self._since = time.monotonic()
