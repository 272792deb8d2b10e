"""Method ``auto``: fingerprints aligned with the tracks, those of least divergence first; their E-value decides."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.fingerprint.bits import HOP_S, QUERY_HOP_S
from classifier.results import Match, semitones
from classifier.search import align, alike, charts, null, recordings
from classifier.search.alignments import Candidate, SpeedHypothesis, best_of, best_of_each
from classifier.search.indexed import align_indexed, other_speeds_indexed
from classifier.search.matches import named
from classifier.search.passes import Here
from classifier.search.ranking import Ranking, rank
from classifier.search.significance import Significance, Size
from classifier.search.speed import at_speed_of, other_speeds, true_speed
from classifier.search.state import Answer, Search, drawn_at, variational
from classifier.search.stretched import retimed, stretched

#: Further candidates that are aligned once a match is certain, before the rest is left out.
_AFTER_CERTAIN = 20
#: Most copies of the answer that are listed, however few candidates were asked for.
_TIED_LISTED = 50


def by_fingerprints(search: Search, similar: alike.Alike) -> Answer:
    """Align tracks likeliest first, also at other speeds if nothing is certain, and decide by E-value."""
    ranking = None if search.is_indexed else search.passes.rank(search.query, search.query.slots, 1.0)
    search.lap("divergence")
    hypothesis = search.hypothesis
    if hypothesis is None:  # too little of the snippet can be compared
        return Answer("no_match", [], {})
    size, wide = Size.of(search.snapshot), search.options.speeds == "wide"
    significance = Significance(search.query.fingerprint.n_frames, size, wide)
    found, *searched = _align(search, hypothesis, ranking, significance)
    search.lap("align")
    if ranking is None:
        shown = found[: max(_n_passing(search, found, significance), search.options.top)]
        numbers = np.array([search.snapshot.numbers[c.entry.key] for c in shown], np.int64)
        ranking = rank(search.query, search.snapshot, search.config, only=numbers, sample=0)
    return _decide(search, found, ranking, significance, searched)


def _align(
    search: Search, hypothesis: SpeedHypothesis, ranking: Ranking | None, significance: Significance
) -> tuple[list[Candidate], int, bool, bool, bool]:
    """Return candidates by E-value, tracks aligned, and whether all were; whether no other speed was left out, or pair.

    Without a ranking, the catalogue is searched through its index. With one, a certain match stops the search early
    only if the catalogue is too large to align with all of it.
    """
    limit, recording = search.options.limit, search.recording

    def certain(c: Candidate) -> bool:
        return significance.log10_e(c) <= 2 * limit

    snapshot = search.snapshot
    deadline = time.perf_counter() + search.options.sweep_seconds
    if ranking is None:
        found = align_indexed(search.query, search.config, search.passes, hypothesis, certain, deadline)
        n_aligned, complete = len(found), False
    else:
        exhaustive = search.is_exhaustive
        aligned = search.passes.align(hypothesis, ranking.order().tolist(), at_once=exhaustive)
        found, n_aligned = best_of(
            aligned, certain=None if exhaustive else certain, after=_AFTER_CERTAIN, deadline=deadline
        )
        complete = n_aligned == len(snapshot)
    found.sort(key=significance.log10_e)
    # Pairs of tempo and pitch are compared in this process only.
    all_speeds, all_pairs = True, search.options.speeds == "wide" and isinstance(search.passes, Here)
    plain = bool(found) and certain(found[0])
    if plain:
        if recording is not None:
            corrected = true_speed(recording, found[0])
            found[0] = corrected if certain(corrected) else found[0]
    elif found and recording is None:
        all_speeds = all_pairs = False
    elif found and recording is not None:
        # At the snippet's own speed the right track may be far down the list, or not on it.
        if ranking is None:
            elsewhere, all_seen = other_speeds_indexed(recording, snapshot, search.passes, deadline)
            all_speeds = all_seen
        else:
            order = ranking.order().tolist()
            items = [snapshot.items[number] for number in order]
            elsewhere, all_seen = other_speeds(
                recording, items, deadline, lambda heard: search.passes.rough(heard, order, deadline)
            )
        complete = complete and all_seen
        found = best_of_each(found, elsewhere, significance.log10_e)
    if all_pairs and found and recording is not None:
        if plain:  # slow music agrees at many a tempo, most at its own
            pairs = retimed(recording, found[0])
        else:
            pairs, all_pairs = stretched(recording, snapshot, search.config, ranking is None, deadline)
        found = best_of_each(found, pairs, significance.log10_e)
    # Copies play at the same speed, and only the first track's speed was refined.
    for i in range(1, sum(significance.log10_e(c) <= limit for c in found)):
        found[i] = min(found[i], at_speed_of(found[0], found[i]), key=significance.log10_e)
    found.sort(key=significance.log10_e)
    return found, n_aligned, complete, all_speeds, all_pairs


def _decide(
    search: Search,
    candidates: list[Candidate],
    ranking: Ranking,
    significance: Significance,
    searched: list[Any],
) -> Answer:
    """Turn alignments into verdict, matches and charts."""
    if not candidates:
        return Answer("no_match", [], {}, 0, *searched)
    limit, null_map = search.options.limit, null.null_map()
    n_passing = _n_passing(search, candidates, significance)
    n_shown = max(n_passing, search.options.top)
    candidates = [*(c.drawn() for c in candidates[:n_shown]), *candidates[n_shown:]]
    frames = [c.frames() for c in candidates[:n_shown]]
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
        **drawn_at(search, best.item, best.alignment.offset_s, best.hypothesis.speed, best.hypothesis.frequency_ratio),
    }
    return Answer(verdict, matches, drawn, tied, *searched)


def _n_passing(search: Search, candidates: list[Candidate], significance: Significance) -> int:
    return sum(significance.log10_e(c) <= search.options.limit for c in candidates)


@dataclass(frozen=True, slots=True)
class _Aligned:
    role: str
    recording: int
    log10_e: float
    confidence: float | None
    other_offsets_s: list[float]


def _match(
    search: Search,
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
        **named(search.lookup(c.entry.track_id)),
        role=aligned.role,
        recording=aligned.recording,
        offset_s=round(c.alignment.offset_s, 4),
        query_start_s=round(begin_s, 3),
        query_end_s=round(end_s, 3),
        speed=speed,
        pitch=semitones(c.hypothesis.frequency_ratio),
        agreement=c.alignment.agreement,
        z=c.alignment.z,
        log10_e_value=aligned.log10_e,
        confidence=aligned.confidence,
        divergence=divergence if np.isfinite(divergence) else None,
        divergence_variational=variational(search, c.segment, c.entry, c.alignment.offset_s, speed),
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
