"""Voices as modulated noise: the spectrum moves as with a few talkers, but there is no voice in it.

A vector autoregression describes how the log powers of 40 mel bands of a small crowd move together from frame to
frame: y_t = sum_k A_k y_(t-k) + e_t with Gaussian e (Lütkepohl 2005, eq. 2.1.1), about their means. Driven by random
innovations, it gives envelopes with the means, covariances and pace of real talk, which then shape white noise.
``bench/fit/voices.py`` fitted the parameters on recordings, of which they keep nothing else.

The recordings are telephone prompts: nothing lies above 4 kHz, as with a crowd behind a wall or from a loudspeaker.
``babble.py`` is the crowd around the table, up to 7 kHz.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq

from classifier.data import FOLDER

#: Seconds between frames of the envelopes; a frame is twice as long.
STEP_S = 0.015
_SETTLE_FRAMES = 200


@lru_cache(maxsize=1)
def _model() -> dict[str, np.ndarray]:
    """Parameters: ``transition`` (order, B, B), ``innovation`` (B, B), ``mean`` and ``centre_hz`` (B,)."""
    with np.load(FOLDER / "voices-1.npz", allow_pickle=False) as file:
        return {name: file[name].astype(np.float64) for name in file.files}


def envelopes(n_frames: int, rng: np.random.Generator) -> np.ndarray:
    """Draw log powers of mel bands, one frame every ``STEP_S``.

    Parameters
    ----------
    n_frames : int >= 0
        Frames.
    rng : np.random.Generator
        Source of randomness.

    Returns
    -------
    np.ndarray, shape (n_frames, B), float64
        Log power density, nats.
    """
    model = _model()
    order, bands, _ = model["transition"].shape
    steps = rng.standard_normal((n_frames + _SETTLE_FRAMES, bands)) @ model["innovation"].T
    weights = model["transition"].transpose(0, 2, 1).reshape(order * bands, bands)
    past = np.zeros((order, bands))
    for t, step in enumerate(steps):
        steps[t] = past.reshape(-1) @ weights + step
        past = np.concatenate([steps[t : t + 1], past[:-1]])
    return steps[_SETTLE_FRAMES:] + model["mean"]


def voices(n: int, sample_rate: int, rng: np.random.Generator) -> np.ndarray:
    """Noise that moves as a few voices do.

    Parameters
    ----------
    n : int >= 1
        Samples.
    sample_rate : int >= 8000
        Hz.
    rng : np.random.Generator
        Source of randomness.

    Returns
    -------
    np.ndarray, shape (n,), float64
    """
    step = round(STEP_S * sample_rate)
    length, n_frames = 2 * step, -(-n // step) + 1
    centre_hz = _model()["centre_hz"]
    bins_hz = rfftfreq(length, 1 / sample_rate)
    shape = np.stack([np.interp(bins_hz, centre_hz, row) for row in envelopes(n_frames, rng)])
    white = rng.standard_normal((n_frames + 1) * step)
    frames = np.lib.stride_tricks.sliding_window_view(white, length)[::step]
    shaped = irfft(rfft(frames, axis=1) * np.exp(shape / 2), length, axis=1) * np.hanning(length + 1)[:-1]
    # Hann windows half a length apart add up to one.
    out = np.zeros((n_frames + 1, step))
    out[:-1] += shaped[:, :step]
    out[1:] += shaped[:, step:]
    return out.reshape(-1)[step // 2 :][:n]
