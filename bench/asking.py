"""Asking Earmark: the catalogue, one query the way a snippet goes, and all of them, however often interrupted.

Known tracks are searched for among all known tracks; unknown tracks and music-free sound must find nothing, neither
there nor, for the check of false-alarm rates, in smaller and larger catalogues.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from multiprocessing import parent_process
from pathlib import Path

import numpy as np
from rich.progress import track as progress

from bench import corpus, identical, queries
from bench.corpus import CorpusError, Reference
from bench.outcomes import ROOT, Log, Outcome
from bench.queries import Query
from classifier.audio import level
from classifier.audio.decoder import Decoder
from classifier.audio.limits import Limits
from classifier.config import FeatureConfig
from classifier.index.segment import Segment, write
from classifier.index.snapshot import Snapshot
from classifier.models.background import builtin_background
from classifier.models.query import Recording
from classifier.models.track import model_track
from classifier.results import METHODS, Tag, Track
from classifier.search.options import Options
from classifier.search.pipeline import identify
from classifier.settings import Settings

#: Seconds by which an answer of each method may be off besides: slots, and windows, are not frames.
SLACK_S = {"auto": 0.0, "kl": 0.2, "kl-mixture": 1.0}
#: Log10 E below which a stranger's answer is checked for holding the same audio after all.
DOUBTFUL = -2.0
#: Matches that a user looks at when an answer is ambiguous.
AMBIGUOUS_TOP = 3


# --- the catalogue --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Catalogue:
    """What is searched, and how.

    Parameters
    ----------
    folders : tuple of str
        Segments.
    tracks : tuple of str
        Ids of the tracks that count.
    methods : tuple of str
        Methods of identification that are asked.
    """

    folders: tuple[str, ...]
    tracks: tuple[str, ...]
    methods: tuple[str, ...] = tuple(METHODS)


def segment_folder(references: Sequence[Reference]) -> Path:
    """Model the references once and keep the packed segment in the cache; return its folder."""
    config = FeatureConfig()
    facts = [config.hash, *(r.id for r in references), *_version_of_models()]
    folder = corpus.cache_folder() / "segments" / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    if not (folder / "tracks.json").exists():
        parts = []
        for reference in progress(references, "modelling the catalogue"):
            samples = np.asarray(corpus.samples(reference))
            parts.append(Segment.build([(reference.id, 1, model_track(samples, config, builtin_background()))]))
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = folder.with_name(f".{os.getpid()}-{folder.name}")
        write(draft, parts)
        draft.rename(folder)
    return folder


def _version_of_models() -> list[str]:
    """Digests of what a model depends on, so that the cache never serves an older one."""
    root = ROOT / "classifier"
    folders = (
        "audio/resample.py",
        "mixtures/*.py",
        "fingerprint/*.py",
        "models/*.py",
        "index/*.py",
        "data/background-*",
    )
    paths = sorted(path for pattern in folders for path in root.glob(pattern))
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def catalogues(
    known: Sequence[Reference],
    further: Sequence[Reference],
    sizes: Sequence[int],
    methods: Sequence[str] = tuple(METHODS),
) -> list[Catalogue]:
    """Return the catalogue of all known tracks, then those of other sizes that only strangers are asked of.

    Parameters
    ----------
    known : sequence of Reference
        The catalogue proper.
    further : sequence of Reference
        Unrelated tracks that larger ones are filled with; may be empty.
    sizes : sequence of int
        Tracks; the first so many by the hash of their id, the known ones before the further ones.
    methods : sequence of str
        What the first one is asked by; the others are asked by ``auto``.

    Raises
    ------
    CorpusError
        If there are not so many tracks.
    """
    whole = Catalogue((str(segment_folder(known)),), tuple(r.id for r in known), tuple(methods))
    ordered = [r.id for group in (known, further) for r in sorted(group, key=lambda r: _digest(r.id))]
    others = []
    for size in sorted({*sizes} - {len(known)}):
        if not 1 <= size <= len(ordered):
            raise CorpusError(f"a catalogue of {size} tracks cannot be made of {len(ordered)}")
        folders = whole.folders if size <= len(known) else (*whole.folders, str(segment_folder(further)))
        others.append(Catalogue(folders, tuple(ordered[:size]), ("auto",)))
    return [whole, *others]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=8)
def _snapshot(catalogue: Catalogue) -> Snapshot:
    segments = tuple(_segment(folder) for folder in catalogue.folders)
    return Snapshot(segments, frozenset((track, 1) for track in catalogue.tracks))


def searched(catalogue: Catalogue) -> tuple[Snapshot, Callable[[str], Track]]:
    """Return what a search of the catalogue goes through, and what gives its tracks by id."""
    return _snapshot(catalogue), _track


@lru_cache(maxsize=8)
def _segment(folder: str) -> Segment:
    return Segment.load(Path(folder))


@lru_cache(maxsize=1)
def _decoder() -> Decoder:
    return Decoder(Settings())


def _track(track_id: str) -> Track:
    return Track(track_id, "bench", track_id, None, None, None, track_id, 0.0, 0, "", "", "")


# --- one query ------------------------------------------------------------------------------------------------


def ask(asked: tuple[Query, Sequence[Catalogue]], max_false_alarms: float) -> list[Outcome]:
    """Send one query, as the file a phone would send, to some catalogues."""
    query, wanted = asked
    data, _ = queries.render_file(query)
    settings, config = Settings(), FeatureConfig()
    started = time.perf_counter()
    audio = _decoder().decode(data, Limits.for_snippet(settings), config.sample_rate)
    decoded = time.perf_counter()
    samples = level.levelled(audio.samples, audio.loudest)
    recording = Recording(samples, audio.bandwidth_hz, config, builtin_background())
    model = recording.query()
    seconds = {"decode": decoded - started, "model": time.perf_counter() - decoded}
    outcomes = []
    for catalogue in wanted:
        for method in catalogue.methods:
            options = Options(method=method, max_false_alarms=max_false_alarms)
            tag = identify(model, _snapshot(catalogue), _track, config, options, recording)
            first = tag.matches[0] if tag.matches else None
            right, error_s = judge(query, tag, max_false_alarms)
            outcomes.append(
                Outcome(
                    query_id=query.id,
                    condition=query.condition,
                    length_s=query.length_s,
                    known=query.known,
                    cluster=query.reference_id or query.id,
                    by=method,
                    tracks=len(catalogue.tracks),
                    verdict=tag.verdict,
                    named=first.track_id if first else None,
                    right=right,
                    right_name=right or (first is not None and first.track_id in same_names(query)),
                    error_s=error_s,
                    log10_e=first.log10_e_value if first else None,
                    z=first.z if first else None,
                    speed=first.speed if first else None,
                    confidence=_confidence(tag),
                    seconds=seconds | tag.seconds,
                )
            )
    return outcomes


def _confidence(tag: Tag) -> float | None:
    """Probability that the answer is right: of an ambiguous one, that it is one of the copies."""
    shares = [m.confidence for m in tag.matches if m.recording == 0 and m.confidence is not None]
    return sum(shares) if shares else None


def judge(query: Query, tag: Tag, max_false_alarms: float) -> tuple[bool, float | None]:
    """Whether the answer is a place that holds the audio, and how far its offset is off.

    Of an ambiguous answer any passing match will do: that is what it says. Of ``kl-mixture``, which ignores order, the
    name will do. A stranger's answer is looked into where chance would hardly give it: tracks that share a sample are
    no strangers to each other.
    """
    if not query.known and not any(m.log10_e_value is not None and m.log10_e_value < DOUBTFUL for m in tag.matches[:1]):
        return False, None
    looked_at = tag.matches[:1]
    if tag.verdict == "ambiguous":
        passing = [m for m in tag.matches if m.log10_e_value is not None and 10**m.log10_e_value <= max_false_alarms]
        looked_at = passing[:AMBIGUOUS_TOP]
    for match in looked_at:
        error_s = place_error(query, match.track_id, match.offset_s, SLACK_S[tag.method])
        if error_s is not None or (tag.method == "kl-mixture" and match.track_id in same_names(query)):
            return True, error_s
    return False, None


def place_error(query: Query, named: str | None, offset_s: float | None, slack_s: float = 0.0) -> float | None:
    """Seconds between an answer and the nearest place that holds the query's audio; None if it is no such place.

    ``slack_s`` widens what still counts as the same place. An answer that ignores the speed is off by half the drift.
    """
    if query.reference_id is None or named is None or offset_s is None:
        return None
    slack_s = max(slack_s, identical.SLACK_S) + query.length_s * abs(query.speed - 1)
    return identical.place_error(query, corpus.find(named), offset_s, slack_s=slack_s)


def same_names(query: Query) -> set[str]:
    """Tracks that are right by name alone: the query's own, and other mixes of the same performance."""
    if not query.known or query.reference_id is None:
        return set()
    groups = (group for group in corpus.SAME_RECORDING if query.reference_id in group)
    return {query.reference_id}.union(*groups)


