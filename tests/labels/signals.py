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


def progression(tonic: int, *, minor: bool, seconds: float = 8.0, rate: int = 22050) -> np.ndarray:
    """Chords I IV V I on a tonic (MIDI number) in major or harmonic minor, struck twice a second; float64."""
    third, sixth = (3, 8) if minor else (4, 9)
    chords = ((0, third, 7), (5, sixth, 12), (7, 11, 14), (0, third, 7))
    t = np.arange(round(0.5 * rate)) / rate
    fades = np.exp(-4 * t) * np.minimum(1, 200 * t)
    struck = []
    for i in range(round(2 * seconds)):
        notes = tonic + np.array([*chords[i // 2 % 4], chords[i // 2 % 4][0] - 12])
        hertz = 440 * 2 ** ((notes - 69) / 12)
        struck.append(sum(np.sin(2 * np.pi * k * hertz[:, None] * t).sum(axis=0) / k**2 for k in (1, 2, 3)) * fades)
    return 0.1 * np.concatenate(struck)
