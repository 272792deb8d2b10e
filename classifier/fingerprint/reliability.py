"""Which bits of a noisy snippet to trust: a learned reliability for each, as a weight from 0 to 3.

A bit is the sign of a difference of four band energies. If all four are at the level of the background noise, the sign
is a coin toss; if one is well above it, the sign comes from the music. How reliable it is depends on the band and the
size of the difference. A small network with one hidden layer, trained on the development set
(``bench/fit/reliability.py``) to predict whether a bit equals the clean recording's, turns these facts into log-odds,
and those give the bit's expected agreement: the weight of a matched filter. Four levels keep nearly all of the gain and
cost two popcounts.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from classifier.data import FOLDER

#: Share of a snippet's loud frames, quietest first, that a band's background level is read from.
BACKGROUND_QUANTILE = 0.15
LEVELS = 3
#: Number of the network that ships: a signature names the one that weighed its bits.
VERSION = 1
#: Quantile of a snippet's expected agreements that gets the highest level, as does everything that rounds to it.
_TOP_QUANTILE = 0.95


def background_level(energy: np.ndarray, loud: np.ndarray) -> np.ndarray:
    """Level that each band seldom falls below, nats, shape (n_bands,); ``energy`` and ``loud`` as for :func:`facts`."""
    return np.asarray(np.quantile(energy[loud] if loud.any() else energy, BACKGROUND_QUANTILE, axis=0))


def facts(
    energy: np.ndarray,
    loud: np.ndarray,
    d: np.ndarray,
    bands: tuple[int, ...],
    lag: int,
    background: np.ndarray | None = None,
) -> np.ndarray:
    """The network's inputs for each bit.

    Parameters
    ----------
    energy : np.ndarray, shape (n, sum(bands)), float32
        Log energies of all bands, nats.
    loud : np.ndarray, shape (n,), bool
        Frames with sound: digital silence does not count as background.
    d : np.ndarray, shape (n - lag, n_bits), float32
        The differences whose signs are the bits.
    bands : tuple of int
        Bands of each resolution.
    lag : int
        Frames between the two spectra of a difference.
    background : np.ndarray, shape (sum(bands),), optional
        Level of each band's background, nats; default that of these frames, :func:`background_level`.

    Returns
    -------
    np.ndarray, shape (n - lag, n_bits, 10), float32
        log(1 + |d|); greatest, least and mean level of the four cells over their bands' background; greatest level
        over the frame's mean; log(1 + |slope|) of both spectra; place in the resolution; two flags of resolution.
    """
    above = energy - (background_level(energy, loud) if background is None else background)
    fine = slice(energy.shape[1] - bands[-1], None)
    frame_level = np.log(np.exp(energy[:, fine]).mean(axis=1, keepdims=True))
    relative = energy - frame_level
    out = np.empty((*d.shape, 10), np.float32)
    np.log1p(np.abs(d), out=out[..., 0])
    at = band = 0
    for resolution, count in enumerate(bands):
        columns = slice(at, at + count - 1)
        here = out[:, columns]
        cells = above[:, band : band + count]
        pair_top = np.maximum(cells[:, 1:], cells[:, :-1])
        pair_low = np.minimum(cells[:, 1:], cells[:, :-1])
        pair_sum = cells[:, 1:] + cells[:, :-1]
        here[..., 1] = np.maximum(pair_top[lag:], pair_top[:-lag])
        here[..., 2] = np.minimum(pair_low[lag:], pair_low[:-lag])
        here[..., 3] = (pair_sum[lag:] + pair_sum[:-lag]) / 4
        level = relative[:, band : band + count]
        top = np.maximum(level[:, 1:], level[:, :-1])
        here[..., 4] = np.maximum(top[lag:], top[:-lag])
        slope = np.log1p(np.abs(energy[:, band + 1 : band + count] - energy[:, band : band + count - 1]))
        here[..., 5], here[..., 6] = slope[lag:], slope[:-lag]
        here[..., 7] = np.linspace(-1, 1, count - 1)
        here[..., 8], here[..., 9] = resolution == 0, resolution == 1
        at, band = at + count - 1, band + count
    return out


@lru_cache(maxsize=1)
def network() -> dict[str, np.ndarray]:
    """Arrays of the network that ships, by name."""
    with np.load(FOLDER / f"reliability-{VERSION}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def log_odds(seen: np.ndarray) -> np.ndarray:
    """Log-odds that each bit equals the clean recording's.

    Parameters
    ----------
    seen : np.ndarray, shape (..., 10), float32
        As :func:`facts` gives them.

    Returns
    -------
    np.ndarray, shape (...), float32
        Nats.
    """
    net = network()
    hidden = np.maximum((seen.reshape(-1, seen.shape[-1]) - net["mean"]) / net["scale"] @ net["w1"] + net["b1"], 0)
    return (hidden @ net["w2"] + net["b2"]).reshape(seen.shape[:-1])


def levels(odds: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weights from 0 to ``LEVELS``, growing with the expected agreement tanh(odds / 2) of positive log-odds.

    The expected agreement is the weight of a matched filter. The odds themselves would be most powerful if bits were
    independent, but rely too much on a few loud cells whose bits agree or disagree together.

    Parameters
    ----------
    odds : np.ndarray, shape (n, n_bits)
        Log-odds.
    counts : np.ndarray, shape (n, n_bits), bool
        Bits that may have a weight.

    Returns
    -------
    np.ndarray, shape (n, n_bits), uint8
        All ``LEVELS`` if a snippet's bits are equally reliable and better than a coin; all 0 if none is.
    """
    if not counts.any():
        return np.zeros(odds.shape, np.uint8)
    expected = np.tanh(np.maximum(odds, 0) / 2)
    top = max(float(np.quantile(expected[counts], _TOP_QUANTILE)), 1e-6)
    return np.where(counts, np.minimum(np.rint(expected / top * LEVELS), LEVELS), 0).astype(np.uint8)


def expected_agreement(odds: np.ndarray, weights: np.ndarray) -> float:
    """Agreement that a true place would show if each bit is as reliable as its log-odds say.

    Parameters
    ----------
    odds : np.ndarray, shape (n, n_bits)
        Log-odds.
    weights : np.ndarray, shape (n, n_bits)
        As :func:`levels` gives them.

    Returns
    -------
    float in [0, 1]
        Weighted mean of tanh(odds / 2); 0 if all weights are 0.
    """
    return float((weights * np.tanh(np.maximum(odds, 0) / 2)).sum() / max(int(weights.sum(dtype=np.int64)), 1))
