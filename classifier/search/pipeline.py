"""The search: a snippet against a snapshot, from divergence through alignment to a verdict.

The same function serves the command line, the service, tracklists and the benchmark. Three methods decide:

- ``auto``: fingerprints are aligned with the tracks, those of least divergence first; their E-value decides.
- ``kl``: only the divergence of mixtures that keep time; its E-value decides.
- ``kl-mixture``: the divergence of six-component mixtures, which ignores order, as in Synced.fm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import HOP_S, QUERY_HOP_S
from classifier.index.segment import Entry, Segment
from classifier.index.snapshot import Snapshot
from classifier.models.query import Query, Recording
from classifier.results import Match, Near, Searched, Tag, Track
from classifier.search import align, alike, charts, null, recordings
from classifier.search.alignments import Candidate, SpeedHypothesis, align_many
from classifier.search.indexed import align_indexed, is_indexed, least_divergence, other_speeds_indexed
from classifier.search.ranking import Ranking, rank
from classifier.search.significance import Significance, Size
from classifier.search.speed import at_speed_of, other_speeds, true_speed

#: Up to this many word comparisons, every track is aligned, whatever the first ones show (about half a second).
_EXHAUSTIVE = 1e9
#: Further candidates that are aligned once a match is certain, before the rest is left out.
_AFTER_CERTAIN = 20
#: Most copies of the answer that are listed, however few candidates were asked for.
_TIED_LISTED = 50
#: Tracks listed as sounding alike.
_NEAREST = 10
#: Speeds at which ``kl`` compares again if nothing is certain at the snippet's own: each covers 2 to 3 % around it.
SLOT_SPEEDS = (0.96, 1.04)
#: Share of a snippet that must be more than silence or lone tones for divergence alone to name a track: two notes of a
#: whistle are almost identical.
AUDIBLE_SHARE = 0.5
#: Confidence from which ``kl-mixture`` names a track.
_MIXTURE_CERTAIN = 0.95


@dataclass(frozen=True, slots=True)
class Options:
    """How to decide.

    Parameters
    ----------
    method : str
        One of :data:`classifier.results.METHODS`.
    top : int >= 1
        Candidates listed.
    max_false_alarms : float > 0
        E-value below which a match is identified.
    known_prior : float in (0, 1)
        Share of queries assumed known, for ``confidence``.
    sweep_seconds : float >= 0
        Seconds of alignment after which the search stops early.
    indexed_windows : int >= 0
        Windows above which a catalogue is searched through its index of patches.
    """

    method: str = "auto"
    top: int = 5
    max_false_alarms: float = 1e-5
    known_prior: float = 0.5
    sweep_seconds: float = 20.0
    indexed_windows: int = 50_000

    @property
    def limit(self) -> float:
        """Log10 of ``max_false_alarms``."""
        return float(np.log10(self.max_false_alarms))


@dataclass(slots=True)
class _Search:
    """One query in progress: what its steps share."""

    query: Query
    recording: Recording | None
    snapshot: Snapshot
    lookup: Callable[[str], Track]
    config: FeatureConfig
    options: Options
    seconds: dict[str, float] = field(default_factory=dict)
    #: Numbers of the tracks that sound alike, nearest first.
    alike: list[int] = field(default_factory=list)
    _last: float = field(default_factory=time.perf_counter)

    def lap(self, name: str) -> None:
        """Record the time since the last lap."""
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now

    @property
    def is_indexed(self) -> bool:
        """Whether the catalogue is too large to compare with all of it."""
        return is_indexed(self.snapshot, self.options.indexed_windows)

    def track(self, number: int) -> Track:
        return self.lookup(self.snapshot.items[number][1].track_id)


@dataclass(frozen=True, slots=True)
class _Answer:
    verdict: str
    matches: list[Match]
    charts: dict[str, Any]
    tied: int = 0
    aligned_tracks: int = 0
    complete: bool = True
    other_speeds: bool = True


def identify(
    query: Query,
    snapshot: Snapshot,
    lookup: Callable[[str], Track],
    config: FeatureConfig,
    options: Options | None = None,
    recording: Recording | None = None,
) -> Tag:
    """Identify a snippet.

    Parameters
    ----------
    query : Query
        The snippet's models.
    snapshot : Snapshot
        The tracks it may come from.
    lookup : callable
        Returns a track by its id.
    config : FeatureConfig
        The catalogue's.
    options : Options, optional
        How to decide.
    recording : Recording, optional
        The snippet's sound; without it, only its own speed can be searched.

    Returns
    -------
    Tag
        With ``seconds`` for the stages done here: ``divergence``, ``align`` and ``decide``.
    """
    search = _Search(query, recording, snapshot, lookup, config, options or Options())
    similar = (alike.compare_some if search.is_indexed else alike.compare)(query, snapshot)
    search.alike = [int(number) for number in similar.order()[:_NEAREST]]
    near = _nearest(search, similar)
    answer = _METHODS[search.options.method](search, similar)
    search.lap("decide")
    drawn = {
        **dict.fromkeys(("alignment", "divergence", "along", "stripe", "mixtures")),
        **answer.charts,
        "nearest": [{"track_id": n.track_id, "title": n.title, "divergence": n.divergence} for n in near],
    }
    n_windows = snapshot.n_windows if len(query.start_s) else 0
    searched = Searched(n_windows, answer.aligned_tracks, answer.complete, answer.other_speeds)
    method = search.options.method
    return Tag(
        answer.verdict, method, answer.matches, near, searched, search.seconds, query.duration_s, drawn, answer.tied
    )


def _nearest(search: _Search, similar: alike.Alike) -> list[Near]:
    """Tracks that sound alike, each with its window nearest to the snippet's first."""
    near = []
    frame_s = search.config.frame_step / search.config.sample_rate
    for number in search.alike:
        segment, entry = search.snapshot.items[number]
        window = int(alike.paired(search.query, segment, entry)[0])
        start_s = float(segment.of(entry, "window_frame")[window]) * frame_s
        track = search.track(number)
        value = float(similar.divergence[number])
        near.append(Near(track.id, track.title, track.artist, track.source, value, start_s))
    return near


