"""What sounds alike in one catalogue, kept in step with it; and its map."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from classifier.audio import level
from classifier.audio.limits import Limits
from classifier.catalogue import Catalogue
from classifier.errors import InvalidParameter, SnippetSilent, SnippetTooShort
from classifier.index.follower import View
from classifier.index.snapshot import Snapshot
from classifier.likeness import layout
from classifier.likeness.nearest import Alike, Neighbourhood
from classifier.likeness.sounds import Sounds, of_windows, take
from classifier.mixtures.divergence import Packed
from classifier.models.track import model_track
from classifier.records.maps import StoredMap, load_map, save_map
from classifier.results import Track

#: Share of a library's tracks that may be placed only, before its map is laid out anew.
OUTGROWN = 0.25
#: Tracks of the map among which later ones are placed.
_ANCHORS = 1500


@dataclass(frozen=True, slots=True)
class Heard:
    """A recording that was compared with the library.

    Parameters
    ----------
    sound : Packed
        One Gaussian.
    duration_s : float
        Length of the recording, seconds.
    remarks : list of str
        What is wrong with it, as :attr:`classifier.results.Tag.remarks`.
    """

    sound: Packed
    duration_s: float
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class Map:
    """A map of all tracks that can be compared.

    Parameters
    ----------
    tracks : list of Track
        n tracks.
    places : np.ndarray, shape (n, 2), float64
        Where each lies, from 0 to 1.
    placed : np.ndarray, shape (n,), bool
        Which came after the map was laid out.
    created : str
        When it was laid out; empty if it never was.
    """

    tracks: list[Track]
    places: np.ndarray
    placed: np.ndarray
    created: str

    @property
    def outgrown(self) -> bool:
        """Whether it should be laid out anew: too many tracks came since, or it never was."""
        return not self.created or int(self.placed.sum()) > OUTGROWN * len(self.tracks)


@dataclass
class Likeness:
    """Answers what sounds alike in a catalogue; safe to share between threads.

    Parameters
    ----------
    catalogue : Catalogue
        Open for as long as this is used.
    """

    catalogue: Catalogue
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: tuple[Snapshot, Neighbourhood] | None = None

    def neighbourhood(self) -> tuple[View, Neighbourhood]:
        """Return the tracks as they are now, and how they compare.

        Takes some seconds for the first time in large libraries, and little once a few tracks have changed.

        Raises
        ------
        InvalidParameter
            In a compact catalogue.
        """
        if self.catalogue.config.is_compact:
            raise InvalidParameter(
                f"catalogue {self.catalogue.name!r} is compact: it keeps no mixtures, which say what sounds alike"
            )
        view = self.catalogue.view()
        with self._lock:
            known = self._known
            if known is None or known[0] is not view.snapshot:
                before = None if known is None else known[1].sounds
                sounds = Sounds.of(view.snapshot, self.catalogue.config.n_mfcc, before)
                unchanged = before is not None and known is not None and before.keys == sounds.keys
                known = (view.snapshot, known[1] if unchanged and known is not None else Neighbourhood.of(sounds))
                self._known = known
            return view, known[1]

    def of_track(self, track_id: str) -> Packed:
        """Return the sound of a track.

        Raises
        ------
        TrackNotFound
            If it is not in the catalogue.
        SnippetSilent
            If nothing of it can be heard.
        """
        track = self.catalogue.track(track_id)
        _, near = self.neighbourhood()
        ids = near.sounds.ids
        if track.id not in ids:
            raise SnippetSilent(f"track {track.title!r} varies too little to sound like anything")
        return take(near.sounds.gaussians, np.array([ids.index(track.id)]))

    def of_file(self, source: bytes | Path) -> Heard:
        """Return the sound of a recording, within the limits of recordings to label.

        Raises
        ------
        SnippetTooShort, SnippetSilent
            If there is too little to go by.
        AudioError
            If it is not usable audio.
        """
        catalogue = self.catalogue
        limits = Limits.for_labels(catalogue.settings).of(source)
        audio = catalogue.decoder.decode(source, limits, catalogue.config.sample_rate)
        least = catalogue.settings.min_snippet_seconds
        if audio.duration_s < least:
            raise SnippetTooShort(
                f"the recording has {audio.duration_s:.2f} s of sound; at least {least:g} s are needed"
            )
        if level.is_silent(audio.loudest, audio.step):
            raise SnippetSilent("the recording is silent: there is nothing in it to compare")
        samples = level.levelled(audio.samples, audio.loudest)
        model = model_track(samples, catalogue.config, catalogue.background())
        sound = of_windows(model.mixtures, ~model.silent.astype(bool))
        if sound is None:
            raise SnippetSilent("the recording varies too little to sound like anything: steady tones or noise do")
        return Heard(sound, audio.duration_s, audio.remarks)

    def nearest(self, sound: Packed, top: int = 10, leave_out: str | None = None) -> list[tuple[Track, Alike]]:
        """Return the tracks that sound most like something, and why; see :meth:`Neighbourhood.nearest`."""
        view, near = self.neighbourhood()
        found = near.nearest(sound, top, leave_out)
        return [(view.tracks[alike.track_id], alike) for alike in found if alike.track_id in view.tracks]

    def lay_out(self) -> None:
        """Lay the map out anew and store it: at most :data:`classifier.likeness.layout.MOST` tracks.

        Raises
        ------
        InvalidConfig
            Without scikit-learn.
        """
        _, near = self.neighbourhood()
        sounds = _spread(near.sounds, layout.MOST)
        places = layout.lay_out(sounds)
        save_map(self.catalogue.store, self.catalogue.id, sounds.ids, places)

    def map(self) -> Map:
        """Return the map: tracks that came since it was laid out are placed among those that sound alike."""
        view, near = self.neighbourhood()
        stored = load_map(self.catalogue.store, self.catalogue.id)
        sounds = near.sounds
        keep = [row for row, track_id in enumerate(sounds.ids) if track_id in view.tracks]
        tracks = [view.tracks[sounds.ids[row]] for row in keep]
        places, placed = _places(sounds, stored)
        return Map(tracks, places[keep], placed[keep], "" if stored is None else stored.created)


def _spread(sounds: Sounds, most: int) -> Sounds:
    """Return at most so many tracks, evenly from all."""
    if len(sounds) <= most:
        return sounds
    rows = np.linspace(0, len(sounds) - 1, most).astype(np.int64)
    keys = tuple(sounds.keys[row] for row in rows)
    return Sounds(keys, sounds.statistics[rows], take(sounds.gaussians, rows), sounds.d)


def _places(sounds: Sounds, stored: StoredMap | None) -> tuple[np.ndarray, np.ndarray]:
    """Where each track lies, and whether it is placed only."""
    known = {} if stored is None else {track_id: row for row, track_id in enumerate(stored.ids)}
    rows = np.array([known.get(track_id, -1) for track_id in sounds.ids], np.int64)
    placed = rows < 0
    places = np.full((len(sounds), 2), 0.5)
    if stored is not None and not placed.all():
        places[~placed] = stored.places[rows[~placed]]
        if placed.any():
            (there,) = np.nonzero(~placed)
            anchors = there[np.unique(np.linspace(0, len(there) - 1, min(len(there), _ANCHORS)).astype(np.int64))]
            new = take(sounds.gaussians, np.flatnonzero(placed))
            places[placed] = layout.place(new, take(sounds.gaussians, anchors), places[anchors])
    return places, placed
