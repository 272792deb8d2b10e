"""How loud noises are at which pitch."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

RATE = 22_050


def octave_levels_db(noise: np.ndarray) -> np.ndarray:
    """Level of each octave from 62.5 Hz to 8 kHz, relative to all of the noise."""
    power = np.abs(np.fft.rfft(noise)) ** 2
    hz = np.fft.rfftfreq(len(noise), 1 / RATE)
    edges = 62.5 * 2.0 ** np.arange(8)  # 62.5 Hz to 8 kHz
    sums = [power[(hz >= low) & (hz < high)].sum() for low, high in pairwise(edges)]
    return 10 * np.log10(np.array(sums) / power.sum())
