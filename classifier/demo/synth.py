"""Pitched instruments of the demo songs: each is one function that renders one note.

Conventions: mono float32 at ``SAMPLE_RATE``; frequencies in Hz, times in seconds; a note lasts as long as it is held
plus its own release; peaks are near 1, and the mix balances them. Randomness (phases, noise, small detuning) comes
from the generator passed in. ``instruments.py`` has the bounds between which a song draws the parameters; drums are in
``drums.py``.

Methods: wavetables with a two-pole low-pass applied harmonic by harmonic (subtractive), phase modulation
(Chowning 1973), plucked strings (Karplus & Strong 1983), damped modes of a bar, sums of harmonics.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import next_fast_len

SAMPLE_RATE = 22_050
HIGHEST_HZ = 0.45 * SAMPLE_RATE
_TABLE = 2048
_N_CUTOFFS = 12


def midi_hz(midi: float) -> float:
    """Frequency of a MIDI note number in equal temperament, A4 = 69 = 440 Hz."""
    return float(440.0 * 2.0 ** ((midi - 69.0) / 12.0))


# ---------------------------------------------------------------------------------------------- building blocks


def times(seconds: float) -> np.ndarray:
    """Sample times of a stretch, in seconds; at least one sample."""
    return np.arange(max(1, round(seconds * SAMPLE_RATE)), dtype=np.float32) / SAMPLE_RATE


def _adsr(held_s: float, attack_s: float, decay_s: float, sustain: float, release_s: float) -> np.ndarray:
    """Level of a note: linear attack, exponential fall towards ``sustain``, smooth release after ``held_s``."""
    held = max(held_s, attack_s)
    time = times(held + release_s)
    level = sustain + (1.0 - sustain) * np.exp(-np.maximum(time - attack_s, 0.0) / decay_s)
    level *= np.minimum(time / max(attack_s, 1e-3), 1.0)
    level *= np.clip((held + release_s - time) / release_s, 0.0, 1.0) ** 2
    return level.astype(np.float32)


def noise_band(seconds: float, low_hz: float, high_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise between two frequencies with skirts of 12 dB an octave, rms 1."""
    n = len(times(seconds))
    length = next_fast_len(n, real=True)
    hz = np.fft.rfftfreq(length, 1.0 / SAMPLE_RATE)
    spectrum = rng.standard_normal(len(hz)) + 1j * rng.standard_normal(len(hz))
    spectrum /= (1.0 + (low_hz / np.maximum(hz, 1.0)) ** 4) * (1.0 + (hz / high_hz) ** 4)
    noise = np.fft.irfft(spectrum, length)[:n]
    return np.asarray(noise / (np.sqrt(np.mean(noise**2)) + 1e-12), dtype=np.float32)


def _phase(hz: float, n: int, rng: np.random.Generator, vibrato_cents: float = 0.0, rate_hz: float = 5.5) -> np.ndarray:
    """Phase in cycles, from a random start; the vibrato sets in over the first 0.4 s."""
    if not vibrato_cents:
        return rng.random() + np.arange(n) * (hz / SAMPLE_RATE)
    time = np.arange(n) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * (rate_hz * time + rng.random())) * np.minimum(time / 0.4, 1.0)
    return np.asarray(rng.random() + np.cumsum(hz / SAMPLE_RATE * 2.0 ** (vibrato_cents / 1200.0 * wave)))


