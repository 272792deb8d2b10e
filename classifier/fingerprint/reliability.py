"""Which bits of a noisy snippet to trust: for each a learned reliability, and a weight from 0 to 3.

A bit is the sign of a difference of four band energies. If all four are at the level of the background noise, the sign
is a coin toss; if one is well above it, the sign comes from the music. How reliable it is depends on the band and the
size of the difference, and on what else sounds: a cell well above the background may as well hold somebody's voice. A
small network with one hidden layer, trained on the development set (``bench/fit/reliability.py``), turns facts of the
bit, of its frame and of the whole snippet into two numbers. The *log-odds* that the bit equals the clean recording's
say what agreement to expect of a true place. The *weight* is what makes a true place stand out most from foreign ones:
bits that agree or disagree together deserve less than their log-odds say. Four levels of weight keep nearly all of the
gain and cost two popcounts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from classifier.data import FOLDER

#: Share of a snippet's loud frames, quietest first, that a band's background level is read from.
BACKGROUND_QUANTILE = 0.15
#: Nats over its background from which a band counts as sounding.
SOUNDING = 1.5
#: Zones of frequency in which the facts of a snippet are taken: where they meet, as shares of the fine bands.
ZONES = (0.36, 0.606, 0.81)
LEVELS = 3
#: Number of the network that ships.
VERSION = 2
#: Quantile of a snippet's weights that gets the highest level, as does everything that rounds to it.
TOP_QUANTILE = 0.95


@dataclass(frozen=True, slots=True)
class Context:
    """What a snippet as a whole tells about its bits.

    Parameters
    ----------
    background : np.ndarray, shape (n_bands,), float32
        Level that each band seldom falls below, nats.
    level : float
        Median of the frames' levels (log of the mean energy of the fine bands), nats.
    facts : np.ndarray, shape (16,), float32
        For each zone of frequency: mean height of the fine bands over their background; mean log(1 + |d|) of its bits;
        mean over its bands of the standard deviation of log energy; median level of the zone over the frame's.
    """

    background: np.ndarray
    level: float
    facts: np.ndarray


def background_level(energy: np.ndarray, loud: np.ndarray) -> np.ndarray:
    """Level that each band seldom falls below, nats, shape (n_bands,); ``energy`` and ``loud`` as for :func:`facts`.

    Examples
    --------
    >>> import numpy as np
    >>> energy = np.arange(10.0)[:, None] * np.ones((1, 3))
    >>> np.round(background_level(energy, np.ones(10, bool)), 2).tolist()
    [1.35, 1.35, 1.35]
    """
    return np.asarray(np.quantile(energy[loud] if loud.any() else energy, BACKGROUND_QUANTILE, axis=0))


def _frame_level(energy: np.ndarray, n_fine: int) -> np.ndarray:
    return np.asarray(np.log(np.exp(energy[:, -n_fine:]).mean(axis=1)))


def context_of(energy: np.ndarray, loud: np.ndarray, d: np.ndarray, bands: tuple[int, ...]) -> Context:
    """Facts of a whole snippet, however far its frames are apart; arguments as for :func:`facts`.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint import bits
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> energy, loud = bits.band_energies(noise)
    >>> context_of(energy, loud, bits.differences(energy, loud)[0], bits.BANDS).facts.shape
    (16,)
    """
    n_fine = bands[-1]
    background = background_level(energy, loud)
    level = _frame_level(energy, n_fine)
    pairs = loud[len(energy) - len(d) :] & loud[: len(d)]
    if loud.any():
        energy, level = energy[loud], level[loud]
    fine = energy[:, -n_fine:]
    moves = d[pairs, -(n_fine - 1) :]
    size = np.log1p(np.abs(moves)).mean(axis=0) if len(moves) else np.zeros(n_fine - 1, np.float32)
    height, swing = (fine - background[-n_fine:]).mean(axis=0), fine.std(axis=0)
    out = []
    edges = [0, *(round(share * n_fine) for share in ZONES), n_fine]
    for low, high in pairwise(edges):
        tilt = np.median(fine[:, low:high].mean(axis=1) - level)
        out += [height[low:high].mean(), size[low : min(high, n_fine - 1)].mean(), swing[low:high].mean(), tilt]
    return Context(background, float(np.median(level)), np.array(out, np.float32))


def frame_facts(energy: np.ndarray, lag: int, bands: tuple[int, ...], context: Context) -> np.ndarray:
    """The network's inputs for each frame, shape (n - lag, 2), float32; arguments as for :func:`facts`.

    The greater level of the frame's two spectra over the snippet's median level, nats; share of their fine bands that
    sound.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint import bits
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> energy, loud = bits.band_energies(noise)
    >>> context = context_of(energy, loud, bits.differences(energy, loud)[0], bits.BANDS)
    >>> frame_facts(energy, 8, bits.BANDS, context).shape
    (20, 2)
    """
    level = _frame_level(energy, bands[-1]) - context.level
    sounding = (energy[:, -bands[-1] :] > context.background[-bands[-1] :] + SOUNDING).mean(axis=1)
    pairs = np.maximum(level[lag:], level[:-lag]), (sounding[lag:] + sounding[:-lag]) / 2
    return np.stack(pairs, axis=1).astype(np.float32)


def facts(energy: np.ndarray, d: np.ndarray, bands: tuple[int, ...], lag: int, context: Context) -> np.ndarray:
    """The network's inputs for each bit.

    Parameters
    ----------
    energy : np.ndarray, shape (n, sum(bands)), float32
        Log energies of all bands, nats.
    d : np.ndarray, shape (n - lag, n_bits), float32
        The differences whose signs are the bits.
    bands : tuple of int
        Bands of each resolution.
    lag : int
        Frames between the two spectra of a difference.
    context : Context
        Of the snippet.

    Returns
    -------
    np.ndarray, shape (n - lag, n_bits, 10), float32
        log(1 + |d|); greatest, least and mean level of the four cells over their bands' background; greatest level
        over the frame's mean; log(1 + |slope|) of both spectra; place in the resolution; two flags of resolution.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint import bits
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> energy, loud = bits.band_energies(noise)
    >>> d, _ = bits.differences(energy, loud)
    >>> facts(energy, d, bits.BANDS, 8, context_of(energy, loud, d, bits.BANDS)).shape
    (20, 124, 10)
    """
    above = energy - context.background
    relative = energy - _frame_level(energy, bands[-1])[:, None]
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
    """The network that ships: its arrays by name (docs/mathematics.md, "Reliability").

    Examples
    --------
    >>> sorted(network())
    ['b_hidden', 'b_out', 'factor', 'w_bit', 'w_frame', 'w_out', 'w_snippet']
    """
    with np.load(FOLDER / f"reliability-{VERSION}.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def judge(seen: np.ndarray, frames: np.ndarray, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds that each bit equals the clean recording's, and its weight.

    Parameters
    ----------
    seen : np.ndarray, shape (n, n_bits, 10), float32
        As :func:`facts` gives them.
    frames : np.ndarray, shape (n, 2), float32
        As :func:`frame_facts` gives them.
    context : Context
        Of the snippet.

    Returns
    -------
    odds : np.ndarray, shape (n, n_bits), float32
        Nats.
    weights : np.ndarray, shape (n, n_bits), float32
        Positive; only their ratios mean anything.

    Examples
    --------
    >>> import numpy as np
    >>> from classifier.fingerprint import bits
    >>> noise = np.random.default_rng(1).normal(0, 0.1, 16000).astype(np.float32)
    >>> energy, loud = bits.band_energies(noise)
    >>> d, _ = bits.differences(energy, loud)
    >>> context = context_of(energy, loud, d, bits.BANDS)
    >>> seen, frames = facts(energy, d, bits.BANDS, 8, context), frame_facts(energy, 8, bits.BANDS, context)
    >>> odds, weights = judge(seen, frames, context)
    >>> odds.shape == d.shape, bool((weights > 0).all())
    (True, True)
    """
    net = network()
    shift = frames @ net["w_frame"] + (context.facts @ net["w_snippet"] + net["b_hidden"])
    hidden = np.maximum(seen @ net["w_bit"] + shift[:, None], 0)
    odds, pull = np.moveaxis(hidden @ net["w_out"] + net["b_out"], -1, 0)
    return odds, np.logaddexp(0, pull) * net["factor"]


