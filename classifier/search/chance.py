"""What chance would give in one search: E-values, and how the allowed false alarms are shared out among places.

A limit on false alarms may be spent where a match is likeliest, as long as the shares do not look at the evidence that
they are to judge: multiple testing with weights (Genovese, Roeder & Wasserman 2006; Holm 1979). Two things are known
before sub-fingerprints are aligned, and independent of how they agree with foreign music:

- Most snippets run at the speed of the recording: four fifths of the false alarms go to it, the rest to all others.
- Divergence has ranked the places: half of the false alarms go to all places alike, half by rank, a share of one over
  the rank to each (as in Zipf's law: the true place is about as likely among ranks 1 to 10 as among 10 to 100).
"""

from __future__ import annotations

import numpy as np

from classifier.config import FeatureConfig
from classifier.fingerprint.bits import QUERY_HOP_S
from classifier.index.segment import Entry, Key
from classifier.index.snapshot import Snapshot
from classifier.models.track import QueryModel
from classifier.search import null
from classifier.search.align import Favour
from classifier.search.alignments import SPEEDS, Candidate, Heard
from classifier.search.ranking import Ranking

#: Share of the false alarms that goes to the snippet's own speed.
OWN_SPEED = 0.8
#: Share that goes to all places alike; the rest goes by rank of divergence.
_ALIKE = 0.5


class Chance:
    """E-values of one search.

    Parameters
    ----------
    query : QueryModel
        The snippet.
    snapshot : Snapshot
        Everything that could be searched, whether or not it was.
    ranking : Ranking
        The snippet's divergence from the snapshot.
    config : FeatureConfig
        The catalogue's.
    """

    def __init__(self, query: QueryModel, snapshot: Snapshot, ranking: Ranking, config: FeatureConfig) -> None:
        self._map = null.null_map()
        self._rate = self._map.tail(query.print.expected).rate
        lags = max(1, 2 * sum(len(e.rows["frames"]) + query.print.n_frames for _, e in snapshot))
        self._own = float(np.log10(lags / OWN_SPEED))
        self._other = float(np.log10(lags * len(SPEEDS) / (1 - OWN_SPEED)))
        weights = _weights(snapshot, ranking, lags, config.window_step)
        self._favours = {key: self._favour(rows) for key, rows in weights.items()}
        self._least = float(self._favour(np.array(_ALIKE))) if weights else 0.0
        self._step_s = config.window_step

    def _favour(self, weight: np.ndarray) -> np.ndarray:
        return np.asarray(2 / self._rate * np.log(weight), np.float32)

    def favour(self, entry: Entry) -> Favour:
        """Return what the weights of a track's places are worth, for :func:`align.align`.

        That is 2 log(weight) / tail rate: two places are equally unlikely to agree by chance where the sums of z
        squared and this are equal, since the tail falls as exp(-rate z^2 / 2) (null.py).
        """
        rows = self._favours.get(entry.key, np.zeros(0, np.float32))

        def worth(first_s: float, n: int) -> np.ndarray:
            edges = np.ceil((np.arange(len(rows) + 1) * self._step_s - first_s) / QUERY_HOP_S)
            lags = np.clip(edges, 0, n).astype(np.int64)
            out = np.full(n, self._least, np.float32)
            out[lags[0] : lags[-1]] = np.repeat(rows, np.diff(lags))
            return out

        return worth

    def log10_e(self, c: Candidate) -> float:
        """Log10 of the E-value of a candidate."""
        trials = self.log10_trials(c.heard.speed, c.alignment.favour)
        tail = self._map.tail(c.heard.print.expected)
        return tail.doubted_log10_e(c.alignment.z, trials, c.share, c.overlap_s)

    def z_for(self, log10_e: float, heard: Heard, favour: float | None = None) -> float:
        """Least z, undoubted, that has this E-value at a speed and a place of this favour (default: the least)."""
        trials = self.log10_trials(heard.speed, self._least if favour is None else favour)
        return self._map.tail(heard.print.expected).z_for(log10_e - trials)

    def threshold(self, c: Candidate, log10_e: float) -> float:
        """Least z that a candidate's place would need for this E-value, doubt included."""
        z, tail = self.z_for(log10_e, c.heard, c.alignment.favour), self._map.tail(c.heard.print.expected)
        if log10_e >= null.DOUBT or c.alignment.z <= 0:
            return z
        # Doubt asks for z * share / least >= z, and the share itself grows with z.
        least = tail.share_needed(c.overlap_s) * c.heard.print.expected
        mean = c.heard.null.mean
        slope = (c.alignment.agreement - mean) / c.alignment.z
        return max(z, float((np.sqrt(mean * mean + 4 * slope * least * z) - mean) / (2 * slope)))

    def confidence(self, c: Candidate, known_prior: float) -> float:
        """Probability that a candidate is right."""
        return self._map.confidence(self.log10_e(c), known_prior)

    def log10_trials(self, speed: float, favour: float) -> float:
        """Log10 of the number of places, all alike, that a place of this favour at this speed is one of."""
        return self._own - favour * self._rate / (2 * np.log(10)) if speed == 1.0 else self._other


def _weights(snapshot: Snapshot, ranking: Ranking, lags: int, step_s: float) -> dict[Key, np.ndarray]:
    """Weight of the places between each window of a track and the next, 1 on average over all lags of all tracks.

    Empty where the snippet has no divergences. Places outside of all windows weigh ``_ALIKE``.
    """
    places = [(entry, ranking.places(segment, entry)) for segment, entry in snapshot]
    log_j = np.concatenate([np.zeros(0), *(values for _, values in places)])
    compared = np.isfinite(log_j)
    if not compared.any():
        return {}
    rank = np.empty(compared.sum())
    rank[np.argsort(log_j[compared])] = np.arange(1, len(rank) + 1)
    share = np.zeros(len(log_j))
    share[compared] = 1 / (rank * (1 / rank).sum())
    weight = _ALIKE + (1 - _ALIKE) * share * lags * QUERY_HOP_S / step_s
    stops = np.cumsum([len(values) for _, values in places])
    return {entry.key: rows for (entry, _), rows in zip(places, np.split(weight, stops[:-1]), strict=True)}
