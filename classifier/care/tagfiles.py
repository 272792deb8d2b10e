"""What a file lacks in tags and the catalogue knows: recognise the recording in a file, and write it there.

A file is known by its encoded audio or its samples; else it has to be one recording from front to back: pieces from all
over it are identified, all of them must name one track (or copies of one recording), and each at the place where it
lies in the file. Where copies contradict each other, nothing is taken from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.audio.decoder import Audio
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.errors import SnippetSilent, SnippetTooShort
from classifier.extras import needing
from classifier.index.follower import View
from classifier.records import tracks
from classifier.results import Track

#: Seconds of a piece, and how many pieces of a file are identified at most.
PIECE_S, PIECES = 10.0, 3
#: Seconds by which a piece may lie elsewhere in the track than in the file.
SLACK_S = 1.0


@dataclass(frozen=True, slots=True)
class Recognised:
    """What is known of a file.

    Parameters
    ----------
    tracks : list of Track
        The track, or copies of one recording; empty if it is not known.
    way : str
        ``audio`` if the catalogue holds this very audio, ``identified``, or ``unknown``.
    lacking : dict of str to str
        What the catalogue knows of it and the file's tags do not say.
    """

    tracks: list[Track]
    way: str
    lacking: dict[str, str]


def recognise(catalogue: Catalogue, path: Path, view: View | None = None) -> Recognised:
    """Find out which recording a file holds, and what its tags lack; nothing is changed.

    Parameters
    ----------
    catalogue : Catalogue
        Which knows the recordings.
    path : Path
        An audio file.
    view : View, optional
        What to search, from :meth:`Catalogue.view`.

    Raises
    ------
    AudioError
        If the file is not usable audio.
    """
    known, tags, audio = held(catalogue, path)
    if known is not None:
        return Recognised([known], "audio", lacking([known], tags))
    named = _identified(catalogue, audio, view) if audio is not None else []
    return Recognised(named, "identified" if named else "unknown", lacking(named, tags))


def held(catalogue: Catalogue, path: Path) -> tuple[Track | None, dict[str, str], Audio | None]:
    """Return the track that a catalogue holds of a file's very audio, the file's tags, and its audio if it was decoded.

    Raises
    ------
    AudioError
        If the file is not usable audio.
    """
    limits = Limits.for_track(catalogue.settings).for_own_file()
    tagged = catalogue.decoder.probe(path, limits)
    store, name = catalogue.store, catalogue.name
    if tagged.packet_hash and (known := tracks.find(store, name, packet_hash=tagged.packet_hash)):
        return known, tagged.tags, None
    audio = catalogue.decoder.decode(path, limits, catalogue.config.sample_rate)
    return tracks.find(store, name, content_hash=audio.content_hash), tagged.tags, audio


def lacking(found: Sequence[Track], tags: dict[str, str]) -> dict[str, str]:
    """Return what tracks that are one recording say, all of those that say anything, and a file's tags do not."""
    fields = {}
    for name in tracks.TAGGED:
        values = {value for track in found if (value := _said(track, name))}
        if len(values) == 1 and not tags.get(name):
            fields[name] = values.pop()
    return fields


def _said(track: Track, name: str) -> str | None:
    value: str | None = getattr(track, name)
    # A track whose file had no title goes by the file's name, which is nobody's title.
    is_file_name = name == "title" and value == track.source and name not in track.by_hand
    return None if is_file_name else value


def _identified(catalogue: Catalogue, audio: Audio, view: View | None) -> list[Track]:
    """Return the copies of the one recording that all of a file is; empty if it is not one, or unknown."""
    found: dict[str, Track] | None = None
    places: dict[str, list[float]] = {}
    rate, n_piece = audio.sample_rate, round(PIECE_S * audio.sample_rate)
    n_pieces = min(PIECES, max(1, len(audio.samples) // n_piece))
    for number in range(n_pieces):
        start = max(0, round((number + 0.5) / n_pieces * len(audio.samples) - n_piece / 2))
        piece = replace(audio, samples=audio.samples[start : start + n_piece])
        try:
            tag = catalogue.identify_audio(piece, view=view)
        except (SnippetSilent, SnippetTooShort):
            continue
        named = tag.matches[: tag.tied]
        for match in named:
            if match.offset_s is not None:
                places.setdefault(match.track_id, []).append(match.offset_s - start / rate)
        here = {match.track_id: catalogue.track(match.track_id) for match in named}
        found = here if found is None else {key: track for key, track in found.items() if key in here}
    together = [
        track
        for key, track in (found or {}).items()
        if max(places.get(key, [0.0])) - min(places.get(key, [0.0])) <= SLACK_S
    ]
    return sorted(together, key=lambda track: track.id)


def write(catalogue: Catalogue, path: Path, fields: dict[str, str]) -> None:
    """Write fields into a file's tags; the file stays as it was unless its sound is the same and it says all of them.

    Raises
    ------
    TagsNotWritten
        If that is not so, or the file is of a kind that holds no tags.
    InvalidConfig
        If the package that writes tags is not installed.
    AudioError
        If the file is not usable audio.
    """
    with needing("tags", "writing tags"):
        from classifier.audio.tagwriting import write_tags

    limits = Limits.for_track(catalogue.settings).for_own_file()

    def fault(before: Path, after: Path) -> str:
        old, new = catalogue.decoder.probe(before, limits), catalogue.decoder.probe(after, limits)
        same = old.packet_hash == new.packet_hash
        if not old.packet_hash:
            rate = catalogue.config.sample_rate
            old_audio, new_audio = (catalogue.decoder.decode(file, limits, rate) for file in (before, after))
            same = old_audio.content_hash == new_audio.content_hash
        if not same:
            return "the file's sound would not be the same with new tags"
        missing = [name for name, value in fields.items() if new.tags.get(name) != value]
        return f"files of this kind do not hold {', '.join(missing)}" if missing else ""

    write_tags(path, fields, fault)
