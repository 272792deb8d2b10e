"""Named, deterministic degradations: what happens to music between a loudspeaker and the tagger.

Conventions
-----------
Audio is mono float32 at 16 kHz. A condition and a seed fix the result to the last bit of the arithmetic. The seed
picks the room, the noise and its alignment *independently of the condition*, so that the same excerpt at 10, 5 and
0 dB is heard in the same room under the same noise: differences between cells are differences of level.

A snippet passes, in this order: playback speed, room (with the song's pre-roll, so that the snippet begins in the
reverberation of what came before), noise, clipping, codec. The signal-to-noise ratio is the ratio of rms values over
the snippet, whole band, after the room and before the codec. Noise is added dry. The result is scaled down to a peak
of 0.99 if it would exceed that. A room's direct sound arrives at time 0 and codec delays are taken out, so the true
offset of every snippet is the excerpt's own.

Rooms are shoebox rooms simulated with pyroomacoustics (image sources) once, and kept in the cache.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import soxr
from scipy.signal import chirp, oaconvolve

from bench import corpus
from bench.corpus import SAMPLE_RATE, CorpusError

# Raised whenever a change alters what a seed gives: it is part of every query's id, hence of what caches hold.
VERSION = 1
PREROLL_S = 1.0
N_ROOMS = 40
RT60_S = (0.25, 0.8)
PEAK = 0.99
CLIPPED_FRACTION = 0.1
MUSIC_FREE_RMS_DB = -20.0
PINK_BAND_HZ = (20.0, 8000.0)
IMPULSE_SEEDS = {"evaluation": 20240, "development": 20241}


@dataclass(frozen=True)
class Condition:
    """What is done to an excerpt.

    Parameters
    ----------
    name : str
        As printed in tables, such as ``room+babble5``.
    room : bool
        Convolved with a room impulse response.
    noise : {"babble", "pink"} or None
        Added after the room.
    snr_db : float or None
        Music over noise in dB, rms over the snippet.
    codec : {"opus16", "aac32", "amrnb"} or None
        Encoded and decoded again.
    speed : float
        Playback speed; 1.05 is five per cent too fast and as much too high.
    clipped : bool
        Driven so hard that a tenth of the samples sit at full scale.
    source : str or None
        Instead of music: a generator of :data:`MUSIC_FREE`.
    """

    name: str
    room: bool = False
    noise: str | None = None
    snr_db: float | None = None
    codec: str | None = None
    speed: float = 1.0
    clipped: bool = False
    source: str | None = None

    @property
    def music_free(self) -> bool:
        """Whether the query holds no music, so that any answer to it is false."""
        return self.source is not None


@dataclass(frozen=True)
class Material:
    """What degradations draw from.

    Parameters
    ----------
    impulses : sequence of np.ndarray, shape (m,), float32
        Room impulse responses, direct sound first.
    utterances : sequence of np.ndarray, shape (n,), float32
        Recorded speech, one utterance each.
    """

    impulses: Sequence[np.ndarray]
    utterances: Sequence[np.ndarray]


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
    if condition.speed != 1.0:
        # Both parts are resampled on their own so that the snippet's first sample stays where it was.
        before, song = (change_speed(part, condition.speed) for part in (before, song))
        song = _fit(song, length)
    if not condition.room:
        return np.array(song, dtype=np.float32)
    rng = np.random.default_rng([seed, 1])
    impulses = (material or evaluation_material()).impulses
    impulse = impulses[int(rng.integers(len(impulses)))]
    wet = oaconvolve(np.concatenate((before, song)), impulse)
    return wet[len(before) : len(before) + length].astype(np.float32)


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


def clip(samples: np.ndarray) -> np.ndarray:
    """Cut the loudest tenth of the samples at their common threshold and bring that to full scale."""
    threshold = float(np.quantile(np.abs(samples), 1 - CLIPPED_FRACTION)) if len(samples) else 0.0
    if threshold == 0.0:
        return samples
    return np.clip(samples / threshold, -1.0, 1.0)


def rms(samples: np.ndarray) -> float:
    """Return the root of the mean square (0 for nothing)."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _within_peak(samples: np.ndarray) -> np.ndarray:
    peak = float(np.max(np.abs(samples), initial=0.0))
    return samples * np.float32(PEAK / peak) if peak > PEAK else samples


