"""The extractor ``key-mode-33``: major or minor, what stands on the tonic, pulse, register and dynamics of a beginning.

Sound of forty seconds at 22,050 Hz, brought to one level; less than three seconds are followed by silence. Chroma are
of the peaks of spectra of 8192 samples, 2048 apart, compressed and added up. A key is told by their correlation with a
profile, turned to each of twelve tonics: how well tones fit a key as listeners judged them (Krumhansl and Kessler,
"Tracing the dynamic changes in perceived tonal organization in a spatial representation of musical keys", Psychological
Review 89, 1982), and what Temperley made of that ("What's key for key? The Krumhansl-Schmuckler key-finding algorithm
reconsidered", Music Perception 17, 1999).

Columns:

- ``key.P.major``, ``.minor``: correlation with the best major and the best minor key, by profiles P of ``krumhansl``
  and ``temperley``, -1 to 1; ``.difference``: the first less the second, above 0 in major;
- ``tonic.0`` to ``.11``: the share of chroma that many semitones above the tonic, which is that of the best key by
  Temperley's profiles;
- ``intervals``: the entropy of these shares, nats, and the sum of products of shares that lie 1, 6, 7, 4 and 3
  semitones apart;
- ``rhythm``: logarithm of 0.1 more than the onsets a second, deviation of the flux over its mean, logarithm of the
  strongest period between 0.25 and 1.5 s, its autocorrelation;
- ``register``: logarithm of the centroid in Hz, dB of the power below 150 and above 1000 Hz relative to all of it;
- ``dynamics``: dB between the 10th and the 90th percentile of spectra's power; its mean below the loudest, dB.

A level changes nothing; a transposition only the register, as long as the notes stay within 65 to 2100 Hz.
"""

from __future__ import annotations

import numpy as np

from classifier.labels.features import Features, opening

