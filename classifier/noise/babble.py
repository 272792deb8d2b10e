"""A talking crowd: speech-like babble from formant synthesis, without any recording.

Each voice is a sequence of syllables. Voiced sounds are a glottal pulse train (Rosenberg 1971) with jitter and
intonation, shaped by formants that glide from phone to phone (vowels after Peterson & Barney 1952); fricatives and
the bursts of stops are shaped noise. The shaping is a multiplication frame by frame in the short-time spectrum.

Conventions: mono, times in seconds, frequencies in Hz; the result has root mean square 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq

N_VOICES = 14
_VOWELS_HZ = (
    (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
    (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390), (490, 1350, 1690),
)  # fmt: skip
_NASALS_HZ = ((280, 1100, 2200), (280, 1600, 2500), (350, 1300, 2400))  # also l and w
# Centre Hz, width Hz, and level relative to a vowel: s, sh, f, the ch of Bach.
_FRICATIVES = ((5500.0, 1800.0, 1.5), (3000.0, 1000.0, 1.6), (6000.0, 4000.0, 0.4), (1800.0, 1500.0, 0.6))
_FIXED_FORMANTS_HZ = (3500.0, 4500.0)
_EFFORT = 0.45  # people raise their voices over music: above 600 Hz the level falls by 5 dB an octave less
_BANDWIDTHS_HZ = (80.0, 110.0, 160.0, 250.0, 350.0)


@dataclass(slots=True)
class _Track:
    """The movements of one mouth: values at points in time, interpolated between them."""

    times: list[float] = field(default_factory=list)
    formants: list[tuple[float, float, float]] = field(default_factory=list)
    voiced: list[float] = field(default_factory=list)
    hiss: list[tuple[float, float, float]] = field(default_factory=list)  # centre, width, level
    pitch: list[float] = field(default_factory=list)

    def add(
        self,
        time: float,
        formants: tuple[float, float, float],
        voiced: float,
        hiss: tuple[float, float, float],
        pitch: float,
    ) -> None:
        """Append one point."""
        self.times.append(time)
        self.formants.append(formants)
        self.voiced.append(voiced)
        self.hiss.append(hiss)
        self.pitch.append(pitch)


def _talk(seconds: float, rng: np.random.Generator) -> _Track:
    """Plan phrases of four to five syllables a second, with pauses for breath; pitch is relative to the speaker's."""
    track = _Track()
    time = -float(rng.uniform(0.0, 2.0))
    still = (500.0, 1500.0, 2500.0)
    quiet = (3000.0, 2000.0, 0.0)
    rate = float(rng.uniform(0.85, 1.15))
    while time < seconds:
        n_syllables = int(rng.integers(4, 14))
        for index in range(n_syllables):
            fall = 1.12 - 0.25 * index / n_syllables  # declination of a sentence
            pitch = fall * float(rng.lognormal(0.0, 0.07))
            stress = float(rng.uniform(0.45, 1.0))
            vowel = _VOWELS_HZ[int(rng.integers(len(_VOWELS_HZ)))]
            kind = rng.random()
            if kind < 0.3:  # fricative
                hiss = _FRICATIVES[int(rng.integers(len(_FRICATIVES)))]
                length = float(rng.uniform(0.06, 0.12)) / rate
                track.add(time, still, 0.0, (*hiss[:2], 0.0), pitch)
                track.add(time + 0.3 * length, vowel, 0.0, hiss, pitch)
                track.add(time + 0.8 * length, vowel, 0.0, hiss, pitch)
            elif kind < 0.7:  # stop: closed, then a burst
                hiss = (float(rng.choice((1200.0, 2200.0, 4500.0))), 1500.0, float(rng.uniform(0.4, 1.0)))
                length = float(rng.uniform(0.05, 0.09)) / rate
                track.add(time, still, 0.0, (*hiss[:2], 0.0), pitch)
                track.add(time + 0.6 * length, vowel, 0.0, (*hiss[:2], 0.0), pitch)
                track.add(time + 0.65 * length, vowel, 0.0, hiss, pitch)
            else:  # nasal or glide
                nasal = _NASALS_HZ[int(rng.integers(len(_NASALS_HZ)))]
                length = float(rng.uniform(0.04, 0.08)) / rate
                track.add(time, nasal, 0.15 * stress, quiet, pitch)
                track.add(time + 0.7 * length, nasal, 0.2 * stress, quiet, pitch)
            time += length
            length = float(rng.uniform(0.08, 0.2)) / rate
            breath = (1500.0, 2500.0, 0.03)
            track.add(time + 0.2 * length, vowel, stress, breath, pitch)
            track.add(time + 0.7 * length, vowel, 0.8 * stress, breath, 0.97 * pitch)
            time += length
        track.add(time, still, 0.0, quiet, 0.85)
        time += float(rng.uniform(0.2, 0.9))
        track.add(time, still, 0.0, quiet, 1.0)
    return track


