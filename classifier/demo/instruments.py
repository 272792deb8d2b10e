"""The instruments, and the bounds between which a song draws each of their parameters.

Every song draws once, so no two songs share a sound. The parameters' names give their units (``synth.py``,
``drums.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from classifier.demo.drums import clap, cymbal, drum, rim, shaker, snare
from classifier.demo.synth import choir, flute, fm, lead, mallet, organ, pad, pluck, stab, synth_bass


@dataclass(frozen=True, slots=True)
class Voice:
    """An instrument, and the bounds between which a song draws each of its parameters."""

    function: Callable[..., np.ndarray]
    ranges: Mapping[str, tuple[float, float]]

    def draw(self, rng: np.random.Generator) -> Callable[..., np.ndarray]:
        """Return the instrument with parameters drawn uniformly."""
        return partial(
            self.function, **{name: float(rng.uniform(low, high)) for name, (low, high) in self.ranges.items()}
        )


# fmt: off
VOICES: dict[str, Voice] = {
    "warm pad": Voice(pad, {
        "detune_cents": (5, 14), "cutoff_hz": (350, 800), "sweep_octaves": (0.8, 2.0), "q": (0.7, 1.4),
        "shape": (0, 0.4), "attack_s": (0.15, 0.5), "release_s": (0.4, 1.0)}),
    "glass pad": Voice(pad, {
        "detune_cents": (3, 9), "cutoff_hz": (900, 2200), "sweep_octaves": (-1.0, 1.0), "q": (1.5, 4),
        "shape": (0.6, 1), "attack_s": (0.25, 0.6), "release_s": (0.6, 1.2)}),
    "strings": Voice(pad, {
        "detune_cents": (7, 13), "cutoff_hz": (1400, 2800), "sweep_octaves": (0.2, 0.9), "q": (0.6, 0.9),
        "shape": (0, 0.1), "attack_s": (0.08, 0.25), "release_s": (0.25, 0.5)}),
    "choir": Voice(choir, {
        "first_hz": (380, 780), "second_hz": (850, 1800), "detune_cents": (6, 14), "vibrato_cents": (12, 35),
        "attack_s": (0.12, 0.35), "release_s": (0.3, 0.7)}),
    "brass stab": Voice(stab, {
        "cutoff_hz": (500, 1100), "sweep_octaves": (1.5, 2.6), "decay_s": (0.12, 0.3), "q": (0.7, 1.3),
        "shape": (0, 0.2), "detune_cents": (5, 12)}),
    "clav": Voice(stab, {
        "cutoff_hz": (700, 1500), "sweep_octaves": (1.2, 2.2), "decay_s": (0.04, 0.09), "q": (1.5, 3.5),
        "shape": (0.3, 0.8), "detune_cents": (1, 4)}),
    "pulse": Voice(stab, {
        "cutoff_hz": (1800, 4500), "sweep_octaves": (0.2, 1.0), "decay_s": (0.05, 0.2), "q": (0.6, 1.2),
        "shape": (0.75, 1), "detune_cents": (0.5, 8)}),
    "crunch": Voice(synth_bass, {
        "cutoff_hz": (1500, 2600), "sweep_octaves": (0.1, 0.8), "decay_s": (0.1, 0.4), "q": (0.8, 1.4),
        "shape": (0, 0.6), "sub": (0, 0.2), "drive": (2.5, 5)}),
    "saw lead": Voice(lead, {
        "cutoff_hz": (1800, 4000), "q": (0.8, 2), "shape": (0, 0.3), "vibrato_cents": (8, 25),
        "rate_hz": (4.8, 6.4), "attack_s": (0.01, 0.05)}),
    "square lead": Voice(lead, {
        "cutoff_hz": (2200, 6000), "q": (0.6, 1.2), "shape": (0.8, 1), "vibrato_cents": (5, 30),
        "rate_hz": (5, 7), "attack_s": (0.004, 0.02)}),
    "reed": Voice(lead, {
        "cutoff_hz": (1000, 2200), "q": (1.5, 3.5), "shape": (0.4, 0.9), "vibrato_cents": (10, 22),
        "rate_hz": (4.6, 5.8), "attack_s": (0.03, 0.08)}),
    "flute": Voice(flute, {
        "second": (0.15, 0.5), "third": (0.05, 0.25), "breath": (0.03, 0.12), "vibrato_cents": (10, 30),
        "rate_hz": (4.5, 6), "attack_s": (0.03, 0.09)}),
    "electric piano": Voice(fm, {
        "ratio": (1, 1), "index": (0.8, 2.2), "index_decay_s": (0.2, 0.6), "decay_s": (0.7, 1.6),
        "release_s": (0.12, 0.3), "detune": (0.001, 0.006), "body": (0.2, 0.5)}),
    "tine piano": Voice(fm, {
        "ratio": (13, 14), "index": (0.4, 1.2), "index_decay_s": (0.08, 0.2), "decay_s": (0.6, 1.4),
        "release_s": (0.15, 0.3), "detune": (0, 0.01), "body": (0.3, 0.6)}),
    "bell": Voice(fm, {
        "ratio": (2.4, 3.6), "index": (1, 2.5), "index_decay_s": (0.3, 0.9), "decay_s": (0.5, 1.3),
        "release_s": (0.4, 0.9), "detune": (0, 0.03), "body": (0.2, 0.5)}),
    "guitar": Voice(pluck, {
        "decay_s": (0.8, 1.8), "damping": (0.25, 0.5), "brightness": (0.3, 0.9), "position": (0.12, 0.4),
        "ring_s": (0.15, 0.4)}),
    "harp": Voice(pluck, {
        "decay_s": (0.9, 2), "damping": (0.3, 0.5), "brightness": (0.12, 0.35), "position": (0.3, 0.5),
        "ring_s": (0.5, 0.9)}),
    "banjo": Voice(pluck, {
        "decay_s": (0.25, 0.6), "damping": (0.1, 0.25), "brightness": (0.8, 1.5), "position": (0.06, 0.15),
        "ring_s": (0.08, 0.2)}),
    "organ": Voice(organ, {
        "sub": (0.2, 0.8), "quint": (0, 0.6), "octave": (0.3, 0.9), "twelfth": (0, 0.5), "upper": (0.05, 0.5),
        "tremolo": (0.1, 0.45), "rate_hz": (4.5, 7)}),
    "accordion": Voice(lead, {
        "cutoff_hz": (1500, 2600), "q": (0.9, 1.6), "shape": (0.1, 0.5), "vibrato_cents": (4, 10),
        "rate_hz": (5.5, 7.5), "attack_s": (0.02, 0.05)}),
    "marimba": Voice(mallet, {
        "second": (3.85, 4.05), "third": (9.0, 10.2), "decay_s": (0.15, 0.4), "hardness": (0.15, 0.5),
        "ring_s": (0.15, 0.3)}),
    "vibraphone": Voice(mallet, {
        "second": (3.95, 4.05), "third": (9.8, 10.4), "decay_s": (0.6, 1.4), "hardness": (0.08, 0.3),
        "ring_s": (0.4, 0.8)}),
    "kalimba": Voice(mallet, {
        "second": (5.2, 6.4), "third": (12, 16), "decay_s": (0.25, 0.6), "hardness": (0.1, 0.35),
        "ring_s": (0.2, 0.4)}),
    "saw bass": Voice(synth_bass, {
        "cutoff_hz": (180, 450), "sweep_octaves": (1, 2.6), "decay_s": (0.06, 0.25), "q": (0.8, 2.5),
        "shape": (0, 0.3), "sub": (0.3, 0.7), "drive": (1, 2)}),
    "square bass": Voice(synth_bass, {
        "cutoff_hz": (250, 700), "sweep_octaves": (0.3, 1.4), "decay_s": (0.08, 0.3), "q": (0.7, 1.4),
        "shape": (0.8, 1), "sub": (0.2, 0.5), "drive": (0.8, 1.6)}),
    "sub bass": Voice(synth_bass, {
        "cutoff_hz": (120, 240), "sweep_octaves": (0.3, 1), "decay_s": (0.05, 0.2), "q": (0.6, 1),
        "shape": (0, 1), "sub": (0.8, 1), "drive": (1.2, 2.6)}),
    "wood bass": Voice(fm, {
        "ratio": (1, 1), "index": (0.8, 2), "index_decay_s": (0.05, 0.15), "decay_s": (0.35, 0.8),
        "release_s": (0.06, 0.12), "detune": (0, 0.004), "body": (0.2, 0.5)}),
    "string bass": Voice(pluck, {
        "decay_s": (0.7, 1.4), "damping": (0.35, 0.5), "brightness": (0.08, 0.25), "position": (0.15, 0.35),
        "ring_s": (0.08, 0.15)}),
}

DRUMS: dict[str, Voice] = {
    "kick": Voice(drum, {
        "hz": (42, 62), "sweep": (1.5, 5), "fall_s": (0.015, 0.05), "decay_s": (0.07, 0.2),
        "click": (0.1, 0.6)}),
    "tom": Voice(drum, {
        "hz": (85, 150), "sweep": (0.3, 0.9), "fall_s": (0.03, 0.08), "decay_s": (0.09, 0.2),
        "click": (0.05, 0.3)}),
    "conga": Voice(drum, {
        "hz": (170, 320), "sweep": (0.05, 0.3), "fall_s": (0.01, 0.04), "decay_s": (0.05, 0.12),
        "click": (0.05, 0.25)}),
    "snare": Voice(snare, {
        "hz": (160, 250), "tone": (0.4, 1), "low_hz": (700, 2000), "high_hz": (4500, 9000),
        "decay_s": (0.04, 0.11)}),
    "brush": Voice(snare, {
        "hz": (170, 230), "tone": (0.05, 0.2), "low_hz": (1200, 2500), "high_hz": (5000, 8000),
        "decay_s": (0.07, 0.14)}),
    "clap": Voice(clap, {
        "low_hz": (700, 1300), "high_hz": (2500, 6000), "decay_s": (0.03, 0.09), "spread_s": (0.007, 0.013)}),
    "hat": Voice(cymbal, {
        "low_hz": (4000, 7000), "high_hz": (8500, 10500), "metal": (0.1, 0.5), "hz": (2600, 3800),
        "decay_s": (0.012, 0.04)}),
    "open": Voice(cymbal, {
        "low_hz": (3500, 6000), "high_hz": (8000, 10500), "metal": (0.1, 0.5), "hz": (2400, 3600),
        "decay_s": (0.08, 0.2)}),
    "ride": Voice(cymbal, {
        "low_hz": (3000, 5000), "high_hz": (7000, 10000), "metal": (0.3, 0.8), "hz": (2000, 3300),
        "decay_s": (0.12, 0.3)}),
    "crash": Voice(cymbal, {
        "low_hz": (1500, 3500), "high_hz": (7000, 10000), "metal": (0.1, 0.4), "hz": (1500, 2600),
        "decay_s": (0.3, 0.6)}),
    "shaker": Voice(shaker, {
        "low_hz": (3500, 6000), "high_hz": (8000, 10500), "rise_s": (0.01, 0.03), "decay_s": (0.015, 0.04)}),
    "rim": Voice(rim, {"hz": (1200, 2400), "ratio": (1.4, 2.7), "decay_s": (0.008, 0.025)}),
    "cowbell": Voice(rim, {"hz": (520, 820), "ratio": (1.45, 1.52), "decay_s": (0.04, 0.09)}),
}
# fmt: on