# --- auto -----------------------------------------------------------------------------------------------------


def _by_fingerprints(search: _Search, similar: alike.Alike) -> _Answer:
    """Align tracks likeliest first, also at other speeds if nothing is certain, and decide by E-value."""
    ranking = None if search.is_indexed else rank(search.query, search.snapshot, search.config)
    search.lap("divergence")
    hypothesis = SpeedHypothesis.of(search.query.fingerprint)
    if hypothesis is None:  # too little of the snippet can be compared
        return _Answer("no_match", [], {})
    significance = Significance(search.query.fingerprint.n_frames, Size.of(search.snapshot))
    found, n_aligned, complete, all_speeds = _align(search, hypothesis, ranking, significance)
    search.lap("align")
    if ranking is None:
        numbers = np.array([search.snapshot.numbers[c.entry.key] for c in found], np.int64)
        ranking = rank(search.query, search.snapshot, search.config, only=numbers)
    return _decide(search, found, ranking, significance, (n_aligned, complete, all_speeds))


def _align(
    search: _Search, hypothesis: SpeedHypothesis, ranking: Ranking | None, significance: Significance
) -> tuple[list[Candidate], int, bool, bool]:
    """Return candidates by E-value, tracks aligned, whether all were, and whether other speeds were not left out.

    Without a ranking, the catalogue is searched through its index. With one, a certain match stops the search early
    only if the catalogue is too large to align with all of it.
    """
    limit, recording = search.options.limit, search.recording

    def certain(c: Candidate) -> bool:
        return significance.log10_e(c) <= 2 * limit

    snapshot = search.snapshot
    deadline = time.perf_counter() + search.options.sweep_seconds
    if ranking is None:
        found = align_indexed(search.query, snapshot, search.config, hypothesis, certain, deadline)
        n_aligned, complete = len(found), False
    else:
        exhaustive = 4.0 * search.query.fingerprint.n_frames * snapshot.n_frames <= _EXHAUSTIVE
        best_first: Iterator[tuple[Segment, Entry]] = (snapshot.items[number] for number in ranking.order())
        found, n_aligned = align_many(
            hypothesis, best_first, certain=None if exhaustive else certain, after=_AFTER_CERTAIN, deadline=deadline
        )
        complete = n_aligned == len(snapshot)
    found.sort(key=significance.log10_e)
    all_speeds = True
    if found and certain(found[0]):
        if recording is not None:
            corrected = true_speed(recording, found[0])
            found[0] = corrected if certain(corrected) else found[0]
    elif found and recording is None:
        all_speeds = False
    elif found and recording is not None:
        # At the snippet's own speed the right track may be far down the list, or not on it.
        if ranking is None:
            elsewhere, all_seen = other_speeds_indexed(recording, snapshot, search.config, deadline)
            all_speeds = all_seen
        else:
            items = [snapshot.items[number] for number in ranking.order()]
            elsewhere, all_seen = other_speeds(recording, items, deadline)
        complete = complete and all_seen
        best = {c.entry.key: c for c in found}
        for c in elsewhere:
            best[c.entry.key] = min(best.get(c.entry.key, c), c, key=significance.log10_e)
        found = sorted(best.values(), key=significance.log10_e)
    # Copies play at the same speed, and only the first track's speed was refined.
    for i in range(1, sum(significance.log10_e(c) <= limit for c in found)):
        found[i] = min(found[i], at_speed_of(found[0], found[i]), key=significance.log10_e)
    found.sort(key=significance.log10_e)
    return found, n_aligned, complete, all_speeds


