"""Tracks of a library labelled: from what is remembered of their files, else from the files where those still are.

Segments of a tracklist, too, from the recording (:func:`label_segments`).

No audio is kept of a track, so labels need its file once. What was heard of it stays in the data folder's features, by
the file's hash; another model is asked about that without the file. A file is known by its hash, else by its encoded
audio or its samples, whatever it is called now.

A track is labelled anew if the model that answers is another one than that of its labels; else it is left alone. So a
run that was stopped goes on where it was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from classifier.audio.hashing import file_hash
from classifier.audio.limits import Limits
from classifier.care.tagfiles import held
from classifier.catalogue import Catalogue
from classifier.errors import EarmarkError, FileMissing, ModelNotFound, SnippetSilent, SnippetTooShort
from classifier.labels import weights
from classifier.labels.answers.asking import Question, ask, choose, tasks_of
from classifier.labels.answers.lively import MODEL, lively
from classifier.labels.extractors import DEFAULT, extractor
from classifier.labels.hearing import Ears, Progress, Remembered, Source, check_hears_stretches, stretch_of
from classifier.labels.scoring.registry import Registry
from classifier.labels.tagging import tagged
from classifier.labels.tags import most_telling
from classifier.listening.segments import Segment
from classifier.records import labels, tracks
from classifier.records.clock import now
from classifier.results import Track

TAGS, MOOD = "tags", "mood"
#: Tags that are said of a track: those that tell most.
TAGS_SAID = 5
#: Segments that are labelled: what else there is to hear is no music.
_MUSIC = ("track", "unknown")


@dataclass(frozen=True, slots=True)
class Asked:
    """A task, what answers, and how.

    Parameters
    ----------
    task, model : str
        What is named, and the version of the model.
    sha256 : str
        What the model is: two models of one version and hash say the same.
    entry : callable
        ``entry(ears, source, at)`` is what is kept of a recording (:func:`classifier.records.labels.entry`).
    needs : sequence of str
        The extractors that it hears by.
    """

    task: str
    model: str
    sha256: str
    entry: Callable[[Ears, Source, str], dict[str, Any]]
    needs: Sequence[str] = (DEFAULT,)

    def is_current(self, track: Track, before: str | None = None) -> bool:
        """Return whether a track's labels are this model's, and not older than ``before``."""
        said = track.labels.get(self.task)
        return (
            said is not None
            and (said["model"], said["sha256"]) == (self.model, self.sha256)
            and (before is None or said["at"] >= before)
        )


def asked(registry: Registry, weights_dir: Path, tasks: Sequence[str] = ()) -> list[Asked]:
    """Return what answers for each task; without ``tasks``, all that can be asked: tags, genre, mood, and one's own.

    Raises
    ------
    ModelNotFound, InvalidModel, WeightsMissing
        If a task has no model, or it is damaged, or its weights are missing; without ``tasks``, if all have.
    """
    if tasks:
        return [_one(registry, weights_dir, task) for task in dict.fromkeys(tasks)]
    found, refusal = [], None
    for task in dict.fromkeys([TAGS, *tasks_of(registry), MOOD]):
        try:
            found.append(_one(registry, weights_dir, task))
        except EarmarkError as error:
            refusal = refusal or error
    if not found and refusal is not None:
        raise refusal
    return found


def _one(registry: Registry, weights_dir: Path, task: str) -> Asked:
    network = extractor(DEFAULT).id
    if task == TAGS:
        weights.manifest(DEFAULT, weights_dir)
        return Asked(TAGS, DEFAULT, network, _tags)
    try:
        chosen = choose(registry, task, None, weights_dir)
    except ModelNotFound:
        if task != MOOD:
            raise
        weights.manifest(DEFAULT, weights_dir)
        return Asked(MOOD, MODEL, network, _mood)

    def entry(ears: Ears, source: Source, at: str) -> dict[str, Any]:
        answer = ask(chosen, ears, source, Question())
        return labels.entry(version, sha256, answer.decision, answer.labels, answer.distribution, at)

    version, sha256 = chosen.stored.version, str((chosen.stored.manifest or {})["sha256"])
    return Asked(task, version, sha256, entry, chosen.needs)


def _tags(ears: Ears, source: Source, at: str) -> dict[str, Any]:
    try:
        found = tagged(ears.hear(source))["tags"]
    except (SnippetSilent, SnippetTooShort):
        found = []
    told = [score["tag"] for score in most_telling(found, TAGS_SAID)]
    likely = sorted(((score["tag"], score["probability"]) for score in found), key=lambda tag: -tag[1])
    return labels.entry(DEFAULT, extractor(DEFAULT).id, None, told, likely, at)


def _mood(ears: Ears, source: Source, at: str) -> dict[str, Any]:
    answer = lively(ears, source)
    return labels.entry(MODEL, extractor(DEFAULT).id, answer.decision, answer.labels, answer.distribution, at)


@dataclass(frozen=True, slots=True)
class Labelled:
    """What became of a track, or of a file that cannot be used.

    Parameters
    ----------
    track : Track or None
        With its new labels; None if it is not known which track it is.
    path : Path or None
        The file that was heard; None if it was remembered.
    error : EarmarkError or None
        Why it was not labelled.
    """

    track: Track | None
    path: Path | None
    error: EarmarkError | None = None


class Labeller:
    """Labels the tracks of a catalogue.

    Parameters
    ----------
    catalogue : Catalogue
        Whose tracks.
    ears : Ears
        Hears files.
    questions : sequence of Asked
        What is asked of each.
    before : str or None
        Labels that are older than this (ISO 8601 UTC) are made anew; None: only those of other models.

    Attributes
    ----------
    wanted : dict of str to Track
        Tracks that are still to be labelled, by id.
    """

    def __init__(
        self, catalogue: Catalogue, ears: Ears, questions: Sequence[Asked], *, before: str | None = None
    ) -> None:
        self._catalogue, self._ears = catalogue, ears
        self._questions, self._before = questions, before
        self._lock = threading.Lock()
        self.wanted = {track.id: track for track in catalogue.tracks() if self._open(track)}
        self._by_hash = {track.file_hash: track.id for track in self.wanted.values() if track.file_hash}

    def _open(self, track: Track) -> list[Asked]:
        return [one for one in self._questions if not one.is_current(track, self._before)]

    def remembered(self, stop: Callable[[], bool] = lambda: False) -> Iterator[Labelled]:
        """Label tracks whose files were heard before; yield each."""
        for track in list(self.wanted.values()):
            if stop():
                return
            try:
                done = self._label(track, Remembered(track.file_hash))
            except FileMissing:
                continue
            except EarmarkError as error:
                yield Labelled(track, None, error)
                continue
            if done is not None:
                yield Labelled(done, None)

    def files(
        self, files: Iterable[Path], *, jobs: int = 1, stop: Callable[[], bool] = lambda: False
    ) -> Iterator[Labelled]:
        """Label tracks from files as long as any are wanted; yield each track, and each file that cannot be used.

        Files of no track, or of tracks that are labelled already, are passed over.
        """
        rest = iter(files)
        with ThreadPoolExecutor(jobs) as pool:
            while self.wanted and not stop() and (batch := list(islice(rest, 2 * jobs))):
                yield from filter(None, pool.map(self._file, batch))

    def _file(self, path: Path) -> Labelled | None:
        track = None
        try:
            track = self._track_of(path)
            if track is None:
                return None
            done = self._label(track, path)
        except EarmarkError as error:
            return Labelled(track, path, error)
        return None if done is None else Labelled(done, path)

    def _track_of(self, path: Path) -> Track | None:
        """Return the track of a file, if it is still to be labelled."""
        store, name = self._catalogue.store, self._catalogue.name
        digest = file_hash(path, Limits.for_track(self._catalogue.settings).for_own_file().max_bytes)
        track_id = self._by_hash.get(digest)
        if track_id is None and digest and tracks.find(store, name, file_hash=digest) is None:
            found = held(self._catalogue, path)[0]
            track_id = None if found is None else found.id
        with self._lock:
            return None if track_id is None else self.wanted.get(track_id)

    def _label(self, track: Track, source: Source) -> Track | None:
        """Ask about one recording and keep the answers; None if the track is gone, or somebody else was faster."""
        at = now()
        found = {one.task: one.entry(self._ears, source, at) for one in self._open(track)}
        with self._lock:
            if self.wanted.pop(track.id, None) is None:
                return None
        if not labels.put(self._catalogue.store, track.id, found):
            return None
        return tracks.get_track(self._catalogue.store, track.id)


def label_one(catalogue: Catalogue, ears: Ears, questions: Sequence[Asked], track: Track, path: Path) -> None:
    """Label a track from its file, as far as its labels are not current; errors as of :meth:`Ears.hear`."""
    found = {one.task: one.entry(ears, path, now()) for one in questions if not one.is_current(track)}
    if found:
        labels.put(catalogue.store, track.id, found)


def asked_of_segments(registry: Registry, weights_dir: Path, tasks: Sequence[str]) -> list[Asked]:
    """Return what answers for each task of the segments of a recording; errors as of :func:`asked`.

    Raises
    ------
    InvalidParameter
        If a model hears by other features than those of the network.
    """
    found = asked(registry, weights_dir, tasks)
    for one in found:
        check_hears_stretches(one.needs)
    return found


def label_segments(
    ears: Ears,
    questions: Sequence[Asked],
    source: bytes | Path,
    segments: Sequence[Segment],
    progress: Progress | None = None,
) -> list[Segment]:
    """Return the segments of a recording, those of music with what models say of what sounds there.

    The recording is heard once more, in little memory; segments in which the network heard nothing stay without.

    Parameters
    ----------
    ears : Ears
        Hears the recording.
    questions : sequence of Asked
        From :func:`asked_of_segments`.
    source : bytes or Path
        The recording.
    segments : sequence of Segment
        Of it.
    progress : callable, optional
        Told how far it is.

    Raises
    ------
    EarmarkError
        If the recording cannot be heard, or weights are missing.
    """
    if not any(segment.kind in _MUSIC for segment in segments):
        return list(segments)
    heard, at = ears.series(source, progress), now()

    def labelled(segment: Segment) -> Segment:
        part = stretch_of(heard, segment.start_s, segment.end_s) if segment.kind in _MUSIC else None
        if part is None:
            return segment
        return replace(segment, labels={one.task: one.entry(ears, part, at) for one in questions})

    return [labelled(segment) for segment in segments]
