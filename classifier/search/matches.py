"""Matches as answers hold them, from what was found."""

from __future__ import annotations

from typing import Any

from classifier.results import Match, Track


def named(track: Track) -> dict[str, Any]:
    """Return what names a match's track."""
    return {
        "track_id": track.id,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "source": track.source,
        "ids": track.ids,
    }


def unaligned(track: Track, place: int, verdict: str, **values: Any) -> Match:
    """Return a match that divergence alone found."""
    role = "match" if place == 0 and verdict == "identified" else "candidate"
    values |= dict.fromkeys(("query_start_s", "query_end_s", "agreement", "z"))
    return Match(**named(track), role=role, recording=place, **values)
