"""Ranking by divergence against a loop over all windows, at every place, with the divergences as they are defined."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.catalogue import Catalogue
from classifier.config import FeatureConfig
from classifier.demo.phone import record
from classifier.demo.songs import Song
from classifier.index.segment import Segment
from classifier.index.snapshot import Snapshot
from classifier.mixtures.divergence import Packed, symmetric_kl_gaussian, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures
from classifier.models.fitting import fit
from classifier.models.track import QueryModel, TrackModel, at_rate, builtin_background, model_query, model_track
from classifier.records import tracks
from classifier.search.ranking import Ranking
from tests.library import RATE, decoded, lively_noise

CONFIG = FeatureConfig()
BACKGROUND = builtin_background()
VARIANTS = 1 + len(CONFIG.twins)
#: Moment Gaussians are kept as 16-bit integers.
ROUNDED = 5e-3
#: Inner products in single precision of numbers up to some thousands.
FLOAT32 = 2e-3


def together(gaussians: Mixtures, first: np.ndarray, second: np.ndarray) -> Mixtures:
    """Gaussians of the frames of two windows: means and second moments about zero are averaged."""
    means = (gaussians.means[first] + gaussians.means[second]) / 2
    moments = gaussians.covariances + gaussians.means[..., :, None] * gaussians.means[..., None, :]
    covariances = (moments[first] + moments[second]) / 2 - means[..., :, None] * means[..., None, :]
    return Mixtures(gaussians.weights[first], means, covariances)


def tables(asked: Mixtures, stored: Mixtures) -> np.ndarray:
    """Log of J_1 of every Gaussian of the snippet and every window of the track, the least over the noise variants."""
    j = symmetric_kl_gaussian(Packed.of(asked), Packed.of(stored))
    return np.log(j.reshape(len(asked), -1, VARIANTS).min(axis=2))


def along(log_j: np.ndarray, starts: np.ndarray) -> dict[int, float]:
    """Mean log divergence at every place at which the snippet fits, by its first window.

    A window of the snippet lies between two of the track's grid, and may match either.
    """
    found = {}
    for first in range(log_j.shape[1]):
        total, fits = 0.0, True
        for k, start_s in enumerate(starts):
            row = first + int(start_s / CONFIG.window_step + 1e-9)
            fits &= row + 1 < log_j.shape[1]
            if fits:
                total += min(log_j[k, row], log_j[k, row + 1])
        if fits:
            found[first] = total / len(starts)
    return found


def places(query: QueryModel, model: TrackModel) -> dict[int, float]:
    """Divergence of the snippet at every place: of its windows, and of pairs of windows five seconds apart."""
    means = [along(tables(query.moments, model.moments), query.start_s)]
    pairs = [
        (i, j)
        for i in range(len(query.start_s))
        for j in range(i)
        if abs(query.start_s[i] - query.start_s[j] - 5) < 0.02
    ]
    if pairs:
        first, second = np.array([(j, i) for i, j in pairs]).T
        rows = np.arange(len(model.moments))
        last = rows % VARIANTS + len(rows) - VARIANTS
        stored = together(model.moments, rows, np.minimum(rows + 5 * VARIANTS, last))
        means.append(along(tables(together(query.moments, first, second), stored), query.start_s[first]))
    return {place: float(np.exp(np.mean([m[place] for m in means]))) for place in means[0]}


@pytest.fixture(scope="module")
def models(library: Catalogue) -> dict[str, TrackModel]:
    """Models of the library's tracks, read from the store."""
    found = {}
    for track in library.tracks():
        arrays = tracks.load_models(library.store, track.id, track.version)
        words = tracks.load_subfingerprints(library.store, track.id, track.version)
        found[track.id] = TrackModel.from_arrays(arrays, words)
    return found


def asked(song: Song, start_s: float, length_s: float, snr_db: float | None) -> QueryModel:
    if snr_db is None:
        samples = decoded(song)[round(start_s * RATE) :][: round(length_s * RATE)]
    else:
        heard = record(song.samples, song.sample_rate, start_s, length_s, snr_db=snr_db, noise="pink", seed=5)
        samples = at_rate(heard, song.sample_rate, RATE)
    return model_query(samples, CONFIG, BACKGROUND)