def _table(amplitudes: np.ndarray) -> np.ndarray:
    """One cycle of each row of harmonic amplitudes (harmonic 1 first), with the first sample repeated at the end."""
    spectrum = np.zeros((len(amplitudes), _TABLE // 2 + 1), dtype=np.complex64)
    spectrum[:, 1 : amplitudes.shape[1] + 1] = -0.5j * _TABLE * amplitudes
    cycle = np.fft.irfft(spectrum, _TABLE, axis=1)
    return np.concatenate([cycle, cycle[:, :1]], axis=1).astype(np.float32)


def _read(table: np.ndarray, phase: np.ndarray, row: np.ndarray | None = None) -> np.ndarray:
    """Read a wavetable at phases in cycles, linearly interpolated along the cycle and, if given, between rows."""
    place = (phase % 1.0) * _TABLE
    column = place.astype(np.int32)
    column[column == _TABLE] = 0  # phase % 1.0 rounds to 1.0 for the tiniest negative phases
    part = (place - column).astype(np.float32)
    flat = table.ravel()
    width = _TABLE + 1
    if row is None:
        return flat[column] * (1 - part) + flat[column + 1] * part
    lower = np.minimum(row.astype(np.int32), len(table) - 2)
    blend = (row - lower).astype(np.float32)
    at = lower * width + column
    below = flat[at] * (1 - part) + flat[at + 1] * part
    above = flat[at + width] * (1 - part) + flat[at + width + 1] * part
    return below * (1 - blend) + above * blend


def _n_harmonics(hz: float, most: int = 120) -> int:
    return int(np.clip(HIGHEST_HZ / hz, 1, most))


def _subtractive(phases: list[np.ndarray], hz: float, shape: float, cutoff_hz: np.ndarray, q: float) -> np.ndarray:
    """Sum of oscillators between saw (shape 0) and square (shape 1) through a moving two-pole low-pass."""
    k = np.arange(1, _n_harmonics(hz) + 1)
    source = np.where(k % 2 == 1, 1.0, 1.0 - shape) / k
    low, high = float(cutoff_hz.min()), float(cutoff_hz.max()) * 1.001
    grid = np.geomspace(low, high, _N_CUTOFFS)
    ratio = k * hz / grid[:, None]
    table = _table(source / np.sqrt((1.0 - ratio**2) ** 2 + (ratio / q) ** 2))
    row = np.log(cutoff_hz / low) * ((_N_CUTOFFS - 1) / np.log(high / low))
    total = _read(table, phases[0], row)
    for phase in phases[1:]:
        total += _read(table, phase, row)
    return np.asarray(total * (0.6 / np.sqrt(len(phases))), dtype=np.float32)


# --------------------------------------------------------------------------------------------------------- tones


def pad(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    detune_cents: float,
    cutoff_hz: float,
    sweep_octaves: float,
    q: float,
    shape: float,
    attack_s: float,
    release_s: float,
) -> np.ndarray:
    """Three detuned oscillators with a filter that opens slowly and closes again."""
    level = _adsr(held_s, attack_s, 1.5, 0.75, release_s)
    swell = np.sin(np.pi * np.linspace(0.0, 1.0, len(level)) ** 0.7)
    cutoff = cutoff_hz * 2.0 ** (sweep_octaves * swell + rng.uniform(-0.2, 0.2))
    phases = [_phase(hz * 2.0 ** (cents / 1200.0), len(level), rng) for cents in (-detune_cents, 0.0, detune_cents)]
    return np.asarray(_subtractive(phases, hz, shape, cutoff, q) * level)


def stab(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    cutoff_hz: float,
    sweep_octaves: float,
    decay_s: float,
    q: float,
    shape: float,
    detune_cents: float,
) -> np.ndarray:
    """Two oscillators with a quickly closing filter: synthesiser brass, clavinet, arpeggio."""
    level = _adsr(held_s, 0.004, 0.4, 0.4, 0.08)
    cutoff = cutoff_hz * 2.0 ** (sweep_octaves * np.exp(-times(len(level) / SAMPLE_RATE) / decay_s))
    phases = [_phase(hz * 2.0 ** (cents / 1200.0), len(level), rng) for cents in (0.0, detune_cents)]
    return np.asarray(_subtractive(phases, hz, shape, cutoff, q) * level)


def lead(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    cutoff_hz: float,
    q: float,
    shape: float,
    vibrato_cents: float,
    rate_hz: float,
    attack_s: float,
) -> np.ndarray:
    """One singing oscillator with delayed vibrato."""
    level = _adsr(held_s, attack_s, 0.6, 0.7, 0.12)
    cutoff = cutoff_hz * (0.6 + 0.8 * level)
    singing = _phase(hz, len(level), rng, vibrato_cents, rate_hz)
    return np.asarray(_subtractive([singing], hz, shape, cutoff, q) * level)


def synth_bass(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    cutoff_hz: float,
    sweep_octaves: float,
    decay_s: float,
    q: float,
    shape: float,
    sub: float,
    drive: float,
) -> np.ndarray:
    """Filtered oscillator plus a sine at its fundamental, driven a little."""
    level = _adsr(held_s, 0.005, 0.5, 0.6, 0.06)
    phase = _phase(hz, len(level), rng)
    cutoff = cutoff_hz * 2.0 ** (sweep_octaves * np.exp(-times(len(level) / SAMPLE_RATE) / decay_s))
    wave = _subtractive([phase], hz, shape, cutoff, q) + sub * np.sin(2 * np.pi * phase)
    return np.asarray(np.tanh(drive * wave * level) / np.tanh(drive), dtype=np.float32)


def fm(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    ratio: float,
    index: float,
    index_decay_s: float,
    decay_s: float,
    release_s: float,
    detune: float,
    body: float,
) -> np.ndarray:
    """Phase modulation with a falling index: electric piano, bell, glass, wooden bass."""
    level = _adsr(held_s, 0.003, decay_s, 0.02, release_s)
    time = times(len(level) / SAMPLE_RATE)
    modulator_hz = hz * (ratio + detune)
    depth = min(index, max(0.0, (HIGHEST_HZ - hz) / modulator_hz - 1.0))  # Carson's rule keeps it below Nyquist
    sway = depth * np.exp(-time / index_decay_s) * np.sin(2 * np.pi * _phase(modulator_hz, len(level), rng))
    carrier = 2 * np.pi * _phase(hz, len(level), rng)
    return np.asarray(((1 - body) * np.sin(carrier + sway) + body * np.sin(carrier)) * level, dtype=np.float32)


def pluck(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    decay_s: float,
    damping: float,
    brightness: float,
    position: float,
    ring_s: float,
) -> np.ndarray:
    """Karplus-Strong string: a burst of noise circulates in a delay line and is averaged each time round."""
    period = max(2, int(SAMPLE_RATE / hz - damping))
    tuning = hz * (period + damping) / SAMPLE_RATE  # the whole-sample line is off by this factor; reading corrects it
    level = _adsr(held_s, 0.001, decay_s, 0.0, ring_s)
    n = int(len(level) * max(tuning, 1.0)) + period + 2
    line = np.zeros(n + period, dtype=np.float32)
    burst = rng.uniform(-1.0, 1.0, period + 1)
    spectrum = np.fft.rfft(burst) / (1.0 + (np.arange(period // 2 + 1 + (period % 2)) / (brightness * 40.0)) ** 2)
    burst = np.fft.irfft(spectrum, period + 1)
    burst -= np.roll(burst, max(1, round(position * period)))  # plucked at this part of its length
    line[: period + 1] = burst / (np.abs(burst).max() + 1e-9)
    gain = np.float32(10.0 ** (-3.0 * period / SAMPLE_RATE / (4.0 * decay_s)))
    near, far = np.float32(gain * (1.0 - damping)), np.float32(gain * damping)
    for start in range(period + 1, n, period):
        line[start : start + period] = near * line[start - period : start] + far * line[start - period - 1 : start - 1]
    string = np.interp(np.arange(len(level)) * tuning, np.arange(n), line[:n])
    return np.asarray(string * level, dtype=np.float32)


def organ(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    sub: float,
    quint: float,
    octave: float,
    twelfth: float,
    upper: float,
    tremolo: float,
    rate_hz: float,
) -> np.ndarray:
    """Drawbars: a sum of a few harmonics, with a rotating loudspeaker's tremolo."""
    level = _adsr(held_s, 0.012, 1.0, 0.9, 0.07)
    amplitudes = np.array([[sub, 1.0, quint, octave, 0.0, twelfth, 0.0, upper, 0.0, 0.3 * upper]])
    wave = _read(_table(amplitudes[:, : _n_harmonics(hz / 2)]), _phase(hz / 2, len(level), rng, 8.0 * tremolo, rate_hz))
    beat = 1.0 - tremolo * (0.5 + 0.5 * np.sin(2 * np.pi * (rate_hz * times(len(level) / SAMPLE_RATE) + rng.random())))
    return np.asarray(0.4 * wave * beat * level, dtype=np.float32)


def flute(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    second: float,
    third: float,
    breath: float,
    vibrato_cents: float,
    rate_hz: float,
    attack_s: float,
) -> np.ndarray:
    """Blown pipe: harmonics, breath noise around the pitch, vibrato."""
    level = _adsr(held_s, attack_s, 0.8, 0.8, 0.1)
    amplitudes = np.array([[1.0, second, third, 0.25 * third, 0.1 * second]])[:, : _n_harmonics(hz)]
    tone = _read(_table(amplitudes), _phase(hz, len(level), rng, vibrato_cents, rate_hz))
    air = noise_band(len(level) / SAMPLE_RATE, hz, min(4.0 * hz, 7000.0), rng)
    return np.asarray((0.8 * tone + breath * air) * level, dtype=np.float32)


def mallet(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    second: float,
    third: float,
    decay_s: float,
    hardness: float,
    ring_s: float,
) -> np.ndarray:
    """Struck bar: three damped, inharmonic modes (marimba, vibraphone, kalimba)."""
    level = _adsr(held_s, 0.002, decay_s, 0.0, ring_s)
    time = times(len(level) / SAMPLE_RATE)
    wave = np.sin(2 * np.pi * _phase(hz, len(level), rng))
    for ratio, gain, speed in ((second, hardness, 4.0), (third, 0.5 * hardness, 9.0)):
        if ratio * hz < HIGHEST_HZ:
            wave = wave + gain * np.sin(2 * np.pi * _phase(ratio * hz, len(level), rng)) * np.exp(
                -time * speed / decay_s
            )
    return np.asarray(0.8 * wave * level, dtype=np.float32)


def choir(
    hz: float,
    held_s: float,
    rng: np.random.Generator,
    *,
    first_hz: float,
    second_hz: float,
    detune_cents: float,
    vibrato_cents: float,
    attack_s: float,
    release_s: float,
) -> np.ndarray:
    """Three singers on one vowel: harmonics weighted by three formants, each singer with their own vibrato."""
    level = _adsr(held_s, attack_s, 1.0, 0.85, release_s)
    harmonics = np.arange(1, _n_harmonics(hz) + 1) * hz
    amplitudes = sum(
        gain / (1.0 + ((harmonics - centre) / width) ** 2)
        for centre, width, gain in ((first_hz, 90.0, 1.0), (second_hz, 120.0, 0.6), (2700.0, 250.0, 0.25))
    ) + 0.02 / np.arange(1, len(harmonics) + 1)
    table = _table(np.atleast_2d(amplitudes / np.sqrt(np.sum(np.square(amplitudes)))))
    wave = sum(
        _read(table, _phase(hz * 2.0 ** (cents / 1200.0), len(level), rng, vibrato_cents, rng.uniform(4.8, 6.2)))
        for cents in (-detune_cents, 0.0, detune_cents)
    )
    return np.asarray(0.4 * wave * level, dtype=np.float32)