def _decide(
    search: _Search,
    candidates: list[Candidate],
    ranking: Ranking,
    significance: Significance,
    searched: tuple[int, bool, bool],
) -> _Answer:
    """Turn alignments into verdict, matches and charts."""
    if not candidates:
        return _Answer("no_match", [], {}, 0, *searched)
    limit, null_map = search.options.limit, null.null_map()
    n_passing = sum(significance.log10_e(c) <= limit for c in candidates)
    frames = [c.frames() for c in candidates[: max(n_passing, search.options.top)]]
    stretches = [align.matched_stretch(f, c.alignment.agreement) for f, c in zip(frames, candidates, strict=False)]
    passing = recordings.group(frames[:n_passing], stretches[:n_passing])
    numbers = passing + list(range(len(set(passing)), len(set(passing)) + len(frames) - n_passing))
    odds = [
        null_map.odds(-significance.log10_e(c), known_prior=search.options.known_prior)
        for c in candidates[: len(frames)]
    ]
    tied = passing.count(0)
    verdict = "no_match" if not tied else "ambiguous" if tied > 1 else "identified"
    shares = recordings.posterior(odds, numbers)
    # The answer's copies come first, however many other tracks share a part with them.
    n_listed = max(search.options.top, min(tied, _TIED_LISTED))
    listed = sorted(range(len(frames)), key=lambda i: (numbers[i] != 0, i))[:n_listed]
    matches = []
    for i in listed:
        c = candidates[i]
        role = "candidate" if i >= n_passing else "match" if numbers[i] == 0 else "part"
        others = _other_offsets(c, frames[i], significance.z_for(limit, c.hypothesis)) if i < n_passing else []
        aligned = _Aligned(role, numbers[i], significance.log10_e(c), None if role == "part" else shares[i], others)
        divergence = float(ranking.divergence[search.snapshot.numbers[c.entry.key]])
        matches.append(_match(search, c, frames[i], stretches[i], aligned, divergence))
    best = candidates[0]
    drawn = {
        "alignment": charts.agreement(best, significance.threshold(best, limit)),
        "stripe": charts.stripe(best),
        **_drawn(search, best.item, best.alignment.offset_s, best.hypothesis.speed),
    }
    return _Answer(verdict, matches, drawn, tied, *searched)


@dataclass(frozen=True, slots=True)
class _Aligned:
    role: str
    recording: int
    log10_e: float
    confidence: float | None
    other_offsets_s: list[float]


