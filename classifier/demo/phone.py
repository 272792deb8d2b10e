"""What a phone in a bar records of a song: a loudspeaker, a room, a crowd, a microphone. All from a seed.

Conventions: mono float32, times in seconds, levels in dB. The signal-to-noise ratio is that of the root mean squares
over the snippet; the signal is the song as it arrives at the phone, room included.
"""

from __future__ import annotations

import itertools
import math
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import butter, oaconvolve, sosfilt

from classifier.errors import InvalidParameter
from classifier.noise.babble import babble

SOUND_SPEED = 343.0  # m/s
_LEVEL = 0.1  # rms after the phone's automatic gain
_CEILING = 0.95


def _peaking(hz: float, gain_db: float, q: float, sample_rate: int) -> np.ndarray:
    """Second-order section that raises or lowers the level around ``hz`` (R. Bristow-Johnson's cookbook)."""
    a = 10.0 ** (gain_db / 40.0)
    w = 2 * math.pi * hz / sample_rate
    alpha = math.sin(w) / (2 * q)
    b = np.array([1 + alpha * a, -2 * math.cos(w), 1 - alpha * a])
    d = np.array([1 + alpha / a, -2 * math.cos(w), 1 - alpha / a])
    return np.asarray(np.concatenate([b, d]) / d[0])


def _coloured(impulse: np.ndarray, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Send an impulse response through a small loudspeaker and a phone's microphone (minimum phase: no delay)."""
    top = 0.45 * sample_rate
    sections = [
        butter(2, rng.uniform(70.0, 160.0), "highpass", fs=sample_rate, output="sos"),
        butter(1, rng.uniform(60.0, 140.0), "highpass", fs=sample_rate, output="sos"),
        butter(1, min(rng.uniform(7000.0, 13000.0), top), "lowpass", fs=sample_rate, output="sos"),
    ]
    for low, high in ((250.0, 700.0), (900.0, 2500.0), (3000.0, min(6000.0, top))):
        peak = _peaking(
            float(rng.uniform(low, high)), float(rng.uniform(-5.0, 5.0)), float(rng.uniform(0.8, 2.0)), sample_rate
        )
        sections.append(peak[None, :])
    return np.asarray(sosfilt(np.concatenate(sections), impulse))


def room_impulse(seed: int, rt60_s: float, sample_rate: int) -> np.ndarray:
    """Impulse response from a loudspeaker in a shoebox room to a phone, devices included.

    Early reflections come from image sources (Allen & Berkley 1979); after the room's mixing time a diffuse tail of
    noise takes over, decaying by 60 dB in ``rt60_s`` (faster in the treble). Its level against the direct sound
    follows from the critical distance, 0.057 * sqrt(volume / rt60) in metres.

    Parameters
    ----------
    seed : int >= 0
        Draws the room, both places in it and the devices.
    rt60_s : float in [0.05, 5]
        Reverberation time, seconds.
    sample_rate : int >= 8000
        Samples a second.

    Returns
    -------
    np.ndarray, shape (about (rt60_s + 0.05) * sample_rate,), float32
        Energy 1; the direct sound arrives at sample 0, so that a snippet keeps its place in the song.

    Raises
    ------
    InvalidParameter
        If a value is out of bounds.
    """
    if not 0.05 <= rt60_s <= 5.0:
        raise InvalidParameter(f"rt60_s is {rt60_s}: it must be from 0.05 to 5")
    if sample_rate < 8000:
        raise InvalidParameter(f"sample_rate is {sample_rate}: it must be 8000 or more")
    rng = np.random.default_rng([seed, 20])
    size = rng.uniform([3.5, 4.0, 2.4], [9.0, 12.0, 4.0])
    source = size * rng.uniform(0.1, 0.9, 3)
    phone = size * rng.uniform(0.15, 0.85, 3)
    volume = float(np.prod(size))
    surface = 2 * float(size[0] * size[1] + size[1] * size[2] + size[0] * size[2])
    reflection = math.exp(-0.0805 * volume / (surface * rt60_s))  # square root of 1 - absorption, after Eyring

    orders = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    images = np.where(orders % 2 == 0, orders * size + source, (orders + 1) * size - source)
    distance = np.maximum(np.linalg.norm(images - phone, axis=1), 0.3)
    bounces = np.abs(orders).sum(axis=1)
    direct = float(distance[bounces == 0][0])
    amplitude = reflection**bounces * direct / distance
    delay = (distance - direct) / SOUND_SPEED * sample_rate

    n = round((rt60_s + 0.05) * sample_rate)
    mixing = math.sqrt(volume) / 1000.0 * sample_rate  # samples until reflections are too dense to tell apart
    impulse = np.zeros(n)
    early = (delay <= mixing) & (delay < n - 2)
    lower = delay[early].astype(int)
    part = delay[early] - lower
    np.add.at(impulse, lower, amplitude[early] * (1 - part))
    np.add.at(impulse, lower + 1, amplitude[early] * part)

    time = np.arange(n) / sample_rate
    tail = np.zeros(n)
    noise = np.fft.rfft(rng.standard_normal(n))
    hz = np.fft.rfftfreq(n, 1.0 / sample_rate)
    mellow = 1.0 / (1.0 + (hz / 4000.0) ** 2)
    for weight, share in ((mellow, 1.0), (1.0 - mellow, 0.6)):
        tail += np.fft.irfft(weight * noise, n) * 10.0 ** (-3.0 * time / (rt60_s * share))
    ratio = direct**2 * rt60_s / (0.057**2 * volume)  # reverberant over direct energy
    tail *= np.sqrt(ratio / np.sum(np.square(tail)))
    impulse += tail * np.clip(np.arange(n) / mixing, 0.0, 1.0)

    impulse = _coloured(impulse, sample_rate, rng)
    return np.asarray(impulse / np.sqrt(np.sum(np.square(impulse))), dtype=np.float32)


def white(n: int, seed: int) -> np.ndarray:
    """Return ``n`` samples of white Gaussian noise, float32, rms 1."""
    noise = np.random.default_rng([seed, 30]).standard_normal(n)
    return np.asarray(noise / np.sqrt(np.mean(np.square(noise))), dtype=np.float32)


def pink(n: int, seed: int) -> np.ndarray:
    """Return ``n`` samples of Gaussian noise whose power falls as 1 / frequency, float32, rms 1."""
    rng = np.random.default_rng([seed, 31])
    k = np.arange(n // 2 + 1)
    spectrum = (rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k))) / np.sqrt(np.maximum(k, 1))
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, n)
    return np.asarray(noise / (np.sqrt(np.mean(np.square(noise))) or 1.0), dtype=np.float32)


