"""Named, deterministic degradations: what happens to music between a loudspeaker and the tagger.

Conventions
-----------
Audio is mono float32 at 16 kHz. A condition and a seed fix the result to the last bit of the arithmetic. The seed
picks the room, the noise and its alignment *independently of the condition*, so that the same excerpt at 10, 5 and
0 dB is heard in the same room under the same noise: differences between cells are differences of level.

A snippet passes, in this order: playback speed, wow and flutter, a small loudspeaker, room (with the song's pre-roll,
so that the snippet begins in the reverberation of what came before), noise, clipping, the phone's suppression of noise,
codec. The signal-to-noise ratio is the ratio of rms values over the snippet, whole band, after the room and before the
codec. Noise is added dry. The result is scaled down to a peak of 0.99 if it would exceed that. A room's direct sound
arrives at time 0 and delays of codecs and suppression are taken out, so the true offset of every snippet is the
excerpt's own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import soxr
from scipy.signal import butter, oaconvolve, sosfilt

from bench.corpus import SAMPLE_RATE
from bench.material import Material, evaluation_material, rms
from bench.noises import MUSIC_FREE, NOISES
from bench.phones import SUPPRESSORS, fitted, recode
from bench.stretching import change_tempo

# Raised whenever a change alters what a seed gives: it is part of every query's id, hence of what caches hold.
VERSION = 1
PEAK = 0.99
CLIPPED_FRACTION = 0.1
#: A small loudspeaker: the band it gives back, and the drive of its soft clipping in standard deviations.
SPEAKER_HZ, SPEAKER_DRIVE = (300.0, 6000.0), 1.0
#: Wow and flutter: rate in Hz, and greatest deviation of the speed.
WOW, FLUTTER = (0.6, 0.004), (6.0, 0.0015)


@dataclass(frozen=True)
class Condition:
    """What is done to an excerpt.

    Parameters
    ----------
    name : str
        As printed in tables, such as ``room+babble5``.
    room : bool
        Convolved with a room impulse response.
    noise : {"babble", "pink", "voices", "talker", "car"} or None
        Added after the room.
    snr_db : float or None
        Music over noise in dB, rms over the snippet.
    codec : {"opus16", "aac32", "amrnb", "opus12voice", "opus6voice"} or None
        Encoded and decoded again.
    speed : float
        Tempo; 1.05 is five per cent too fast and, without ``pitch``, as much too high.
    pitch : float or None
        Semitones by which it is too high, whatever the tempo; None if pitch goes with tempo.
    clipped : bool
        Driven so hard that a tenth of the samples sit at full scale.
    source : str or None
        Instead of music: a generator of :data:`~bench.noises.MUSIC_FREE`.
    far : bool
        The room is a hall with a reverberation of about 1 s, the phone far from the loudspeaker.
    speaker : bool
        Played by a small loudspeaker, driven hard.
    wow : bool
        The speed wavers, as a worn tape's does; the place is right at the snippet's ends.
    phone : {"webrtc", "rnnoise"} or None
        The phone's suppression of noise.
    """

    name: str
    room: bool = False
    noise: str | None = None
    snr_db: float | None = None
    codec: str | None = None
    speed: float = 1.0
    pitch: float | None = None
    clipped: bool = False
    source: str | None = None
    far: bool = False
    speaker: bool = False
    wow: bool = False
    phone: str | None = None

    @property
    def music_free(self) -> bool:
        """Whether the query holds no music, so that any answer to it is false."""
        return self.source is not None


# --- degrading ------------------------------------------------------------------------------------------------


def source_length(condition: Condition, length: int) -> int:
    """Return how many samples of the song a snippet of ``length`` samples covers at the condition's speed."""
    return math.ceil(length * condition.speed)