# --- all of them ----------------------------------------------------------------------------------------------


def run(planned: Sequence[Query], searched: Sequence[Catalogue], log: Log, jobs: int, max_false_alarms: float) -> int:
    """Ask whatever has no outcome yet; return how many queries that were.

    Parameters
    ----------
    planned : sequence of Query
        All that is wanted.
    searched : sequence of Catalogue
        From :func:`catalogues`; only strangers are sent to those after the first.
    log : Log
        Outcomes held, and where new ones go as they come.
    jobs : int
        Processes.
    max_false_alarms : float
        E-value below which a match is identified.
    """
    missing = []
    for query in planned:
        wanted = searched[:1] if query.known else searched
        absent = [c for c in wanted if any((query.id, by, len(c.tracks)) not in log for by in c.methods)]
        if absent:
            missing.append((query, absent))
    if missing:
        with ProcessPoolExecutor(jobs, initializer=_begin, initargs=(searched[0], max_false_alarms)) as pool:
            answers = pool.map(partial(ask, max_false_alarms=max_false_alarms), missing, chunksize=2)
            for outcomes in progress(answers, "queries", total=len(missing)):
                log.add(outcomes)
    return len(missing)


def _begin(catalogue: Catalogue, max_false_alarms: float) -> None:
    """Prepare a worker: it ends with the run, even a killed one, and its first query is as fast as the others."""
    parent = parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    ask((Query("first", None, 0.0, 5.0, "only-pink", 0, False), [catalogue]), max_false_alarms)