NOISES: dict[str, Callable[[int, int, int], np.ndarray]] = {
    "babble": babble,
    "pink": lambda n, sample_rate, seed: pink(n, seed),
    "white": lambda n, sample_rate, seed: white(n, seed),
}


def mix_at_snr(signal: np.ndarray, noise: np.ndarray, snr_db: float) -> np.ndarray:
    """Add noise to a signal.

    Parameters
    ----------
    signal, noise : np.ndarray, shape (n,)
        Equally long.
    snr_db : float
        Level of the signal's rms over the noise's, dB.

    Returns
    -------
    np.ndarray, shape (n,), float32
        ``signal`` unchanged, plus scaled noise.

    Raises
    ------
    InvalidParameter
        If the lengths differ, or either is silent, so that no ratio exists.
    """
    if signal.shape != noise.shape:
        raise InvalidParameter(f"signal has {len(signal)} samples and noise {len(noise)}: they must be equally long")
    signal_rms, noise_rms = (float(np.sqrt(np.mean(np.square(x, dtype=np.float64)))) for x in (signal, noise))
    if not signal_rms or not noise_rms:
        raise InvalidParameter("signal or noise is silent: a ratio of their levels does not exist")
    gain = signal_rms / noise_rms * 10.0 ** (-snr_db / 20.0)
    return np.asarray(signal + gain * noise, dtype=np.float32)


def record(
    samples: np.ndarray,
    sample_rate: int,
    start_s: float,
    length_s: float,
    *,
    snr_db: float = 5.0,
    noise: str | None = "babble",
    room: bool = True,
    seed: int = 0,
) -> np.ndarray:
    """Record a stretch of a song with a phone.

    Parameters
    ----------
    samples : np.ndarray, shape (n,), float32
        The song; silence surrounds it.
    sample_rate : int
        Samples a second, of the song and of the recording.
    start_s, length_s : float
        Where in the song the recording begins, and its length, seconds. The room still sounds with what the song played
        before ``start_s``.
    snr_db : float
        Level of the song over the noise, dB.
    noise : {"babble", "pink", "white"} or None
        None for a quiet place.
    room : bool
        True for a room (reverberation time 0.25 to 0.6 s), False for a cable.
    seed : int >= 0
        Draws room, devices and noise.

    Returns
    -------
    np.ndarray, shape (round(length_s * sample_rate),), float32
        Levelled as a phone's automatic gain would, below full scale.

    Raises
    ------
    InvalidParameter
        If the stretch is empty, the noise unknown, or the song silent where noise is to be added.
    """
    if noise is not None and noise not in NOISES:
        raise InvalidParameter(f"noise is {noise!r}: choose one of {', '.join(NOISES)} or None")
    start, n = round(start_s * sample_rate), round(length_s * sample_rate)
    if n < 1:
        raise InvalidParameter(f"length_s is {length_s}: nothing to record")
    rt60_s = float(np.random.default_rng([seed, 21]).uniform(0.25, 0.6))
    impulse = room_impulse(seed, rt60_s, sample_rate) if room else np.ones(1, dtype=np.float32)
    first = start - len(impulse) + 1
    heard = np.zeros(n + len(impulse) - 1, dtype=np.float32)
    low, high = max(first, 0), min(start + n, len(samples))
    if low < high:
        heard[low - first : high - first] = samples[low:high]
    snippet = oaconvolve(heard, impulse, mode="valid")
    if noise is not None:
        snippet = mix_at_snr(snippet, NOISES[noise](n, sample_rate, seed), snr_db)
    rms, peak = float(np.sqrt(np.mean(np.square(snippet)))), float(np.abs(snippet).max())
    gain = min(_LEVEL / rms, _CEILING / peak) if rms > 0 else 1.0
    return np.asarray(snippet * np.float32(gain), dtype=np.float32)


def write_wav(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono samples as 16-bit PCM, clipped at full scale."""
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm.tobytes())
