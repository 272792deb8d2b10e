"""The extractor ``logmel-image``: 46 s of sound as a picture of 2001 x 128, for classifiers of pictures.

The geometry is moodsic's: from the second minute of a song, 2000 hops of 512 samples at 22,050 Hz; 128 mel bands from
spectra of 1024 samples; natural logarithm; the whole range of the picture from white (least) to black, high frequencies
on top. Scaling each picture by its own range discards how loud it is. A song that ends earlier is heard from its last
46 s, and one that is shorter is followed by silence.
"""

from __future__ import annotations

import numpy as np

from classifier.labels.features import Features, opening
from classifier.labels.mel import mel_power

SAMPLE_RATE = 22050
START_S = 60.0
WIDTH, HEIGHT = 2001, 128
_FFT, _HOP = 1024, 512
_LEAST = np.float32(1e-9)
_LENGTH = (WIDTH - 1) * _HOP
#: Samples that count.
MOST = int(START_S * SAMPLE_RATE) + _LENGTH
NAMES = tuple(f"band.{i}" for i in range(HEIGHT))


def logmel(samples: np.ndarray) -> np.ndarray:
    """Return the log-mel of the stretch that is pictured: shape (2001, 128), float32, natural logarithm.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono at 22,050 Hz: the whole song, or its first :data:`MOST` samples.
    """
    start = max(0, min(int(START_S * SAMPLE_RATE), len(samples) - _LENGTH))
    stretch = samples[start : start + _LENGTH]
    stretch = np.pad(stretch, (0, _LENGTH - len(stretch)))
    return np.log(mel_power(stretch, SAMPLE_RATE, _FFT, _HOP, HEIGHT) + _LEAST)


def picture(samples: np.ndarray) -> np.ndarray:
    """Return the picture: shape (128, 2001), uint8; 0 is black, where the energy is."""
    logarithms = logmel(samples)
    low, high = logarithms.min(), logarithms.max()
    scaled = (logarithms - low) / max(high - low, np.finfo(np.float32).tiny) * 255
    return 255 - scaled.astype(np.uint8).T[::-1]


def _of(samples: np.ndarray) -> Features:
    """Return 2001 rows of 128 bands."""
    rows = logmel(samples)
    return rows, np.arange(len(rows)) * (_HOP / SAMPLE_RATE), rows.mean(axis=0, dtype=np.float64)


load = opening(_of, MOST)
