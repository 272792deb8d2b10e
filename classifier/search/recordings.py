"""Which matches are copies of one recording and which are parts, by what each explains of the snippet.

Several tracks may agree with a snippet beyond chance: copies of one recording (an album and a best-of, another
encoding), or tracks that share a part with it (a loop, a sample, a trailer, a jingle). The whole snippet tells them
apart: a *copy* explains all that the best match explains, and at most a quarter worse; a *part* explains less.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: A copy's agreement may fall short of the best by this share of it. Copies at 32 kbit/s fall short by up to 9 %, at
#: 16 kbit/s by 20 % in the median (clean snippets of the development set).
COPY_MARGIN = 0.25


def explained_equally(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two places explain a snippet equally well.

    Parameters
    ----------
    a, b : np.ndarray, shape (n,)
        Agreement of each frame at the two places, nan where nothing was compared.

    Returns
    -------
    bool
        Whether the mean agreements, over all frames that either explains, differ by at most ``COPY_MARGIN`` of the
        better one; a frame compared at one place only agrees with nothing at the other. False if no frame was compared.
    """
    either = np.isfinite(a) | np.isfinite(b)
    if not either.any():
        return False
    means = [float(np.nan_to_num(frames[either], nan=0.0).mean()) for frames in (a, b)]
    return abs(means[0] - means[1]) <= COPY_MARGIN * max(means) + 1e-9


def group(frames: Sequence[np.ndarray], stretches: Sequence[tuple[int, int]]) -> list[int]:
    """Number the recordings among matches, best first.

    Parameters
    ----------
    frames : sequence of np.ndarray, shape (n,)
        Agreement of each frame of the snippet with each match, the best match first.
    stretches : sequence of (int, int)
        Half-open range of the snippet's frames that each match explains.

    Returns
    -------
    list of int
        A number for each match: matches with the same number are copies of one recording. The best match has 0.
    """
    numbers: list[int] = []
    firsts: list[int] = []
    for i, (own, stretch) in enumerate(zip(frames, stretches, strict=True)):
        copies_of = [
            n for n, j in enumerate(firsts) if _together(stretch, stretches[j]) and explained_equally(own, frames[j])
        ]
        if not copies_of:
            firsts.append(i)
        numbers.append(copies_of[0] if copies_of else len(firsts) - 1)
    return numbers


def posterior(log_odds: Sequence[float], numbers: Sequence[int]) -> list[float]:
    """Probability that each match is what was played; copies of one recording share theirs.

    Parameters
    ----------
    log_odds : sequence of float
        Of each match being right against none being right, the best first.
    numbers : sequence of int
        Recording of each, from :func:`group`.

    Returns
    -------
    list of float
        They sum to at most 1. The best recording's share is the logistic of its log-odds if no other comes near.
    """
    best: dict[int, float] = {}
    for odds, number in zip(log_odds, numbers, strict=True):
        best[number] = max(best.get(number, -np.inf), odds)
    values = np.array(list(best.values()))
    top = max(0.0, float(values.max(initial=0.0)))
    weights = np.exp(values - top)
    shares = dict(zip(best, weights / (np.exp(-top) + weights.sum()), strict=True))
    copies = {number: list(numbers).count(number) for number in best}
    return [float(shares[number]) / copies[number] for number in numbers]


def _together(a: tuple[int, int], b: tuple[int, int]) -> bool:
    """Whether two stretches have at least half of the longer one in common."""
    common, longer = min(a[1], b[1]) - max(a[0], b[0]), max(a[1] - a[0], b[1] - b[0])
    return 2 * common >= longer > 0
