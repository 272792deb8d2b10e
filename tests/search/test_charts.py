"""What the page draws: agreement along the track, divergence along the snippet."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.mixtures.divergence import Packed, symmetric_kl_variational
from classifier.mixtures.gmm import Mixtures
from classifier.mixtures.slots import per_slot
from classifier.search import charts
from tests.library import RATE, lively_noise
from tests.search.shelf import BACKGROUND, CONFIG, cut, played, query_of, tone

#: Of unrelated sound: what is left along a true match of a clean snippet, and what there is beside it.
LOW, HIGH = 0.25, 0.75


def test_agreement_shows_the_peak_of_the_first_match(songs, sounds):
    tag = songs.ask(cut(sounds[4], 12, 5))
    chart = tag.charts["alignment"]
    assert chart["track_id"] == tag.matches[0].track_id
    assert len(chart["lags_s"]) == len(chart["agreement"]) <= 600
    assert chart["lags_s"] == sorted(chart["lags_s"])
    peak = int(np.argmax(chart["agreement"]))
    assert chart["lags_s"][peak] == pytest.approx(12, abs=0.02)
    assert chart["agreement"][peak] == pytest.approx(tag.matches[0].agreement, abs=1e-3)
    assert np.median(chart["agreement"]) < chart["threshold"] < chart["agreement"][peak]


def test_what_is_near_is_drawn_as_listed(songs, sounds):
    tag = songs.ask(cut(sounds[4], 12, 5))
    listed = [{"track_id": n.track_id, "title": n.title, "divergence": n.divergence} for n in tag.nearest]
    assert tag.charts["nearest"] == listed


@pytest.mark.parametrize("method", ["auto", "kl"])
def test_divergence_is_low_along_a_match(songs, sounds, method):
    tag = songs.ask(cut(sounds[4], 12.2, 8), method=method)
    chart, best = tag.charts["divergence"], tag.matches[0]
    assert chart["track_id"] == best.track_id == "song 4"
    assert np.mean(chart["divergence"]) == pytest.approx(best.divergence, abs=0.01)
    assert np.mean(chart["divergence"]) < LOW * chart["unrelated"]
    assert chart["unrelated"] == pytest.approx(2 * CONFIG.slot_mfcc / BACKGROUND.slot_variance, abs=1e-3)
    starts = np.array(chart["starts_s"])
    np.testing.assert_allclose(np.diff(starts), CONFIG.slot_s, atol=1.1e-3)
    assert 0.15 < starts[0] < 0.26  # a derivative's reach, and half a slot in the second phase
    assert starts[-1] + CONFIG.slot_s < 8.0


@pytest.mark.parametrize("first", [3, 8])
def test_divergence_is_that_of_unrelated_sound_where_another_song_plays(songs, sounds, first):
    """The match is the longer part; the other one's slots stand out, at their own times."""
    tag = songs.ask(np.concatenate([cut(sounds[2], 10, first), cut(sounds[5], 3, 10 - first)]))
    chart, best = tag.charts["divergence"], tag.matches[0]
    assert best.title == ("song 2" if first == 8 else "song 5")
    starts, values = np.array(chart["starts_s"]), np.array(chart["divergence"]) / chart["unrelated"]
    inside = (starts > best.query_start_s + 0.5) & (starts < best.query_end_s - 0.7)
    outside = (starts < best.query_start_s - 0.7) | (starts > best.query_end_s + 0.5)
    assert values[inside].mean() < LOW
    assert values[outside].mean() > HIGH
    assert min(inside.sum(), outside.sum()) > 5


@pytest.mark.parametrize("speed", [0.95, 0.985, 1.03, 1.05])
def test_divergence_is_drawn_at_the_speed_of_the_match(songs, sounds, speed):
    tag = songs.ask(played(sounds[4], 9, 8, speed))
    chart = tag.charts["divergence"]
    assert tag.matches[0].speed == pytest.approx(speed, abs=0.004)
    assert np.mean(chart["divergence"]) < LOW * chart["unrelated"]
    np.testing.assert_allclose(np.diff(chart["starts_s"]), CONFIG.slot_s / speed, atol=2e-3)
    assert chart["starts_s"][-1] < 8.0


@pytest.mark.parametrize("offset_s", [-4.13, -0.06, 0.0, 0.06, 7.33, 27.9, 500.0, -500.0])
def test_slots_are_those_of_the_nearest_place(songs, sounds, offset_s):
    """Phase and lag by hand: the place on the grid of half slots that lies nearest."""
    query, snapshot = query_of(cut(sounds[3], 7.33, 5)), songs.snapshot
    segment, entry = snapshot.items[snapshot.numbers["song 3", 1]]
    chart = charts.divergence(query.slots, query.slot_variance, segment, entry, offset_s, 1.0, CONFIG)
    grid = {(lag - phase / 2) * CONFIG.slot_s: (phase, lag) for lag in range(-5000, 5000) for phase in (0, 1)}
    phase, lag = grid[min(grid, key=lambda place_s: abs(place_s - offset_s))]
    shares = per_slot(query.slots, segment.of(entry, "slots"), phase, lag)
    wanted = 2 * CONFIG.slot_mfcc / query.slot_variance * (1 - shares)
    np.testing.assert_allclose(chart["divergence"], wanted, atol=1e-3)
    first = CONFIG.slot_half_length + phase * CONFIG.slot_frames / 2
    assert chart["starts_s"][0] == pytest.approx(first * CONFIG.frame_step / RATE, abs=1e-3)


