"""What is playing now, told from the events of a listener."""

from __future__ import annotations

from classifier.listening.segments import Event, Segment


class Playing:
    """Follows events; of tracks that sound at once, the one that came in last is playing.

    Only what is confirmed counts: an overlay that shows a wrong name for a moment is worse than one that is late.
    """

    def __init__(self) -> None:
        self._sounding: dict[str, Segment] = {}

    def take(self, event: Event) -> bool:
        """Take the next event; return whether another track, or none, is playing now.

        Parameters
        ----------
        event : Event
            Of one listener, in order.
        """
        before = self.current
        segment = event.segment
        if event.kind != "withdrawn" and segment.kind == "track" and segment.state == "confirmed":
            self._sounding[segment.id] = segment
        else:
            self._sounding.pop(segment.id, None)
        now = self.current
        return _name(before) != _name(now)

    @property
    def current(self) -> Segment | None:
        """The track that plays, or None."""
        return max(self._sounding.values(), key=lambda s: (s.start_s, s.id), default=None)


def _name(segment: Segment | None) -> tuple[str | None, ...] | None:
    return None if segment is None else (segment.id, segment.track_id, segment.title, segment.artist)
