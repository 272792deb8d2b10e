"""Which enrolled recording a Chromaprint fingerprint is of: the question that AcoustID's clients ask.

Every fingerprint of about the same length is compared, at every small shift: 1 less twice the share of bits that
differ, which is about 0 for other music, times the share of the shorter one that is compared. This is another
fingerprint than Earmark's own, made for whole files: it names copies and encodings of a file, not a snippet in a bar.

Source: https://acoustid.org/webservice, "Lookup by fingerprint".
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.errors import InvalidParameter, TrackNotFound
from classifier.records import chromaprints, tracks
from classifier.records.catalogues import get_catalogue
from classifier.results import Track
from classifier.store.base import Store

#: Lengths may differ by so many seconds, fingerprints be shifted by so many words (ten seconds).
LENGTH_S, SHIFT = 7.0, 80
#: Least score that is answered, and most results.
LEAST, MOST = 0.3, 10
_SPACE = uuid.UUID("5b6f1b5e-6b60-4b57-a7c5-6d2d0f6c3a10")


@dataclass(frozen=True, slots=True)
class Found:
    """A track that a fingerprint may be of.

    Parameters
    ----------
    track : Track
    score : float in (0, 1]
    """

    track: Track
    score: float


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Return how alike two fingerprints are, 0 to 1.

    Parameters
    ----------
    a, b : np.ndarray, shape (n,) and (m,), uint32
    """
    least = min(a.size, b.size)
    best = 0.0
    for shift in range(-min(SHIFT, least - 1), min(SHIFT, least - 1) + 1):
        left, right = (a[shift:], b) if shift >= 0 else (a, b[-shift:])
        n = min(left.size, right.size)
        wrong = int(np.bitwise_count(left[:n] ^ right[:n]).sum()) / (32 * n)
        best = max(best, (1 - 2 * wrong) * n / least)
    return best


def lookup(store: Store, catalogue: str, words: np.ndarray, duration_s: float) -> list[Found]:
    """Return the tracks that a fingerprint may be of, the likeliest first.

    Parameters
    ----------
    store : Store
        Where the tracks are.
    catalogue : str
        Which of them.
    words : np.ndarray, shape (n,), uint32
        The fingerprint of the first two minutes.
    duration_s : float
        Length of the whole recording.

    Raises
    ------
    InvalidParameter
        If the catalogue is compact.
    """
    if get_catalogue(store, catalogue).config.get("profile") == "compact":
        raise InvalidParameter(f"catalogue {catalogue!r} is compact: it keeps no Chromaprint fingerprints")
    alike = []
    for track_id, other in chromaprints.of_length(store, catalogue, duration_s - LENGTH_S, duration_s + LENGTH_S):
        score = similarity(words, other)
        if score >= LEAST:
            alike.append((score, track_id))
    found: list[Found] = []
    for score, track_id in sorted(alike, reverse=True)[:MOST]:
        try:
            track = tracks.get_track(store, track_id)
        except TrackNotFound:  # removed a moment ago
            continue
        if all(track.id != other.track.id for other in found):  # merged tracks answer as one
            found.append(Found(track, score))
    return found


def result(found: Found, meta: Sequence[str]) -> dict[str, Any]:
    """Return one result as AcoustID gives it.

    The ids are AcoustID's and MusicBrainz's own where they are known; else they are made of the track's id, which is
    the recording's id then.

    Parameters
    ----------
    found : Found
    meta : sequence of str
        What is wanted of the recording: ``recordings``, or ``recordingids`` for ids alone.
    """
    track = found.track
    answer: dict[str, Any] = {"id": track.acoustid or str(uuid.uuid5(_SPACE, track.id)), "score": round(found.score, 6)}
    if "recordings" in meta or "recordingids" in meta:
        recording: dict[str, Any] = {"id": track.recording_mbid or track.id}
        if "recordings" in meta:
            recording |= {"title": track.title, "duration": round(track.duration_s)}
            if track.artist:
                recording["artists"] = _artists(track)
            if track.release_mbid or track.album:
                album = {"id": track.release_mbid, "title": track.album}
                recording["releases"] = [{name: value for name, value in album.items() if value}]
        answer["recordings"] = [recording]
    return answer


def _artists(track: Track) -> list[dict[str, str]]:
    ids = track.artist_mbids.split("; ") if track.artist_mbids else []
    name = {"name": track.artist or ""}
    return [{"id": ids[0], **name}] if len(ids) == 1 else [name]  # several ids do not say which name is whose
