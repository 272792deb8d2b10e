"""Lines, what is read along them, and the spectra that it is read from."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.fingerprint import bits
from classifier.fingerprint.agreement import rough_peaks
from classifier.fingerprint.bits import FRAME, HOP_S, QUERY_HOP, SAMPLE_RATE
from classifier.listening import lines
from classifier.listening.grid import BLOCK, STEP_S, STEPS
from classifier.listening.lines import Line
from classifier.listening.looks import Spending
from classifier.listening.scan import FRAMES, RECENT, SPEEDS, STEP, Scanner
from classifier.listening.search import Searcher
from classifier.listening.spectra import Spectra
from classifier.listening.traces import AUDIBLE, OFF, Trace, both, likeness
from classifier.search.significance import Size
from tests.listening.conftest import excerpt

_BLOCK_SAMPLES = BLOCK * QUERY_HOP
_SPAN = (BLOCK - 1) * QUERY_HOP + FRAME


def spectra_of(samples: np.ndarray, n_blocks: int = 40) -> Spectra:
    """Return the spectra of all whole blocks of samples."""
    spectra = Spectra(n_blocks)
    for at in range(0, len(samples) - _SPAN + 1, _BLOCK_SAMPLES):
        spectra.add(samples[at : at + _SPAN])
    return spectra


@pytest.fixture(scope="module")
def played(songs) -> tuple[np.ndarray, Spectra]:
    """Song 0 from its tenth second on, 4 % fast, and its spectra."""
    samples = excerpt(songs["song 0"], 10, 25, 1.04)
    return samples, spectra_of(samples)


def test_a_line_can_be_named_by_any_of_its_moments():
    line = Line(3, 100.0, 7.0, 1.04)
    assert line.track_at(8.0) == pytest.approx(101.04)
    assert line.moment(101.04) == pytest.approx(8.0)
    assert line.moved(27.0).track_at(8.0) == pytest.approx(101.04)
    assert line.shifted(0.5).moment(100.0) == pytest.approx(7.5)


def test_energies_at_the_tracks_speed_are_those_of_a_snippet(played):
    samples, spectra = played
    frames = np.arange(20, 60)
    energy, loud = spectra.energies(frames, 1.0)
    expected, expected_loud = bits.band_energies(samples, QUERY_HOP)
    np.testing.assert_allclose(energy, expected[frames], atol=2e-4)
    np.testing.assert_array_equal(loud, expected_loud[frames])


def test_only_the_last_blocks_are_kept(played):
    samples, _ = played
    spectra = spectra_of(samples, n_blocks=4)
    assert spectra.stop - spectra.start == 4 * BLOCK
    whole = spectra_of(samples)
    frames = np.arange(spectra.start, spectra.stop, 5)
    np.testing.assert_array_equal(spectra.energies(frames, 0.98)[0], whole.energies(frames, 0.98)[0])
    early = spectra.energies(np.array([0, 1]), 1.0)[0]
    np.testing.assert_array_equal(early[0], early[1])


def test_agreement_along_the_right_line_is_that_of_a_track_alone_and_nil_along_wrong_ones(songs, played):
    _, spectra = played
    words = bits.reference_words(songs["song 0"])

    def share(line: Line, of: np.ndarray) -> float:
        frames = lines.frames_between(line, 8, 72, len(of))
        around = lines.context(spectra, spectra.stop, line.speed)
        heard = lines.read(spectra, line, of, frames, around, bandwidth_hz=7000.0)
        assert np.all((heard.step >= 8) & (heard.step < 72))
        return float(heard.r.sum() / heard.n.sum())

    right = Line(0, 10.0, 0.0, 1.04)
    assert share(right, words) > 0.6
    assert abs(share(Line(0, 3.0, 0.0, 1.04), words)) < 2 * AUDIBLE
    assert abs(share(right, bits.reference_words(songs["song 3"]))) < 2 * AUDIBLE
    assert share(Line(0, 10.0, 0.0, 0.96), words) < 0.3


def test_frames_between_steps_are_those_whose_middles_sound_there():
    line = Line(0, 5.0, 0.0, 0.96)
    frames = lines.frames_between(line, 10, 14, 10_000)
    middles = line.at_s + (frames * HOP_S + bits.SPAN_S / 2 - line.track_s) / line.speed
    assert np.all((middles >= 10 * STEP_S - 1e-6) & (middles < 14 * STEP_S))
    assert len(frames) == pytest.approx(4 * STEP_S * 0.96 / HOP_S, abs=1)
    assert np.all(lines.frames_between(line, 10, 14, 10_000, every=4) % 4 == 0)
    assert len(lines.frames_between(line, 10, 14, 20)) == 0
    assert len(lines.frames_between(Line(0, -50.0, 0.0, 1.0), 10, 14, 10_000)) == 0


def test_the_scan_finds_the_place_at_the_speed(view, played):
    _, spectra = played
    best = Scanner(view.snapshot).scan(spectra, spectra.stop, SPEEDS, 5.5, 7000.0)[0]
    assert view.snapshot.items[best.line.number][1].track_id == "song 0"
    assert best.line.speed == 1.04
    now_s = spectra.stop * QUERY_HOP / SAMPLE_RATE
    assert abs(best.line.track_at(now_s) - (10 + 1.04 * now_s)) < 0.1


def test_a_trace_corrects_its_place_and_speed(songs, played):
    _, spectra = played
    words = bits.reference_words(songs["song 0"])
    ready = STEPS * (spectra.stop // BLOCK) - 1
    rough = Line(0, 10 + 1.04 * 12 + 0.02, 12.0, 1.037)
    trace = Trace.found(1, rough, words, 7000.0, spectra, 0, ready, 0)
    now_s = ready * STEP_S
    assert abs(trace.line.track_at(now_s) - (10 + 1.04 * now_s)) < 0.02
    assert abs(trace.line.speed - 1.04) < 0.002
    assert trace.share(16, ready) > 0.6
    gains = trace.gains()
    assert np.all(gains[4:ready] > 0)
    assert np.all(gains[ready:] == OFF)


def test_the_same_sound_is_told_once(songs, played):
    """A track and its copy explain each other; two tracks that are not alike do not."""
    _, spectra = played
    ready = STEPS * (spectra.stop // BLOCK) - 1
    line = Line(0, 10.0, 0.0, 1.04)
    words = bits.reference_words(songs["song 0"])
    one, copy, other = (
        Trace.found(i, line, w, 7000.0, spectra, 0, ready, 0)
        for i, w in enumerate((words, words.copy(), bits.reference_words(songs["song 1"])))
    )
    alike = np.zeros(one.evidence.shape[1])
    alike[:ready] = likeness(one, copy, 0, 0, ready)
    np.testing.assert_allclose(alike[4 : ready - 4], 1)
    assert np.all(both(one, copy, alike)[4:ready] <= one.gains()[4:ready])
    assert likeness(one, other, 0, 0, ready).mean() < 0.1


@pytest.mark.parametrize("n_frames", [20, 21])
@pytest.mark.parametrize("recent", [7, 8])
def test_the_peaks_of_a_rough_comparison_are_those_of_counting_bits(n_frames: int, recent: int):
    rng = np.random.default_rng(1)
    reference = rng.integers(0, 2**63, (2, 3000), dtype=np.uint64)
    heard = reference[:, 500 : 500 + 2 * n_frames : 2].T
    rough = np.stack([heard, rng.integers(0, 2**63, (n_frames, 2), dtype=np.uint64)], axis=2)
    n_lags = 3000 - 2 * (n_frames - 1)
    there = np.stack([reference[:, i : i + 2 * n_frames : 2].T for i in range(n_lags)])
    both = np.bitwise_count((there ^ rough[..., 0]) & rough[..., 1])
    differing = np.where(np.arange(n_frames) < n_frames - recent, both[:, :, 1], both.sum(axis=2))
    z, at = rough_peaks(rough, reference, 2, 256, recent)
    for which, counts in enumerate((differing.sum(axis=1), differing[:, -recent:].sum(axis=1))):
        assert at[which, int(z[which].argmax())] == 500
        for block in range(z.shape[1]):
            some = counts[256 * block : 256 * (block + 1)]
            assert counts[at[which, block]] == some.min()
            assert z[which, block] == pytest.approx((counts.mean() - some.min()) / counts.std())
    assert rough_peaks(rough, reference[:, :30], 2, 256, recent)[0].shape == (2, 0)


def test_signs_are_what_was_packed():
    rng = np.random.default_rng(2)
    d = rng.standard_normal((50, bits.N_BITS))
    np.testing.assert_array_equal(bits.signs(bits.pack(d, np.ones(50, bool))), d > 0)


def test_what_has_just_begun_stands_out_more_in_the_last_seconds(view, songs, strange):
    """Of six seconds it fills the last two and a half, which the sound before would drown."""
    samples = np.concatenate([strange[: 12 * SAMPLE_RATE], excerpt(songs["song 1"], 8, 20)])
    blocks = round(14.5 * SAMPLE_RATE / _BLOCK_SAMPLES)
    spectra = spectra_of(samples[: (blocks - 1) * _BLOCK_SAMPLES + _SPAN])
    heard, _ = lines.rough(spectra, spectra.stop, FRAMES, 1.0, 7000.0)
    scanner = Scanner(view.snapshot)
    z, _ = rough_peaks(heard, scanner._words, STEP, 256, RECENT)
    assert z[1].max() > 1.2 * z[0].max() > 6
    best = scanner.scan(spectra, spectra.stop, SPEEDS, 5.5, 7000.0)[0]
    assert view.snapshot.items[best.line.number][1].track_id == "song 1"
    now_s = spectra.stop * QUERY_HOP / SAMPLE_RATE
    assert abs(best.line.track_at(now_s) - (8 + now_s - 12)) < 0.1


def test_a_place_is_left_alone_for_a_look_and_a_whole_track_for_longer(view, played):
    _, spectra = played
    ready = STEPS * (spectra.stop // BLOCK) - 1
    search = Searcher(view.snapshot, Spending(Size.of(view.snapshot)), 7000.0, Scanner(view.snapshot))
    here = Line(0, 10 + 1.04 * 12, 12.0, 1.04)
    for look, whole, found in (
        (1, False, False),
        (2, False, True),
        (2, True, False),
        (4, True, False),
        (5, True, True),
    ):
        search.refused = []
        search.refuse(here, 20, whole_track=whole)
        lines = [f.line.number for f in search.look(spectra, 20 + look, 1, ready, [], set())]
        assert lines == ([0] if found else [])
