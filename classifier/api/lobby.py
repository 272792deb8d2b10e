"""Connections that no thread works on: who waits, until when, and who has to go when room runs out."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Guest = TypeVar("Guest", bound=Hashable)


class Lobby(Generic[Guest]):
    """Waiting connections, each with a deadline, grouped by caller. Not thread-safe: the event loop's own."""

    def __init__(self) -> None:
        self._deadlines: dict[Guest, float] = {}
        self._callers: dict[str, dict[Guest, None]] = {}

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._deadlines)

    def __contains__(self, guest: object) -> bool:
        """Return whether a connection waits."""
        return guest in self._deadlines

    def enter(self, guest: Guest, caller: str, deadline: float) -> None:
        """Take a connection in.

        Parameters
        ----------
        guest : hashable
            The connection.
        caller : str
            Whose it is.
        deadline : float
            Time of the monotonic clock at which it has waited long enough.
        """
        self._deadlines[guest] = deadline
        self._callers.setdefault(caller, {})[guest] = None

    def extend(self, guest: Guest, deadline: float) -> None:
        """Give a waiting connection another deadline."""
        self._deadlines[guest] = deadline

    def hurry(self, deadline: float) -> None:
        """Let nobody wait beyond ``deadline``."""
        for guest, own in self._deadlines.items():
            self._deadlines[guest] = min(own, deadline)

    def leave(self, guest: Guest, caller: str) -> None:
        """Let a connection go."""
        del self._deadlines[guest]
        others = self._callers[caller]
        del others[guest]
        if not others:
            del self._callers[caller]

    def overdue(self, now: float) -> list[Guest]:
        """Return the connections whose deadline has passed."""
        return [guest for guest, deadline in self._deadlines.items() if deadline <= now]

    def dispensable(self) -> Guest | None:
        """Return the connection that has waited longest of the caller that has most waiting; None if none waits."""
        crowd = max(self._callers.values(), key=len, default=None)
        return None if crowd is None else next(iter(crowd))