def _fit(samples: np.ndarray, length: int) -> np.ndarray:
    """Cut or zero-pad to ``length``: resampling may round to one sample more or less."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


# --- noise ----------------------------------------------------------------------------------------------------


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


NOISES: dict[str, Callable[[int, int, Material | None], np.ndarray]] = {"babble": babble, "pink": pink}


# --- music-free queries ---------------------------------------------------------------------------------------


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


MUSIC_FREE: dict[str, Callable[[int, int, Material | None], np.ndarray]] = {
    name: _levelled(make)
    for name, make in {
        "babble": babble,
        "speech": speech,
        "pink": pink,
        "white": _white,
        "hum": _hum,
        "clicks": _clicks,
        "dtmf": _dtmf,
        "tones": _tones,
        "sweep": _sweep,
    }.items()
}


# --- codecs ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Codec:
    """How a phone compresses: container, encoder, rate in Hz, bits a second, encoder delay not told to decoders."""

    container: str
    encoder: str
    rate: int
    bit_rate: int
    suffix: str
    delay_s: float = 0.0


CODECS = {
    "opus16": Codec("ogg", "libopus", 16000, 16000, ".ogg"),
    "aac32": Codec("mp4", "aac", 16000, 32000, ".m4a"),
    "amrnb": Codec("amr", "libopencore_amrnb", 8000, 12200, ".amr", delay_s=0.005),
}


def encode(samples: np.ndarray, codec: str) -> bytes:
    """Compress a snippet as a phone would; return the file's bytes (suffix: ``CODECS[codec].suffix``)."""
    how = CODECS[codec]
    pcm = soxr.resample(samples.astype(np.float32), SAMPLE_RATE, how.rate, quality="HQ")
    whole = np.round(np.clip(pcm, -1, 32767 / 32768) * 32768).astype(np.int16)[np.newaxis]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=how.container) as container:
        stream = container.add_stream(how.encoder, rate=how.rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = how.bit_rate
        frame = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate = how.rate
        frame.pts = 0  # without it the muxer cannot say how many samples of priming a player must skip
        frame.time_base = Fraction(1, how.rate)
        resampler = av.AudioResampler(
            format=stream.codec_context.format, layout="mono", rate=how.rate, frame_size=stream.codec_context.frame_size
        )
        for piece in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def decode(data: bytes) -> np.ndarray:
    """Decode a compressed snippet to mono float32 at 16 kHz."""
    with av.open(io.BytesIO(data), "r") as container:
        resampler = av.AudioResampler(format="fltp", layout="mono")
        pieces = []
        for frame in container.decode(audio=0):
            rate = frame.sample_rate
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
    native = np.concatenate(pieces)
    return native if rate == SAMPLE_RATE else soxr.resample(native, rate, SAMPLE_RATE, quality="HQ")


def without_codec(condition: Condition) -> Condition:
    """Return what the phone's encoder is given."""
    return replace(condition, codec=None)


def recode(samples: np.ndarray, codec: str) -> np.ndarray:
    """Encode and decode; the result has the same length and is aligned with what went in."""
    delay = round(CODECS[codec].delay_s * SAMPLE_RATE)
    margin = np.zeros(SAMPLE_RATE // 10, dtype=np.float32)  # flushes the codec's look-ahead
    decoded = decode(encode(np.concatenate((samples, margin)), codec))
    return _fit(decoded[delay:], len(samples))


# --- rooms and speech -----------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def load_material(which: str = "evaluation") -> Material:
    """Return the rooms and the speech of a set, built on first use.

    Parameters
    ----------
    which : {"evaluation", "development"}
        The two share neither rooms nor voices.

    Raises
    ------
    CorpusError
        If the set is unknown, speech cannot be had, or rooms must be simulated and pyroomacoustics is missing.
    """
    if which not in IMPULSE_SEEDS:
        raise CorpusError(f"material set {which!r} is unknown: choose one of {', '.join(IMPULSE_SEEDS)}")
    return Material(impulse_pool(N_ROOMS, IMPULSE_SEEDS[which]), _utterances(which))


def evaluation_material() -> Material:
    """Return what final figures draw from."""
    return load_material("evaluation")


def impulse_pool(count: int, seed: int) -> list[np.ndarray]:
    """Return simulated room impulse responses, from the cache or computed into it.

    Returns
    -------
    list of np.ndarray, shape (m,), float32
        Unit energy; the direct sound is at sample 0; cut where the simulated reverberation ends.
    """
    path = corpus.cache_folder() / f"rooms-{seed}-{count}.npz"
    if not path.exists():
        _simulate_rooms(path, count, seed)
    with np.load(path, allow_pickle=False) as held:
        return [held[f"impulse{i}"] for i in range(count)]


def _simulate_rooms(path: Path, count: int, seed: int) -> None:
    try:
        import pyroomacoustics
    except ImportError:
        raise CorpusError("rooms are simulated with pyroomacoustics: pip install -r bench/requirements.txt") from None
    arrays: dict[str, np.ndarray] = {}
    facts = []
    for i in corpus.tracked(range(count), "Simulating rooms"):
        rng = np.random.default_rng([seed, i])
        while True:
            size = rng.uniform((3.0, 2.5, 2.3), (10.0, 8.0, 3.5))
            rt60 = rng.uniform(*RT60_S)
            try:
                absorption, order = pyroomacoustics.inverse_sabine(rt60, size)
            except ValueError:  # no wall absorbs enough for so short a reverberation in so large a room
                continue
            source, phone = (rng.uniform(0.4, size - 0.4) for _ in range(2))
            distance = float(np.linalg.norm(source - phone))
            if 0.5 <= distance <= 5.0:
                break
        room = pyroomacoustics.ShoeBox(
            size, fs=SAMPLE_RATE, materials=pyroomacoustics.Material(absorption), max_order=order
        )
        room.add_source(source)
        room.add_microphone(phone)
        room.compute_rir()
        centre = pyroomacoustics.constants.get("frac_delay_length") // 2
        direct = round(distance / room.c * SAMPLE_RATE) + centre
        arrays[f"impulse{i}"] = _cut(room.rir[0][0], direct, rt60)
        facts.append((*size, rt60, distance))
    arrays["facts"] = np.array(facts)  # width, depth, height in m; RT60 in s; distance in m
    with corpus.replacing(path) as draft, draft.open("wb") as handle:
        np.savez(handle, **arrays)


def _cut(impulse: np.ndarray, direct: int, rt60_s: float) -> np.ndarray:
    kept = impulse[direct : direct + round(min(PREROLL_S, 1.25 * rt60_s) * SAMPLE_RATE)]
    return (kept / np.sqrt(np.sum(np.square(kept)))).astype(np.float32)


MIN_UTTERANCE_S = 1.0


def _utterances(which: str) -> list[np.ndarray]:
    """Return the speech set without single letters and digits, each utterance without its silent ends."""
    found = []
    for reference in corpus.speech(which):
        if reference.duration_s >= MIN_UTTERANCE_S:
            audio = np.array(corpus.samples(reference))
            loud = np.flatnonzero(np.abs(audio) > 0.02 * np.max(np.abs(audio)))
            if len(loud) and rms(audio) > 1e-3:
                found.append(audio[loud[0] : loud[-1] + 1])
    return found


# --- registry -------------------------------------------------------------------------------------------------


def _registry() -> dict[str, Condition]:
    listed = [Condition("clean"), Condition("room", room=True)]
    for noise in NOISES:
        for snr in (10, 5, 0):
            listed.append(Condition(f"room+{noise}{snr}", room=True, noise=noise, snr_db=snr))
    for codec in CODECS:
        listed.append(Condition(f"room+babble10+{codec}", room=True, noise="babble", snr_db=10, codec=codec))
    for room in (False, True):
        for percent in (-5, -3, -1, 1, 3, 5):
            name = f"{'room' if room else 'clean'}+speed{percent:+d}"
            listed.append(Condition(name, room=room, speed=1 + percent / 100))
    listed.append(Condition("clipped", clipped=True))
    listed += [Condition(f"only-{name}", source=name) for name in MUSIC_FREE]
    return {condition.name: condition for condition in listed}


CONDITIONS: dict[str, Condition] = _registry()
MAX_SPEED = max(condition.speed for condition in CONDITIONS.values())