def degrade(
    samples: np.ndarray,
    condition: Condition,
    seed: int,
    *,
    length: int,
    preroll: int = 0,
    material: Material | None = None,
) -> np.ndarray:
    """Turn an excerpt into the snippet a phone would have recorded.

    Parameters
    ----------
    samples : np.ndarray, shape (>= preroll + source_length(condition, length),)
        The song, from ``preroll`` samples before the snippet. Ignored by music-free conditions (may be empty).
    condition : Condition
        One of :data:`CONDITIONS`, or your own.
    seed : int >= 0
        Picks room and noise.
    length : int
        Samples of the result.
    preroll : int
        Samples before the snippet; only the room's reverberation hears them.
    material : Material or None
        Rooms and speech; the evaluation set's by default.

    Returns
    -------
    np.ndarray, shape (length,), float32

    Raises
    ------
    ValueError
        If ``samples`` is too short.
    """
    if condition.source is not None:
        snippet = MUSIC_FREE[condition.source](length, seed, material)
    else:
        snippet = _music(samples, condition, seed, length, preroll, material)
    if condition.noise is not None:
        if condition.snr_db is None:
            raise ValueError(f"condition {condition.name} adds {condition.noise} noise and names no snr_db")
        snippet = mix(snippet, NOISES[condition.noise](length, seed, material), condition.snr_db)
    if condition.clipped:
        snippet = clip(snippet)
    snippet = _within_peak(snippet)
    if condition.phone is not None:
        snippet = _within_peak(SUPPRESSORS[condition.phone](snippet))
    if condition.codec is not None:
        snippet = _within_peak(recode(snippet, condition.codec))
    return snippet.astype(np.float32, copy=False)


def _music(
    samples: np.ndarray, condition: Condition, seed: int, length: int, preroll: int, material: Material | None
) -> np.ndarray:
    needed = preroll + source_length(condition, length)
    if len(samples) < needed:
        raise ValueError(f"excerpt has {len(samples)} samples; condition {condition.name} needs {needed}")
    before, song = samples[:preroll], samples[preroll:needed]
    if condition.speed != 1.0 or condition.pitch is not None:
        # Both parts are resampled on their own so that the snippet's first sample stays where it was.
        before, song = (_played(part, condition) for part in (before, song))
        song = fitted(song, length)
    if condition.wow:
        song = waver(song, seed)
    if condition.speaker:
        whole = small_speaker(np.concatenate((before, song)))
        before, song = whole[: len(before)], whole[len(before) :]
    if not condition.room:
        return np.array(song, dtype=np.float32)
    rng = np.random.default_rng([seed, 1])
    drawn = material or evaluation_material()
    impulses = drawn.far if condition.far else drawn.impulses
    impulse = impulses[int(rng.integers(len(impulses)))]
    wet = oaconvolve(np.concatenate((before, song)), impulse)
    return wet[len(before) : len(before) + length].astype(np.float32)


def _played(samples: np.ndarray, condition: Condition) -> np.ndarray:
    if condition.pitch is None:
        return change_speed(samples, condition.speed)
    ratio = 2 ** (condition.pitch / 12)
    return change_tempo(change_speed(samples, ratio), condition.speed / ratio)


def change_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """Play ``samples`` ``speed`` times as fast: 1/speed of the length, every frequency times ``speed``."""
    if len(samples) == 0:
        return np.zeros(0, dtype=np.float32)
    return soxr.resample(
        np.ascontiguousarray(samples, dtype=np.float32), SAMPLE_RATE * speed, SAMPLE_RATE, quality="HQ"
    )


