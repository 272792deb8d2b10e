"""Where a track becomes and ceases to be audible: by the share of the recording's power that it explains.

Bits agree with a faint track long before anybody hears it: they weigh every band alike, and power is mostly bass. So
agreement is taken zone by zone of frequency (``ZONES_HZ``), where r / n is about 0 by chance and 1 where only the track
sounds, and each zone counts by the power that the recording has there::

    x = sum_z P_z (h_z / n_z)^1.5 / sum_z P_z

over about a second, h being r less half of its standard deviation by chance. In noise x stays below 1 however alone the
track is; it is divided by what it usually is along the track. A border is where the sum of x - ``AUDIBLE``, going on
into the track, is highest: the moment from which, on the whole, the track holds a tenth of the power. Exponent, length,
``_DOUBT`` and ``_NAT`` were chosen on development material (docs/mathematics.md, "Story").
"""

from __future__ import annotations

import numpy as np

from classifier.listening.lines import DESIGN
from classifier.listening.traces import INSIDE, ZONES_N, ZONES_R

#: Share of the power from which a track is audible.
AUDIBLE = 0.1
#: Steps over which power and agreement are averaged, and how a share of agreement becomes one of power.
_AVERAGED, _EXPONENT = 5, 1.5
#: Standard deviations of chance that are taken off agreement.
_DOUBT = 0.5
#: Trusted bits, in units of n, without which a zone says nothing.
_LEAST_N = 2.0
#: The usual share: this quantile of a stretch, at least so much.
_USUAL, _USUAL_LEAST = 0.75, 0.3
#: What one step may speak against a track, and for it.
_AGAINST, _FOR = -0.5, 0.3
#: Steps by which a border may lie outside, and inside, the stretch in which the track is heard.
OUTWARD, INWARD = 20, 78
#: Steps by which it must lie elsewhere: evidence tells a sharp border better than power averaged over a second.
_MOVED = 4
#: Share-steps of evidence that make one nat: neighbouring steps go together, and shares of power fluctuate.
_NAT = 0.2


def explained(evidence: np.ndarray, powers: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Share of the power that a track explains at each step, 1 being what is usual in a stretch.

    Parameters
    ----------
    evidence : np.ndarray, shape (N_ROWS, n)
        Of its trace.
    powers : np.ndarray, shape (n_zones, n)
        Of the recording.
    start, stop : int
        The stretch in which it is heard.

    Returns
    -------
    np.ndarray, shape (n,), float64
        0 outside the track.
    """
    r, n, power = (_averaged(x) for x in (evidence[ZONES_R], evidence[ZONES_N], powers))
    told = n > _LEAST_N
    power = np.where(told, power, 0.0)
    heard = r - _DOUBT * np.sqrt(DESIGN * n / _AVERAGED)
    share = np.clip(np.where(told, heard, 0.0) / np.maximum(n, _LEAST_N), 0, 1) ** _EXPONENT
    x = (power * share).sum(axis=0) / np.maximum(power.sum(axis=0), 1e-12)
    x = np.where(evidence[INSIDE] > 0, x, 0.0)
    usual = float(np.quantile(x[start:stop], _USUAL)) if stop > start else 1.0
    return np.asarray(x / max(usual, _USUAL_LEAST))


def begin(share: np.ndarray, start: int, stop: int, lowest: int = 0) -> tuple[int, float]:
    """Step from which a track is audible, and how uncertain that is.

    Parameters
    ----------
    share : np.ndarray, shape (n,)
        As :func:`explained` gives it.
    start, stop : int
        The stretch in which the track is heard.
    lowest : int
        Step before which it cannot begin.

    Returns
    -------
    step : int
        Before ``stop``.
    deviation : float
        Standard deviation, steps.
    """
    low, high = max(lowest, start - OUTWARD), max(min(start + INWARD, (start + stop) // 2), start)
    gain = np.clip(share[low : high + 1] - AUDIBLE, _AGAINST, _FOR)
    total = np.cumsum(gain[::-1])[::-1]
    weight = np.exp((total - total.max()) / _NAT)
    at = np.arange(len(weight))
    mean = float(np.average(at, weights=weight))
    variance = float(np.average(np.square(at - mean), weights=weight))
    step = low + int(np.argmax(total))
    return (step if abs(step - start) >= _MOVED else max(start, low)), (variance + 1 / 12) ** 0.5


def end(share: np.ndarray, start: int, stop: int, highest: int) -> tuple[int, float]:
    """Step behind the last at which a track is audible, as :func:`begin`; ``highest`` is the last that it can be."""
    n = len(share)
    step, deviation = begin(share[::-1], n - stop, n - start, n - highest)
    return n - step, deviation


def _averaged(rows: np.ndarray) -> np.ndarray:
    """Centred means over some steps; beyond the ends there is nothing."""
    half = _AVERAGED // 2
    sums = np.cumsum(np.pad(rows, ((0, 0), (half + 1, half))), axis=1)
    return np.asarray(sums[:, _AVERAGED:] - sums[:, :-_AVERAGED]) / _AVERAGED
