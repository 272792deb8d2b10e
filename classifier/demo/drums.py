"""Drums of the demo songs: each is one function that renders one hit (conventions: ``synth.py``)."""

from __future__ import annotations

import numpy as np

from classifier.demo.synth import HIGHEST_HZ, SAMPLE_RATE, noise_band, times


def drum(
    rng: np.random.Generator, *, hz: float, sweep: float, fall_s: float, decay_s: float, click: float
) -> np.ndarray:
    """Membrane whose pitch falls: kick, tom, conga."""
    time = times(6.0 * decay_s)
    pitch = hz * (1.0 + sweep * np.exp(-time / fall_s)) * rng.uniform(0.98, 1.02)
    wave = np.sin(2 * np.pi * np.cumsum(pitch / SAMPLE_RATE)) * np.exp(-time / decay_s)
    wave[: len(times(0.006))] += click * noise_band(0.006, 800.0, 6000.0, rng) * np.linspace(1, 0, len(times(0.006)))
    return np.asarray(np.tanh(1.4 * wave) * np.linspace(1.0, 0.0, len(time)) ** 0.5, dtype=np.float32)


def snare(
    rng: np.random.Generator, *, hz: float, tone: float, low_hz: float, high_hz: float, decay_s: float
) -> np.ndarray:
    """Two skin modes under a burst of wire noise."""
    time = times(7.0 * decay_s)
    pitch = hz * rng.uniform(0.985, 1.015)
    skin = np.sin(2 * np.pi * pitch * time) + 0.6 * np.sin(2 * np.pi * 1.62 * pitch * time)
    wires = noise_band(len(time) / SAMPLE_RATE, low_hz, high_hz, rng) * np.exp(-time / decay_s)
    return np.asarray(0.6 * tone * skin * np.exp(-time / (0.45 * decay_s)) + 0.45 * wires, dtype=np.float32)


def clap(rng: np.random.Generator, *, low_hz: float, high_hz: float, decay_s: float, spread_s: float) -> np.ndarray:
    """Four hands, not quite together."""
    time = times(4 * spread_s + 6.0 * decay_s)
    level = np.zeros_like(time)
    for hand in range(4):
        since = time - spread_s * (hand + rng.uniform(-0.2, 0.2))
        level += np.where(since >= 0, np.exp(-np.maximum(since, 0) / (decay_s if hand == 3 else 0.004)), 0.0)
    return np.asarray(0.4 * noise_band(len(time) / SAMPLE_RATE, low_hz, high_hz, rng) * level, dtype=np.float32)


def cymbal(
    rng: np.random.Generator, *, low_hz: float, high_hz: float, metal: float, hz: float, decay_s: float
) -> np.ndarray:
    """High noise and six inharmonic partials: hats, ride, crash."""
    time = times(6.0 * decay_s)
    wave = noise_band(len(time) / SAMPLE_RATE, low_hz, high_hz, rng)
    for ratio in (1.0, 1.342, 1.567, 1.893, 2.137, 2.631):
        if ratio * hz < HIGHEST_HZ:
            wave = wave + metal * np.sin(2 * np.pi * (ratio * hz * time + rng.random()))
    return np.asarray(0.35 * wave * np.exp(-time / decay_s), dtype=np.float32)


def shaker(rng: np.random.Generator, *, low_hz: float, high_hz: float, rise_s: float, decay_s: float) -> np.ndarray:
    """Beads: noise with a soft start."""
    time = times(rise_s + 5.0 * decay_s)
    level = np.where(time < rise_s, time / rise_s, np.exp(-(time - rise_s) / decay_s))
    return np.asarray(0.4 * noise_band(len(time) / SAMPLE_RATE, low_hz, high_hz, rng) * level, dtype=np.float32)


def rim(rng: np.random.Generator, *, hz: float, ratio: float, decay_s: float) -> np.ndarray:
    """Stick on wood or metal: rim, clave, woodblock, cowbell."""
    time = times(7.0 * decay_s)
    wave = np.sin(2 * np.pi * hz * time) + 0.7 * np.sin(2 * np.pi * ratio * hz * time)
    knock = noise_band(len(time) / SAMPLE_RATE, hz, 3.0 * hz, rng) * np.exp(-time / 0.003)
    return np.asarray(0.4 * (wave * np.exp(-time / decay_s) + 0.5 * knock), dtype=np.float32)
