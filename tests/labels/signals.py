"""Sound for the extractors, by formula."""

from __future__ import annotations

import numpy as np


def chirp(seconds: float, rate: int = 22050, slope: float = 150.0) -> np.ndarray:
    """A rising tone, 200 Hz at first, whose level goes up and down twice a second; float64."""
    t = np.arange(round(seconds * rate)) / rate
    return 0.5 * np.sin(2 * np.pi * (200 * t + slope * t**2)) * (0.6 + 0.4 * np.sin(4 * np.pi * t))


def chirp_16_bits() -> np.ndarray:
    """Ten seconds of it as a 16-bit file holds them; float32."""
    x = np.round(32767 * chirp(10.0)).astype(np.int16)
    assert x[:6].tolist() == [0, 560, 1119, 1675, 2225, 2769]
    assert x.sum(dtype=int) == 162168
    return (x / 32768).astype(np.float32)
