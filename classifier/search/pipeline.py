"""The search: a snippet's model against a snapshot, from divergence through alignment to a verdict.

The same function serves the command line, the service, tracklists and the benchmark.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import HOP_S, QUERY_HOP_S
from classifier.index.segment import Entry, Segment
from classifier.index.snapshot import Snapshot
from classifier.models.track import QueryModel
from classifier.results import Match, Near, Searched, Tag, Track
from classifier.search import align
from classifier.search import null as decide
from classifier.search.alignments import Candidate, at_speed_of, hear, other_speeds, sweep, true_speed
from classifier.search.chance import Chance
from classifier.search.ranking import Ranked, Ranking

#: Word comparisons that are cheap enough to align every track, whatever the first ones say (about half a second).
_EXHAUSTIVE = 1e9
#: Once a match is certain, so many further candidates are aligned before the rest is left out.
_AFTER_CERTAIN = 20
#: Points at most of the chart of agreement against lag.
_CHART_POINTS = 600
#: Tracks listed as sounding alike.
_NEAREST = 10
#: Tracks that tie are all listed, up to so many, however few candidates were asked for.
_TIED_LISTED = 50


@dataclass(frozen=True, slots=True)
class Options:
    """How a snippet is decided.

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
    """

    method: str = "auto"
    top: int = 5
    max_false_alarms: float = 1e-5
    known_prior: float = 0.5
    sweep_seconds: float = 20.0


def identify(
    query: QueryModel,
    snapshot: Snapshot,
    lookup: Callable[[str], Track],
    config: FeatureConfig,
    options: Options | None = None,
) -> Tag:
    """Identify a snippet.

    Parameters
    ----------
    query : QueryModel
        The snippet.
    snapshot : Snapshot
        The tracks it may come from.
    lookup : callable
        Gives a track by its id.
    config : FeatureConfig
        The catalogue's.
    options : Options, optional
        How to decide.

    Returns
    -------
    Tag
        With ``seconds`` for the stages done here: ``divergence``, ``align`` and ``decide``.
    """
    options = options or Options()
    clock = _Clock()
    ranking = Ranking(query, snapshot, config)
    near = [_near(r, lookup(r.entry.track_id)) for r in ranking.nearest[:_NEAREST]]
    clock.lap("divergence")
    if options.method == "kl":
        verdict, matches = _decide_by_divergence(ranking, query, lookup, options)
        tied = int(verdict == "identified")
        searched = Searched(snapshot.n_windows, 0, True)
        charts: dict[str, Any] = {"alignment": None}
    else:
        chance = Chance(query, snapshot, ranking, config)
        candidates, searched = _align(query, snapshot, ranking, chance, options)
        clock.lap("align")
        verdict, tied, matches, charts = _decide(query, candidates, ranking, chance, lookup, options)
    clock.lap("decide")
    charts["nearest"] = [{"track_id": n.track_id, "title": n.title, "divergence": n.divergence} for n in near]
    return Tag(verdict, options.method, matches, near, searched, clock.seconds, query.duration_s, charts, tied)


class _Clock:
    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now


def _near(ranked: Ranked, track: Track) -> Near:
    start_s = ranked.window_start_s
    return Near(track.id, track.title, track.artist, track.source, ranked.divergence, start_s)


def _align(
    query: QueryModel, snapshot: Snapshot, ranking: Ranking, chance: Chance, options: Options
) -> tuple[list[Candidate], Searched]:
    """Align tracks best-first, at other speeds too if nothing is certain; return candidates and how far it went.

    Only where a catalogue is too large to sweep does a certain match stop the search early. A snippet of which too
    little can be compared has no candidates.
    """
    heard = hear(query)
    if heard is None:
        return [], Searched(snapshot.n_windows, 0, True)
    limit = float(np.log10(options.max_false_alarms))

    def certain(c: Candidate) -> bool:
        return chance.log10_e(c) <= 2 * limit

    exhaustive = 4.0 * query.print.n_frames * snapshot.n_frames <= _EXHAUSTIVE
    deadline = time.perf_counter() + options.sweep_seconds
    items = list(_best_first(snapshot, ranking))
    found, n_aligned = sweep(
        heard,
        items,
        certain=None if exhaustive else certain,
        after=_AFTER_CERTAIN,
        deadline=deadline,
        favour=chance.favour,
    )
    found.sort(key=chance.log10_e)
    complete = n_aligned == len(snapshot)
    if found and certain(found[0]):
        corrected = true_speed(query, found[0])
        found[0] = corrected if certain(corrected) else found[0]
    elif found:
        # A track may be far down, or out of the list, at the snippet's own speed.
        elsewhere, all_speeds = other_speeds(query, items, deadline)
        complete = complete and all_speeds
        best = {c.entry.key: c for c in found}
        for c in elsewhere:
            best[c.entry.key] = min(best.get(c.entry.key, c), c, key=chance.log10_e)
        found = sorted(best.values(), key=chance.log10_e)
    # Copies play at one speed, and only the first track's was refined.
    for i in range(1, sum(chance.log10_e(c) <= limit for c in found)):
        found[i] = min(found[i], at_speed_of(found[0], found[i]), key=chance.log10_e)
    found.sort(key=chance.log10_e)
    return found, Searched(snapshot.n_windows, n_aligned, complete)


def _best_first(snapshot: Snapshot, ranking: Ranking) -> Iterator[tuple[Segment, Entry]]:
    """Tracks in order of divergence, then those without windows."""
    seen = set()
    for segment, entry in [*((r.segment, r.entry) for r in ranking.nearest), *snapshot]:
        if entry.key not in seen:
            seen.add(entry.key)
            yield segment, entry


def _decide(
    query: QueryModel,
    candidates: list[Candidate],
    ranking: Ranking,
    chance: Chance,
    lookup: Callable[[str], Track],
    options: Options,
) -> tuple[str, int, list[Match], dict]:
    """Turn alignments into verdict, number of tracks it names, matches (those first) and chart."""
    if not candidates:
        return "no_match", 0, [], {"alignment": None}
    limit = float(np.log10(options.max_false_alarms))
    passing = [c for c in candidates if chance.log10_e(c) <= limit]
    named = [c for c in passing if c is passing[0] or _rivals(passing[0], c)]
    verdict = "ambiguous" if len(named) > 1 else "identified" if named else "no_match"
    keys = {c.entry.key for c in named}
    listed = [*named, *(c for c in candidates if c.entry.key not in keys)]
    matches = []
    for c in listed[: max(options.top, min(len(named), _TIED_LISTED))]:
        e_value, confidence = chance.log10_e(c), chance.confidence(c, options.known_prior)
        others = _other_offsets(c, chance.z_for(limit, c.heard)) if c in passing else []
        matches.append(_match(query, c, e_value, confidence, others, ranking, lookup(c.entry.track_id)))
    return verdict, len(named), matches, {"alignment": _chart(candidates[0], chance.threshold(candidates[0], limit))}


def _frames(c: Candidate) -> np.ndarray:
    return align.frame_agreement(c.heard.print, c.segment.words(c.entry), c.alignment.lag, c.alignment.phase)


def _rivals(a: Candidate, b: Candidate) -> bool:
    """Whether two tracks explain the same stretch of the snippet equally well."""
    frames = [_frames(c) for c in (a, b)]
    stretches = [align.matched_stretch(f, c.alignment.agreement) for f, c in zip(frames, (a, b), strict=True)]
    start, stop = max(first for first, _ in stretches), min(last for _, last in stretches)
    if stop - start < 0.5 * min(last - first for first, last in stretches):
        return False
    return decide.indistinguishable(frames[0][start:stop], frames[1][start:stop])


def _match(
    query: QueryModel,
    c: Candidate,
    log10_e: float,
    confidence: float,
    other_offsets_s: list[float],
    ranking: Ranking,
    track: Track,
) -> Match:
    frames = _frames(c)
    start, stop = align.matched_stretch(frames, c.alignment.agreement)
    # Frame i of the phase covers, in track time, what follows its start; the last one reaches the snippet's end.
    first_s, shift_s = start * HOP_S, c.alignment.phase * QUERY_HOP_S
    begin_s = 0.0 if start == 0 else (first_s + shift_s) / c.heard.speed
    end_s = query.duration_s - (len(frames) - stop) * HOP_S / c.heard.speed
    ranked = ranking.of(c.entry)
    return Match(
        track_id=track.id,
        title=track.title,
        artist=track.artist,
        album=track.album,
        source=track.source,
        offset_s=round(c.alignment.offset_s, 4),
        query_start_s=round(begin_s, 3),
        query_end_s=round(end_s, 3),
        speed=c.heard.speed,
        agreement=c.alignment.agreement,
        z=c.alignment.z,
        log10_e_value=log10_e,
        confidence=confidence,
        divergence=ranked.divergence if ranked else None,
        divergence_variational=ranking.variational(ranked) if ranked else None,
        other_offsets_s=other_offsets_s,
    )


def _other_offsets(c: Candidate, threshold: float) -> list[float]:
    """Further places of the track that pass on their own and explain the snippet no worse."""
    words, frames = c.segment.words(c.entry), _frames(c)
    others = []
    for offset_s, lag, phase in align.other_places(c.alignment, threshold):
        there = align.frame_agreement(c.heard.print, words, lag, phase)
        if decide.indistinguishable(frames, there):
            others.append(round(offset_s, 4))
    return sorted(others)


def _chart(best: Candidate, threshold: float) -> dict:
    """Agreement against offset in the first match's track, its maxima kept when thinned out."""
    curve = best.alignment.curve
    step = max(1, -(-len(curve) // _CHART_POINTS))
    bins = [curve[i : i + step] for i in range(0, len(curve), step)]
    tops = [i * step + int(np.argmax(b)) for i, b in enumerate(bins)]
    null, widening = best.heard.null, best.alignment.widening
    z = np.where(np.isfinite(curve[tops]), curve[tops], 0.0)
    return {
        "track_id": best.entry.track_id,
        "lags_s": [round(best.alignment.first_s + i * QUERY_HOP_S, 3) for i in tops],
        "agreement": [round(null.agreement(float(v) * widening), 5) for v in z],
        "threshold": round(null.agreement(threshold * widening), 5),
    }


def _decide_by_divergence(
    ranking: Ranking, query: QueryModel, lookup: Callable[[str], Track], options: Options
) -> tuple[str, list[Match]]:
    """Verdict of ``method=kl``: the least divergence, if it stands out enough among the other tracks."""
    values = np.log([r.divergence for r in ranking.nearest])
    confidence = decide.divergence_confidence(values, options.known_prior)
    verdict = "identified" if confidence >= decide.DIVERGENCE_CERTAIN else "no_match"
    matches = []
    for i, ranked in enumerate(ranking.nearest[: options.top]):
        track = lookup(ranked.entry.track_id)
        matches.append(
            Match(
                track_id=track.id,
                title=track.title,
                artist=track.artist,
                album=track.album,
                source=track.source,
                offset_s=round(ranked.window_start_s - float(query.start_s[0]), 4),
                query_start_s=None,
                query_end_s=None,
                speed=None,
                agreement=None,
                z=None,
                log10_e_value=None,
                confidence=confidence if i == 0 else None,
                divergence=ranked.divergence,
                divergence_variational=ranking.variational(ranked),
                other_offsets_s=[],
            )
        )
    return verdict, matches