def levels(weights: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Weights as whole numbers from 0 to ``LEVELS``.

    Parameters
    ----------
    weights : np.ndarray, shape (n, n_bits)
        As :func:`judge` gives them.
    counts : np.ndarray, shape (n, n_bits), bool
        Bits that may have a weight.

    Returns
    -------
    np.ndarray, shape (n, n_bits), uint8
        All ``LEVELS`` if a snippet's bits deserve the same weight; all 0 if none deserves any.

    Examples
    --------
    >>> import numpy as np
    >>> levels(np.array([[0.1, 1.0, 2.0]]), np.array([[True, True, False]])).tolist()
    [[0, 3, 0]]
    """
    if not counts.any():
        return np.zeros(weights.shape, np.uint8)
    top = max(float(np.quantile(weights[counts], TOP_QUANTILE)), 1e-6)
    return np.where(counts, np.minimum(np.rint(weights / top * LEVELS), LEVELS), 0).astype(np.uint8)


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

    Examples
    --------
    >>> import numpy as np
    >>> equal = np.full((2, 3), 3)
    >>> expected_agreement(np.full((2, 3), 50.0), equal), expected_agreement(np.zeros((2, 3)), equal)
    (1.0, 0.0)
    """
    return float((weights * np.tanh(np.maximum(odds, 0) / 2)).sum() / max(int(weights.sum(dtype=np.int64)), 1))