@pytest.mark.parametrize("length_s", [5.0, 7.2, 10.0, 12.3])
@pytest.mark.parametrize(("start_s", "snr_db"), [(11.0, None), (11.4, None), (11.4, 5.0)])
def test_ranking_equals_a_loop_over_all_windows(library, models, enrolled_songs, length_s, start_s, snr_db):
    query = asked(enrolled_songs[3], start_s, length_s, snr_db)
    snapshot = library.view().snapshot
    ranking = Ranking(query, snapshot, CONFIG)
    assert {r.entry.track_id for r in ranking.nearest} == set(models)
    values = [r.divergence for r in ranking.nearest]
    assert values == sorted(values)
    exact = 0
    for ranked in ranking.nearest:
        brute = places(query, models[ranked.entry.track_id])
        first = ranked.window - ranked.entry.rows["windows"].start
        frame = models[ranked.entry.track_id].window_frame[first]
        assert ranked.window_start_s == pytest.approx(frame * 240 / 16000)
        # What is reported is the nearer end of the stretch between two windows that is called a place.
        here = [brute[place] for place in (first - 1, first) if place in brute]
        if len(here) == 2:  # else the snippet would run past an end there
            assert min(abs(ranked.divergence / value - 1) for value in here) < ROUNDED
            assert ranked.divergence >= min(brute.values()) * (1 - ROUNDED)
            exact += ranked.divergence <= min(brute.values()) * (1 + ROUNDED)
    best = ranking.nearest[0]
    brute = places(query, models[best.entry.track_id])
    if snr_db is None:
        assert best.divergence == pytest.approx(min(brute.values()), rel=ROUNDED)
    assert exact >= len(models) / 4
    assert library.track(best.entry.track_id).title == enrolled_songs[3].title
    assert abs(best.window_start_s - start_s) < (0.02 if start_s == 11.0 and snr_db is None else 0.75)


def test_variational_divergence_is_the_mean_over_windows(library, models, enrolled_songs):
    query = asked(enrolled_songs[5], 8.3, 8.0, None)
    ranking = Ranking(query, library.view().snapshot, CONFIG)
    for ranked in ranking.nearest[:3]:
        model = models[ranked.entry.track_id]
        first = ranked.window - ranked.entry.rows["windows"].start
        rows = np.minimum(first + (query.start_s + 1e-9).astype(int), len(model.window_frame) - 1)
        table = symmetric_kl_variational(Packed.of(query.mixtures), Packed.of(model.mixtures))
        expected = np.mean([table[k, row] for k, row in enumerate(rows)])
        assert ranking.variational(ranked) == pytest.approx(expected, rel=FLOAT32)


@pytest.mark.parametrize("n_mfcc", [7, 10, 13])
@pytest.mark.parametrize("kind", ["full", "diag"])
def test_other_models_rank_too(rng, n_mfcc, kind):
    """Ten diagonal dimensions have as many statistics as five full ones: shapes alone do not tell."""
    config = FeatureConfig(covariance_type=kind, n_mfcc=n_mfcc, twins=())
    frames = rng.standard_normal((3000, n_mfcc))
    background = fit(frames, config, "test")
    sounds = [lively_noise(9.0, seed=60 + i) for i in range(3)]
    models = [model_track(sound, config, background) for sound in sounds]
    segment = Segment.build([(str(i), 1, model) for i, model in enumerate(models)])
    snapshot = Snapshot((segment,), frozenset(e.key for e in segment.entries))
    query = model_query(sounds[1][2 * RATE : 7 * RATE], config, background)
    ranking = Ranking(query, snapshot, config)
    assert ranking.nearest[0].entry.track_id == "1"
    for ranked in ranking.nearest:
        model = models[int(ranked.entry.track_id)]
        best = min(symmetric_kl_gaussian(Packed.of(query.moments), Packed.of(model.moments))[0])
        assert ranked.divergence == pytest.approx(best, rel=10 * FLOAT32, abs=0.05)
        assert np.isfinite(ranking.variational(ranked))


def snapshot_of(**sounds: np.ndarray) -> Snapshot:
    """Return a snapshot of tracks with these sounds, each in a segment of its own."""
    segments = [
        Segment.build([(name, 1, model_track(sound.astype(np.float32), CONFIG, BACKGROUND))])
        for name, sound in sounds.items()
    ]
    return Snapshot(tuple(segments), frozenset(e.key for s in segments for e in s.entries))


def tone(seconds: float) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)


