"""Methods ``kl`` and ``kl-mixture``: divergence alone decides, of mixtures that keep time or of six components."""

from __future__ import annotations

from typing import Any

import numpy as np

from classifier.results import semitones
from classifier.search import alike, null
from classifier.search.indexed import least_divergence
from classifier.search.matches import unaligned
from classifier.search.ranking import Ranking, rank
from classifier.search.state import Answer, Search, drawn_at, mixtures_at, variational

#: Speeds at which ``kl`` compares again if nothing is certain at the snippet's own: each covers 2 to 3 % around it.
SLOT_SPEEDS = (0.96, 1.04)
#: Share of a snippet that must be more than silence or lone tones for divergence alone to name a track: two notes of a
#: whistle are almost identical.
AUDIBLE_SHARE = 0.5
#: Confidence from which ``kl-mixture`` names a track.
_MIXTURE_CERTAIN = 0.95


def by_slots(search: Search, similar: alike.Alike) -> Answer:
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
            unaligned(
                search.track(number),
                place,
                verdict,
                offset_s=round(offset_s, 4),
                speed=best.speed,
                pitch=semitones(best.speed),
                log10_e_value=_slot_log10_e(best, number),
                confidence=(null.probability(odds) if audible else 0.0) if place == 0 else None,
                divergence=float(best.divergence[number]),
                divergence_variational=variational(search, segment, entry, offset_s, best.speed),
            )
        )
    drawn: dict[str, Any] = {}
    if order:
        item = search.snapshot.items[order[0]]
        drawn = drawn_at(search, item, best.offset_s(order[0], search.config), best.speed)
    tied, complete = int(verdict == "identified"), not search.is_indexed
    return Answer(verdict, matches, drawn, tied, complete=complete, other_speeds=all_speeds)


def _ranked(search: Search, heard: np.ndarray, speed: float) -> Ranking:
    """Rank all tracks by divergence, or those that the index finds."""
    if not search.is_indexed:
        return search.passes.rank(search.query, heard, speed)
    only = least_divergence(heard, speed, search.passes)
    return rank(search.query, search.snapshot, search.config, heard, speed, only)


def _slot_log10_e(ranking: Ranking, number: int | None = None) -> float:
    """Log10 of the E-value of the best place of all tracks, or of one; trials are all places and speeds."""
    z = float(ranking.z.max(initial=-np.inf) if number is None else ranking.z[number])
    if not np.isfinite(z):
        return float("inf")
    trials = np.log10(max(1, ranking.n_places) * (1 + len(SLOT_SPEEDS)))
    return null.null_map().slot_tail(ranking.n_slots).log10_e(z, float(trials))


def by_mixtures(search: Search, similar: alike.Alike) -> Answer:
    """Decide by six-component mixtures: the track of least divergence is named if it stands out from the next ones."""
    query = search.query
    found = []
    windows, mixtures = alike.whole_windows(query), search.mixtures()
    for number in similar.order()[: alike.SHORTLIST]:
        segment, entry = search.snapshot.items[number]
        rows = alike.paired(windows, segment, entry)
        found.append((alike.mixture_divergence(mixtures, segment, entry, rows), int(number), int(rows[0])))
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
            unaligned(
                search.track(number),
                place,
                verdict,
                offset_s=round(start_s - float(query.start_s[0]), 4),
                speed=None,
                pitch=None,
                log10_e_value=None,
                confidence=confidence if place == 0 else None,
                divergence=divergence,
                divergence_variational=divergence,
            )
        )
    drawn = {}
    if found:
        drawn = {"mixtures": mixtures_at(search, search.snapshot.items[found[0][1]], matches[0].offset_s or 0.0, 1.0)}
    return Answer(verdict, matches, drawn, int(verdict == "identified"), complete=not search.is_nearest_rough)