def _glottal(pitch_hz: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Flow derivative of a glottis that opens for 40 % and closes within 16 % of each cycle."""
    phase = (rng.random() + np.cumsum(pitch_hz / sample_rate)) % 1.0
    opening = 0.5 * (1.0 - np.cos(np.pi * phase / 0.4))
    closing = np.cos(np.pi * (phase - 0.4) / 0.32)
    flow = np.where(phase < 0.4, opening, np.where(phase < 0.56, closing, 0.0))
    return np.asarray(np.diff(flow, prepend=flow[0]) * (0.05 * sample_rate / pitch_hz), dtype=np.float32)


def _voice(n: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """One person talking."""
    track = _talk(n / sample_rate, rng)
    size = 1 << round(np.log2(0.023 * sample_rate))
    hop = size // 2
    n_frames = n // hop + 3
    hz = rfftfreq(size, 1.0 / sample_rate).astype(np.float32)

    tract = float(rng.uniform(0.95, 1.2))  # shorter vocal tracts have higher formants, and usually higher voices
    mean_hz = 95.0 * (tract / 0.95) ** 3.4 * float(rng.lognormal(0.0, 0.1))
    samples = np.arange(n_frames * hop + hop) / sample_rate
    knots = np.arange(0.0, samples[-1] + 0.02, 0.01)
    flutter = np.interp(samples, knots, rng.normal(1.0, 0.012, len(knots)))  # jitter
    pitch_hz = mean_hz * np.interp(samples, track.times, track.pitch) * flutter
    pulses = _glottal(pitch_hz, sample_rate, rng)
    noise = rng.standard_normal(len(samples), dtype=np.float32)

    at = (np.arange(n_frames) * hop + hop) / sample_rate
    points = np.column_stack([track.formants, track.voiced, track.hiss])
    f1, f2, f3, voiced, centre, width, hiss = (
        np.interp(at, track.times, column).astype(np.float32)[:, None] for column in points.T
    )
    formants = (tract * f1, tract * f2, tract * f3, *(np.float32(tract * fixed) for fixed in _FIXED_FORMANTS_HZ))
    loss = np.ones((n_frames, len(hz)), dtype=np.float32)
    for formant, bandwidth in zip(formants, _BANDWIDTHS_HZ, strict=True):  # a chain of resonators, gain 1 at 0 Hz
        ratio = (hz / formant) ** 2
        loss *= (1 - ratio) ** 2 + ratio * (np.float32(bandwidth) / formant) ** 2
    effort = (1 + (hz / 600) ** 2) ** np.float32(_EFFORT)
    shape = effort / np.sqrt(loss)
    fricative = hiss / (1.0 + ((hz - centre) / width) ** 4)

    window = np.hanning(size + 1)[:-1].astype(np.float32)

    def spectra(signal: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(signal, size)[::hop][:n_frames]
        return np.asarray(rfft(frames * window, axis=1))

    vowels = voiced * shape * spectra(pulses)
    vowels /= np.sqrt(np.mean(np.abs(vowels) ** 2)) + np.float32(1e-9)
    consonants = fricative * spectra(noise) / np.float32(np.sqrt(np.sum(window**2)))
    shaped = irfft(vowels + consonants, size, axis=1)
    halves = shaped.reshape(n_frames, 2, hop)
    speech = np.concatenate([halves[0, :1], halves[1:, 0] + halves[:-1, 1]]).ravel()
    return np.asarray(speech[hop : hop + n])


def babble(n: int, sample_rate: int, seed: int, *, n_voices: int = N_VOICES) -> np.ndarray:
    """Synthesise a talking crowd.

    Parameters
    ----------
    n : int >= 1
        Samples.
    sample_rate : int >= 8000
        Samples a second.
    seed : int >= 0
        Decides the talkers and what they say.
    n_voices : int >= 1
        Talkers, some nearer and some farther.

    Returns
    -------
    np.ndarray, shape (n,), float32
        Root mean square 1.
    """
    rng = np.random.default_rng([seed, 10])
    crowd = np.zeros(n)
    for _ in range(n_voices):
        speech = _voice(n, sample_rate, rng)
        rms = np.sqrt(np.mean(np.square(speech)))
        if rms > 0:
            crowd += speech / rms * 10.0 ** (rng.normal(0.0, 3.5) / 20.0)
    return (crowd / (np.sqrt(np.mean(np.square(crowd))) or 1.0)).astype(np.float32)