SAMPLE_RATE = 22050
MOST_S = 40.0
#: By author, how well twelve tones from the tonic up fit its major and its minor key: shape (2, 12).
PROFILES = {
    "krumhansl": np.array(
        [
            [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
            [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
        ]
    ),
    "temperley": np.array(
        [
            [5.0, 2.0, 3.5, 2.0, 4.5, 4.0, 2.0, 4.5, 2.0, 3.5, 1.5, 4.0],
            [5.0, 2.0, 3.5, 4.5, 2.0, 4.0, 2.0, 4.5, 3.5, 2.0, 1.5, 4.0],
        ]
    ),
}
_INTERVALS = {"semitone": 1, "tritone": 6, "fifth": 7, "major_third": 4, "minor_third": 3}
NAMES = (
    *(f"key.{author}.{name}" for author in PROFILES for name in ("major", "minor", "difference")),
    *(f"tonic.{i}" for i in range(12)),
    "intervals.entropy",
    *(f"intervals.{name}" for name in _INTERVALS),
    *(f"rhythm.{name}" for name in ("onsets", "variation", "period", "pulse")),
    *(f"register.{name}" for name in ("centroid", "bass", "treble")),
    *(f"dynamics.{name}" for name in ("range", "mean")),
)

_LEAST_S = 3.0
_FFT, _HOP = 8192, 2048
_LOW_HZ, _HIGH_HZ, _A4_HZ = 65.0, 2100.0, 440.0
#: Semitones from a tone within which a peak counts for it: the deviation of a normal curve.
_NEAR = 0.2
#: How many times their mean the chroma of a spectrum are taken before their logarithm compresses them.
_COMPRESSED = 20.0
_FLUX_FFT, _FLUX_HOP, _FLUX_SCALE = 1024, 256, 100.0
#: Onsets are the highest flux within so many frames before and after.
_ONSET = 8
_SHORTEST_S, _LONGEST_S = 0.25, 1.5
_QUIETEST = 1e-6
_TINY = 1e-12


def chroma(power: np.ndarray) -> np.ndarray:
    """Return how much of each tone there is in spectra, whatever the octave.

    Parameters
    ----------
    power : np.ndarray, shape (t, 4097)
        Power from 0 Hz to 11,025 Hz; peaks from 65 to 2100 Hz count, less the farther they are from a tone of concert
        pitch, 440 Hz.

    Returns
    -------
    np.ndarray, shape (t, 12), float64
        Sums of amplitudes, from C up.
    """
    hertz = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    inside = (hertz > _LOW_HZ) & (hertz < _HIGH_HZ)
    pitch = 69 + 12 * np.log2(hertz[inside] / _A4_HZ)
    tone = np.round(pitch)
    amplitude = np.sqrt(power[:, inside])
    peak = np.zeros(amplitude.shape, bool)
    peak[:, 1:-1] = (amplitude[:, 1:-1] > amplitude[:, :-2]) & (amplitude[:, 1:-1] >= amplitude[:, 2:])
    weights = np.exp(-0.5 * np.square((pitch - tone) / _NEAR))[:, None] * np.eye(12)[tone.astype(int) % 12]
    return np.where(peak, amplitude, 0.0) @ weights


def compressed(tones: np.ndarray) -> np.ndarray:
    """Return chroma (t, 12) with loud ones compressed: the same for any level."""
    mean = tones.sum(axis=1).mean()
    return np.log1p(_COMPRESSED * tones / mean) if mean > 0 else tones


def correlations(tones: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """Return the correlation of chroma with profiles turned to each tonic.

    Parameters
    ----------
    tones : np.ndarray, shape (12,)
        Chroma.
    profiles : np.ndarray, shape (2, 12)
        Of :data:`PROFILES`.

    Returns
    -------
    np.ndarray, shape (2, 12), float64
        Pearson's, of major and of minor keys by tonic; 0 where all tones are equal.
    """
    turned = np.array([[np.roll(profile, tonic) for tonic in range(12)] for profile in profiles])
    turned = turned - turned.mean(axis=2, keepdims=True)
    centred = tones - tones.mean()
    lengths = np.sqrt(np.square(turned).sum(axis=2) * np.square(centred).sum())
    found = turned @ centred
    return np.divide(found, lengths, out=np.zeros_like(found), where=lengths > _TINY)


def _of(samples: np.ndarray) -> Features:
    """Return the 33 features of sound at 22,050 Hz."""
    sound = np.asarray(samples, np.float64)
    sound = np.pad(sound, (0, max(0, int(_LEAST_S * SAMPLE_RATE) - len(sound))))
    sound /= max(np.sqrt(np.square(sound).mean()), _TINY)
    power = np.square(_amplitudes(sound, _FFT, _HOP))
    vector = np.concatenate([_tonality(chroma(power)), _rhythm(sound), _register(power), _dynamics(power)])
    return vector[None].astype(np.float32), np.zeros(1), vector


def _amplitudes(sound: np.ndarray, size: int, hop: int) -> np.ndarray:
    """Return spectra of a Hann window, shape (t, size / 2 + 1): a sine of amplitude 1 has a peak of 0.5."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop]
    return np.abs(np.fft.rfft(frames * (window / window.sum()), axis=1))


def _tonality(tones: np.ndarray) -> np.ndarray:
    """Return what chroma (t, 12) tell of keys, tonic and intervals: 24 columns."""
    loud = compressed(tones).sum(axis=0)
    shares = loud / loud.sum() if loud.any() else np.full(12, 1 / 12)
    fits = {author: correlations(shares, profiles) for author, profiles in PROFILES.items()}
    best = [fit.max(axis=1) for fit in fits.values()]
    tonic = fits["temperley"].max(axis=0).argmax()
    return np.concatenate(
        [
            *([major, minor, major - minor] for major, minor in best),
            np.roll(shares, -tonic),
            [-(shares * np.log(np.maximum(shares, _TINY))).sum()],
            [(shares * np.roll(shares, semitones)).sum() for semitones in _INTERVALS.values()],
        ]
    )


def _rhythm(sound: np.ndarray) -> np.ndarray:
    """Return what the spectral flux of sound tells: 4 columns."""
    loudness = np.log1p(_FLUX_SCALE * _amplitudes(sound, _FLUX_FFT, _FLUX_HOP))
    flux = np.maximum(np.diff(loudness, axis=0), 0).mean(axis=1)
    mean, deviation = flux.mean(), flux.std()
    around = np.lib.stride_tricks.sliding_window_view(np.pad(flux, _ONSET), 2 * _ONSET + 1).max(axis=1)
    onsets = np.count_nonzero((flux == around) & (flux > mean + 0.5 * deviation))
    centred = flux - mean
    lags = np.correlate(centred, centred, "full")[len(flux) - 1 :]
    seconds = np.arange(len(lags)) * _FLUX_HOP / SAMPLE_RATE
    first = int(np.searchsorted(seconds, _SHORTEST_S))
    best = first + int(lags[first : np.searchsorted(seconds, _LONGEST_S)].argmax())
    rate = onsets * SAMPLE_RATE / len(sound)
    return np.array(
        [
            np.log(rate + 0.1),
            deviation / max(mean, _TINY),
            np.log(seconds[best]),
            lags[best] / max(lags[0], _TINY),
        ]
    )


def _register(power: np.ndarray) -> np.ndarray:
    """Return where the power of spectra lies: 3 columns."""
    hertz = np.fft.rfftfreq(_FFT, 1 / SAMPLE_RATE)
    mean = power.mean(axis=0)
    total = max(mean.sum(), _TINY)
    parts = [mean[hertz < 150].sum(), mean[hertz > 1000].sum()]
    decibels = 10 * np.log10(np.maximum(np.array(parts) / total, _QUIETEST))
    return np.concatenate([[np.log(max((mean * hertz).sum() / total, 1.0))], decibels])


def _dynamics(power: np.ndarray) -> np.ndarray:
    """Return how loudness varies: 2 columns."""
    total = power.sum(axis=1)
    decibels = 10 * np.log10(np.maximum(total / max(total.max(), _TINY), _QUIETEST))
    return np.array([np.percentile(decibels, 90) - np.percentile(decibels, 10), decibels.mean()])


load = opening(_of, int(MOST_S * SAMPLE_RATE))
