"""A catalogue copied under another configuration: tracks modelled anew from their files, with what is said of them.

Models cannot be converted, and no audio is kept; so a copy needs the files. They are known by their encoded audio,
whatever they are called now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from classifier.care.tagfiles import held
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError, InvalidParameter
from classifier.records import tracks
from classifier.results import Track
from classifier.store.base import Store


def check_names(source: str, target: str) -> None:
    """Raise InvalidParameter if a catalogue would be copied into itself."""
    if source == target:
        raise InvalidParameter(f"catalogue {source!r} cannot be copied into itself: give the copy another name")


def copy_tracks(
    source: Catalogue,
    target: Catalogue,
    files: Iterable[Path],
    *,
    jobs: int = 1,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[Path, Track | EarmarkError | None]]:
    """Enroll into one catalogue what another holds, and yield each file with its track; None if it holds no such audio.

    Parameters
    ----------
    source, target : Catalogue
        From where, and to where. Tracks that the target holds already stay as they are.
    files : iterable of Path
        Where the audio may be.
    jobs : int >= 1
        Files worked on at the same time.
    stop : callable
        Asked before each batch of files; once true, the rest is left.
    """

    def one(path: Path) -> tuple[Path, Track | EarmarkError | None]:
        try:
            known, _, _ = held(source, path)
            if known is None:
                return path, None
            enrolled = target.enroll(path, source_name=known.source)
            return path, take_over(target.store, enrolled.track, known)
        except EarmarkError as error:
            return path, error

    rest = iter(files)
    with ThreadPoolExecutor(jobs) as pool:
        while not stop() and (batch := list(islice(rest, 2 * jobs))):
            yield from pool.map(one, batch)


def missing(source: Catalogue, target: Catalogue) -> list[Track]:
    """Return the tracks of one catalogue whose audio another does not hold, by title."""
    there = {track.content_hash for track in target.tracks()}
    return [track for track in source.tracks() if track.content_hash not in there]


def take_over(store: Store, copy: Track, known: Track) -> Track:
    """Give a copy what is said of its original, unless a person has edited the copy, or all is so already."""
    said = ("title", "artist", "album", "source", "metadata", "ids", "by_hand")
    if copy.by_hand or all(getattr(copy, name) == getattr(known, name) for name in said):
        return copy
    return tracks.copy_fields(store, copy.id, known)
