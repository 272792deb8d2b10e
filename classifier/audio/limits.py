"""What decoding a file may cost: bytes, seconds of audio, channels, time and memory.

Used by parent and child, so it imports nothing of Earmark at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classifier.settings import Settings

#: Least wall-clock seconds allowed for a track, however short.
_TRACK_WALL_S = 20.0
#: Sampling rate at which a track with the most channels may reach the limit of seconds (with two channels: 192 kHz).
_TRACK_RATE_HZ = 48000
#: Seconds after which a connection is made anew, and in which a stream has to give sound.
_CONNECTION_S, _STALL_S = 86400.0, 30.0
#: The setting behind a limit of a snippet, of a track and of a recording.
_SETTINGS = {
    "bytes": ("snippet_bytes", "track_bytes", "label_bytes", "recording_bytes"),
    "seconds": ("snippet_seconds", "track_seconds", "label_seconds", "recording_seconds"),
    "decoded bytes": ("snippet_decode_bytes", "track_seconds", "label_seconds", "recording_seconds"),
    "wall clock": ("snippet_decode_seconds", "track_decode_seconds", "track_decode_seconds", "track_decode_seconds"),
}
_KINDS = ("snippet", "track", "label", "recording")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may cost.

    Parameters
    ----------
    max_bytes : int or None
        Of the file, checked before a byte of it is read. None: any number; the other limits hold.
    max_seconds : float
        Of audio, counted while decoding.
    max_decoded_bytes : int
        Of native PCM, counted while decoding.
    max_channels, min_rate, max_rate : int
        Channels, and sampling rate in Hz.
    wall_s : float
        Wall-clock seconds that decoding may take; a minimum if ``wall_per_hour_s`` is set. Time that the receiver of
        the samples takes does not count.
    memory_bytes : int
        Address space of the child, in total.
    wall_per_hour_s : float
        Wall-clock seconds for each hour of audio promised or decoded so far; 0: only ``wall_s`` counts.
    kind : str
        ``snippet``, ``label`` or ``recording``: what remains of a damaged file is used, with a remark. ``track`` or
        ``file``: a file that is not whole is refused. Messages name the settings of the kind; for a ``file``, none.
    """

    max_bytes: int | None
    max_seconds: float
    max_decoded_bytes: int
    max_channels: int
    min_rate: int
    max_rate: int
    wall_s: float
    memory_bytes: int
    wall_per_hour_s: float = 0.0
    kind: str = "file"

    @classmethod
    def for_snippet(cls, settings: Settings) -> Limits:
        """Return the limits of a recorded snippet."""
        return cls(
            max_bytes=settings.snippet_bytes,
            max_seconds=settings.snippet_seconds,
            max_decoded_bytes=settings.snippet_decode_bytes,
            max_channels=settings.max_channels,
            min_rate=settings.min_source_rate,
            max_rate=settings.max_source_rate,
            wall_s=settings.snippet_decode_seconds,
            memory_bytes=settings.decoder_memory_bytes,
            kind="snippet",
        )

    @classmethod
    def for_track(cls, settings: Settings) -> Limits:
        """Return the limits of a file to enroll; the decoded bytes follow from its seconds."""
        return cls(
            max_bytes=settings.track_bytes,
            max_seconds=settings.track_seconds,
            max_decoded_bytes=int(settings.track_seconds * _TRACK_RATE_HZ * settings.max_channels * 4),
            max_channels=settings.max_channels,
            min_rate=settings.min_source_rate,
            max_rate=settings.max_source_rate,
            wall_s=_TRACK_WALL_S,
            memory_bytes=settings.decoder_memory_bytes,
            wall_per_hour_s=settings.track_decode_seconds,
            kind="track",
        )

    @classmethod
    def for_labels(cls, settings: Settings) -> Limits:
        """Return the limits of an upload that is to be labelled: as of a track, but damaged ones are heard too."""
        seconds = settings.label_seconds
        return replace(
            cls.for_track(settings),
            max_bytes=settings.label_bytes,
            max_seconds=seconds,
            max_decoded_bytes=int(seconds * _TRACK_RATE_HZ * settings.max_channels * 4),
            kind="label",
        )

    @classmethod
    def for_recording(cls, settings: Settings) -> Limits:
        """Return the limits of a long recording to listen to: hours, whole or cut off."""
        return replace(
            cls.for_track(settings),
            max_bytes=settings.recording_bytes,
            max_seconds=settings.recording_seconds,
            max_decoded_bytes=int(settings.recording_seconds * _TRACK_RATE_HZ * settings.max_channels * 4),
            kind="recording",
        )

    @classmethod
    def for_stream(cls, settings: Settings) -> Limits:
        """Return the limits of one connection to what comes live: a day of it, with some sound every half minute."""
        return replace(
            cls.for_track(settings),
            max_bytes=None,
            max_seconds=_CONNECTION_S,
            max_decoded_bytes=int(_CONNECTION_S * settings.max_source_rate * settings.max_channels * 8),
            wall_s=_STALL_S,
            kind="file",
        )

    def for_own_file(self) -> Limits:
        """Return the same limits for a file on the user's own disk, which may have any size."""
        return replace(self, max_bytes=None)

    def of(self, source: bytes | Path) -> Limits:
        """Return the limits of a source: a path is a file of the user's own."""
        return self.for_own_file() if isinstance(source, Path) else self

    def remedy(self, limit: str) -> str:
        """Return the end of a message: what else to do, and the setting behind a limit; empty if there is none.

        Parameters
        ----------
        limit : {"bytes", "seconds", "decoded bytes", "wall clock"}
        """
        if self.kind not in _KINDS:
            return ""
        other = ", ask for a tracklist of it" if (self.kind, limit) == ("snippet", "seconds") else ""
        return f"{other}, or raise the setting {_SETTINGS[limit][_KINDS.index(self.kind)]}"
