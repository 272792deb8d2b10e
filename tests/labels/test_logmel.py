"""Log-mel, level and patches of the tagging network."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from classifier.labels.mel import hz_to_mel, mel_matrix, mel_power, mel_to_hz
from classifier.labels.musicnn import logmel
from classifier.labels.musicnn.logmel import HOP_S, LEVEL, PATCH_S, SAMPLE_RATE


@pytest.mark.parametrize(("rate", "n_fft", "hop", "n_mels"), [(16000, 512, 256, 96), (22050, 1024, 512, 128)])
def test_mel_power_is_librosas(rng, rate, n_fft, hop, n_mels):
    samples = (0.1 * rng.standard_normal(2 * rate + 77)).astype(np.float32)
    theirs = librosa.feature.melspectrogram(y=samples, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=n_mels).T
    np.testing.assert_allclose(mel_power(samples, rate, n_fft, hop, n_mels), theirs, rtol=2e-4, atol=1e-7)
    np.testing.assert_allclose(
        mel_matrix(rate, n_fft, n_mels), librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels).T, atol=1e-7
    )


def test_the_mel_scale_goes_there_and_back():
    hertz = np.array([0.0, 1.0, 999.0, 1000.0, 1001.0, 11025.0])
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hertz)), hertz, rtol=1e-12)
    np.testing.assert_allclose(hz_to_mel(hertz), librosa.hz_to_mel(hertz), rtol=1e-12)


def test_loud_sound_does_not_overflow():
    """Where float16, as the network's package had it, would: mel power times 10,000 above 65,504."""
    loud = np.sin(2 * np.pi * 440 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert mel_power(loud, SAMPLE_RATE, 512, 256, 96).max() * 10000 > 65504
    assert np.isfinite(logmel.logmel(loud)).all()


def patches(samples: np.ndarray, most: int | None = 20) -> tuple[np.ndarray, np.ndarray]:
    cutting = logmel.Patches(most)
    cutting.add(samples)
    return cutting.cut()


def at_level(samples: np.ndarray) -> np.ndarray:
    return samples * np.float32(LEVEL / np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def test_the_level_is_set(rng):
    noise = rng.standard_normal(4 * SAMPLE_RATE).astype(np.float32)
    expected = logmel.logmel(at_level(noise))[:187]
    for gain in (1.0, 0.01, 1e-4):
        np.testing.assert_allclose(patches(noise * np.float32(gain))[0][0], expected, atol=1e-4)
    assert not patches(np.zeros(10, np.float32))[0].any()


@pytest.mark.parametrize(
    ("n_frames", "starts"),
    [
        (187, [0]),
        (187 + 93, [0]),  # less than half a patch is left
        (187 + 94, [0, 94]),
        (3 * 187, [0, 187, 374]),
        (3 * 187 + 100, [0, 187, 374, 474]),
    ],
)
def test_patches_lie_side_by_side_and_the_rest_counts_from_a_half(rng, n_frames, starts):
    samples = rng.standard_normal((n_frames - 1) * 256).astype(np.float32)
    found, start_s = patches(samples)
    np.testing.assert_allclose(start_s, np.array(starts) * HOP_S)
    frames = logmel.logmel(at_level(samples))
    for patch, start in zip(found, starts, strict=True):
        np.testing.assert_allclose(patch, frames[start : start + 187], atol=1e-5)


def test_what_is_short_is_repeated(rng):
    samples = rng.standard_normal(SAMPLE_RATE).astype(np.float32)
    found, start_s = patches(samples)
    assert found.shape == (1, 187, 96)
    assert start_s.tolist() == [0.0]
    np.testing.assert_allclose(found[0], logmel.logmel(np.tile(at_level(samples), 3)[: 186 * 256]), atol=1e-5)


def test_a_long_recording_is_sampled_evenly(rng):
    samples = rng.standard_normal(round(100 * PATCH_S * SAMPLE_RATE)).astype(np.float32)
    found, start_s = patches(samples)
    assert len(found) == 20
    assert start_s[0] == 0
    assert start_s[-1] == pytest.approx(99 * PATCH_S)
    assert np.ptp(np.diff(start_s)) <= PATCH_S + 1e-9
    assert len(patches(samples, None)[0]) == 100
