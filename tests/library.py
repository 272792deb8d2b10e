"""What tests share about the demo library: how long its songs are, how snippets are cut, where settings point."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from classifier.audio.resample import at_rate
from classifier.demo.phone import record
from classifier.demo.songs import Song
from classifier.settings import Settings
from tests.data_audio import wav

#: Songs in the session's library, songs in none, and their length in seconds.
N_ENROLLED, N_UNKNOWN, SONG_S = 12, 4, 40.0
#: Rate of everything after decoding, Hz.
RATE = 16000
#: Where ``make test`` put the weights of the tagging network; read once, for every test runs with a clean environment.
WEIGHTS = Path(
    os.environ.get("EARMARK_WEIGHTS_DIR") or Path(platformdirs.user_data_dir("earmark", appauthor=False), "weights")
)


def settings_in(folder: Path, **values: Any) -> Settings:
    """Return settings whose store, index and everything else live in ``folder``."""
    return Settings(data_dir=str(folder), **values)


def as_wav(samples: np.ndarray, rate: int) -> bytes:
    """Return mono float samples as a 16-bit WAV file."""
    pcm = np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)
    return wav(pcm[:, None], rate)


def excerpt(song: Song, start_s: float, length_s: float) -> np.ndarray:
    """Cut a clean piece out of a song, at the song's rate."""
    start = round(start_s * song.sample_rate)
    return song.samples[start : start + round(length_s * song.sample_rate)]


def clean_snippet(song: Song, start_s: float, length_s: float) -> bytes:
    """Return a clean piece of a song as a file."""
    return as_wav(excerpt(song, start_s, length_s), song.sample_rate)


def phone_snippet(song: Song, start_s: float, length_s: float, **options: Any) -> bytes:
    """Return what a phone in a room hears of a song, as a file; options as ``classifier.demo.phone.record``."""
    return as_wav(record(song.samples, song.sample_rate, start_s, length_s, **options), song.sample_rate)


def decoded(song: Song) -> np.ndarray:
    """Return a song's samples at 16 kHz, as if its file had been decoded."""
    return at_rate(song.samples, song.sample_rate, RATE)


def lively_noise(seconds: float, seed: int, rate: int = RATE) -> np.ndarray:
    """Return noise whose level and colour change eight times a second: cheap sound that is unlike any other seed's."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate)
    block = rate // 8
    out = np.zeros(n + block)
    for start in range(0, n, block):
        spectrum = rng.standard_normal(block // 2 + 1) + 1j * rng.standard_normal(block // 2 + 1)
        corners = np.linspace(0, block // 2, 12)
        colour = np.exp(1.5 * rng.standard_normal(12))
        spectrum *= np.interp(np.arange(block // 2 + 1), corners, colour)
        out[start : start + block] = np.fft.irfft(spectrum, block)
    out = out[:n]
    return (0.1 * out / max(1e-12, np.sqrt(np.mean(out**2)))).astype(np.float32)
