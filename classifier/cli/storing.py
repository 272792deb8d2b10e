"""``earmark listen --store-as``: what is heard goes into the store as it is heard, as a monitor with its tracklist."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from classifier.errors import EarmarkError
from classifier.records import monitors
from classifier.work import webhooks

if TYPE_CHECKING:
    from classifier.catalogue import Catalogue
    from classifier.listening.engine import Listener
    from classifier.listening.segments import Event

#: Seconds between two signs of life.
_ALIVE_S = 5.0


class Storing:
    """Writes each change down, and says now and then that the listener lives.

    A store that is away is no reason to stop listening: what was missed is written at the end.

    Parameters
    ----------
    catalogue : Catalogue
        That is listened for; its store is written to.
    listener : Listener
        What is heard.
    name : str
        Of the monitor.
    source : str
        What is listened to, as people may read it.
    note : callable
        Takes what is worth telling a person.

    Raises
    ------
    InvalidParameter, MonitorBusy
        As :func:`classifier.records.monitors.begin` does.
    """

    def __init__(
        self, catalogue: Catalogue, listener: Listener, name: str, source: str, note: Callable[[str], None]
    ) -> None:
        self._listener = listener
        self._note = note
        self._store = catalogue.store
        self._monitor = monitors.begin(catalogue.store, name, catalogue=catalogue.name, source=source)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._live, name="monitor", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Write one change down."""
        self._monitor.writer.take(event.to_dict(), self._listener.heard_s)

    def close(self) -> None:
        """Write down all that was heard, stretches without a track too, and give the name back."""
        self._ended.set()
        self._thread.join()
        self._monitor.writer.sync((s.to_dict() for s in self._listener.segments()), self._listener.heard_s)
        self._monitor.end()
        webhooks.announce(self._store, "tracklist.finished", self._monitor.writer.id)

    def _live(self) -> None:
        failed = False
        while not self._ended.wait(_ALIVE_S):
            try:
                self._monitor.alive(self._listener.heard_s)
                failed = False
            except EarmarkError as error:
                if not failed:
                    self._note(f"what is heard is not stored right now: {error}")
                failed = True
