"""Long mixes with a known tracklist: the material of ``bench.measure.tracklist``.

After the recipe of UnmixDB (Schwarz & Fourer 2018), on this corpus. A mix has 12 to 18 recordings an hour, a quarter of
them unknown ones, each an excerpt at one of seven speeds. Two meet in a cross-fade of 2, 8 or 16 s, or with 3 to 15 s
of speech or of a jingle (a piece of unknown music) between them. Cross-fades are of equal power, or swap the bass:
below 200 Hz one gives way to the other within a fifth of the time. Everything has the same rms before it is faded.

The truth is read from the parts themselves: a recording is audible from the first to the last moment at which it holds
a tenth of the power of what is heard (over 1 s), a room's babble included, and the middle of a fade is where both hold
the same share by plan.

Channels: ``clean``; ``fm``, 80 to 7,000 Hz through a compressor and a limiter; ``room``, a simulated room with babble
5 dB below the mix.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, oaconvolve, sosfilt

from bench import conditions, corpus, noises
from bench.corpus import SAMPLE_RATE, Reference
from bench.material import Material, rms

#: Raised whenever a change alters what a seed gives.
VERSION = 1
PER_HOUR = (12, 18)
UNKNOWN = 0.25
SPEEDS = (1.0, 0.98, 1.02, 0.96, 1.04, 0.92, 1.08)
FADES_S = (2.0, 8.0, 16.0)
BETWEEN_S = (3.0, 15.0)
#: Share of the meetings at which something is said or played in between.
BETWEEN = 0.35
AUDIBLE = 0.1
CHANNELS = ("clean", "fm", "room")
_RMS, _BASS_HZ = 0.1, 200.0
#: Samples over which power is measured, and from one measurement to the next.
_WINDOW, _HOP = SAMPLE_RATE, SAMPLE_RATE // 20
_SHORTEST_S = 25.0


@dataclass(frozen=True)
class Played:
    """One recording of a mix.

    Parameters
    ----------
    reference : Reference
        What was played.
    start_s, end_s : float
        Between which it is audible.
    from_s, to_s : float
        The middles of its fades.
    offset_s : float
        Place in the recording at ``start_s``.
    speed : float
        At which it was played.
    """

    reference: Reference
    start_s: float
    end_s: float
    from_s: float
    to_s: float
    offset_s: float
    speed: float


@dataclass(frozen=True)
class Part:
    """One recording as it was mixed.

    Parameters
    ----------
    reference : Reference
        What was played.
    at_s : float
        Where its first sample lies in the mix.
    share : np.ndarray, shape (n,), float64
        Share of the mix's power that it holds, every 50 ms from there.
    from_s, to_s : float
        The middles of its fades.
    first_s : float
        Place in the recording of its first sample.
    speed : float
        At which it was played.
    """

    reference: Reference
    at_s: float
    share: np.ndarray
    from_s: float
    to_s: float
    first_s: float
    speed: float

    def audible(self, mix_share: np.ndarray | None) -> Played:
        """Return what a listener hears of it; the mix's own share of the power is as :func:`through` tells it."""
        share = self.share
        if mix_share is not None:
            first = round(self.at_s * SAMPLE_RATE / _HOP)
            share = share * mix_share[np.minimum(first + np.arange(len(share)), len(mix_share) - 1)]
        audible = np.flatnonzero(share >= AUDIBLE)
        first, stop = (int(audible[0]), int(audible[-1]) + 1) if len(audible) else (0, 0)
        begin_s, end_s = first * _HOP / SAMPLE_RATE, stop * _HOP / SAMPLE_RATE
        return Played(
            self.reference,
            start_s=self.at_s + begin_s,
            end_s=self.at_s + end_s,
            from_s=self.from_s,
            to_s=self.to_s,
            offset_s=self.first_s + begin_s * self.speed,
            speed=self.speed,
        )


@dataclass(frozen=True)
class Mix:
    """A mix and who is in it: samples at 16 kHz, and what was played, by start."""

    samples: np.ndarray
    parts: Sequence[Part]

    def played(self, mix_share: np.ndarray | None = None) -> list[Played]:
        """Return what is heard of each part; the mix's own share of the power is as :func:`through` tells it."""
        return [part.audible(mix_share) for part in self.parts]


