"""Sub-fingerprints: 124 bits for each frame that describe how the spectrum's shape changes.

Conventions
-----------
- Frames of 128 ms. Reference frame i starts at sample i * 512 (32 ms); query frames come every 256 samples
  (16 ms), so that one of the two phases lies within 8 ms of any reference grid.
- E(b, t): log energy of band b of a bank of logarithmic bands, 80 to 7,000 Hz, in three resolutions (13, 25 and
  89 bands). Bit (b, t) is the sign of D(b, t) = [E(b+1, t) - E(b, t)] - [E(b+1, t-L) - E(b, t-L)], L = 256 ms
  (Haitsma & Kalker 2002, eq. 1, at three resolutions and a longer lag): 12 + 24 + 88 = 124 bits. Why these numbers:
  docs/mathematics.md, "Sub-fingerprints".
- A frame is two words: bits 0 to 123 in order of resolution and frequency, three spare zeros and, in bit 127, whether
  the frame is valid. Frames too quiet or too steady for signs to mean anything are invalid, hold zeros and do not
  count.
- A snippet's bits are weighted by their reliability (``reliability.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.fft

from classifier.fingerprint import mismatches, reading, reliability
from classifier.frames import frame_starts

SAMPLE_RATE = 16000
FRAME = 2048
HOP = 512
QUERY_HOP = 256
#: Reference frames between the frames of a rough fingerprint.
ROUGH_STEP = 2
LAG = 4096
BANDS = (13, 25, 89)
N_BITS = sum(n - 1 for n in BANDS)
F_LOW, F_HIGH = 80.0, 7000.0
#: Seconds between reference frames, and between query frames.
HOP_S = HOP / SAMPLE_RATE
QUERY_HOP_S = QUERY_HOP / SAMPLE_RATE
#: Seconds that a frame's bits describe.
SPAN_S = (LAG + FRAME) / SAMPLE_RATE
VALID = np.uint64(1) << np.uint64(63)

#: A frame quieter than this (mean square, full scale 1) is invalid: -75 dBFS.
QUIET = 10**-7.5
#: Band energies are floored at this fraction of the frame's mean band energy: the leakage of a tone is not content.
_LEAKAGE = 1e-4
#: Mean |D| in nats below which a frame is too steady to describe.
STEADY = 0.08

#: A snippet's frame with fewer of the finest bands than this within 40 dB of its loudest is a lone tone (a whistle, a
#: sweep), whose few independent bits match any other glide by chance. Of music's frames, 99 % have 22 or more.
_FULL_BANDS, _FULL_RANGE = 12, 4 * float(np.log(10))

#: Frames worked on at a time: their spectra fit into the cache.
_BLOCK = 128


@lru_cache(maxsize=64)
def band_matrix(speed: float = 1.0) -> np.ndarray:
    """Rectangular logarithmic bands over FFT bins, bins shared in proportion where a band edge cuts them.

    Parameters
    ----------
    speed : float
        Playback speed of what is analysed: its spectrum is that of the track, stretched by this factor, and so are the
        bands; at most 1.14, for the highest edge to stay below half the sampling rate.

    Returns
    -------
    np.ndarray, shape (FRAME/2 + 1, 127), float32
        Columns sum to 1: a band's value is its mean power.

    Examples
    --------
    >>> import numpy as np
    >>> matrix = band_matrix()
    >>> matrix.shape == (FRAME // 2 + 1, sum(BANDS)), bool(np.allclose(matrix.sum(axis=0), 1, atol=1e-5))
    (True, True)
    """
    oversample = 64
    fine = (np.arange((FRAME // 2) * oversample) + 0.5) / oversample
    low, high = np.floor(fine).astype(int), np.floor(fine).astype(int) + 1
    share = fine - low
    frequency = fine * SAMPLE_RATE / FRAME
    columns = []
    for n in BANDS:
        edges = speed * F_LOW * (F_HIGH / F_LOW) ** (np.arange(n + 1) / n)
        for b in range(n):
            inside = (frequency >= edges[b]) & (frequency < edges[b + 1])
            column = np.zeros(FRAME // 2 + 1)
            np.add.at(column, low[inside], 1 - share[inside])
            np.add.at(column, high[inside], share[inside])
            columns.append(column / column.sum())
    return np.ascontiguousarray(np.stack(columns, axis=1).astype(np.float32))


@lru_cache(maxsize=1)
def bit_top_hz() -> np.ndarray:
    """Upper edge, in Hz, of the higher of the two bands behind each bit, shape (124,), in order of resolution.

    Examples
    --------
    >>> tops = bit_top_hz()
    >>> len(tops), round(float(tops.max()))
    (124, 7000)
    """
    return np.concatenate([F_LOW * (F_HIGH / F_LOW) ** (np.arange(2, n + 1) / n) for n in BANDS])


def band_energies(samples: np.ndarray, hop: int = HOP, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Log energies of all bands.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at 16 kHz.
    hop : int
        Samples between frames; divides LAG.
    stretch : float > 0
        How much longer the samples last than what they are compared with (``classifier/frames.py``).

    Returns
    -------
    energy : np.ndarray, shape (n_frames, sum(BANDS)), float32
        Nats. Frame i spans samples [i * hop, i * hop + FRAME), if nothing is stretched.
    loud : np.ndarray, shape (n_frames,), bool
        Whether the frame is above the level at which quantisation shows.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> energy, loud = band_energies(noise)
    >>> energy.shape, bool(loud.all())
    ((28, 127), True)
    """
    starts = frame_starts(len(samples), FRAME, hop, stretch)
    n = len(starts)
    bands = band_matrix()
    energy = np.empty((n, bands.shape[1]), np.float32)
    loud = np.empty(n, bool)
    if n == 0:
        return energy, loud
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)
    window = np.hanning(FRAME + 1)[:-1].astype(np.float32)
    for start in range(0, n, _BLOCK):
        block = frames[starts[start : start + _BLOCK]] * window
        loud[start : start + _BLOCK] = np.einsum("ij,ij->i", block, block) > QUIET * np.square(window).sum()
        spectra = scipy.fft.rfft(block, axis=1)
        energy[start : start + _BLOCK] = (spectra.real**2 + spectra.imag**2) @ bands
    return floored_log(energy), loud