def _match(
    search: _Search,
    c: Candidate,
    frames: np.ndarray,
    stretch: tuple[int, int],
    aligned: _Aligned,
    divergence: float,
) -> Match:
    start, stop = stretch
    speed = c.hypothesis.speed
    # In track time, frame i of the phase covers what follows its start; the last one reaches the snippet's end.
    first_s, shift_s = start * HOP_S, c.alignment.phase * QUERY_HOP_S
    begin_s = 0.0 if start == 0 else (first_s + shift_s) / speed
    end_s = search.query.duration_s - (len(frames) - stop) * HOP_S / speed
    return Match(
        **_named(search.lookup(c.entry.track_id)),
        role=aligned.role,
        recording=aligned.recording,
        offset_s=round(c.alignment.offset_s, 4),
        query_start_s=round(begin_s, 3),
        query_end_s=round(end_s, 3),
        speed=speed,
        agreement=c.alignment.agreement,
        z=c.alignment.z,
        log10_e_value=aligned.log10_e,
        confidence=aligned.confidence,
        divergence=divergence if np.isfinite(divergence) else None,
        divergence_variational=_variational(search, c.segment, c.entry, c.alignment.offset_s, speed),
        other_offsets_s=aligned.other_offsets_s,
    )


def _other_offsets(c: Candidate, frames: np.ndarray, threshold: float) -> list[float]:
    """Further places in the track that pass on their own and explain the snippet equally well."""
    words, fingerprint = c.segment.words(c.entry), c.hypothesis.fingerprint
    places = align.other_places(c.alignment, threshold)
    return sorted(
        round(offset_s, 4)
        for offset_s, lag, phase in places
        if recordings.explained_equally(frames, align.frame_agreement(fingerprint, words, lag, phase))
    )


# --- kl and kl-mixture ----------------------------------------------------------------------------------------


def _by_slots(search: _Search, similar: alike.Alike) -> _Answer:
    """Decide by the divergence that keeps time: the track with the least is named if it stands out beyond chance."""
    best = _ranked(search, search.query.slots, 1.0)
    limit, null_map = search.options.limit, null.null_map()
    all_speeds = True
    if _slot_log10_e(best) > limit and np.isfinite(best.divergence).any():
        if search.recording is None:
            all_speeds = False
        else:
            for speed in SLOT_SPEEDS:
                best = min(best, _ranked(search, search.recording.slots(speed), speed), key=_slot_log10_e)
    search.lap("divergence")
    log10_e = _slot_log10_e(best)
    odds = null_map.slot_odds(-log10_e, known_prior=search.options.known_prior)
    audible = search.query.fingerprint.audible_share >= AUDIBLE_SHARE
    verdict = "identified" if log10_e <= limit and audible else "no_match"
    order = [int(n) for n in best.order() if np.isfinite(best.divergence[n])]
    matches = []
    for place, number in enumerate(order[: search.options.top]):
        segment, entry = search.snapshot.items[number]
        offset_s = best.offset_s(number, search.config)
        matches.append(
            _unaligned(
                search.track(number),
                place,
                verdict,
                offset_s=round(offset_s, 4),
                speed=best.speed,
                log10_e_value=_slot_log10_e(best, number),
                confidence=(null.probability(odds) if audible else 0.0) if place == 0 else None,
                divergence=float(best.divergence[number]),
                divergence_variational=_variational(search, segment, entry, offset_s, best.speed),
            )
        )
    drawn: dict[str, Any] = {}
    if order:
        item = search.snapshot.items[order[0]]
        drawn = _drawn(search, item, best.offset_s(order[0], search.config), best.speed)
    tied, complete = int(verdict == "identified"), not search.is_indexed
    return _Answer(verdict, matches, drawn, tied, complete=complete, other_speeds=all_speeds)


def _ranked(search: _Search, heard: np.ndarray, speed: float) -> Ranking:
    """Rank all tracks by divergence, or those that the index finds."""
    only = least_divergence(heard, search.snapshot) if search.is_indexed else None
    return rank(search.query, search.snapshot, search.config, heard, speed, only)


def _slot_log10_e(ranking: Ranking, number: int | None = None) -> float:
    """Log10 of the E-value of the best place of all tracks, or of one; trials are all places and speeds."""
    z = float(ranking.z.max(initial=-np.inf) if number is None else ranking.z[number])
    if not np.isfinite(z):
        return float("inf")
    trials = np.log10(max(1, ranking.n_places) * (1 + len(SLOT_SPEEDS)))
    return null.null_map().slot_tail(ranking.n_slots).log10_e(z, float(trials))