def test_without_slots_there_is_nothing_to_draw(songs, sounds):
    query, (segment, entry) = query_of(lively_noise(0.3, 1)), songs.snapshot.items[0]
    assert charts.divergence(query.slots, query.slot_variance, segment, entry, 0.0, 1.0, CONFIG) is None


def test_a_snippet_or_a_track_without_changes_is_unrelated(songs, sounds):
    made = songs.only("song 0").with_copies(tone=tone(10.0), tiny=cut(sounds[0], 3, 0.4))
    for samples, name in ((tone(5.0), "song 0"), (cut(sounds[0], 3, 5), "tone"), (cut(sounds[0], 3, 5), "tiny")):
        query, snapshot = query_of(samples), made.snapshot
        segment, entry = snapshot.items[snapshot.numbers[name, 1]]
        chart = charts.divergence(query.slots, query.slot_variance, segment, entry, 1.0, 1.0, CONFIG)
        assert set(chart["divergence"]) == {chart["unrelated"]}


@pytest.mark.parametrize("method", ["auto", "kl"])
def test_divergence_along_the_track_dips_at_the_true_place(songs, sounds, method):
    tag = songs.ask(cut(sounds[4], 12.2, 5), method=method)
    chart = tag.charts["along"]
    assert chart["track_id"] == "song 4"
    assert len(chart["offsets_s"]) == len(chart["divergence"]) <= 600
    assert chart["offsets_s"] == sorted(chart["offsets_s"])
    dip = int(np.argmin(chart["divergence"]))
    assert chart["offsets_s"][dip] == pytest.approx(12.2, abs=CONFIG.slot_s)
    assert chart["divergence"][dip] < LOW * chart["unrelated"]
    elsewhere = np.abs(np.array(chart["offsets_s"]) - 12.2) > 1.0
    assert np.median(np.array(chart["divergence"])[elsewhere]) > HIGH * chart["unrelated"]


def test_a_match_is_a_stripe(songs, sounds):
    chart = songs.ask(cut(sounds[4], 12.2, 5)).charts["stripe"]
    middle = len(chart["rows"]) // 2
    assert chart["shifts_s"][middle] == 0.0
    assert {len(row) for row in chart["rows"]} == {len(chart["rows"][0])}
    assert len(chart["rows"][0]) * chart["hop_s"] == pytest.approx(5.0, abs=0.5)
    levels = np.array([[np.nan if c == "." else int(c) for c in row] for row in chart["rows"]])
    means = np.nanmean(levels, axis=1)
    assert means.argmax() == middle
    assert means[middle] > 2 * means[np.abs(np.arange(len(means)) - middle) > 5].max()


@pytest.mark.parametrize("method", ["auto", "kl", "kl-mixture"])
def test_the_mixtures_drawn_are_those_compared(songs, sounds, method):
    samples = cut(sounds[4], 12.2, 5)
    tag, query = songs.ask(samples, method=method), query_of(samples)
    drawn = tag.charts["mixtures"]
    first, d = query.mixtures, query.mixtures.means.shape[-1]
    np.testing.assert_allclose(drawn["snippet"]["means"], first.means[0], atol=1e-3)
    np.testing.assert_allclose(drawn["snippet"]["covariances"], first.covariances[0][:, *np.triu_indices(d)], atol=1e-4)
    assert sum(drawn["track"]["weights"]) == pytest.approx(1.0, abs=1e-3)
    assert drawn["track"]["track_id"] == tag.matches[0].track_id
    assert drawn["track"]["start_s"] == pytest.approx(12.2, abs=CONFIG.window_step)
    assert drawn["rival"]["track_id"] != drawn["track"]["track_id"]

    def packed(name: str) -> Packed:
        one = drawn[name]
        covariances = np.zeros((1, len(one["weights"]), d, d))
        covariances[0][:, *np.triu_indices(d)] = one["covariances"]
        covariances += np.swapaxes(np.triu(covariances, 1), -1, -2)
        return Packed.of(Mixtures(np.array([one["weights"]]), np.array([one["means"]]), covariances))

    mine = packed("snippet")
    assert symmetric_kl_variational(mine, packed("track")) < symmetric_kl_variational(mine, packed("rival"))
