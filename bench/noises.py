"""Noise from a seed: what sounds beside music, and sounds that hold none, to which any answer is false."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.signal import chirp

from bench.corpus import SAMPLE_RATE
from bench.material import Material, evaluation_material, rms

MUSIC_FREE_RMS_DB = -20.0
PINK_BAND_HZ = (20.0, 8000.0)


def babble(length: int, seed: int, material: Material | None = None) -> np.ndarray:
    """Return the sum of six to eight streams of utterances, each entered at a random place."""
    rng = np.random.default_rng([seed, 2])
    utterances = (material or evaluation_material()).utterances
    total = np.zeros(length, dtype=np.float32)
    for _ in range(int(rng.integers(6, 9))):
        total += _stream(length, rng, utterances) * np.float32(10 ** (rng.uniform(-3, 3) / 20))
    return total


def speech(length: int, seed: int, material: Material | None = None) -> np.ndarray:
    """Return one voice, reading one utterance after the other."""
    return _stream(length, np.random.default_rng([seed, 3]), (material or evaluation_material()).utterances)


def _stream(length: int, rng: np.random.Generator, utterances: Sequence[np.ndarray]) -> np.ndarray:
    first = utterances[int(rng.integers(len(utterances)))]
    pieces = [np.asarray(first)[int(rng.integers(len(first))) :]]
    while sum(map(len, pieces)) < length:
        pieces.append(np.asarray(utterances[int(rng.integers(len(utterances)))]))
    return np.concatenate([piece / np.float32(max(rms(piece), 1e-4)) for piece in pieces])[:length]


def pink(length: int, seed: int, material: Material | None = None) -> np.ndarray:
    """Return noise of equal power in every octave from 20 Hz to 8 kHz, nothing below."""
    rng = np.random.default_rng([seed, 4])
    frequencies = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    spectrum = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    inside = (frequencies >= PINK_BAND_HZ[0]) & (frequencies <= PINK_BAND_HZ[1])
    spectrum *= np.where(inside, 1 / np.sqrt(np.maximum(frequencies, 1.0)), 0.0)
    return _unit(np.fft.irfft(spectrum, n=length))


def voices(length: int, seed: int, material: Material | None = None) -> np.ndarray:
    """Return the sum of six to twelve people talking at full bandwidth, each in a language of their own."""
    rng = np.random.default_rng([seed, 11])
    held = (material or evaluation_material()).voices
    count = int(rng.integers(6, 13))
    total = np.zeros(length, dtype=np.float32)
    for voice in rng.permutation(len(held))[:count]:
        total += _stream(length, rng, held[voice]) * np.float32(10 ** (rng.uniform(-3, 3) / 20))
    return total


def talker(length: int, seed: int, material: Material | None = None) -> np.ndarray:
    """Return one person talking at full bandwidth."""
    rng = np.random.default_rng([seed, 12])
    held = (material or evaluation_material()).voices
    return _stream(length, rng, held[int(rng.integers(len(held)))])


def car(length: int, seed: int, material: Material | None = None) -> np.ndarray:
    """Return the noise inside a car: falling by 6 to 12 dB an octave from 40 to 100 Hz, with the engine's harmonics.

    The spectrum below and above its knee, and one engine order among the firing frequency's harmonics, are those of
    measured cabins in outline only.
    """
    rng = np.random.default_rng([seed, 13])
    hz = np.fft.rfftfreq(length, 1 / SAMPLE_RATE)
    knee, order = rng.uniform(40.0, 100.0), rng.uniform(2.0, 4.0)
    spectrum = rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))
    spectrum *= (1 + (hz / knee) ** 2) ** (-order / 4)
    spectrum[hz < PINK_BAND_HZ[0]] = 0.0
    road = _unit(np.fft.irfft(spectrum, n=length))
    t = np.arange(length) / SAMPLE_RATE
    firing = rng.uniform(40.0, 110.0)
    drift = 1 + rng.uniform(-0.03, 0.03) * t / max(float(t[-1]), 1e-9) / 2
    engine = np.zeros(length)
    for k in range(1, 7):
        engine += rng.uniform(0.3, 1.0) / k * np.sin(2 * np.pi * k * firing * drift * t + rng.uniform(0, 2 * np.pi))
    return _unit(road + np.float32(10 ** (rng.uniform(-15, -3) / 20)) * _unit(engine))


NOISES: dict[str, Callable[[int, int, Material | None], np.ndarray]] = {
    "babble": babble,
    "pink": pink,
    "voices": voices,
    "talker": talker,
    "car": car,
}


def _white(length: int, seed: int, _: Material | None) -> np.ndarray:
    return np.random.default_rng([seed, 5]).standard_normal(length)


def _hum(length: int, seed: int, _: Material | None) -> np.ndarray:
    """Mains hum: 50 Hz and its harmonics, the odd ones stronger, over a little hiss."""
    rng = np.random.default_rng([seed, 6])
    t = np.arange(length) / SAMPLE_RATE
    base = 50.0 * (1 + rng.uniform(-0.002, 0.002))
    total = 0.005 * rng.standard_normal(length)
    for k in range(1, 21):
        strength = (1.0 if k % 2 else 0.4) / k * rng.uniform(0.5, 1.5)
        total += strength * np.sin(2 * np.pi * k * base * t + rng.uniform(0, 2 * np.pi))
    return total


def _clicks(length: int, seed: int, _: Material | None) -> np.ndarray:
    """Digital silence with a few short clicks, as of a table being touched."""
    rng = np.random.default_rng([seed, 7])
    total = np.zeros(length)
    for start in rng.integers(0, length, size=max(2, round(3 * length / SAMPLE_RATE))):
        click = rng.standard_normal(80) * np.exp(-np.arange(80) / rng.uniform(4, 20)) * rng.uniform(0.3, 1.0)
        stop = min(length, int(start) + 80)
        total[start:stop] += click[: stop - start]
    return total


def _dtmf(length: int, seed: int, _: Material | None) -> np.ndarray:
    """Telephone keys: 60 to 150 ms of two tones, as much silence between."""
    rng = np.random.default_rng([seed, 8])
    total = np.zeros(length)
    at = int(rng.integers(0, 800))
    while at < length:
        on, off = (int(rng.uniform(0.06, 0.15) * SAMPLE_RATE) for _ in range(2))
        t = np.arange(min(on, length - at)) / SAMPLE_RATE
        for band in ((697, 770, 852, 941), (1209, 1336, 1477, 1633)):
            total[at : at + len(t)] += np.sin(2 * np.pi * float(rng.choice(band)) * t)
        at += on + off
    return total


def _tones(length: int, seed: int, _: Material | None) -> np.ndarray:
    """One to four steady tones between 100 Hz and 4 kHz."""
    rng = np.random.default_rng([seed, 9])
    t = np.arange(length) / SAMPLE_RATE
    count = int(rng.integers(1, 5))
    return np.sum(
        [np.sin(2 * np.pi * 100 * 40 ** rng.uniform() * t + rng.uniform(0, 2 * np.pi)) for _ in range(count)], axis=0
    )


def _sweep(length: int, seed: int, _: Material | None) -> np.ndarray:
    """A logarithmic sweep through several octaves, up or down, repeated every one to five seconds."""
    rng = np.random.default_rng([seed, 10])
    t = np.arange(length) / SAMPLE_RATE
    period = rng.uniform(1.0, 5.0)
    low, high = rng.uniform(80, 300), rng.uniform(2000, 7000)
    if rng.uniform() < 0.5:
        low, high = high, low
    return chirp(t % period, f0=low, t1=period, f1=high, method="logarithmic")


def _levelled(
    make: Callable[[int, int, Material | None], np.ndarray],
) -> Callable[[int, int, Material | None], np.ndarray]:
    def generate(length: int, seed: int, material: Material | None) -> np.ndarray:
        return _unit(make(length, seed, material)) * np.float32(10 ** (MUSIC_FREE_RMS_DB / 20))

    generate.__doc__ = make.__doc__
    return generate


def _unit(samples: np.ndarray) -> np.ndarray:
    level = rms(samples)
    return (samples / level if level else samples).astype(np.float32)


_MAKERS: dict[str, Callable[[int, int, Material | None], np.ndarray]] = {
    "babble": babble,
    "speech": speech,
    "pink": pink,
    "white": _white,
    "hum": _hum,
    "clicks": _clicks,
    "dtmf": _dtmf,
    "tones": _tones,
    "sweep": _sweep,
    "voices": voices,
    "talker": talker,
    "car": car,
}
MUSIC_FREE = {name: _levelled(make) for name, make in _MAKERS.items()}
