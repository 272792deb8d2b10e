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

from classifier.labels.mel import mel_of_frames
from classifier.labels.pieces import Framed, Thinned

_FRAME_S, _BANDS = 0.064, 40
#: Frames whose levels are held: 17 minutes of them.
_MOST_FRAMES = 2**15
#: Samples of the frames of the mean spectrum, half of it apart.
_SPECTRUM = 1024
#: Power below the loudest place of the mean spectrum by so much is no sound of the recording's, dB.
_BELOW_DB = 60.0
#: Median over the bands of the range in which four frames in five lie: noise and hum reach 5 dB, music 10 and more.
STEADY_DB = 7.5
#: Envelope: blocks of 20 ms, a second long.
_BLOCK_S, _SECOND = 0.02, 50
#: Blocks of a stretch whose modulation is measured at once: ten minutes.
_STRETCH = 600 * _SECOND
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


class Measuring:
    """Measures a recording that comes in pieces, in memory that its length does not change.

    Parameters
    ----------
    sample_rate : int
        Hz.

    Notes
    -----
    The movement of levels is that of all frames of a quarter of an hour, and of evenly spaced ones of a longer
    recording; modulation is the mean over stretches of ten minutes, a tenth of a hertz apart from that of the whole.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._half = round(sample_rate * _FRAME_S / 2)
        self._frames = Framed(2 * self._half, self._half, before=self._half)
        self._levels = Thinned(_MOST_FRAMES)
        self._spectra = Framed(_SPECTRUM, _SPECTRUM // 2)
        self._spectrum = np.zeros(_SPECTRUM // 2 + 1)
        self._n_spectra = 0
        self._few = np.zeros(0, np.float32)
        self._blocks = Framed(round(_BLOCK_S * sample_rate), round(_BLOCK_S * sample_rate))
        self._amplitudes = np.zeros(0)
        self._envelope = Envelope()

    def add(self, piece: np.ndarray) -> None:
        """Take the next samples, shape (n,), float32, mono."""
        self._few = np.concatenate([self._few, piece[:_SPECTRUM]])[:_SPECTRUM]
        self._add_levels(piece)
        self._add_spectra(self._spectra.add(piece))
        blocks = self._blocks.add(piece).reshape(-1, self._blocks.size)
        fresh = np.sqrt(np.square(blocks, dtype=np.float64).mean(axis=1)) + _LEAST
        self._amplitudes = np.concatenate([self._amplitudes, fresh])
        while len(self._amplitudes) >= _STRETCH:
            self._envelope.add(self._amplitudes[:_STRETCH])
            self._amplitudes = self._amplitudes[_STRETCH:]

    def _add_levels(self, piece: np.ndarray) -> None:
        power = mel_of_frames(self._frames.add(piece), self._rate, 2 * self._half, self._half, _BANDS)
        for level in 10 * np.log10(power + _LEAST):
            self._levels.add(level)

    def _add_spectra(self, stretch: np.ndarray) -> None:
        window = np.hanning(_SPECTRUM).astype(np.float32)
        if len(stretch):
            frames = np.lib.stride_tricks.sliding_window_view(stretch, _SPECTRUM)[:: _SPECTRUM // 2]
            self._spectrum += np.square(np.abs(np.fft.rfft(frames * window, axis=1))).sum(axis=0, dtype=np.float64)
            self._n_spectra += len(frames)

    def quality(self) -> Quality:
        """Return what was measured, once all of the recording was added: at least one sample, not silent."""
        self._add_levels(np.zeros(self._half, np.float32))
        if not self._n_spectra:
            self._add_spectra(np.pad(self._few, (0, _SPECTRUM - len(self._few))))
        self._envelope.add(self._amplitudes[: len(self._amplitudes) // _SECOND * _SECOND])
        low, high = np.percentile(np.array(self._levels.rows), (10, 90), axis=0)
        level = 10 * np.log10(self._spectrum / self._n_spectra + _LEAST)
        occupied = float(np.flatnonzero(level > level.max() - _BELOW_DB)[-1] * self._rate / _SPECTRUM)
        return Quality(occupied, float(np.median(high - low)), *self._envelope.found())


def measure(samples: np.ndarray, sample_rate: int) -> Quality:
    """Measure a recording as a whole; see :class:`Measuring`.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono, n >= 1, not silent.
    sample_rate : int
        Hz.
    """
    measuring = Measuring(sample_rate)
    measuring.add(samples)
    return measuring.quality()


class Envelope:
    """Shares of quiet blocks and pauses, and modulation at the rate of syllables, of whole seconds of an envelope."""

    def __init__(self) -> None:
        self._n = 0
        self._sum = self._power = 0.0
        self._quiet = self._pauses = 0

    def add(self, amplitude: np.ndarray) -> None:
        """Take a stretch of amplitudes, whole seconds of them."""
        if not len(amplitude):
            return
        by_second = amplitude.reshape(-1, _SECOND)
        mean = by_second.mean(axis=1, keepdims=True)
        self._quiet += int((by_second < _QUIET * mean).sum())
        self._pauses += int((by_second < _PAUSE * mean).sum())
        power = np.square(np.abs(np.fft.rfft(amplitude - amplitude.mean()))) * 2 / len(amplitude)
        hz = np.fft.rfftfreq(len(amplitude), _BLOCK_S)
        self._power += float(power[(hz >= _SYLLABLES_HZ[0]) & (hz <= _SYLLABLES_HZ[1])].sum())
        self._sum += float(amplitude.sum())
        self._n += len(amplitude)

    def found(self) -> tuple[float, float, float]:
        """Return both shares and the modulation; zeros of under a second."""
        if not self._n:
            return 0.0, 0.0, 0.0
        return self._quiet / self._n, self._pauses / self._n, self._power / self._n / (self._sum / self._n) ** 2