def floored_log(energy: np.ndarray) -> np.ndarray:
    """Log of band energies, shape (n, sum(BANDS)), floored at a fraction of each frame's mean.

    Examples
    --------
    >>> import numpy as np
    >>> floored_log(np.ones((2, sum(BANDS)), np.float32)).shape
    (2, 127)
    """
    leakage = _LEAKAGE * energy[:, -BANDS[-1] :].mean(axis=1, keepdims=True)
    return np.asarray(np.log(energy + (leakage + 1e-12)))


def differences(energy: np.ndarray, loud: np.ndarray, hop: int = HOP) -> tuple[np.ndarray, np.ndarray]:
    """Real-valued D(b, t), whose signs are the bits.

    Parameters
    ----------
    energy, loud
        As :func:`band_energies` gives them.
    hop : int
        Samples between frames.

    Returns
    -------
    d : np.ndarray, shape (n_frames, 124), float32
        Nats. Frame i spans samples [i * hop, i * hop + LAG + FRAME).
    valid : np.ndarray, shape (n_frames,), bool

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> d, valid = differences(*band_energies(noise))
    >>> d.shape, bool(valid.all())
    ((20, 124), True)
    """
    return spaced_differences(energy, loud, LAG // hop)


def spaced_differences(energy: np.ndarray, loud: np.ndarray, lag: int) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`differences`, of rows that are ``lag`` rows apart, whatever their spacing.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> d, valid = spaced_differences(*band_energies(noise), 8)
    >>> d.shape
    (20, 124)
    """
    if len(energy) <= lag:
        return np.zeros((0, N_BITS), np.float32), np.zeros(0, bool)
    shape = np.empty((len(energy), N_BITS), np.float32)
    at, band = 0, 0
    for count in BANDS:
        columns = slice(at, at + count - 1)
        np.subtract(energy[:, band + 1 : band + count], energy[:, band : band + count - 1], out=shape[:, columns])
        at, band = at + count - 1, band + count
    d = shape[lag:] - shape[:-lag]
    return d, loud[lag:] & loud[:-lag] & (np.abs(d).mean(axis=1) > STEADY)


def pack(d: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Signs of differences as words.

    Parameters
    ----------
    d : np.ndarray, shape (n, 124)
        As :func:`differences` gives them.
    valid : np.ndarray, shape (n,), bool
        Invalid frames become two zero words.

    Returns
    -------
    np.ndarray, shape (n, 2), uint64

    Examples
    --------
    >>> import numpy as np
    >>> words = pack(np.ones((1, N_BITS)), np.array([True]))
    >>> int(np.bitwise_count(words).sum()) == N_BITS + 1  # all bits, and that the frame is valid
    True
    """
    bits = (d > 0) & valid[:, None]
    return pack_signs(bits, valid)


def signs(words: np.ndarray) -> np.ndarray:
    """Bits of words, shape (n, 124), bool: what :func:`pack` packed.

    Examples
    --------
    >>> import numpy as np
    >>> d = np.random.default_rng(1).normal(size=(3, N_BITS))
    >>> bool((signs(pack(d, np.ones(3, bool))) == (d > 0)).all())
    True
    """
    as_bytes = np.ascontiguousarray(words.astype("<u8", copy=False)).view(np.uint8)
    return np.unpackbits(as_bytes, axis=1, bitorder="little")[:, :N_BITS].astype(bool)


def pack_signs(bits: np.ndarray, flag: np.ndarray) -> np.ndarray:
    """Words of bits, shape (n, 124), bool, and of flags, shape (n,), bool, which become bit 127.

    Examples
    --------
    >>> import numpy as np
    >>> pack_signs(np.zeros((1, N_BITS), bool), np.array([True])).tolist() == [[0, int(VALID)]]
    True
    """
    layout = np.zeros((len(bits), 128), dtype=bool)
    layout[:, :N_BITS] = bits
    layout[:, 127] = flag
    return np.packbits(layout, axis=1, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def reference_words(samples: np.ndarray) -> np.ndarray:
    """Sub-fingerprints of a track: one pair of words each 32 ms, shape (n, 2), uint64.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> reference_words(noise).shape
    (20, 2)
    """
    return pack(*differences(*band_energies(samples)))


@dataclass(frozen=True)
class Fingerprint:
    """Sub-fingerprints of a snippet, in two phases of the reference grid, with a weight from 0 to 3 for each bit.

    Parameters
    ----------
    words : np.ndarray, shape (2, n, 2), uint64
        Phase p, frame t starts at sample p * 256 + t * 512 of the snippet.
    planes : np.ndarray, shape (2, n, 2, 2), uint64
        Weights as bit planes, the ones and the twos, of two words each. Weights are 0 in invalid frames, in lone tones
        and above the snippet's bandwidth.
    expected : float in [0, 1]
        Agreement that a true place would show.
    """

    words: np.ndarray
    planes: np.ndarray
    expected: float

    @property
    def n_frames(self) -> int:
        """Frames in each phase."""
        return self.words.shape[1]

    @cached_property
    def frame_weight(self) -> np.ndarray:
        """Sum of the weights of each frame, shape (2, n), int64."""
        ones, twos = np.bitwise_count(self.planes).sum(axis=3, dtype=np.int64).transpose(2, 0, 1)
        return ones + 2 * twos

    @cached_property
    def tables(self) -> mismatches.Tables:
        """What differing from it weighs, four bits at a time: made once, for it is compared with many tracks."""
        return mismatches.Tables.of(self.words, self.planes)

    @property
    def audible_share(self) -> float:
        """Share of the frames with any weight: neither silent nor steady nor a lone tone; 0 without frames."""
        return float((self.frame_weight.max(axis=0) > 0).mean()) if self.n_frames else 0.0


def fingerprint(samples: np.ndarray, bandwidth_hz: float = F_HIGH, stretch: float = 1.0) -> Fingerprint:
    """Sub-fingerprints of a snippet.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at 16 kHz.
    bandwidth_hz : float
        Highest frequency the recording can hold; bits of bands above are left out.
    stretch : float > 0
        As for :func:`band_energies`.

    Returns
    -------
    Fingerprint
        Without frames if the snippet is shorter than FRAME + LAG samples (384 ms).

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> made = fingerprint(noise)
    >>> made.words.shape[0], made.n_frames, made.audible_share
    (2, 19, 1.0)
    """
    return fingerprint_of(*band_energies(samples, QUERY_HOP, stretch), bandwidth_hz)


def fingerprint_of(energy: np.ndarray, loud: np.ndarray, bandwidth_hz: float = F_HIGH) -> Fingerprint:
    """Sub-fingerprints of a snippet whose band energies, one frame every ``QUERY_HOP`` samples, are known.

    Parameters
    ----------
    energy, loud
        As :func:`band_energies` gives them.
    bandwidth_hz : float
        As for :func:`fingerprint`.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> made = fingerprint_of(*band_energies(noise, QUERY_HOP))
    >>> bool((made.words == fingerprint(noise).words).all())
    True
    """
    d, valid, weights, expected = _weighed(energy, loud, QUERY_HOP, bandwidth_hz)
    n = len(d) // 2
    words = pack(d, valid)
    none = np.zeros(len(d), bool)
    planes = np.stack([pack_signs((weights & plane) != 0, none) for plane in (1, 2)], axis=1)

    def phases(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(np.stack([x[0 : 2 * n : 2], x[1 : 2 * n : 2]]))

    return Fingerprint(phases(words), phases(planes), expected)


def rough_fingerprint(samples: np.ndarray, bandwidth_hz: float = F_HIGH, stretch: float = 1.0) -> np.ndarray:
    """First words of a snippet's frames, and which of their bits are reliable: enough to find a place roughly.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        Mono samples at 16 kHz.
    bandwidth_hz, stretch : float
        As for :func:`fingerprint`.

    Returns
    -------
    np.ndarray, shape (n_frames, 2), uint64
        Word and mask of one frame every ``ROUGH_STEP`` reference frames (64 ms).

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> rough_fingerprint(noise).shape
    (10, 2)
    """
    hop = ROUGH_STEP * HOP
    return rough_of(*band_energies(samples, hop, stretch), hop, bandwidth_hz)


def rough_of(energy: np.ndarray, loud: np.ndarray, hop: int, bandwidth_hz: float = F_HIGH) -> np.ndarray:
    """As :func:`rough_fingerprint`, of a snippet whose band energies are known, one frame every ``hop`` samples.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> hop = ROUGH_STEP * HOP
    >>> bool((rough_of(*band_energies(noise, hop), hop) == rough_fingerprint(noise)).all())
    True
    """
    d, valid, weights, _ = _weighed(energy, loud, hop, bandwidth_hz)
    words, masks = pack(d, valid), pack_signs(weights >= 2, np.zeros(len(d), bool))
    return np.stack([words[:, 0], masks[:, 0]], axis=1)


def full_frames(energy: np.ndarray) -> np.ndarray:
    """Frames that hold more than a lone tone, shape (n,), bool.

    Examples
    --------
    >>> import numpy as np
    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    >>> bool(full_frames(band_energies(tone)[0]).any())  # a lone tone
    False
    """
    finest = energy[:, -BANDS[-1] :]
    near = finest > finest.max(axis=1, keepdims=True) - _FULL_RANGE
    return np.asarray(near.sum(axis=1) >= _FULL_BANDS)


def _weighed(
    energy: np.ndarray, loud: np.ndarray, hop: int, bandwidth_hz: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return differences, valid frames, the weight of each bit, and the agreement that a true place would show."""
    d, valid = differences(energy, loud, hop)
    full = full_frames(energy)
    valid = valid & full[len(energy) - len(d) :] & full[: len(d)]
    counts = valid[:, None] & (bit_top_hz() <= max(bandwidth_hz, 4 * F_LOW))
    if not counts.any():
        return d, valid, counts.astype(np.uint8), 0.0
    early = np.arange(len(d))
    context = reliability.context_of(energy, loud, d, BANDS)
    odds, pull = reading.judge(energy, early, early + LAG // hop, context, BANDS)
    weights = reliability.levels(pull, counts)
    return d, valid, weights, reliability.expected_agreement(odds, weights)
