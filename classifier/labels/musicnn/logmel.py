"""What the network hears: log-mel patches at a level of its own.

Conventions
-----------
- Sound is mono at 16 kHz, in frames of 512 samples 256 apart; 96 mel bands (:mod:`classifier.labels.mel`).
- The logarithm is log10(1 + 10000 · power), in float32: the network's own package rounds power to float16 first, which
  overflows on loud music.
- The network depends on level, so the root mean square of a recording is set to 0.1 (-20 dBFS) first.

Source: Pons and Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging", 2019.
"""

from __future__ import annotations

import sys

import numpy as np

from classifier.labels.mel import mel_of_frames, mel_power
from classifier.labels.musicnn.network import N_FRAMES, N_MELS
from classifier.labels.pieces import Framed, Thinned

SAMPLE_RATE = 16000
HOP_S = 256 / SAMPLE_RATE
#: Seconds of a patch.
PATCH_S = N_FRAMES * HOP_S
#: Root mean square that a recording is brought to.
LEVEL = 0.1
#: Patches that a clip's answer rests on at most, evenly spaced in it.
MOST_PATCHES = 20

_FFT, _HOP = 512, 256
#: Samples that a patch is computed from, with what its first and its last frame reach beyond it; to the next patch.
_REACH, _STEP = (N_FRAMES - 1) * _HOP + _FFT, N_FRAMES * _HOP
#: Patches whose sound is held for each that is cut: of six minutes all.
_HELD = 6


def logmel(samples: np.ndarray) -> np.ndarray:
    """Return the log-mel of sound.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono at 16 kHz.

    Returns
    -------
    np.ndarray, shape (1 + n // 256, 96), float32, >= 0
    """
    return _logarithm(mel_power(samples, SAMPLE_RATE, _FFT, _HOP, N_MELS))


def _logarithm(power: np.ndarray) -> np.ndarray:
    return np.log10(1 + np.float32(10000) * power)


class Patches:
    """Cuts a recording that comes in pieces into patches of three seconds, side by side, and sets its level.

    What is left at the end is a patch of its own, with what comes before it, if it is at least half of one; sound that
    is shorter than a patch is repeated.

    Parameters
    ----------
    most : int or None
        Most patches: if there are more, so many of them, evenly spaced. None: all.

    Notes
    -----
    Level and length are known at the end only, so the sound of patches is held until then: of ``6 * most`` at most, 23
    MB for twenty. Of a longer recording every second patch is held, or every fourth and so on, and the nearest of these
    stand for the evenly spaced ones.
    """

    def __init__(self, most: int | None = MOST_PATCHES) -> None:
        self._most = most
        self._framed = Framed(_REACH, _STEP, before=_FFT // 2)
        self._held = Thinned(_HELD * most if most is not None else sys.maxsize)
        self._end = np.zeros(0, np.float32)
        self._n = 0
        self._count = 0
        self._energy = 0.0

    def add(self, piece: np.ndarray) -> None:
        """Take the next samples, mono at 16 kHz, float32."""
        self._n += len(piece)
        self._energy += float(np.square(piece, dtype=np.float64).sum())
        self._end = np.concatenate([self._end, piece])[-(_REACH + _HOP) :]
        self._hold(piece)

    def _hold(self, piece: np.ndarray) -> None:
        stretch = self._framed.add(piece)
        for at in range(0, len(stretch) - _REACH + 1, _STEP):
            self._held.add(stretch[at : at + _REACH])
            self._count += 1

    def cut(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the patches, once all of the recording, at least one sample, was added.

        Returns
        -------
        patches : np.ndarray, shape (k, 187, 96), float32
            k >= 1, at a root mean square of :data:`LEVEL` over the recording; nothing but zeros stays as it is.
        start_s : np.ndarray, shape (k,), float64
            Where each begins, seconds.
        """
        power = self._energy / self._n
        gain = np.float32(1.0 if power == 0 else LEVEL / np.sqrt(power))
        beyond = np.zeros(_FFT // 2, np.float32)  # the last frame's half
        n_frames = 1 + self._n // _HOP
        if n_frames < N_FRAMES:
            return logmel(np.resize(self._end * gain, (N_FRAMES - 1) * _HOP))[None], np.zeros(1)
        self._hold(beyond)
        starts = np.arange(self._count) * N_FRAMES
        if n_frames - self._count * N_FRAMES >= N_FRAMES / 2:
            starts = np.append(starts, n_frames - N_FRAMES)
        if self._most is not None and len(starts) > self._most:
            starts = starts[np.linspace(0, len(starts) - 1, self._most).round().astype(int)]
        patches = np.empty((len(starts), N_FRAMES, N_MELS), np.float32)
        for i, start in enumerate(starts):
            if start % N_FRAMES:  # what is left at the end
                whole = np.concatenate([self._end, beyond])
                reach = whole[: len(whole) - self._n % _HOP][-_REACH:]
            else:
                at = min(round(start / N_FRAMES / self._held.step), len(self._held.rows) - 1)
                starts[i] = at * self._held.step * N_FRAMES
                reach = self._held.rows[at]
            patches[i] = _logarithm(mel_of_frames(reach * gain, SAMPLE_RATE, _FFT, _HOP, N_MELS))
        return patches, starts * HOP_S
