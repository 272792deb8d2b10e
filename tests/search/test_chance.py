"""Chance: the allowed false alarms are all given out, once; more of them where divergence is least."""

from __future__ import annotations

import numpy as np
import pytest
from classifier.search.chance import OWN_SPEED, Chance

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import QUERY_HOP_S
from classifier.models.track import QueryModel, builtin_background, model_query
from classifier.search import align, null
from classifier.search.alignments import SPEEDS, hear, sweep
from classifier.search.ranking import Ranking
from tests.library import RATE, decoded
from tests.search.test_pipeline import Shelf, cut

CONFIG = FeatureConfig()
#: Float32 in, sums of some ten thousand out.
ROUNDING = 1e-4


@pytest.fixture(scope="module")
def shelf(enrolled_songs) -> Shelf:
    shelf = Shelf()
    for i in range(4):
        shelf.put(f"song {i}", decoded(enrolled_songs[i])[: (20 + 5 * i) * RATE])
    shelf.put("silence", np.zeros(12 * RATE))
    return shelf


@pytest.fixture(scope="module")
def query(enrolled_songs) -> QueryModel:
    return model_query(decoded(enrolled_songs[2])[7 * RATE : 12 * RATE], CONFIG, builtin_background())


def chance_of(query: QueryModel, shelf: Shelf) -> tuple[Chance, Ranking]:
    ranking = Ranking(query, shelf.snapshot, CONFIG)
    return Chance(query, shelf.snapshot, ranking, CONFIG), ranking


def weights(chance: Chance, query: QueryModel, shelf: Shelf) -> dict[str, tuple[float, np.ndarray]]:
    """Weight of every lag of every track, and the offset of the first lag."""
    rate = null.null_map().tail(query.print.expected).rate
    found = {}
    for segment, entry in shelf.snapshot:
        alignment = align.align(query.print, segment.words(entry), hear(query).null)
        n = 2 * (len(entry.rows["frames"]) + query.print.n_frames) if alignment is None else len(alignment.curve)
        first_s = 0.0 if alignment is None else alignment.first_s
        found[entry.track_id] = first_s, np.exp(chance.favour(entry)(first_s, n) * rate / 2)
    return found


def test_weights_are_one_on_average(shelf, query):
    """Else the E-value of the whole search would not be what it says."""
    chance, _ = chance_of(query, shelf)
    table = weights(chance, query, shelf)
    total = sum(w.sum() for _, w in table.values())
    lags = 2 * sum(len(e.rows["frames"]) + query.print.n_frames for _, e in shelf.snapshot)
    assert total <= lags * (1 + ROUNDING)
    assert total >= 0.9 * lags  # lags at the ends, of which too little overlaps, are counted and cannot be used


def test_places_weigh_by_their_rank(shelf, query):
    """By hand: half to all alike, half as one over the rank among the places that can be compared."""
    chance, ranking = chance_of(query, shelf)
    table = weights(chance, query, shelf)
    rows = [(log_j, e.track_id, row) for s, e in shelf.snapshot for row, log_j in enumerate(ranking.places(s, e))]
    ranked = sorted(r for r in rows if np.isfinite(r[0]))
    assert 0 < len(ranked) < len(rows)  # silence has windows, which are not compared
    lags = 2 * sum(len(e.rows["frames"]) + query.print.n_frames for _, e in shelf.snapshot)
    harmonic = sum(1 / rank for rank in range(1, len(ranked) + 1))
    for rank in (1, 2, 5, len(ranked)):
        _, name, row = ranked[rank - 1]
        first_s, weight = table[name]
        here = weight[round((row + 0.5 - first_s) / QUERY_HOP_S)]
        by_hand = 0.5 + 0.5 * lags * QUERY_HOP_S / (rank * harmonic)
        assert here == pytest.approx(by_hand, rel=1e-3)
    first_s, weight = table[ranked[0][1]]
    assert weight[0] == pytest.approx(0.5)  # before the track begins there is no window
    assert table["silence"][1] == pytest.approx(0.5)


def test_without_divergences_all_places_are_alike(shelf, query):
    short = model_query(query.samples[: round(0.5 * RATE)], CONFIG, builtin_background())
    assert len(short.start_s) == 0
    chance, _ = chance_of(short, shelf)
    for _, entry in shelf.snapshot:
        assert (chance.favour(entry)(-1.0, 50) == 0).all()


def test_an_e_value_counts_the_places_that_one_stands_for(shelf, query):
    chance, _ = chance_of(query, shelf)
    heard = hear(query)
    found, _ = sweep(heard, list(shelf.snapshot), favour=chance.favour)
    tail = null.null_map().tail(query.print.expected)
    lags = 2 * sum(len(e.rows["frames"]) + query.print.n_frames for _, e in shelf.snapshot)
    for c in found:
        weight = np.exp(c.alignment.favour * tail.rate / 2)
        share = c.alignment.agreement / query.print.expected
        assert c.share == pytest.approx(share)
        by_hand = tail.doubted_log10_e(c.alignment.z, np.log10(lags / OWN_SPEED / weight), share, c.overlap_s)
        assert chance.log10_e(c) == pytest.approx(by_hand, abs=1e-6)
        z = chance.z_for(chance.log10_e(c), heard, c.alignment.favour)
        undoubted = share >= tail.share_needed(c.overlap_s)
        if undoubted and c.alignment.z > tail.z[0]:
            assert z == pytest.approx(c.alignment.z, abs=1e-3)
    assert found[0].entry.track_id == "song 2"
    assert found[0].alignment.favour > 0
    assert [c.alignment.strength for c in found] == sorted((c.alignment.strength for c in found), reverse=True)


@pytest.mark.parametrize("log10_e", [-12.0, -5.0, -3.5, -2.0])
def test_what_passes_is_what_reaches_the_threshold(shelf, query, unknown_songs, log10_e):
    """Also where doubt asks for more than chance does."""
    other = model_query(0.1 * cut(decoded(unknown_songs[0]), 11, 5).astype(np.float32), CONFIG, builtin_background())
    beyond = 0
    for asked in (query, other):
        chance, _ = chance_of(asked, shelf)
        heard = hear(asked)
        for c in sweep(heard, list(shelf.snapshot), favour=chance.favour)[0]:
            z = chance.threshold(c, log10_e)
            assert (c.alignment.z >= z) == (chance.log10_e(c) <= log10_e)
            beyond += z > chance.z_for(log10_e, heard, c.alignment.favour)
    assert (beyond > 0) == (log10_e < null.DOUBT)


def test_the_allowance_is_shared_between_speeds(shelf, query):
    """What all speeds together may be wrong about is what the limit allows."""
    chance, _ = chance_of(query, shelf)
    own = 10 ** -chance.log10_trials(1.0, 0.0)
    other = 10 ** -chance.log10_trials(1.03, 0.0)
    lags = 2 * sum(len(e.rows["frames"]) + query.print.n_frames for _, e in shelf.snapshot)
    assert lags * (own + len(SPEEDS) * other) == pytest.approx(1)
    assert chance.log10_trials(1.03, 5.0) == chance.log10_trials(1.03, 0.0)  # ranks are those of the own speed