def _by_mixtures(search: _Search, similar: alike.Alike) -> _Answer:
    """Decide by six-component mixtures: the track of least divergence is named if it stands out from the next ones."""
    query = search.query
    found = []
    for number in similar.order()[: alike.SHORTLIST]:
        segment, entry = search.snapshot.items[number]
        rows = alike.paired(query, segment, entry)
        found.append((alike.mixture_divergence(query, segment, entry, rows), int(number), int(rows[0])))
    found.sort()
    search.lap("divergence")
    confidence = 0.0  # among very few tracks, none can stand out
    if len(found) >= null.FEW and query.fingerprint.audible_share >= AUDIBLE_SHARE:
        facts = null.stands_out(np.log([divergence for divergence, _, _ in found]))
        confidence = null.probability(null.null_map().mixture_odds(*facts, known_prior=search.options.known_prior))
    verdict = "identified" if confidence >= _MIXTURE_CERTAIN else "no_match"
    frame_s = search.config.frame_step / search.config.sample_rate
    matches = []
    for place, (divergence, number, row) in enumerate(found[: search.options.top]):
        segment, entry = search.snapshot.items[number]
        start_s = float(segment.of(entry, "window_frame")[row]) * frame_s
        matches.append(
            _unaligned(
                search.track(number),
                place,
                verdict,
                offset_s=round(start_s - float(query.start_s[0]), 4),
                speed=None,
                log10_e_value=None,
                confidence=confidence if place == 0 else None,
                divergence=divergence,
                divergence_variational=divergence,
            )
        )
    drawn = {}
    if found:
        drawn = {"mixtures": _mixtures(search, search.snapshot.items[found[0][1]], matches[0].offset_s or 0.0, 1.0)}
    return _Answer(verdict, matches, drawn, int(verdict == "identified"), complete=not search.is_indexed)


# --- matches --------------------------------------------------------------------------------------------------


def _named(track: Track) -> dict[str, Any]:
    return {
        "track_id": track.id,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "source": track.source,
        "ids": track.ids,
    }


def _unaligned(track: Track, place: int, verdict: str, **values: Any) -> Match:
    """Return a match that divergence alone found."""
    role = "match" if place == 0 and verdict == "identified" else "candidate"
    values |= dict.fromkeys(("query_start_s", "query_end_s", "agreement", "z"))
    return Match(**_named(track), role=role, recording=place, **values)


def _drawn(search: _Search, item: tuple[Segment, Entry], offset_s: float, speed: float) -> dict[str, Any]:
    """Return the charts of divergence and of mixtures at a match's place and speed."""
    query, recording = search.query, search.recording
    segment, entry = item
    heard = query.slots if recording is None or speed == 1.0 else recording.slots(speed)
    return {
        "divergence": charts.divergence(heard, query.slot_variance, segment, entry, offset_s, speed, search.config),
        "along": charts.along(heard, query.slot_variance, segment, entry, search.config),
        "mixtures": _mixtures(search, item, offset_s, speed),
    }


def _mixtures(search: _Search, item: tuple[Segment, Entry], offset_s: float, speed: float) -> dict[str, Any] | None:
    """Return the mixtures at a match's place, beside those of the track that sounds most alike besides."""
    others = (search.snapshot.items[number] for number in search.alike)
    rival = next((other for other in others if other[1].track_id != item[1].track_id), None)
    return charts.mixtures(search.query, item, rival, offset_s, speed, search.config)


def _variational(search: _Search, segment: Segment, entry: Entry, offset_s: float, speed: float) -> float | None:
    """Divergence of the six-component mixtures at a match's place, for information; None if there are no windows."""
    if not len(search.query.start_s) or not entry.rows["windows"]:
        return None
    rows = alike.rows_at(search.query, entry, offset_s, speed, search.config)
    return alike.mixture_divergence(search.query, segment, entry, rows)


_METHODS: dict[str, Callable[[_Search, alike.Alike], _Answer]] = {
    "auto": _by_fingerprints,
    "kl": _by_slots,
    "kl-mixture": _by_mixtures,
}
