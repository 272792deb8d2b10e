"""The extractors ``timbre-26`` and ``timbre-57``: what librosa measures of brightness, harmony and rhythm.

Spectra have 2048 samples at 22,050 Hz, 512 apart. ``timbre-26`` holds means over the first three seconds; ``timbre-57``
means and variances over thirty, with the harmonic and percussive parts and the tempo, as widely used tables of GTZAN
have them. librosa is imported when a clip is first heard; its version belongs to the extractor's.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from classifier.labels.features import Features, opening

SAMPLE_RATE = 22050
SHORT_S, LONG_S = 3.0, 30.0
_SPECTRAL = ("chroma_stft", "rms", "spectral_centroid", "spectral_bandwidth", "rolloff", "zero_crossing_rate")
_N_MFCC = 20
NAMES_26 = (*(f"spectral.{name}_mean" for name in _SPECTRAL), *(f"mfcc.{i + 1}_mean" for i in range(_N_MFCC)))
NAMES_57 = (
    *(f"spectral.{name}_{part}" for name in _SPECTRAL for part in ("mean", "var")),
    *(f"parts.{name}_{part}" for name in ("harmony", "perceptr") for part in ("mean", "var")),
    "rhythm.tempo",
    *(f"mfcc.{i + 1}_{part}" for i in range(_N_MFCC) for part in ("mean", "var")),
)


def _measures(samples: np.ndarray) -> list[np.ndarray]:
    """Return the six spectral measures over time, and 20 MFCC: arrays of any shape, a scalar feature each."""
    from librosa import feature

    spectral: dict[str, Any] = {"y": samples, "sr": SAMPLE_RATE}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of nothing but silence no tuning can be estimated: 0 is taken
        chroma = feature.chroma_stft(**spectral)
    measures = [
        chroma,
        feature.rms(y=samples),
        feature.spectral_centroid(**spectral),
        feature.spectral_bandwidth(**spectral),
        feature.spectral_rolloff(**spectral),
        feature.zero_crossing_rate(samples),
    ]
    return measures + list(feature.mfcc(**spectral, n_mfcc=_N_MFCC))


def _of_26(samples: np.ndarray) -> Features:
    """Return 26 means of sound at 22,050 Hz."""
    measures = _measures(_long_enough(samples))
    vector = np.array([measure.mean(dtype=np.float64) for measure in measures])
    return vector[None].astype(np.float32), np.zeros(1), vector


def _of_57(samples: np.ndarray) -> Features:
    """Return 57 means and variances of sound at 22,050 Hz."""
    from librosa import effects
    from librosa.feature import rhythm

    samples = _long_enough(samples)
    measures = _measures(samples)
    measures[len(_SPECTRAL) : len(_SPECTRAL)] = effects.hpss(samples)
    pairs = [(m.mean(dtype=np.float64), m.var(dtype=np.float64)) for m in measures]
    tempo = float(rhythm.tempo(y=samples, sr=SAMPLE_RATE)[0]) if samples.any() else 0.0
    before = 2 * (len(_SPECTRAL) + 2)
    vector = np.array(pairs).reshape(-1)
    vector = np.concatenate([vector[:before], [tempo], vector[before:]])
    return vector[None].astype(np.float32), np.zeros(1), vector


def _long_enough(samples: np.ndarray) -> np.ndarray:
    """Return at least one whole frame of sound: silence is added to less."""
    return np.pad(samples, (0, max(0, 2048 - len(samples))))


load_26 = opening(_of_26, int(SHORT_S * SAMPLE_RATE))
load_57 = opening(_of_57, int(LONG_S * SAMPLE_RATE))