def test_silence_and_tones_are_never_near(enrolled_songs):
    """Windows in which nothing happens are stored as silent: they may not match, nor lend their place."""
    snapshot = snapshot_of(
        music=decoded(enrolled_songs[0])[: 15 * RATE],
        other=decoded(enrolled_songs[1])[: 15 * RATE],
        tone=tone(15.0),
        silence=np.zeros(15 * RATE),
        mixed=np.concatenate([decoded(enrolled_songs[2])[: 12 * RATE], tone(20.0)]),
    )
    for i, name in ((0, "music"), (1, "other"), (2, "mixed")):
        query = model_query(decoded(enrolled_songs[i])[4 * RATE : 10 * RATE], CONFIG, BACKGROUND)
        nearest = {r.entry.track_id: r for r in Ranking(query, snapshot, CONFIG).nearest}
        assert next(iter(nearest)) == name
        assert all(np.isfinite(r.divergence) for r in nearest.values())
        assert not {"tone", "silence"} & set(nearest)
        assert nearest["mixed"].window_start_s < 12.0
    unknown = model_query(lively_noise(6.0, 1), CONFIG, BACKGROUND)
    nearest = {r.entry.track_id: r for r in Ranking(unknown, snapshot, CONFIG).nearest}
    assert set(nearest) == {"music", "other", "mixed"}
    assert nearest["mixed"].window_start_s < 12.0


def test_a_catalogue_of_silence_has_nobody_near():
    snapshot = snapshot_of(silence=np.zeros(8 * RATE), tone=tone(8.0))
    ranking = Ranking(model_query(lively_noise(6.0, 1), CONFIG, BACKGROUND), snapshot, CONFIG)
    assert ranking.nearest == []


def test_nothing_to_ask_and_nothing_to_search(library):
    query = model_query(lively_noise(6.0, 2), CONFIG, BACKGROUND)
    empty = Ranking(query, Snapshot((), frozenset()), CONFIG)
    assert empty.nearest == []
    for samples in (np.zeros(6 * RATE, np.float32), np.zeros(0, np.float32), tone(6.0).astype(np.float32)):
        ranking = Ranking(model_query(samples, CONFIG, BACKGROUND), library.view().snapshot, CONFIG)
        assert ranking.nearest == []
        assert ranking.of(next(iter(library.view().snapshot))[1]) is None


def test_dead_tracks_do_not_count(library, enrolled_songs):
    snapshot = library.view().snapshot
    query = asked(enrolled_songs[3], 11.0, 5.0, None)
    best = Ranking(query, snapshot, CONFIG).nearest[0].entry
    without = Snapshot(snapshot.segments, snapshot.live - {best.key})
    names = {r.entry.track_id for r in Ranking(query, without, CONFIG).nearest}
    assert names == {track_id for track_id, _ in snapshot.live} - {best.track_id}


def test_a_snippet_longer_than_the_track_is_ranked(enrolled_songs):
    samples = decoded(enrolled_songs[0])
    snapshot = snapshot_of(short=samples[: 7 * RATE], other=decoded(enrolled_songs[1])[: 20 * RATE])
    ranking = Ranking(model_query(samples[: 15 * RATE], CONFIG, BACKGROUND), snapshot, CONFIG)
    assert [r.entry.track_id for r in ranking.nearest] == ["short", "other"]
    assert np.isfinite([ranking.variational(r) for r in ranking.nearest]).all()


def test_every_track_is_ranked(rng):
    """Tracks of one window each: the order is that of their divergences."""
    config = FeatureConfig(twins=())
    sound = lively_noise(130 * 5.0, seed=77)
    models = [
        (f"{i:03d}", 1, model_track(sound[i * 5 * RATE : (i + 1) * 5 * RATE], config, BACKGROUND)) for i in range(130)
    ]
    segment = Segment.build(models)
    snapshot = Snapshot((segment,), frozenset(e.key for e in segment.entries))
    query = model_query(sound[57 * 5 * RATE : 58 * 5 * RATE], config, BACKGROUND)
    ranking = Ranking(query, snapshot, config)
    assert ranking.nearest[0].entry.track_id == "057"
    j1 = {
        name: symmetric_kl_gaussian(Packed.of(query.moments), Packed.of(model.moments))[0, 0]
        for name, _, model in models
    }
    assert [r.entry.track_id for r in ranking.nearest] == sorted(j1, key=lambda name: j1[name])