def mix(signal: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise so that the signal's rms is ``snr_db`` above the noise's; silence on either side adds nothing."""
    level = rms(noise)
    if level == 0.0:
        return signal
    return signal + noise * np.float32(rms(signal) / level * 10 ** (-snr_db / 20))


def waver(samples: np.ndarray, seed: int) -> np.ndarray:
    """Play with wow and flutter: sinusoidal deviations of speed whose phases depend on the seed.

    The length stays, and what sounds at its first and last sample; between them the place is off by 2 ms at most.
    """
    rng = np.random.default_rng([seed, 14])
    at = np.arange(len(samples))
    place = at.astype(float)
    for hz, depth in (WOW, FLUTTER):
        swing = depth * SAMPLE_RATE / (2 * np.pi * hz)
        phase = rng.uniform(0, 2 * np.pi)
        place += swing * (np.sin(2 * np.pi * hz * at / SAMPLE_RATE + phase) - np.sin(phase))
    if len(samples) > 1:
        place += at / (len(samples) - 1) * (at[-1] - place[-1])
    # Read between samples of the fourfold rate, where a straight line is as good as a sinc.
    fine = soxr.resample(np.ascontiguousarray(samples, dtype=np.float32), 1, 4, quality="HQ")
    return np.interp(4 * place, np.arange(len(fine)), fine).astype(np.float32)


def small_speaker(samples: np.ndarray) -> np.ndarray:
    """Give back what a small loudspeaker would: a band, and peaks rounded off by its excursion."""
    sections = butter(2, SPEAKER_HZ, "bandpass", fs=SAMPLE_RATE, output="sos")
    band = sosfilt(sections, samples)
    level = SPEAKER_DRIVE * rms(band)
    return np.asarray(level * np.tanh(band / level) if level else band, np.float32)


def clip(samples: np.ndarray) -> np.ndarray:
    """Cut the loudest tenth of the samples at their common threshold and bring that to full scale."""
    threshold = float(np.quantile(np.abs(samples), 1 - CLIPPED_FRACTION)) if len(samples) else 0.0
    if threshold == 0.0:
        return samples
    return np.clip(samples / threshold, -1.0, 1.0)


def _within_peak(samples: np.ndarray) -> np.ndarray:
    peak = float(np.max(np.abs(samples), initial=0.0))
    return samples * np.float32(PEAK / peak) if peak > PEAK else samples


def without_codec(condition: Condition) -> Condition:
    """Return what the phone's encoder is given."""
    return replace(condition, codec=None)


# --- registry -------------------------------------------------------------------------------------------------


def _registry() -> dict[str, Condition]:
    listed = [Condition("clean"), Condition("room", room=True)]
    for noise in ("babble", "pink"):
        for snr in (10, 5, 0):
            listed.append(Condition(f"room+{noise}{snr}", room=True, noise=noise, snr_db=snr))
    for codec in ("opus16", "aac32", "amrnb"):
        listed.append(Condition(f"room+babble10+{codec}", room=True, noise="babble", snr_db=10, codec=codec))
    for room in (False, True):
        for percent in (-5, -3, -1, 1, 3, 5):
            name = f"{'room' if room else 'clean'}+speed{percent:+d}"
            listed.append(Condition(name, room=room, speed=1 + percent / 100))
    listed.append(Condition("clipped", clipped=True))
    for snr in (10, 5, 0):
        listed.append(Condition(f"room+voices{snr}", room=True, noise="voices", snr_db=snr))
    listed.append(Condition("room+talker0", room=True, noise="talker", snr_db=0))
    listed.append(Condition("room+car-6", room=True, noise="car", snr_db=-6))
    listed.append(Condition("far", room=True, far=True))
    listed.append(Condition("far+voices10", room=True, far=True, noise="voices", snr_db=10))
    listed.append(Condition("room+speaker+voices10", room=True, speaker=True, noise="voices", snr_db=10))
    listed.append(Condition("room+clipped+voices10", room=True, clipped=True, noise="voices", snr_db=10))
    listed.append(Condition("room+wow", room=True, wow=True))
    for phone in SUPPRESSORS:
        for snr in (10, 5):
            name = f"room+voices{snr}+{phone}"
            listed.append(Condition(name, room=True, noise="voices", snr_db=snr, phone=phone))
    for codec in ("opus12voice", "opus6voice"):
        listed.append(Condition(f"room+voices10+{codec}", room=True, noise="voices", snr_db=10, codec=codec))
    for room in (False, True):
        where = "room" if room else "clean"
        for percent in (-20, -10, 10, 20):
            listed.append(Condition(f"{where}+tempo{percent:+d}", room=room, speed=1 + percent / 100, pitch=0.0))
        for semitones in (-3, -1, 1, 3):
            listed.append(Condition(f"{where}+pitch{semitones:+d}", room=room, pitch=float(semitones)))
    for noise in ("voices", "pink"):
        listed.append(Condition(f"room+{noise}-6", room=True, noise=noise, snr_db=-6))
    listed += [Condition(f"only-{name}", source=name) for name in MUSIC_FREE]
    return {condition.name: condition for condition in listed}


CONDITIONS: dict[str, Condition] = _registry()
#: Those that only a wide search finds, which ``bench.measure.stretched`` measures; no other program uses them unasked.
STRETCHED = tuple(name for name, condition in CONDITIONS.items() if condition.pitch is not None)
#: Highest speed that excerpts leave room for. Stretched ones may end in silence, if they are cut from a track's last
#: seconds: all conditions hear the same excerpts, and those are older.
MAX_SPEED = max(condition.speed for name, condition in CONDITIONS.items() if name not in STRETCHED)
