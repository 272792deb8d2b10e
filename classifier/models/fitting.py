"""Fitting a background: once for each front end, before its first track."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from scipy.cluster.vq import kmeans2

from classifier.audio.resample import at_rate
from classifier.config import FeatureConfig
from classifier.demo.phone import record
from classifier.demo.songs import compose_catalogue
from classifier.mixtures import features, gmm
from classifier.mixtures.gmm import Mixtures
from classifier.mixtures.slots import slot_deltas
from classifier.models.background import Background

N_FRAMES = 60_000
EM_STEPS = 40

#: Slot means are divided by this power of their deviation. Noise is about equally strong in all coefficients, music is
#: not: at 1 noise drowns the high ones, at 0 only the lowest counts. Measured on the development set
#: (docs/experiments.md).
_SLOT_POWER = 0.25

_SONGS = 12
_EXCERPT_S = 8.0
#: Signal-to-noise ratios, dB, at which the demo songs are modelled; None: without noise.
_HEARD = (None, None, 10.0, 5.0, 0.0)


def fit(
    frames: np.ndarray, slot_frames: np.ndarray, config: FeatureConfig, name: str = "", seed: int = 0
) -> Background:
    """Fit standard deviations and mixture: k-means++ start, then plain EM on all frames.

    Parameters
    ----------
    frames : np.ndarray, shape (n, d)
        Unstandardised delta-MFCC frames of varied sound; if more than ``N_FRAMES``, a random choice of them is used.
    slot_frames : np.ndarray, shape (n, config.slot_frames, slot_mfcc)
        Unstandardised derivatives of whole slots of clean music.
    config : FeatureConfig
        Number of components and covariance floor.
    name : str
        Identifier of the result; default one derived from its content.
    seed : int
        Seeds the random choice and the start.
    """
    rng = np.random.default_rng(seed)
    x = frames[rng.permutation(len(frames))[:N_FRAMES]].astype(np.float64)
    scale = x.std(axis=0)
    x /= scale
    k = config.n_components
    _, label = kmeans2(x, k, minit="++", rng=rng, iter=30)
    share = np.bincount(label, minlength=k) / len(x)
    means = np.stack([x[label == i].mean(axis=0) for i in range(k)])
    covariances = np.stack([np.cov(x[label == i].T) for i in range(k)])
    start = Mixtures(
        share[None], means[None], gmm.add_floor(covariances[None], config.covariance_floor, diagonal=False)
    )
    mixture = gmm.fit(
        x[None], start, floor=config.covariance_floor, relevance=0, max_iterations=EM_STEPS, tolerance=1e-6
    )
    deviation = np.sqrt(np.square(slot_frames.mean(axis=1, dtype=np.float64)).mean(axis=0))
    slot_scale = deviation**_SLOT_POWER
    slot_scale *= np.sqrt(np.square(deviation / slot_scale).mean())
    slot_variance = float((slot_frames / slot_scale).var(axis=1, dtype=np.float64).mean())
    arrays = (scale.astype(np.float32), mixture, slot_scale.astype(np.float32), slot_variance)
    fitted = Background(name, *arrays, config.front_end_hash)
    return fitted if name else replace(fitted, id=f"fitted-{_digest(fitted)[:12]}")


def _digest(background: Background) -> str:
    """SHA-256 of all parameters, so that backgrounds with the same id are the same."""
    digest = hashlib.sha256()
    for name, array in background.to_arrays().items():
        digest.update(name.encode() + np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()


def whole_slots(mel: np.ndarray, config: FeatureConfig) -> np.ndarray:
    """Derivatives of a stretch's whole slots, shape (n, config.slot_frames, slot_mfcc)."""
    deltas, size = slot_deltas(mel, config), config.slot_frames
    n = len(deltas) // size
    return deltas[: n * size].reshape(n, size, config.slot_mfcc)


def fit_on_demo_songs(config: FeatureConfig) -> Background:
    """Fit a background for a front end that no built-in one serves, on the seeded demo songs, clean and noisy.

    Takes some seconds. The same configuration always gives the same background.
    """
    parts, clean = [], []
    for i, song in enumerate(compose_catalogue(_SONGS)):
        for j, snr_db in enumerate(_HEARD):
            start_s = 5.0 + (7.0 * j + 3.0 * i) % 40.0
            if snr_db is None:
                first = round(start_s * song.sample_rate)
                heard = song.samples[first : first + round(_EXCERPT_S * song.sample_rate)]
            else:
                kind = "pink" if (i + j) % 2 else "babble"
                heard = record(
                    song.samples, song.sample_rate, start_s, _EXCERPT_S, snr_db=snr_db, noise=kind, seed=31 * i + j
                )
            samples = at_rate(heard, song.sample_rate, config.sample_rate)
            mel = features.mel_power(features.spectrum(samples, config), config)
            parts.append(features.delta_mfcc(mel[None], config)[0])
            if snr_db is None:
                clean.append(whole_slots(mel, config))
    return fit(np.concatenate(parts), np.concatenate(clean), config)
