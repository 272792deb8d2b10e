"""What is heard of a recording itself: how wide its band is, whether it is but noise, whether somebody speaks.

Conventions
-----------
- Frames of 64 ms, half of it apart, in 40 mel bands; levels are dB.
- Each limit stands where music seldom or never is: see ``docs/labels.md``.

Sources: the share of frames of low energy and the energy modulated at the rate of syllables tell speech from music
(Scheirer and Slaney, "Construction and evaluation of a robust multifeature speech/music discriminator", 1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from classifier.labels.mel import mel_power

_FRAME_S, _BANDS = 0.064, 40
#: Power below the loudest place of the mean spectrum by so much is no sound of the recording's, dB.
_BELOW_DB = 60.0
#: Median over the bands of the range in which four frames in five lie: noise and hum reach 5 dB, music 10 and more.
STEADY_DB = 7.5
#: Envelope: blocks of 20 ms, a second long.
_BLOCK_S, _SECOND = 0.02, 50
#: A block is quiet below half of its second's mean amplitude, a pause below a tenth.
_QUIET, _PAUSE = 0.5, 0.1
#: Speech has more quiet blocks and pauses than that, and more of its envelope's variance between 2 and 8 Hz.
QUIET_SHARE, PAUSE_SHARE, MODULATION = 0.2, 0.04, 0.2
_SYLLABLES_HZ = (2.0, 8.0)
_LEAST = 1e-12


@dataclass(frozen=True, slots=True)
class Quality:
    """What was measured of a recording.

    Parameters
    ----------
    occupied_hz : float
        Highest frequency with sound in it, Hz.
    movement_db : float
        How much levels change over time: median over the bands of the range in which four frames in five lie, dB.
    quiet, pauses : float
        Shares of 20-ms blocks that are quiet, and pauses, against their own second.
    modulation : float
        Variance of the envelope between 2 and 8 Hz, over the square of its mean.
    """

    occupied_hz: float
    movement_db: float
    quiet: float
    pauses: float
    modulation: float

    @property
    def steady(self) -> bool:
        """Whether there is noise or hum, and nothing that moves as music does."""
        return self.movement_db < STEADY_DB

    @property
    def speech(self) -> bool:
        """Whether the level rises and falls as that of one or two people talking."""
        return self.quiet > QUIET_SHARE and self.pauses > PAUSE_SHARE and self.modulation > MODULATION


def measure(samples: np.ndarray, sample_rate: int) -> Quality:
    """Measure a recording.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono, n >= 1, not silent.
    sample_rate : int
        Hz.
    """
    half = round(sample_rate * _FRAME_S / 2)
    power = mel_power(samples, sample_rate, 2 * half, half, _BANDS)
    level = 10 * np.log10(power + _LEAST)
    low, high = np.percentile(level, (10, 90), axis=0)
    quiet, pauses, modulation = _envelope(samples, sample_rate)
    return Quality(_occupied_hz(samples, sample_rate), float(np.median(high - low)), quiet, pauses, modulation)


def _occupied_hz(samples: np.ndarray, sample_rate: int) -> float:
    """Return the highest frequency of the mean spectrum that is within 60 dB of its loudest."""
    size = 1024
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, max(0, size - len(samples)))), size)
    step = max(size // 2, len(frames) // 2000)
    window = np.hanning(size).astype(np.float32)
    mean = np.square(np.abs(np.fft.rfft(frames[::step] * window, axis=1))).mean(axis=0)
    level = 10 * np.log10(mean + _LEAST)
    return float(np.flatnonzero(level > level.max() - _BELOW_DB)[-1] * sample_rate / size)


def _envelope(samples: np.ndarray, sample_rate: int) -> tuple[float, float, float]:
    """Return shares of quiet blocks and pauses, and modulation at the rate of syllables; zeros of under a second."""
    size = round(_BLOCK_S * sample_rate)
    seconds = len(samples) // size // _SECOND
    if not seconds:
        return 0.0, 0.0, 0.0
    blocks = samples[: seconds * _SECOND * size].reshape(-1, size)
    amplitude = np.sqrt(np.square(blocks, dtype=np.float64).mean(axis=1)) + _LEAST
    by_second = amplitude.reshape(seconds, _SECOND)
    mean = by_second.mean(axis=1, keepdims=True)
    envelope = amplitude / amplitude.mean() - 1
    power = np.square(np.abs(np.fft.rfft(envelope))) * 2 / len(envelope) ** 2
    hz = np.fft.rfftfreq(len(envelope), _BLOCK_S)
    within = (hz >= _SYLLABLES_HZ[0]) & (hz <= _SYLLABLES_HZ[1])
    quiet, pauses = (float((by_second < share * mean).mean()) for share in (_QUIET, _PAUSE))
    return quiet, pauses, float(power[within].sum())
