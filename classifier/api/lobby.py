"""Connections that wait without a thread: whose they are, until when they wait, and which to close for room."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

Guest = TypeVar("Guest", bound=Hashable)


class Lobby(Generic[Guest]):
    """Waiting connections, each with a deadline, grouped by caller. Not thread-safe: only the event loop uses it."""

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
        """Add a connection.

        Parameters
        ----------
        guest : hashable
            The connection.
        caller : str
            Who opened it.
        deadline : float
            Time of the monotonic clock until which it may wait.
        """
        self._deadlines[guest] = deadline
        self._callers.setdefault(caller, {})[guest] = None

    def extend(self, guest: Guest, deadline: float) -> None:
        """Change a waiting connection's deadline."""
        self._deadlines[guest] = deadline

    def hurry(self, deadline: float) -> None:
        """Let no connection wait beyond ``deadline``."""
        for guest, own in self._deadlines.items():
            self._deadlines[guest] = min(own, deadline)

    def leave(self, guest: Guest, caller: str) -> None:
        """Remove a connection."""
        del self._deadlines[guest]
        others = self._callers[caller]
        del others[guest]
        if not others:
            del self._callers[caller]

    def overdue(self, now: float) -> list[Guest]:
        """Return the connections whose deadline has passed."""
        return [guest for guest, deadline in self._deadlines.items() if deadline <= now]

    def dispensable(self) -> Guest | None:
        """Return the oldest connection of the caller with most waiting ones; None if none waits."""
        crowd = max(self._callers.values(), key=len, default=None)
        return None if crowd is None else next(iter(crowd))