def make(references: Sequence[Reference], seconds: float, seed: int, material: Material) -> Mix:
    """Mix recordings.

    Parameters
    ----------
    references : sequence of Reference
        Known and unknown ones.
    seconds : float
        Least length; the mix ends with the recording that is playing then.
    seed : int
        Everything follows from it.
    material : Material
        Speech to put in between.
    """
    rng = np.random.default_rng([seed, VERSION])
    known, unknown = ([r for r in references if r.known is flag] for flag in (True, False))
    pools = {flag: list(rng.permutation(len(some))) for flag, some in ((True, known), (False, unknown))}
    total = np.zeros(round((seconds + 600) * SAMPLE_RATE), np.float32)
    parts: list[tuple[Reference, int, np.ndarray, float, float, float, float]] = []
    at, fade_s = 0.0, 0.0
    while at < seconds:
        is_known = bool(rng.random() >= UNKNOWN) or not unknown
        some = known if is_known else unknown
        if not pools[is_known]:
            pools[is_known] = list(rng.permutation(len(some)))
        reference = some[pools[is_known].pop()]
        speed = float(rng.choice(SPEEDS))
        meets = bool(rng.random() >= BETWEEN)
        next_fade_s = float(rng.choice(FADES_S)) if meets else 0.0
        sound = np.asarray(corpus.samples(reference))
        wanted_s = 3600 / rng.uniform(*PER_HOUR) + (fade_s + next_fade_s) / 2
        wanted_s = max(wanted_s, fade_s + next_fade_s + _SHORTEST_S)
        n = min(len(sound), round(wanted_s * speed * SAMPLE_RATE))
        first = int(rng.integers(len(sound) - n + 1))
        heard = conditions.change_speed(sound[first : first + n], speed) if speed != 1.0 else sound[first : first + n]
        heard = heard * np.float32(_RMS / max(rms(heard), 1e-4))
        length_s = len(heard) / SAMPLE_RATE
        fade_s = min(fade_s, length_s / 3)
        next_fade_s = min(next_fade_s, length_s / 3)
        swap = bool(rng.random() < 0.5)
        heard = _faded(_faded(heard, fade_s, swap, last=False), next_fade_s, swap, last=True)
        start = round(at * SAMPLE_RATE)
        total[start : start + len(heard)] += heard
        middles = at + fade_s / 2, at + length_s - next_fade_s / 2
        parts.append((reference, start, heard, *middles, first / SAMPLE_RATE, speed))
        at += length_s - next_fade_s
        if not meets:
            gap_s = rng.uniform(*BETWEEN_S)
            spoken = bool(rng.random() < 0.6) or not unknown
            between = _between(rng, gap_s, unknown, material, spoken)
            start = round(at * SAMPLE_RATE)
            total[start : start + len(between)] += between
            at += gap_s
        fade_s = next_fade_s
    mix = total[: max(start + len(heard) for _, start, heard, *_ in parts)]
    return Mix(mix, [_part(mix, *part) for part in parts])


def through(samples: np.ndarray, channel: str, seed: int, material: Material) -> tuple[np.ndarray, np.ndarray | None]:
    """Send a mix through a channel, one of :data:`CHANNELS`.

    Returns
    -------
    heard : np.ndarray
        Samples.
    mix_share : np.ndarray, shape (n,), float64, or None
        Share of the power that the mix holds of it, every 50 ms; None if nothing else is heard.
    """
    mix_share = None
    if channel == "clean":
        out = samples
    elif channel == "fm":
        out = sosfilt(butter(4, (80, 7000), "bandpass", fs=SAMPLE_RATE, output="sos"), samples)
        block = SAMPLE_RATE // 20
        level = np.sqrt(np.convolve(np.square(out), np.full(4 * block, 0.25 / block), "same") + 1e-6)
        out = np.tanh(3 * out * np.sqrt(_RMS / level))
    else:
        rng = np.random.default_rng([seed, 1])
        impulse = material.impulses[int(rng.integers(len(material.impulses)))]
        wet = oaconvolve(samples, impulse)[: len(samples)]
        out = conditions.mix(wet, noises.babble(len(wet), seed, material), 5.0)
        mix_share = np.minimum(_power(wet) / np.maximum(_power(out), 1e-12), 1.0)
    peak = float(np.abs(out).max(initial=1e-9))
    return (out * min(1.0, 0.99 / peak)).astype(np.float32), mix_share


def _between(
    rng: np.random.Generator, seconds: float, unknown: Sequence[Reference], material: Material, spoken: bool
) -> np.ndarray:
    n = round(seconds * SAMPLE_RATE)
    if spoken:
        sound = noises.speech(n, int(rng.integers(2**31)), material)
    else:
        song = corpus.samples(unknown[int(rng.integers(len(unknown)))])
        first = int(rng.integers(max(1, len(song) - n)))
        sound = np.asarray(song[first : first + n])
    return sound * np.float32(_RMS / max(rms(sound), 1e-4))


def _faded(samples: np.ndarray, fade_s: float, swap: bool, *, last: bool) -> np.ndarray:
    """Fade in, or out at last: with equal power, or with the bass in a fifth of the time about the middle."""
    n = round(fade_s * SAMPLE_RATE)
    if n == 0:
        return samples
    x = (np.arange(n) + 0.5) / n
    slow = np.sin(0.5 * math.pi * x).astype(np.float32)
    quick = np.sin(0.5 * math.pi * np.clip((x - 0.4) / 0.2, 0, 1)).astype(np.float32)
    out = samples.copy()
    part = slice(len(out) - n, len(out)) if last else slice(0, n)
    if last:
        slow, quick = slow[::-1], quick[::-1]
    if swap:
        bass = sosfilt(butter(4, _BASS_HZ, "lowpass", fs=SAMPLE_RATE, output="sos"), out[part]).astype(np.float32)
        out[part] = (out[part] - bass) * slow + bass * quick
    else:
        out[part] *= slow
    return out


def _part(
    mix: np.ndarray,
    reference: Reference,
    start: int,
    heard: np.ndarray,
    from_s: float,
    to_s: float,
    first_s: float,
    speed: float,
) -> Part:
    own, whole = _power(heard), _power(mix[start : start + len(heard)])
    share = np.where(own > 1e-8 * _WINDOW, own / np.maximum(whole, 1e-12), 0.0)
    return Part(reference, start / SAMPLE_RATE, share, from_s, to_s, first_s, speed)


def _power(samples: np.ndarray) -> np.ndarray:
    """Sum of squares over a second, every 50 ms."""
    total = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
    edges = np.arange(0, len(samples), _HOP)
    low, high = (np.clip(edges + by, 0, len(samples)) for by in (-_WINDOW // 2, _WINDOW // 2))
    return np.asarray(total[high] - total[low])
