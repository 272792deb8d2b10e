"""Features against librosa, against analytic values, and against the grid's definition."""

import librosa
import numpy as np
import pytest
from scipy.interpolate import make_smoothing_spline

from classifier.config import FeatureConfig
from classifier.mixtures import features

CONFIG = FeatureConfig()


def test_mel_filter_bank_equals_librosas():
    theirs = librosa.filters.mel(
        sr=16000, n_fft=512, n_mels=40, fmin=CONFIG.f_min, fmax=CONFIG.f_max, htk=True, norm=None
    )
    np.testing.assert_allclose(features.mel_matrix(CONFIG), theirs.T, atol=2e-6)


def test_mel_power_equals_librosas_on_the_same_frames(rng):
    samples = rng.standard_normal(16000).astype(np.float32) * 0.1
    ours = features.mel_power(features.spectrum(samples, CONFIG), CONFIG)
    spectra = librosa.stft(samples, n_fft=480, hop_length=240, window="hann", center=False)
    assert len(ours) == spectra.shape[1]
    # librosa cannot zero-pad a frame, so compare through a direct DFT of the first frame instead.
    window = np.hanning(481)[:-1]
    direct = np.abs(np.fft.rfft(samples[:480] * window, 512)) ** 2 @ features.mel_matrix(CONFIG)
    np.testing.assert_allclose(ours[0], direct, rtol=1e-4)


def test_frames_cover_whole_steps_without_padding():
    for n, frames in ((0, 0), (479, 0), (480, 1), (719, 1), (720, 2), (16000, 65)):
        assert len(features.spectrum(np.zeros(n, np.float32), CONFIG)) == frames


def test_windows_start_on_the_nearest_frame_of_each_second():
    starts = features.window_starts(1000, CONFIG)
    assert starts.tolist() == [0, 67, 133, 200, 267, 333, 400, 467, 533, 600, 667]
    assert starts[-1] + CONFIG.window_frames <= 1000
    assert features.window_starts(CONFIG.window_frames - 1, CONFIG).tolist() == [0]
    assert features.window_starts(5, CONFIG).tolist() == []


@pytest.mark.parametrize("half_length", [1, 4, 8, 20])
def test_spline_derivative_of_a_ramp_is_its_slope(half_length):
    kernel = features.spline_derivative_kernel(half_length)
    t = np.arange(2 * half_length + 1) * 3.5 + 2
    derivative = sum(w * (t[half_length + j] - t[half_length - j]) for j, w in enumerate(kernel, start=1))
    assert derivative == pytest.approx(3.5, rel=1e-5)


def test_spline_derivatives_of_sequences_are_the_kernels_sums(rng):
    half, x = 5, rng.standard_normal((3, 40, 2)).astype(np.float32)
    found = features.spline_derivative(x, half)
    assert found.shape == (3, 30, 2)
    kernel = features.spline_derivative_kernel(half)
    for t in (half, 17, 40 - half - 1):
        by_hand = sum(w * (x[:, t + j] - x[:, t - j]) for j, w in enumerate(kernel, start=1))
        np.testing.assert_allclose(found[:, t - half], by_hand, atol=1e-6)


def test_spline_derivative_follows_a_smoothing_spline(rng):
    """An independent smoothing spline with the same penalty has the same derivative, up to the cut kernel."""
    half = 24
    y = np.cumsum(rng.standard_normal(400))
    kernel = features.spline_derivative_kernel(half)
    ours = np.array([sum(w * (y[t + j] - y[t - j]) for j, w in enumerate(kernel, 1)) for t in range(100, 300)])
    # scipy minimises sum of squares + lam * integral of the second derivative squared; so does the kernel's spline.
    spline = make_smoothing_spline(np.arange(400.0), y, lam=(half / 3.0) ** 4)
    theirs = spline.derivative()(np.arange(100, 300))
    assert np.corrcoef(ours, theirs)[0, 1] > 0.995
    assert np.std(ours - theirs) < 0.12 * np.std(theirs)


def test_a_constant_channel_changes_nothing(rng):
    """A fixed gain per band is a constant in the logarithm; with the floor relative to the band it drops out."""
    mel = rng.gamma(2.0, 1.0, (2, CONFIG.window_frames, 40)).astype(np.float32)
    gain = (10 ** rng.uniform(-2, 2, 40)).astype(np.float32)
    np.testing.assert_allclose(features.delta_mfcc(mel * gain, CONFIG), features.delta_mfcc(mel, CONFIG), atol=2e-4)


def test_a_window_depends_on_nothing_outside_it(rng):
    mel = rng.gamma(2.0, 1.0, (900, 40)).astype(np.float32)
    other = mel.copy()
    other[500:] = 7.0
    starts = np.array([0, 67, 133])
    windows = [features.delta_mfcc(features.gather_windows(m, starts, 332), CONFIG) for m in (mel, other)]
    np.testing.assert_array_equal(*windows)


def test_steady_sound_has_no_derivative():
    mel = np.full((1, CONFIG.window_frames, 40), 3.0, np.float32)
    np.testing.assert_allclose(features.delta_mfcc(mel, CONFIG), 0, atol=1e-5)
