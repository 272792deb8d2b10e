"""How to listen."""

from __future__ import annotations

from dataclasses import dataclass

from classifier.errors import InvalidParameter
from classifier.fingerprint import bits


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """How to listen.

    Parameters
    ----------
    false_segments_per_day : float > 0
        False segments allowed in 24 hours of sound that is not enrolled.
    known_prior : float in (0, 1)
        Share of what is played that is enrolled, for ``confidence``.
    bandwidth_hz : float > 0
        Highest frequency that the recording can hold: 3,400 for a telephone.
    search_every : int >= 1
        Looks, each of about a second, from one search of the catalogue to the next. More take less time, and tracks are
        named later: for recordings that are there as a whole (``RECORDED``), where a track is read back to its
        beginning whenever it is found. From 2, each search is for tracks at their own speed, and for some others.
    """

    false_segments_per_day: float = 1.0
    known_prior: float = 0.5
    bandwidth_hz: float = bits.F_HIGH
    search_every: int = 1

    def __post_init__(self) -> None:
        if not self.false_segments_per_day > 0:
            raise InvalidParameter(
                f"false_segments_per_day is {self.false_segments_per_day}: it must be more than 0, such as 1"
            )
        if not 0 < self.known_prior < 1:
            raise InvalidParameter(f"known_prior is {self.known_prior}: it must be between 0 and 1")
        if not self.bandwidth_hz > 0:
            raise InvalidParameter(f"bandwidth_hz is {self.bandwidth_hz}: it must be more than 0")
        if self.search_every < 1:
            raise InvalidParameter(f"search_every is {self.search_every}: it must be 1 or more, such as 3")


#: How a recording is listened to that nobody waits for while it plays.
RECORDED = ListenOptions(search_every=3)
